"""The IdP's database: tables (SQLModel) and migrations (Alembic)."""
