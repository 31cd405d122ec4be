"""Revision 0006: administrators and API tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables of their own: an older idjag beside this one has no use for them."""
    op.create_table(
        "administrator",
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("id", "tenant_id", "person_id", "role", "by")
        ),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created", "updated")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant_id", "person_id"),
    )
    for name in ("tenant_id", "person_id"):
        op.create_index(f"ix_administrator_{name}", "administrator", [name])
    op.create_table(
        "api_token",
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("id", "tenant_id", "handle", "name", "role", "creator", "by")
        ),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created", "expires")),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("last_used", "revoked")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("handle"),
    )
    for name in ("tenant_id", "expires"):
        op.create_index(f"ix_api_token_{name}", "api_token", [name])


def downgrade() -> None:
    """Only the host's operator can change anything then."""
    op.drop_table("api_token")
    op.drop_table("administrator")
