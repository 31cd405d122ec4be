"""Second factors and passkeys: what a person can show besides a password, and what each of them proves."""
