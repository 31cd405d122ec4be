"""The snapshots of a process: the latest of every tenant, and how it becomes the one of a head."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeAlias, TypeVar

from idjag.ledger.entry import Head, Reader, Unavailable
from idjag.ledger.transaction import HeadMoved

__all__ = ["Load", "Snapshots"]

S = TypeVar("S")

Load: TypeAlias = Callable[[Reader, str, Head], S]
"""Makes the snapshot of a tenant at a head: ``load(reader, tenant, head)``."""


class Snapshots(Generic[S]):
    """The latest snapshot of every tenant that this process has met."""

    def __init__(self, load: Load[S]) -> None:
        self._load = load
        self._latest: dict[str, tuple[str, int, S]] = {}

    def latest(self, tenant: str) -> S | None:
        """The one at hand, which may be behind; None when there is none yet."""
        latest = self._latest.get(tenant)
        return None if latest is None else latest[2]

    def at(self, tenant: str, head: Head, steady: Callable[[str, Head], AbstractContextManager[Reader]]) -> S:
        """The snapshot for this head, loaded when policy_seq or epoch are not those of the one at hand.

        ``steady`` gives the rows of one moment.  Raises Unavailable, HeadMoved.
        """
        latest = self._latest.get(tenant)
        if latest is not None and latest[:2] == (head.epoch, head.policy_seq):
            return latest[2]
        try:
            with steady(tenant, head) as reader:
                snapshot = self._load(reader, tenant, head)
                # Two threads may store here in either order: `at` compares, so that the older is never used.
                self._latest[tenant] = (head.epoch, head.policy_seq, snapshot)
        except (HeadMoved, Unavailable):
            raise
        except Exception as error:
            # Rows that contradict themselves, a key that does not open: nothing can be decided on them.
            raise Unavailable("no snapshot can be made of what is stored") from error
        return snapshot

    def of(self, reader: Reader, tenant: str, head: Head) -> S:
        """``at``, from a transaction in which the rows of every table are of one moment."""
        return self.at(tenant, head, lambda _tenant, _head: nullcontext(reader))
