"""What the specifications say: pure functions and frozen values; no I/O, no clock, no logger."""
