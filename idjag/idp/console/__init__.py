"""The console: where IT sees who can reach what, asks why, and changes it."""
