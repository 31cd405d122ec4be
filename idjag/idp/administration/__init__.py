"""Who may look at and change a tenant: roles, administrators and API tokens."""
