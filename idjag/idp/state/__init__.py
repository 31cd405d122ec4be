"""The state file: read, plan, apply, export (contract section 4)."""
