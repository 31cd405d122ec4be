"""What the law needs of a database: one transaction, and somewhere to get it from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from idjag.ledger.entry import Head, Reader, Row, Unavailable, Write

__all__ = ["Broken", "Claim", "HeadMoved", "Store", "Transaction"]


class HeadMoved(Exception):
    """The head is not where the transaction found it; nothing was committed."""


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


class Transaction(Reader, Protocol):
    """One transaction of a database; it sees its own writes."""

    def head(self, tenant: str) -> Head:
        """The tenant's head; raises LookupError for a tenant that was never opened."""
        ...

    def claim(self, claim: Claim) -> bool:
        """Remember the id; True when this very holder stored it in this very transaction.

        An older row is lost even to its own holder: an id that was used stays used, whoever asks again.
        """
        ...

    def unclaim(self, claim: Claim) -> None:
        """Forget a claim that this transaction has won."""
        ...

    def apply(self, writes: Sequence[Write]) -> None:
        """Carry out the owner's writes, in their order."""
        ...

    def append(self, rows: Sequence[Row]) -> None:
        """Store audit rows."""
        ...

    def touch(self, tenant: str, before: Head, after: Head) -> None:
        """Move the head, if policy_seq and epoch still are those of ``before``; the last statement.

        Raises HeadMoved.
        """
        ...

    def commit(self) -> None:
        """Make it durable.  HeadMoved says that it surely is not; any other exception, that nobody knows."""
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
