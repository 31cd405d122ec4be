"""Both ports, ``Store`` and ``Accounts``, over the ledger: one redemption is one entry."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, OneTime, Row, Verdict
from idjag.ras.model import Account, Link
from idjag.ras.ports import Committed, LinkMoved, Lost, Once, Outcome, Record
from idjag.ras.store_sql.tables import TENANT, account_of, account_row, link_key, link_of, link_row

__all__ = ["Ledger", "SqlStore"]


class Ledger(Protocol):
    """What this store needs of a ledger without a snapshot."""

    @property
    def ready(self) -> bool:
        """Whether entries are taken."""
        ...

    def commit(self, entry: Entry[None, Outcome]) -> Outcome:
        """Decide and make durable."""
        ...

    def submit(self, entry: Entry[None, Outcome]) -> Future[Outcome]:
        """``commit``, later."""
        ...

    def read(self, keys: list[Key]) -> Facts:
        """Fresh facts."""
        ...


class SqlStore:
    """``Store`` and ``Accounts`` over a ledger whose database has the tables of tables.py."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def linked(self, link: Link) -> str | None:
        """The id of the account that the link names."""
        rows = self._rows(link_key(link))
        return str(rows[0]["account_id"]) if rows else None

    def links_of(self, account_id: str) -> tuple[Link, ...]:
        """Every link of an account."""
        return tuple(map(link_of, self._rows(Key("account_link", "account_id", account_id))))

    def by_id(self, account_id: str) -> Account | None:
        """The account, disabled ones included."""
        rows = self._rows(Key("account", "id", account_id))
        return account_of(rows[0]) if rows else None

    def by_email(self, email: str, *, tenant: str | None) -> tuple[Account, ...]:
        """Every account of the tenant with this address."""
        accounts = map(account_of, self._rows(Key("account", "email", email)))
        return tuple(account for account in accounts if account.tenant == tenant)

    def commit(self, record: Record) -> Outcome:
        """Write it all, or say what stands against it; raises ``idjag.ledger.entry.Unavailable``."""
        return self._ledger.commit(_entry(record))

    def submit(self, record: Record) -> Future[Outcome]:
        """``commit``, whose outcome comes later; the ledger writes while the caller does other things."""
        return self._ledger.submit(_entry(record))

    def ready(self) -> bool:
        """Whether the writer is connected."""
        return self._ledger.ready

    def _rows(self, key: Key) -> tuple[Row, ...]:
        return self._ledger.read([key])(key)


def _entry(record: Record) -> Entry[None, Outcome]:
    return Entry(
        tenant=TENANT,
        holder=record.decision_id,
        now=record.now,
        reads=_reads(record),
        decide=lambda _, facts: _decide(record, facts),
        lost=lambda one_time: _lost(record, one_time),
        consume_always=tuple(map(_one_time, record.always)),
        consume_on_success=tuple(map(_one_time, record.on_success)),
    )


def _reads(record: Record) -> tuple[Key, ...]:
    if record.link is None or record.account_id is None:
        return ()
    keys = (link_key(record.link), Key("account_link", "account_id", record.account_id))
    return (*keys, _address_key(record.create)) if record.create and record.create.email else keys


def _address_key(account: Account) -> Key:
    return Key("account", "email", (account.email or "").lower())


def _decide(record: Record, facts: Facts) -> Verdict[Outcome]:
    """Runs in the transaction: the link must still be free, and the account nobody else's there."""
    writes: list[Insert] = []
    link, account_id = record.link, record.account_id
    if link is not None and account_id is not None:
        theirs = map(link_of, facts(Key("account_link", "account_id", account_id)))
        rivals = any((other.issuer, other.tenant) == (link.issuer, link.tenant) for other in theirs)
        if facts(link_key(link)) or rivals:
            return Verdict(LinkMoved, events=(), succeeded=False)
        if record.create is not None:
            if record.create.email and _taken(record.create, facts):
                return Verdict(LinkMoved, events=(), succeeded=False)
            writes.append(Insert("account", account_row(record.create, source="jit", now=record.now)))
        writes.append(Insert("account_link", link_row(link, account_id, source="learned", now=record.now)))
    return Verdict(Committed, events=(Event(record.event.name, record.event.fields),), writes=writes)


def _taken(account: Account, facts: Facts) -> bool:
    return any(row["tenant"] == account.tenant for row in facts(_address_key(account)))


def _lost(record: Record, one_time: OneTime) -> Verdict[Outcome]:
    once = Once(one_time.kind, one_time.scope, one_time.value, one_time.until)
    event = record.lost(once)
    return Verdict(Lost(once), events=(Event(event.name, event.fields),), succeeded=False)


def _one_time(once: Once) -> OneTime:
    return OneTime(once.kind, once.scope, once.value, once.until)
