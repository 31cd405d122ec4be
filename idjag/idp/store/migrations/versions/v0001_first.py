"""Revision 0001: every table of the first release, and the ledger's own."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from alembic import op

from idjag.ledger import schema as ledger

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _integer(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _perhaps(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=True) for name in names]


def _table(
    name: str,
    *columns: sa.Column[str] | sa.Column[int] | sa.Column[bytes],
    unique: tuple[tuple[str, ...], ...] = (),
    index: tuple[str, ...] = (),
) -> None:
    """A table whose first column is its id; ``index`` names columns with an index each."""
    constraints = [sa.UniqueConstraint(*together) for together in unique]
    op.create_table(name, *columns, sa.PrimaryKeyConstraint("id"), *constraints)
    for column in index:
        op.create_index(f"ix_{name}_{column}", name, [column])


def _policy() -> None:
    _table(
        "app",
        *_text("id", "tenant_id", "key", "client_id", "status", "spec", "secrets", "managed_by"),
        *_integer("created", "updated"),
        unique=(("tenant_id", "key"), ("tenant_id", "client_id")),
        index=("tenant_id",),
    )
    _table(
        "resource_app",
        *_text("id", "tenant_id", "key", "issuer", "aud_tenant", "status", "spec", "managed_by"),
        *_integer("created", "updated"),
        unique=(("tenant_id", "key"), ("tenant_id", "issuer", "aud_tenant")),
        index=("tenant_id",),
    )
    _table(
        "connection",
        *_text("id", "tenant_id", "key", "app_id", "resource_app_id", "status", "spec", "managed_by"),
        *_integer("created", "updated"),
        unique=(("tenant_id", "key"), ("tenant_id", "app_id", "resource_app_id")),
        index=("tenant_id", "app_id", "resource_app_id"),
    )
    _table(
        "guardrail",
        *_text("id", "tenant_id", "key", "spec", "managed_by"),
        *_integer("created", "updated"),
        unique=(("tenant_id", "key"),),
        index=("tenant_id",),
    )
    _table(
        "hold",
        *_text("id", "tenant_id", "kind", "target", "app", "reason", "by"),
        *_integer("since"),
        *_perhaps("until"),
        index=("tenant_id", "target"),
    )


def _people() -> None:
    _table(
        "person",
        *_text("id", "tenant_id", "username"),
        sa.Column("email", sa.String(), nullable=True),
        *_integer("email_verified"),
        *_text("name", "attributes", "status"),
        *_integer("epoch"),
        *_text("managed_by"),
        *_integer("created", "updated"),
        unique=(("tenant_id", "username"),),
        index=("tenant_id",),
    )
    _table(
        "credential",
        *_text("id", "tenant_id", "person_id", "kind", "secret"),
        *_integer("created"),
        index=("tenant_id", "person_id"),
    )
    _table(
        "person_group",
        *_text("id", "tenant_id", "source", "external_id", "name", "managed_by"),
        *_integer("created"),
        unique=(("tenant_id", "source", "name"),),
        index=("tenant_id",),
    )
    _table(
        "membership",
        *_text("id", "tenant_id", "person_id", "group_id"),
        index=("tenant_id", "person_id", "group_id"),
    )
    _table(
        "subject",
        *_text("id", "tenant_id", "person_id", "sector", "sub"),
        unique=(("tenant_id", "sector", "sub"), ("tenant_id", "person_id", "sector")),
        index=("tenant_id", "person_id", "sub"),
    )


def _sessions() -> None:
    _table(
        "session",
        *_text("id", "tenant_id", "cookie", "person_id"),
        *_integer("epoch", "auth_time"),
        *_text("acr", "amr", "ip", "user_agent"),
        *_integer("created", "expires"),
        *_perhaps("ended"),
        unique=(("cookie",),),
        index=("tenant_id", "person_id"),
    )
    _table(
        "session_app",
        *_text("id", "tenant_id", "session_id", "app_id", "sid"),
        *_integer("created"),
        unique=(("sid",),),
        index=("tenant_id", "session_id", "app_id"),
    )
    _table(
        "code",
        *_text("id", "tenant_id", "app_id", "session_id", "person_id"),
        *_integer("epoch"),
        *_text("spec"),
        *_integer("expires"),
        index=("tenant_id", "session_id", "expires"),
    )
    _table(
        "family",
        *_text("id", "tenant_id", "code_id", "app_id", "person_id", "session_id"),
        *_integer("epoch", "offline", "created"),
        *_perhaps("revoked"),
        index=("tenant_id", "code_id", "person_id"),
    )


def _tenants_and_keys() -> None:
    _table("tenant", *_text("id", "name", "issuer"), *_integer("created"), unique=(("name",), ("issuer",)))
    _table(
        "signing_key",
        *_text("id", "tenant_id", "alg", "status", "public"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_integer("created"),
        *_perhaps("activated", "retires"),
        index=("tenant_id",),
    )
    _table(
        "kek_check",
        *_text("id"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_integer("created"),
    )


def upgrade() -> None:
    """Make all tables."""
    _tenants_and_keys()
    _policy()
    _people()
    _sessions()
    dialect: Literal["sqlite", "postgresql"] = (
        "sqlite" if op.get_bind().dialect.name == "sqlite" else "postgresql"
    )
    for statement in ledger.statements(dialect):
        op.execute(statement)


def downgrade() -> None:
    """Drop them all, and everything in them."""
    for name in (
        *("tenant", "signing_key", "kek_check"),
        *("app", "resource_app", "connection", "guardrail", "hold"),
        *("person", "credential", "person_group", "membership", "subject"),
        *("session", "session_app", "code", "family"),
        *sorted(ledger.OWN_TABLES),
    ):
        op.drop_table(name)
