"""Every kind of store with the same people, and what a test looks at in any of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from idjag.ledger import trail
from idjag.ledger.entry import Key
from idjag.ras import Account, Link, MemoryStore
from idjag.ras.places import PostgresUrl
from idjag.ras.ports import AuditEvent, Record
from idjag.ras.store_sql import Database, SqlStore, bring_in, open_database
from idjag.ras.store_sql.tables import account_of
from tests.idp.settling import settled
from tests.ras.world import NOW, ids

KINDS = ("memory", "sqlite")
STORES = (*KINDS, "postgres")
"""Where a difference between the databases would show."""

Kind: TypeAlias = str | PostgresUrl
_HOLDER = ids("holder")


class Durable(SqlStore):
    """The SQL store, with what a test does to a MemoryStore, and the events of its chain as that has them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.ledger)
        self.database = database
        self._before = len(trail.events(database.ledger, "ras"))

    def put(self, account: Account) -> None:
        """As MemoryStore has it; the account is one that the file makes."""
        before = [each for each in self.accounts() if each.id != account.id]
        bring_in(
            self.database.ledger,
            [*before, account],
            {link: each.id for each in (*before, account) for link in self.links_of(each.id)},
            now=NOW,
            decision_id=_HOLDER(),
        )

    def accounts(self) -> tuple[Account, ...]:
        """Everybody."""
        keys = [Key("account", "source", source) for source in ("file", "jit")]
        facts = self.database.ledger.read(keys)
        return tuple(account_of(row) for key in keys for row in facts(key))

    @property
    def events(self) -> list[AuditEvent]:
        """The events since the people were brought in."""
        settled(self.database.ledger, "ras")
        rows = trail.events(self.database.ledger, "ras", after_no=self._before)
        return [AuditEvent(str(row["event"]), _given(row)) for row in rows]


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def kind_of(request: pytest.FixtureRequest) -> Kind:
    """The parameter of a fixture; for PostgreSQL an empty schema."""
    if request.param == "postgres":
        return PostgresUrl(request.getfixturevalue("postgres").schema())
    return str(request.param)


def kek_in(folder: Path) -> Path:
    """A key-encryption key as the operator of several servers makes it."""
    kek = folder / "kek"
    if not kek.exists():
        kek.touch(mode=0o600)
        kek.write_text(secrets.token_hex(32), encoding="ascii")
    return kek


@contextmanager
def opened_store(
    kind: Kind, folder: Path, people: Sequence[Account], links: Mapping[Link, str]
) -> Iterator[Any]:
    """A store of this kind with these people."""
    if kind == "memory":
        yield MemoryStore(people, links.items())
        return
    at = kind if isinstance(kind, PostgresUrl) else folder / "ras.db"
    with closing(open_database(at, kek_file=kek_in(folder))) as database:
        bring_in(database.ledger, people, links, now=NOW, decision_id=_HOLDER())
        yield Durable(database)


def names(store: Any) -> list[str]:
    """The names of the events, the oldest first."""
    return [event.name for event in store.events]


def record(**changes: Any) -> Record:
    """A record that redeems, and nothing beside it, with changes."""
    good: dict[str, Any] = {
        "decision_id": _HOLDER(),
        "now": NOW,
        "event": AuditEvent("id_jag.redeemed", {}),
        "lost": lambda _: AuditEvent("id_jag.refused", {"reason": "replay"}),
    }
    return Record(**(good | changes))
