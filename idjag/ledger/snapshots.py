"""The snapshots of a process: the latest of every tenant, and how it becomes the one of a head.

One that is behind costs what was changed since (policy_log.py), and a whole load when nobody can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from idjag.ledger.entry import Head, Reader, Unavailable
from idjag.ledger.failure import log_failure
from idjag.ledger.policy_log import Changed, changed_between
from idjag.ledger.transaction import HeadMoved

__all__ = ["CatchesUp", "Load", "Snapshots"]

S = TypeVar("S")

Load: TypeAlias = Callable[[Reader, str, Head], S]
"""Makes the snapshot of a tenant at a head: ``load(reader, tenant, head)``."""


@runtime_checkable
class CatchesUp(Protocol[S]):
    """What a ``Load`` may be able to do besides."""

    @property
    def tables(self) -> frozenset[str]:
        """The tables that a snapshot is made of: changes of others are not logged."""
        ...

    def catch_up(self, reader: Reader, before: S, changed: Changed, head: Head) -> S | None:
        """The snapshot at a later head, when these rows may be others since; None: it takes a whole load."""
        ...


class Snapshots(Generic[S]):
    """The latest snapshot of every tenant that this process has met."""

    def __init__(self, load: Load[S]) -> None:
        self._load = load
        given: object = load
        self._catches_up: CatchesUp[S] | None = given if isinstance(given, CatchesUp) else None
        self.tables = self._catches_up.tables if self._catches_up else frozenset[str]()
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
                snapshot = self._caught_up(reader, tenant, head)
                if snapshot is None:
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

    def _caught_up(self, reader: Reader, tenant: str, head: Head) -> S | None:
        latest = self._latest.get(tenant)
        if self._catches_up is None or latest is None or latest[0] != head.epoch:
            return None
        _, seq, before = latest
        try:
            changed = changed_between(reader, tenant, seq, head.policy_seq)
            return None if changed is None else self._catches_up.catch_up(reader, before, changed, head)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # Whatever is wrong with the short way: a fault in it must not outlast the next whole load.
            log_failure("a snapshot could not catch up and is loaded again", error)
            return None
