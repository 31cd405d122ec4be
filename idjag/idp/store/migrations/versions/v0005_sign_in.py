"""Revision 0005: factors, remembered devices, links, access tokens, pushed requests, logout notices."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from idjag.ledger.schema import ISSUED

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Name of the table: its columns of text, its numbers, what it is looked up by
_TABLES: Final = {
    "access_token": (
        ("family_id", "app_id", "person_id", "session_id", "sid", "scope"),
        ("epoch", "created", "expires"),
        ("family_id", "expires"),
    ),
    "pushed_request": (("app_id", "request"), ("created", "expires"), ("expires",)),
    "logout_notice": (
        ("app_id", "person_id", "session_id", "spec"),
        ("attempts", "due", "created", "expires"),
        ("person_id", "due", "expires"),
    ),
    "sign_in_step": (
        ("person_id", "spec"),
        ("epoch", "failures", "created", "expires"),
        ("person_id", "expires"),
    ),
    "device": (
        ("person_id", "user_agent"),
        ("epoch", "created", "last_used", "expires"),
        ("person_id", "expires"),
    ),
    "link": (("person_id", "kind"), ("epoch", "created", "expires"), ("person_id", "expires")),
}


def upgrade() -> None:
    """Columns have defaults, so that an older idjag beside this one can go on writing its rows."""
    for table, (texts, numbers, keys) in _TABLES.items():
        op.create_table(
            table,
            *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "tenant_id", *texts)),
            *(sa.Column(name, sa.BigInteger(), nullable=False) for name in numbers),
            sa.PrimaryKeyConstraint("id"),
        )
        for name in ("tenant_id", *keys):
            op.create_index(f"ix_{table}_{name}", table, [name])
    op.add_column("access_token", sa.Column("jkt", sa.String(), nullable=True))
    for table, name, default in (
        ("throttle", "account", "''"),
        ("credential", "label", "''"),
        ("credential", "spec", "'{}'"),
        ("tenant", "sign_in", "'{}'"),
    ):
        op.add_column(table, sa.Column(name, sa.String(), nullable=False, server_default=sa.text(default)))
    op.execute(ISSUED)
    op.add_column("credential", sa.Column("handle", sa.String(), nullable=True))
    op.create_index("ix_credential_handle", "credential", ["handle"], unique=True)
    op.create_index("ix_throttle_account", "throttle", ["account"])
    op.create_index("ix_person_email", "person", ["email"])
    op.add_column("credential", sa.Column("last_used", sa.BigInteger(), nullable=True))
    op.add_column("credential", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.add_column("session", sa.Column("seen", sa.BigInteger(), nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    """People sign in with their passwords alone, and sign in again."""
    op.drop_column("session", "seen")
    op.drop_index("ix_person_email", "person")
    op.drop_index("ix_throttle_account", "throttle")
    op.drop_column("throttle", "account")
    op.drop_index("ix_credential_handle", "credential")
    for name in ("sealed", "last_used", "handle", "spec", "label"):
        op.drop_column("credential", name)
    op.execute("DELETE FROM credential WHERE kind <> 'password'")
    op.drop_column("tenant", "sign_in")
    for table in _TABLES:
        op.drop_table(table)
