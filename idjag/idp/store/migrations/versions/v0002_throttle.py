"""Revision 0002: the counters of failures that all nodes share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row for each source that fails, dead after its pause."""
    op.create_table(
        "throttle",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_throttle_tenant_id", "throttle", ["tenant_id"])
    op.create_index("ix_throttle_until", "throttle", ["until"])


def downgrade() -> None:
    """Nobody is slowed down any more."""
    op.drop_table("throttle")
