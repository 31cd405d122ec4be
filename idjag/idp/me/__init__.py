"""My access: what a person sees and changes of their own - apps that act for them, sessions, factors."""
