"""New passwords: what may be one, the links that set one, and what setting one ends."""
