"""Revision 0004: which rows each policy change touched, so that other nodes catch up with these alone."""

from __future__ import annotations

from alembic import op

from idjag.ledger.schema import POLICY_LOG

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is written down of earlier changes: whoever is behind them loads everything once."""
    for statement in POLICY_LOG:
        op.execute(statement)


def downgrade() -> None:
    """The table belongs to the ledger and goes with it: revision 0001 made it, if it was made today."""
