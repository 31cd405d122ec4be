"""The law of the ledger: what happens to one entry inside one transaction, whatever the database is."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from idjag.ledger import chain
from idjag.ledger.entry import (
    Conflict,
    Delete,
    Entry,
    Event,
    Expire,
    Head,
    Insert,
    Key,
    OneTime,
    Reader,
    Row,
    Unavailable,
    Update,
    Upsert,
    Value,
    Verdict,
    Write,
)
from idjag.ledger.expiry import forgets_one_time_ids
from idjag.ledger.schema import OWN_TABLES, one_time_id
from idjag.ledger.transaction import Broken, Claim, HeadMoved, Store, Transaction

__all__ = [
    "KeyedRows",
    "Load",
    "Snapshots",
    "check_chain_key",
    "keyed_rows",
    "log_failure",
    "settle",
]

R = TypeVar("R")
S = TypeVar("S")

Load: TypeAlias = Callable[[Reader, str, Head], S]
"""Makes the snapshot of a tenant at a head: ``load(reader, tenant, head)``."""

_ATTEMPTS = 2
_SALT_OCTETS = 16
_KEY_OCTETS = 32

log = logging.getLogger("idjag.ledger")


class Snapshots(Generic[S]):
    """The latest snapshot of every tenant that this process has met."""

    def __init__(self, load: Load[S]) -> None:
        self._load = load
        self._latest: dict[str, tuple[str, int, S]] = {}

    def latest(self, tenant: str) -> S | None:
        """The one at hand, which may be behind; None when there is none yet."""
        latest = self._latest.get(tenant)
        return None if latest is None else latest[2]

    def at(self, reader: Reader, tenant: str, head: Head) -> S:
        """The snapshot for this head, loaded when policy_seq or epoch are not those of the one at hand."""
        latest = self._latest.get(tenant)
        if latest is not None and latest[:2] == (head.epoch, head.policy_seq):
            return latest[2]
        try:
            snapshot = self._load(reader, tenant, head)
        except Exception as error:
            # Rows that contradict themselves, a key that does not open: nothing can be decided on them.
            raise Unavailable("no snapshot can be made of what is stored") from error
        # Two threads may store here in either order: `at` compares, so that the older one is never used.
        self._latest[tenant] = (head.epoch, head.policy_seq, snapshot)
        return snapshot


class KeyedRows:
    """Facts that were read beforehand."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[Key, tuple[Row, ...]]) -> None:
        self._rows = rows

    def __call__(self, key: Key) -> tuple[Row, ...]:
        """The rows of one key; raises LookupError when it was not named."""
        try:
            return self._rows[key]
        except KeyError:
            # The value of a key may be a person's: names alone.
            raise LookupError(f"the entry does not read {key.table}.{key.column}") from None


def check_chain_key(key: bytes) -> bytes:
    """The key of the audit chain, which must be 32 octets or more; raises ValueError."""
    if len(key) < _KEY_OCTETS:
        raise ValueError(f"chain_key must be {_KEY_OCTETS} octets or more, got {len(key)}")
    return key


def keyed_rows(reader: Reader, keys: Sequence[Key]) -> KeyedRows:
    """The facts of these keys."""
    return KeyedRows({key: tuple(reader.rows(key.table, {key.column: key.value})) for key in keys})


def settle(entry: Entry[S, R], store: Store, *, snapshots: Snapshots[S], chain_key: bytes) -> R:
    """Run an entry in a transaction of its own and commit it; the reply may leave when this returns.

    Raises Conflict, Unavailable (the entry failed and left nothing) or Broken.
    """
    try:
        for _ in range(_ATTEMPTS):
            transaction = _begin(store)
            try:
                return _attempt(entry, transaction, snapshots=snapshots, chain_key=chain_key)
            except HeadMoved:
                _rollback(transaction)
            except Broken:
                raise
            except BaseException:
                _rollback(transaction)
                raise
    except Conflict:
        raise
    except Unavailable as error:
        log_failure("an entry failed", error)
        raise
    except Exception as error:
        log_failure("an entry failed", error)
        raise Unavailable("the entry failed") from error
    raise Unavailable("the policy moved twice while this was decided")


def log_failure(what: str, error: BaseException) -> None:
    """One line with the kind of the error and where it arose; its text may hold values of a request."""
    cause = error.__cause__ if isinstance(error, Unavailable) and error.__cause__ else error
    trace = cause.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "nowhere"
    log.error("%s: %s at %s", what, type(cause).__name__, place)


def _begin(store: Store) -> Transaction:
    try:
        return store.begin()
    except Exception as error:
        raise Broken("the database did not begin a transaction") from error


def _rollback(transaction: Transaction) -> None:
    try:
        transaction.rollback()
    except Exception as error:
        raise Broken("the database did not roll back") from error


def _attempt(entry: Entry[S, R], transaction: Transaction, *, snapshots: Snapshots[S], chain_key: bytes) -> R:
    reply = _run(entry, transaction, snapshots=snapshots, chain_key=chain_key)
    try:
        transaction.commit()
    except HeadMoved:
        raise
    except Exception as error:
        # It may be durable and it may not. Deciding again could give away what was given already.
        raise Broken("the outcome of the commit is unknown") from error
    return reply


def _run(entry: Entry[S, R], transaction: Transaction, *, snapshots: Snapshots[S], chain_key: bytes) -> R:
    """Everything but the commit, in the order of architecture section 4: head, facts, decision, head."""
    head = transaction.head(entry.tenant)
    if entry.expect_policy_seq is not None and entry.expect_policy_seq != head.policy_seq:
        raise Conflict("the policy was changed meanwhile")
    snapshot = snapshots.at(transaction, entry.tenant, head)
    facts = keyed_rows(transaction, entry.reads)
    verdict = _verdict(entry, transaction, snapshot, facts=facts)
    for write in verdict.writes:
        _check(write)
    transaction.apply(verdict.writes)
    rows = _audit_rows(verdict.events, head, entry=entry, chain_key=chain_key)
    transaction.append(rows)
    transaction.touch(entry.tenant, head, _moved(head, rows, policy_changed=verdict.policy_changed))
    return verdict.reply


def _verdict(entry: Entry[S, R], transaction: Transaction, snapshot: S, *, facts: KeyedRows) -> Verdict[R]:
    """The decision, or what the entry has to say when a one-time id is lost."""
    always = {_claim(entry, each).id for each in entry.consume_always}
    lost = [each for each in entry.consume_always if not transaction.claim(_claim(entry, each))]
    if lost:
        return entry.lost(lost[0])
    verdict = entry.decide(snapshot, facts)
    if not verdict.succeeded:
        return verdict
    won: list[Claim] = []
    for each in entry.consume_on_success:
        claim = _claim(entry, each)
        if not transaction.claim(claim):
            # A failing request burns nobody's id: those claimed a moment ago go back.
            for back in won:
                transaction.unclaim(back)
            return entry.lost(each)
        if claim.id not in always:
            won.append(claim)
    return verdict


def _claim(entry: Entry[S, R], one_time: OneTime) -> Claim:
    return Claim(
        id=one_time_id(entry.tenant, one_time),
        tenant=entry.tenant,
        kind=one_time.kind,
        holder=entry.holder,
        until=one_time.until,
    )


def _check(write: Write) -> None:
    """Refuse a write that would reach the ledger's own tables, or more rows than its author can mean."""
    if write.table.lower() in OWN_TABLES and not forgets_one_time_ids(write):
        raise ValueError(f"{write.table} is the ledger's own")
    match write:
        case Insert() | Upsert() if not isinstance(write.row.get("id"), str):
            raise ValueError(f"a row of {write.table} has a text id")
        case Update() | Delete() if not write.where:
            raise ValueError(f"a change of {write.table} says which rows")
        case Update() if not write.values:
            raise ValueError(f"a change of {write.table} says which values")
        case Update() if "id" in write.values:
            raise ValueError(f"a row of {write.table} keeps its id")
        case Expire() if write.limit < 1:
            raise ValueError(f"an expiry of {write.table} says how many rows at most")


def _audit_rows(
    events: Sequence[Event], head: Head, *, entry: Entry[S, R], chain_key: bytes
) -> list[dict[str, Value]]:
    rows: list[dict[str, Value]] = []
    prev = head.link
    for no, event in enumerate(events, start=head.audit_no + 1):
        row = chain.row(_ready(event, entry), no=no, prev=prev, key=chain_key)
        prev = bytes.fromhex(str(row["hash"]))
        rows.append(row)
    return rows


def ready_event(event: Event, *, tenant: str, now: int) -> chain.ReadyEvent:
    """Do most of an event's hashing now, outside any transaction: for changes of thousands of rows."""
    salts = {name: os.urandom(_SALT_OCTETS) for name in chain.personal_fields(event)}
    return chain.ready(event, tenant=tenant, time=now, salts=salts)


def _ready(event: Event, entry: Entry[S, R]) -> chain.ReadyEvent:
    if not isinstance(event, chain.ReadyEvent):
        return ready_event(event, tenant=entry.tenant, now=entry.now)
    if (event.tenant, event.time) != (entry.tenant, entry.now):
        raise ValueError("an event was made ready for another entry")
    return event


def _moved(head: Head, rows: Sequence[Row], *, policy_changed: bool) -> Head:
    link = chain.link_after(head.link, bytes.fromhex(str(rows[-1]["hash"]))) if rows else head.link
    return replace(
        head,
        policy_seq=head.policy_seq + policy_changed,
        audit_no=head.audit_no + len(rows),
        link=link,
    )
