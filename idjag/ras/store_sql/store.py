"""The ports ``Store``, ``Tokens`` and ``Accounts`` over the ledger: one redemption is one entry."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, OneTime, Row, Verdict, Write
from idjag.protocol.sub_id import SamlNameId
from idjag.ras.model import Account, Link
from idjag.ras.ports import Committed, LinkMoved, Lost, Once, Outcome, Person, Query, Record, Stopped
from idjag.ras.standing import Grounds, Kept, Standing, objection
from idjag.ras.store_sql import lookups, name_ids, tokens
from idjag.ras.store_sql.tables import TENANT, account_of, account_row, link_key, link_of, link_row
from idjag.ras.subjects import look_up

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
    """``Store``, ``Tokens`` and ``Accounts`` over a ledger whose database has the tables of tables.py."""

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

    def by_sub_id(self, name_id: SamlNameId, *, tenant: str | None) -> tuple[Account, ...]:
        """Every account of the tenant with this NameID of this issuer."""
        rows = self._rows(name_ids.looked_up(name_id))
        accounts = (self.by_id(str(row["account_id"])) for row in rows if row["tenant"] == tenant)
        return tuple(account for account in accounts if account is not None)

    def people(self, queries: Sequence[Query]) -> list[Person]:
        """All that is known about them, from two reads for all of them."""
        known = lookups.Known(self._ledger.read)
        known.add(key for query in queries for key in lookups.about(query))
        known.add([key for query in queries for key in lookups.after(query, known)])
        store = SqlStore(known)
        return [look_up(query, accounts=store, store=store) for query in queries]

    def commit(self, record: Record) -> Outcome:
        """Write it all, or say what stands against it; raises ``idjag.ledger.entry.Unavailable``."""
        return self._ledger.commit(_entry(record))

    def submit(self, record: Record) -> Future[Outcome]:
        """``commit``, whose outcome comes later; the ledger writes while the caller does other things."""
        return self._ledger.submit(_entry(record))

    def token(self, jti: str) -> Kept | None:
        """A token of ours as it stands now."""
        rows = self._rows(tokens.token_key(jti))
        if not rows:
            return None
        return tokens.kept(rows[0], self.standing(tokens.token_of(rows[0]).grounds))

    def standing(self, grounds: Grounds) -> Standing:
        """How account, issuer and person stand now."""
        return tokens.standing_of(grounds, self._ledger.read([*tokens.standing_keys(grounds)]))

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
        reads=(*_reads(record), *tokens.reads(record)),
        decide=lambda _, facts: _decide(record, facts),
        lost=lambda one_time: _lost(record, one_time),
        consume_always=tuple(map(_one_time, record.always)),
        consume_on_success=tuple(map(_one_time, record.on_success)),
    )


def _reads(record: Record) -> tuple[Key, ...]:
    if record.account_id is None:
        return ()
    if record.link is None:
        return (_account_key(record.account_id),)
    account = _account_key(record.account_id)
    links = (account, link_key(record.link), Key("account_link", "account_id", record.account_id))
    if record.create is None:
        return links
    address = (_address_key(record.create),) if record.create.email else ()
    return (*links, *address, *name_ids.keys(record.create))


def _account_key(account_id: str) -> Key:
    return Key("account", "id", account_id)


def _address_key(account: Account) -> Key:
    return Key("account", "email", (account.email or "").lower())


def _decide(record: Record, facts: Facts) -> Verdict[Outcome]:
    """Runs in the transaction: the link must still be free, and the account nobody else's there."""
    writes: list[Write] = []
    if record.grounds is not None:
        why = objection(tokens.standing_of(record.grounds, facts), since=record.grounds.since)
        if why is not None:
            return Verdict(Stopped(why), events=(), succeeded=False)
    link, account_id = record.link, record.account_id
    if account_id is not None and any(row["active"] != 1 for row in facts(_account_key(account_id))):
        return Verdict(LinkMoved, events=(), succeeded=False)  # disabled since it was looked up: look again
    if link is not None and account_id is not None:
        theirs = map(link_of, facts(Key("account_link", "account_id", account_id)))
        if facts(link_key(link)) or not record.beside.issuperset(theirs):
            return Verdict(LinkMoved, events=(), succeeded=False)
        if record.create is not None:
            if _taken(record.create, facts):
                return Verdict(LinkMoved, events=(), succeeded=False)
            writes.append(Insert("account", account_row(record.create, source="jit", now=record.now)))
            writes += name_ids.writes(record.create)
        writes.append(Insert("account_link", link_row(link, account_id, source="learned", now=record.now)))
    writes += tokens.writes(record, facts)
    return Verdict(Committed, events=_events(record), writes=writes)


def _events(record: Record) -> tuple[Event, ...]:
    return () if record.event is None else (Event(record.event.name, record.event.fields),)


def _taken(account: Account, facts: Facts) -> bool:
    """Whether somebody has its address or one of its NameIDs."""
    rows = facts(_address_key(account)) if account.email else ()
    return any(row["tenant"] == account.tenant for row in rows) or name_ids.taken(account, facts)


def _lost(record: Record, one_time: OneTime) -> Verdict[Outcome]:
    once = Once(one_time.kind, one_time.scope, one_time.value, one_time.until)
    event = record.lost(once)
    return Verdict(Lost(once), events=(Event(event.name, event.fields),), succeeded=False)


def _one_time(once: Once) -> OneTime:
    return OneTime(once.kind, once.scope, once.value, once.until)
