"""The ledger's own tables, and the id under which a one-time value is remembered."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, Literal

from idjag.ledger.entry import Head, OneTime, Row

__all__ = [
    "AUDIT_COLUMNS",
    "COUNTS",
    "ISSUED",
    "OWN_TABLES",
    "POLICY_LOG",
    "Dialect",
    "head_of",
    "new_epoch",
    "one_time_id",
    "statements",
]

Dialect = Literal["sqlite", "postgresql"]

OWN_TABLES: Final = frozenset(
    {"ledger_head", "one_time", "audit", "policy_change", "audit_count", "audit_counted"}
)

AUDIT_COLUMNS: Final = (
    "tenant",
    "no",
    "time",
    "event",
    "decision_id",
    "subject",
    "requesting_app",
    "resource_app",
    "jti",
    "reason",
    "body",
    "salts",
    "prev_hash",
    "hash",
)

POLICY_LOG: Final = (
    """\
CREATE TABLE IF NOT EXISTS policy_change (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    seq BIGINT NOT NULL,
    noun TEXT NOT NULL,
    row_id TEXT NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS policy_change_seq ON policy_change (tenant, seq)",
)
"""What moved policy_seq; it came later than the other tables, and a migration adds it to theirs."""

COUNTS: Final = (
    """\
CREATE TABLE IF NOT EXISTS audit_count (
    tenant TEXT NOT NULL,
    span TEXT NOT NULL,
    event TEXT NOT NULL,
    since BIGINT NOT NULL,
    requesting_app TEXT NOT NULL,
    resource_app TEXT NOT NULL,
    about TEXT NOT NULL,
    told TEXT NOT NULL,
    n BIGINT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (tenant, span, since, event, requesting_app, resource_app, about)
)""",
    """\
CREATE INDEX IF NOT EXISTS audit_count_pair
    ON audit_count (tenant, requesting_app, resource_app, span, since)""",
    """\
CREATE TABLE IF NOT EXISTS audit_counted (
    tenant TEXT NOT NULL PRIMARY KEY,
    no BIGINT NOT NULL
)""",
)
"""How often what happened (idjag.ledger.counts); they came later, and a migration adds them."""

ISSUED: Final = (
    "CREATE INDEX IF NOT EXISTS audit_issued "
    "ON audit (tenant, subject, requesting_app, resource_app, time) WHERE event = 'id_jag.issued'"
)
"""When an app first and last acted as a person; it came later, and a migration adds it."""

_STATEMENTS: Final = (
    """\
CREATE TABLE IF NOT EXISTS ledger_head (
    tenant TEXT NOT NULL PRIMARY KEY,
    epoch TEXT NOT NULL,
    policy_seq BIGINT NOT NULL,
    audit_no BIGINT NOT NULL,
    link {octets} NOT NULL
)""",
    """\
CREATE TABLE IF NOT EXISTS one_time (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS one_time_until ON one_time (until)",
    """\
CREATE TABLE IF NOT EXISTS audit (
    tenant TEXT NOT NULL,
    no BIGINT NOT NULL,
    time BIGINT NOT NULL,
    event TEXT NOT NULL,
    decision_id TEXT,
    subject TEXT,
    requesting_app TEXT,
    resource_app TEXT,
    jti TEXT,
    reason TEXT,
    body TEXT NOT NULL,
    salts TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (tenant, no)
)""",
    "CREATE INDEX IF NOT EXISTS audit_decision_id ON audit (decision_id)",
    "CREATE INDEX IF NOT EXISTS audit_jti ON audit (jti)",
    "CREATE INDEX IF NOT EXISTS audit_tenant_time ON audit (tenant, time)",
    *POLICY_LOG,
    ISSUED,
    *COUNTS,
)


def statements(dialect: Dialect) -> tuple[str, ...]:
    """The DDL of these tables; harmless when they are there, so every start may run it."""
    octets = {"sqlite": "BLOB", "postgresql": "BYTEA"}[dialect]
    return tuple(statement.format(octets=octets) for statement in _STATEMENTS)


def one_time_id(tenant: str, one_time: OneTime) -> str:
    """What stands in the database for a one-time value: its digest, never the value.

    Every part carries its length, so that no two different lists of parts make the same octets.
    """
    digest = hashlib.sha256()
    for part in (tenant, one_time.kind, one_time.scope, one_time.value):
        octets = part.encode()
        digest.update(len(octets).to_bytes(8, "big") + octets)
    return digest.hexdigest()


def new_epoch() -> str:
    """A random epoch: a database that went back in time gets one that no older head can equal."""
    return secrets.token_hex(16)


def head_of(row: Row) -> Head:
    """The head that a row of ledger_head holds; raises TypeError when its columns hold something else."""
    match row:
        case {
            "epoch": str(epoch),
            "policy_seq": int(policy_seq),
            "audit_no": int(audit_no),
            "link": bytes(link),
        }:
            return Head(epoch=epoch, policy_seq=policy_seq, audit_no=audit_no, link=link)
        case _:
            raise TypeError("a row of ledger_head has another shape")
