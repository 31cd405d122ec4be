"""The admin API: JSON, bearer tokens, roles on every route."""
