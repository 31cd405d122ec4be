"""Sign-in: passwords, sessions, logout, and the pages for them."""
