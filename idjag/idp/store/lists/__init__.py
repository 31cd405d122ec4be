"""Questions to long tables, one module per noun; each takes ``asking.Asking`` and the id of a tenant."""
