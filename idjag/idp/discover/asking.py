"""Asking others on an administrator's behalf: so often, on the record, and nothing but what is needed.

Counted in rows that all nodes share, so that nobody makes this server a scanner (attack case 176).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from idjag.idp.audit import Source
from idjag.idp.discover.find import check_typed, discover
from idjag.idp.discover.looks import Look, Looks
from idjag.idp.discover.plan import Plan, Undiscovered
from idjag.idp.limits import Limit, count_of, key_of
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Entry, Event, Facts, Key, Verdict
from idjag.trust.fetch import Fetcher

__all__ = ["LIMIT", "Asker", "TooOften", "discovered"]

R = TypeVar("R")

LIMIT: Final = Limit(10, memory=60, fixed=True)
"""Questions of one administrator or token in a minute, discovery and checks together."""


class TooOften(Exception):
    """Has asked often enough; ``wait`` is in seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"ask again in {wait} seconds")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and by what; ``fetcher`` None is a server that fetches nothing."""

    store: Store
    fetcher: Fetcher | None
    actor: Mapping[str, str]
    source: Source
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)

    def looks(self) -> Looks:
        """For one question; raises Undiscovered, TooOften, Unavailable."""
        if self.fetcher is None:
            raise Undiscovered("This server may not ask others.")
        self._count()
        return Looks(self.fetcher, monotonic=self.monotonic)

    def record(self, name: str, after: Mapping[str, object], **fields: object) -> None:
        """The one event of a question; raises Unavailable."""
        said = {**self.source.fields(), "actor": dict(self.actor), **fields, "after": dict(after)}

        def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
            return Verdict(None, (Event(name, said),))

        self._commit(decide)

    def _count(self) -> None:
        key = key_of(self.store.tenant, "discovery", self.actor["kind"], self.actor["id"])
        now = self.source.now

        def decide(_snapshot: Snapshot, found: Facts) -> Verdict[int]:
            count = count_of(found, key)
            if wait := LIMIT.wait(count, now=now):
                return Verdict(wait, ())
            return Verdict(0, (), (LIMIT.after(count, now=now).written(key, tenant=self.store.tenant),))

        if wait := self._commit(decide, key):
            raise TooOften(wait)

    def _commit(self, decide: Callable[[Snapshot, Facts], Verdict[R]], *reads: Key) -> R:

        store, source = self.store, self.source
        return store.ledger.commit(Entry(store.tenant, source.decision_id, source.now, decide, reads=reads))


def discovered(asker: Asker, typed: str, *, choice: str = "") -> Plan:
    """What the documents of an issuer or an API say, for a form to be filled with; nothing is saved.

    Raises Undiscovered, TooOften, Unavailable.
    """
    store = asker.store
    check_typed(typed, own=store.issuer)
    policy = store.ledger.fresh(store.tenant).policy
    known = {target.issuer: target.name for target in policy.resource_apps.values()}
    looks = asker.looks()
    try:
        plan = discover(looks, typed, own=store.issuer, known=known, choice=choice)
    except Undiscovered as refused:
        asker.record("discovery.asked", {"asked": _shown(typed), "outcome": "refused", **told(looks.seen)})
        raise refused from None
    outcome = {"outcome": "found" if plan.server else "choice", "issuer": plan.fills.get("issuer")}
    asker.record("discovery.asked", {"asked": _shown(typed), **outcome, **told(looks.seen)})
    return plan


def told(looks: list[Look]) -> dict[str, object]:
    """What was asked of others, for the log."""
    return {"looks": [{"url": _shown(one.url), "outcome": one.outcome} for one in looks]}


def _shown(url: str) -> str:
    """Without its query, which may hold what the log must not (attack case 198)."""
    return url.partition("?")[0]
