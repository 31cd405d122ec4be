"""Revision 0006: administrators, their API tokens, their sessions in the console, and what they look up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from idjag.idp.store.lists import indexes
from idjag.ledger.schema import COUNTS

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables of their own: an older idjag beside this one has no use for them."""
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
            for name in ("id", "tenant_id", "handle", "name", "role", "creator", "parent", "by")
        ),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created", "expires")),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("last_used", "revoked")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("handle"),
    )
    for name in ("tenant_id", "expires"):
        op.create_index(f"ix_api_token_{name}", "api_token", [name])
    op.create_table(
        "console_session",
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("id", "tenant_id", "cookie", "session_id", "person_id")
        ),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("epoch", "auth_time", "created", "seen", "expires")
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cookie"),
    )
    for name in ("tenant_id", "session_id", "person_id", "expires"):
        op.create_index(f"ix_console_session_{name}", "console_session", [name])
    _lookups()


def _lookups() -> None:
    """What is in the log already is counted by whoever serves: that takes longer than a start may."""
    dialect = op.get_bind().dialect.name
    for statement in (*COUNTS, *indexes.statements("sqlite" if dialect == "sqlite" else "postgresql")):
        op.execute(statement)
    if dialect == "postgresql":
        # each of these rows is changed again and again: room for it beside itself spares its indexes
        op.execute("ALTER TABLE audit_count SET (fillfactor = 60)")
        op.execute("ALTER TABLE audit_counted SET (fillfactor = 20)")
    op.execute(
        "INSERT INTO audit_counted (tenant, no) SELECT tenant, 0 FROM ledger_head WHERE NOT EXISTS "
        "(SELECT 1 FROM audit_counted WHERE audit_counted.tenant = ledger_head.tenant)"
    )


def downgrade() -> None:
    """Only the host's operator can change anything then.  The counts go with the ledger."""
    for name in indexes.NAMES:
        op.drop_index(name)
    op.drop_table("console_session")
    op.drop_table("api_token")
    op.drop_table("administrator")
