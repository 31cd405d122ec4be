"""The schema's history (Alembic), run by idjag.idp.store.schema; installed with the package."""
