"""What the tests of the ledger share: an owner's tables, its snapshot, and short ways to say an entry."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import psycopg

from idjag.ledger import sqlite
from idjag.ledger.entry import Entry, Event, Facts, Head, Key, Ledger, OneTime, Reader, Row, Verdict, Write
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.schema import statements
from idjag.ledger.sqlite import SqliteLedger

NOW = 1_800_000_000
LONG = 60.0
"""Seconds; nothing takes them unless something is broken."""
KEY = b"a key that is used in tests only"
T = "acme"
R = TypeVar("R")

OWNERS_TABLES = (
    "CREATE TABLE rules (id TEXT PRIMARY KEY, scope TEXT)",
    "CREATE TABLE people (id TEXT PRIMARY KEY, status TEXT, epoch BIGINT, team TEXT)",
    """\
CREATE TABLE badges (
    id TEXT PRIMARY KEY,
    person TEXT REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED
)""",
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The snapshot of these tests."""

    seq: int
    scopes: frozenset[str]


Decide: TypeAlias = Callable[[Policy, Facts], Verdict[R]]
AnyLedger: TypeAlias = MemoryLedger[Policy] | SqliteLedger[Policy] | PostgresLedger[Policy]


def seam(ledger: AnyLedger) -> Ledger[Policy]:
    """All are what callers know; mypy says so."""
    return ledger


def load(reader: Reader, tenant: str, head: Head) -> Policy:
    assert tenant == T
    return Policy(head.policy_seq, frozenset(str(row["scope"]) for row in reader.rows("rules")))


def make_tables(path: Path) -> None:
    with closing(sqlite.connect(path)) as connection:
        for statement in (*statements("sqlite"), *OWNERS_TABLES):
            connection.execute(statement)


def make_postgres_tables(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (*statements("postgresql"), *OWNERS_TABLES):
            connection.execute(statement.encode())


def postgres_ledger(url: str, *, deadline: float = LONG) -> PostgresLedger[Policy]:
    return PostgresLedger(url, load=load, chain_key=KEY, deadline=deadline)


def sql(path: Path, statement: str, *values: object) -> list[dict[str, Any]]:
    """What an operator with the file would see, or do to it."""
    with closing(sqlite.connect(path, patience=LONG)) as connection:
        return connection.execute(statement, values).fetchall()


def sqlite_ledger(path: Path, *, patience: float = LONG, deadline: float = LONG) -> SqliteLedger[Policy]:
    return SqliteLedger(path, load=load, chain_key=KEY, patience=patience, deadline=deadline)


def event(decision_id: str, name: str = "id_jag.issued", **fields: object) -> Event:
    return Event(name, {"decision_id": decision_id, **fields})


def yes(
    decision_id: str, *, writes: Sequence[Write] = (), policy_changed: bool = False, **fields: object
) -> Verdict[str]:
    recorded = Event("id_jag.issued", {"decision_id": decision_id, **fields})
    return Verdict("yes", [recorded], writes, policy_changed=policy_changed)


def no(decision_id: str, **fields: object) -> Verdict[str]:
    return Verdict("no", [event(decision_id, "id_jag.denied", **fields)], succeeded=False)


def used(decision_id: str, *, writes: Sequence[Write] = ()) -> Verdict[str]:
    return Verdict("lost", [event(decision_id, "id_jag.denied", reason="replay")], writes, succeeded=False)


def entry(
    decision_id: str,
    decide: Decide[str] | None = None,
    *,
    always: tuple[OneTime, ...] = (),
    on_success: tuple[OneTime, ...] = (),
    reads: tuple[Key, ...] = (),
    lost: Callable[[OneTime], Verdict[str]] | None = None,
    expect_policy_seq: int | None = None,
    urgent: bool = False,
) -> Entry[Policy, str]:
    """An entry that says yes, unless told otherwise."""
    return Entry(
        tenant=T,
        holder=decision_id,
        now=NOW,
        decide=decide or (lambda _policy, _facts: yes(decision_id)),
        lost=lost or (lambda _one_time: used(decision_id)),
        reads=reads,
        consume_always=always,
        consume_on_success=on_success,
        expect_policy_seq=expect_policy_seq,
        urgent=urgent,
    )


def jti(value: str, *, scope: str = "https://idp.acme.example") -> OneTime:
    return OneTime("jti", scope, value, NOW + 300)


def code(value: str) -> OneTime:
    return OneTime("code", "wiki", value, NOW + 60)


def is_ready(writer: Any) -> bool:
    """Whether it says so now; it may say otherwise the next moment."""
    return bool(writer.ready)


def eventually(fact: Callable[[], bool]) -> None:
    """Wait for what another thread does, long enough for any machine."""
    until = time.monotonic() + LONG
    while not fact():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.001)


def already(verdict: Verdict[str]) -> Decide[str]:
    """A decision that is made already."""
    return lambda _policy, _facts: verdict


def audit(ledger: AnyLedger) -> list[Row]:
    return ledger.audit_rows(T, after_no=0, limit=1_000_000)


def decision_ids(ledger: AnyLedger) -> list[object]:
    return [row["decision_id"] for row in audit(ledger)]
