"""Revision 0007: indexes by which people, connections and new pairs are found; notices; verifications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from idjag.idp.store.lists import indexes

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An older idjag beside this one is served by them, too."""
    op.create_index("ix_person_username", "person", ["username"])
    op.create_index("ix_connection_key", "connection", ["key"])
    dialect = op.get_bind().dialect.name
    for statement in indexes.later_statements("sqlite" if dialect == "sqlite" else "postgresql"):
        op.execute(statement)
    _notices()
    op.create_table(
        "audit_verified",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "tenant_id", "note")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_verified_tenant_id", "audit_verified", ["tenant_id"])


def _notices() -> None:
    op.create_table(
        "notice",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "tenant_id", "line")),
        sa.Column("problem", sa.String(), nullable=False, server_default=""),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("attempts", "due", "created", "expires")
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in ("tenant_id", "due", "expires"):
        op.create_index(f"ix_notice_{name}", "notice", [name])


def downgrade() -> None:
    """What is found by them is looked for again."""
    for name in ("ix_person_username", "ix_connection_key", *indexes.LATER_NAMES):
        op.drop_index(name)
    op.drop_table("notice")
    op.drop_table("audit_verified")
