"""Revision 0003: refresh tokens, what their families remember of a sign-in, sessions that were revoked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FAMILY_LIVED = 12 * 3600  # seconds: no family of before had a refresh token, so none outlived its session


def upgrade() -> None:
    """Columns have defaults, so that an older idjag beside this one can go on writing its rows."""
    op.create_table(
        "refresh_token",
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("id", "tenant_id", "family_id", "app_id", "person_id", "session_id", "sid")
        ),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created", "expires")),
        sa.Column("rotated", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for name in ("tenant_id", "person_id", "expires"):
        op.create_index(f"ix_refresh_token_{name}", "refresh_token", [name])
    for name in ("sid", "jkt"):
        op.add_column("family", sa.Column(name, sa.String(), nullable=True))
    op.add_column("family", sa.Column("spec", sa.String(), nullable=False, server_default=sa.text("'{}'")))
    for name in ("last_used", "expires"):
        op.add_column("family", sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_index("ix_family_sid", "family", ["sid"])
    op.create_index("ix_family_expires", "family", ["expires"])
    family = sa.table("family", sa.column("created"), sa.column("expires"))
    op.execute(family.update().values(expires=family.c.created + _FAMILY_LIVED))
    op.add_column("session", sa.Column("revoked", sa.BigInteger(), nullable=True))
    op.create_index("ix_session_expires", "session", ["expires"])


def downgrade() -> None:
    """Everybody who was away signs in again."""
    op.drop_index("ix_session_expires", "session")
    op.drop_column("session", "revoked")
    for name in ("sid", "expires"):
        op.drop_index(f"ix_family_{name}", "family")
    for name in ("sid", "jkt", "spec", "last_used", "expires"):
        op.drop_column("family", name)
    op.drop_table("refresh_token")
