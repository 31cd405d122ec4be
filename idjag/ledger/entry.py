"""The seam of the ledger: what a caller hands in, what its decision may read and give back.

Every write of the product goes through ``Ledger.commit(Entry)``.  Many entries may share a transaction; each
is decided as if it were alone, after all that came before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

__all__ = [
    "Conflict",
    "Delete",
    "Entry",
    "Event",
    "Expire",
    "Facts",
    "Head",
    "Insert",
    "Key",
    "Ledger",
    "OneTime",
    "Reader",
    "Row",
    "Unavailable",
    "Update",
    "Upsert",
    "Value",
    "Verdict",
    "Write",
]

Value: TypeAlias = str | int | bytes | None
"""What a column holds.  Booleans are 0 and 1, times are NumericDate, documents are canonical JSON text."""

Row: TypeAlias = Mapping[str, Value]

R = TypeVar("R")
S = TypeVar("S")


class Unavailable(Exception):
    """The ledger could not decide or could not make the outcome durable: 503, no token, never retried."""


class Conflict(Exception):
    """The state is not the one that the change was computed on (``expect_policy_seq``)."""


class Key(NamedTuple):
    """A fact to read: every row of ``table`` whose ``column`` equals ``value``.

    A tuple, because a decision looks its facts up by some ten of them.

    Table and column are names from our own code, never from a request.
    """

    table: str
    column: str
    value: str


@dataclass(frozen=True, slots=True)
class OneTime:
    """Something that may be used once: a code, an assertion, a jti; remembered until ``until`` (NumericDate).

    ``kind`` and ``scope`` (an issuer, a client) keep equal values of different origin apart.
    """

    kind: str
    scope: str
    value: str = field(repr=False)
    until: int


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row; it fails the entry when the row is there already."""

    table: str
    row: Row = field(repr=False)


@dataclass(frozen=True, slots=True)
class Upsert:
    """A row that takes the place of the one with the same ``id``, if any; a column not named is kept."""

    table: str
    row: Row = field(repr=False)


@dataclass(frozen=True, slots=True)
class Update:
    """New values for some columns of every row whose columns equal ``where`` (never empty)."""

    table: str
    where: Row
    values: Row = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes every row whose columns equal ``where`` (never empty)."""

    table: str
    where: Row


@dataclass(frozen=True, slots=True)
class Expire:
    """Removes at most ``limit`` rows whose ``column`` (NumericDate) is ``now`` or earlier.

    Housekeeping in steps so small that the entry that carries one does not feel it.
    """

    table: str
    column: str
    now: int
    limit: int


Write: TypeAlias = Insert | Upsert | Update | Delete | Expire


@dataclass(frozen=True, slots=True)
class Event:
    """One audit row before the chain has numbered it: contract section 9.

    ``fields`` holds the contract's fields but ``id, time, event, tenant, prev_hash, hash``; absent is null.
    Values are JSON; never a token, secret, code, cookie or proof.
    """

    name: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Head:
    """Where a tenant's ledger stands; compared for equality, never for order: a restore changes ``epoch``."""

    epoch: str
    policy_seq: int
    audit_no: int
    link: bytes


class Facts(Protocol):
    """The rows that the entry asked for, read inside its transaction."""

    def __call__(self, key: Key) -> tuple[Row, ...]:
        """The rows of one key; raises LookupError when the entry did not name it in ``reads``."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict(Generic[R]):
    """What an entry's decision gives back.

    ``succeeded`` says whether ``consume_on_success`` is consumed.  ``policy_changed`` moves policy_seq on.
    ``spares``: nothing is consumed at all, since the request was not even looked at and may come again.
    """

    reply: R
    events: Sequence[Event]
    writes: Sequence[Write] = ()
    succeeded: bool = True
    policy_changed: bool = False
    spares: bool = False


def _nothing_lost(one_time: OneTime) -> Verdict[Any]:
    raise AssertionError(f"the entry does not say what follows when {one_time.kind} was used before")


@dataclass(frozen=True, slots=True)
class Entry(Generic[S, R]):
    """One request to decide and record.

    ``decide(snapshot, facts)`` is pure and quick; it runs inside the transaction and may run again.
    ``lost(one_time)`` gives the verdict when a one-time id had been used before; its writes and events are
    applied, those of ``decide`` are not.  An entry that consumes nothing has none.
    ``consume_always`` is claimed whatever is decided (client assertion, proof, code) unless the verdict
    ``spares`` it; ``consume_on_success`` only when the verdict succeeded (ID-JAG, refresh token): a failing
    request burns nobody's jti.
    ``holder`` is the decision id: only the stored holder has won a one-time id, and only in the transaction
    that stored it; the same holder coming again finds it lost.
    ``expect_policy_seq``: raise Conflict unless the head stands there.
    ``client``: who takes turns with others, and may have 64 entries waiting; "" has no bound of its own.
    """

    tenant: str
    holder: str
    now: int
    decide: Callable[[S, Facts], Verdict[R]]
    lost: Callable[[OneTime], Verdict[R]] = _nothing_lost
    reads: tuple[Key, ...] = ()
    consume_always: tuple[OneTime, ...] = ()
    consume_on_success: tuple[OneTime, ...] = ()
    expect_policy_seq: int | None = None
    urgent: bool = False
    client: str = ""


class Reader(Protocol):
    """Reads inside one transaction, for what a snapshot is made of."""

    def rows(self, table: str, where: Row | None = None) -> list[Row]:
        """All rows of a table whose columns equal ``where``; the whole table without."""
        ...

    def each(self, table: str, where: Row) -> Iterable[Row]:
        """``rows`` of a table that may be large, a few at a time; it has an ``id``."""
        ...


class Ledger(Protocol[S]):
    """Durable decisions.  ``S`` is what the owner's ``load(reader, tenant, head)`` makes, the snapshot."""

    def submit(self, entry: Entry[S, R]) -> Future[R]:
        """Queue an entry; the future has the reply once it is durable, or Unavailable or Conflict."""
        ...

    def commit(self, entry: Entry[S, R]) -> R:
        """``submit`` and wait, at most 5 s; raises Unavailable or Conflict."""
        ...

    def snapshot(self, tenant: str) -> S:
        """The latest snapshot this process has, for look-ups before an entry; may be a commit behind."""
        ...

    def fresh(self, tenant: str) -> S:
        """The snapshot as of now: reads the head, and loads again if it moved; for refusals and pages."""
        ...

    def read(self, keys: Sequence[Key]) -> Facts:
        """Fresh facts outside any entry (pages, checks); one transaction."""
        ...

    def issued(
        self, tenant: str, *, subject: str, requesting_app: str, resource_app: str
    ) -> tuple[int, int] | None:
        """When an app first and last acted as a person at another app, from the audit log; None for never."""
        ...

    def close(self) -> None:
        """Finish what is queued, stop the writer, close the database."""
        ...
