"""The tables of a RAS's own database, and their rows as values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection

from idjag.ledger import schema
from idjag.ledger.entry import Key, Row, Value
from idjag.ledger.schema import Dialect
from idjag.ras.model import Account, Link
from idjag.ras.store_sql import name_ids, tokens

__all__ = [
    "TENANT",
    "account_of",
    "account_row",
    "additions",
    "link_key",
    "link_of",
    "link_row",
    "statements",
]

TENANT = "ras"
"""The one chain of this database; a RAS's own tenants are facts of its events."""

_STATEMENTS = (
    """\
CREATE TABLE IF NOT EXISTS account (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT,
    name TEXT,
    tenant TEXT,
    scopes TEXT,
    sub_ids TEXT,
    active BIGINT NOT NULL,
    source TEXT NOT NULL,
    created BIGINT NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS account_email ON account (email)",
    "CREATE INDEX IF NOT EXISTS account_source ON account (source)",
    """\
CREATE TABLE IF NOT EXISTS account_link (
    id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    tenant TEXT NOT NULL,
    sub TEXT NOT NULL,
    account_id TEXT NOT NULL,
    source TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (issuer, tenant, sub)
)""",
    "CREATE INDEX IF NOT EXISTS account_link_account_id ON account_link (account_id)",
    "CREATE INDEX IF NOT EXISTS account_link_source ON account_link (source)",
    """\
CREATE TABLE IF NOT EXISTS ras_key (
    id TEXT NOT NULL PRIMARY KEY,
    alg TEXT NOT NULL,
    status TEXT NOT NULL,
    sealed {octets} NOT NULL,
    created BIGINT NOT NULL,
    activated BIGINT,
    retires BIGINT
)""",
    """\
CREATE TABLE IF NOT EXISTS ras_secret (
    id TEXT NOT NULL PRIMARY KEY,
    sealed {octets} NOT NULL
)""",
)


_ADDED = (
    ("account", "scopes", "TEXT"),
    ("account", "sub_ids", "TEXT"),
    ("ras_key", "activated", "BIGINT"),
    ("ras_key", "retires", "BIGINT"),
)


def statements(dialect: Dialect) -> tuple[str, ...]:
    """The DDL of our own tables and the ledger's; harmless when they are there."""
    octets = {"sqlite": "BLOB", "postgresql": "BYTEA"}[dialect]
    own = (*_STATEMENTS, *name_ids.STATEMENTS, *tokens.STATEMENTS)
    return (*schema.statements(dialect), *(statement.format(octets=octets) for statement in own))


def additions(columns_of: Callable[[str], Collection[str]]) -> list[str]:
    """What a database of an earlier version lacks; ``columns_of`` says what a table of it has."""
    return [
        f"ALTER TABLE {table} ADD COLUMN {column} {kind}"
        for table, column, kind in _ADDED
        if column not in columns_of(table)
    ]


def link_id(link: Link) -> str:
    """The row id of a link: one text for one key, whatever its parts hold."""
    digest = hashlib.sha256()
    for part in (link.issuer, link.tenant, link.sub):
        octets = part.encode()
        digest.update(len(octets).to_bytes(8, "big") + octets)
    return digest.hexdigest()


def link_row(link: Link, account_id: str, *, source: str, now: int) -> dict[str, Value]:
    """The row of a link; ``source`` is file or learned."""
    return {
        "id": link_id(link),
        "issuer": link.issuer,
        "tenant": link.tenant,
        "sub": link.sub,
        "account_id": account_id,
        "source": source,
        "created": now,
    }


def account_row(account: Account, *, source: str, now: int) -> dict[str, Value]:
    """The row of an account; ``source`` is file or jit.  Addresses are kept in lower case."""
    return {
        "id": account.id,
        "email": account.email.lower() if account.email else None,
        "name": account.name,
        "tenant": account.tenant,
        "scopes": None if account.scopes is None else " ".join(sorted(account.scopes)),
        "sub_ids": name_ids.column(account),
        "active": int(account.active),
        "source": source,
        "created": now,
    }


def link_key(link: Link) -> Key:
    """Where the row of a link is."""
    return Key("account_link", "id", link_id(link))


def link_of(row: Row) -> Link:
    """The link of a row."""
    return Link(str(row["issuer"]), str(row["tenant"]), str(row["sub"]))


def account_of(row: Row) -> Account:
    """The account of a row."""
    return Account(
        id=str(row["id"]),
        email=_text(row["email"]),
        name=_text(row["name"]),
        tenant=_text(row["tenant"]),
        scopes=_scopes(row["scopes"]),
        active=row["active"] == 1,
        sub_ids=name_ids.of_column(row["sub_ids"]),
    )


def _scopes(value: Value) -> frozenset[str] | None:
    """A ceiling; the empty text is one that lets nothing through."""
    return frozenset(value.split()) if isinstance(value, str) else None


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None
