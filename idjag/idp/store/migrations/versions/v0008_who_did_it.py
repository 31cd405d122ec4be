"""Revision 0008: the index by which the audit log is asked who did something."""

from __future__ import annotations

from alembic import op

from idjag.idp.store.lists import indexes

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An older idjag beside this one keeps it up to date without knowing of it."""
    dialect = op.get_bind().dialect.name
    for statement in indexes.latest_statements("sqlite" if dialect == "sqlite" else "postgresql"):
        op.execute(statement)


def downgrade() -> None:
    """Nothing is asked by it then."""
    for name in indexes.LATEST_NAMES:
        op.drop_index(name)
