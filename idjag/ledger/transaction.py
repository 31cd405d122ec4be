"""What the law needs of a database: one transaction for a batch, and somewhere to get it from.

Every method but ``steady`` is at most one message to the database, whatever the size of the batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from idjag.ledger.counts import Counted, Tally
from idjag.ledger.entry import Head, Key, Reader, Row, Unavailable, Write

__all__ = [
    "Broken",
    "CaughtUp",
    "Changes",
    "Claim",
    "Found",
    "HeadMoved",
    "Store",
    "Transaction",
    "Undone",
    "Wanted",
]


class HeadMoved(Exception):
    """A head is not where the transaction found it, or others were in the way; nothing was committed."""


class CaughtUp(HeadMoved):
    """The snapshot was behind and is not any more; the transaction was ended for it."""


class Undone(Exception):
    """The database refused something in the batch; nothing was committed, and others may be served."""


class Broken(Unavailable):
    """The connection did not begin, commit or roll back: it must not be used again."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A one-time id as the table keeps it, for the holder who wants it."""

    id: str
    tenant: str
    kind: str
    holder: str
    until: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a batch needs before its first decision; ids and tenants once each, in the order of locks."""

    tenants: Sequence[str]
    claims: Sequence[Claim]
    keys: Collection[Key]


@dataclass(frozen=True, slots=True)
class Found:
    """The heads that there are, the ids of the claims that were stored (all others were used), the facts."""

    heads: Mapping[str, Head]
    stored: frozenset[str]
    rows: Mapping[Key, tuple[Row, ...]]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a batch leaves behind.

    ``released``: ids of claims that nobody won.  ``passed_on``: claims won by another than the one who was
    stored first.  ``heads``: each tenant's head before and after.  ``counts``: what each tenant's rows add to
    its counts, if everything before them is counted.
    """

    released: Sequence[str]
    passed_on: Sequence[Claim]
    writes: Sequence[Write]
    rows: Sequence[Row]
    heads: Mapping[str, tuple[Head, Head]]
    counts: Mapping[str, Mapping[Counted, Tally]] = field(default_factory=dict)


class Transaction(Protocol):
    """One transaction of a database, in the order of its methods."""

    def read(self, wanted: Wanted, *, locking: bool) -> Found:
        """Store the claims, read the heads, then the facts; ``locking`` lets nobody move the heads from here.

        A claim is stored only if its id was never used: one that was stays used, whoever asks again.
        """
        ...

    def steady(self, tenant: str, head: Head) -> AbstractContextManager[Reader]:
        """The tenant's rows as of this very head, for a snapshot; raises HeadMoved when they are gone.

        A database where that takes a transaction of its own raises CaughtUp at the end.
        """
        ...

    def lock(self, tenants: Sequence[str], *, strict: bool) -> Mapping[str, Head]:
        """The heads as they are now, and stay until the commit.

        ``strict``: raises HeadMoved if anything at all was written in these tenants since ``read``.
        """
        ...

    def write(self, changes: Changes) -> None:
        """Carry everything out; raises HeadMoved when a head is not the one before."""
        ...

    def commit(self) -> None:
        """Make it durable.

        HeadMoved, Undone and Unavailable say that it surely is not; any other exception, that nobody knows.
        """
        ...

    def rollback(self) -> None:
        """Undo everything."""
        ...


class Store(Protocol):
    """Where transactions come from: one connection, used by one thread at a time."""

    def begin(self) -> Transaction:
        """Start a transaction that may write."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
