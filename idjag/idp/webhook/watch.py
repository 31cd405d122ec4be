"""What somebody should be told of: looked for now and then, by every node, and ordered once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from idjag.idp.lookups import Burst, ConnectionLine, TooMuch
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.idp.verifications import BROKEN, MENDED
from idjag.idp.webhook.queue import Notice, order
from idjag.ledger import trail
from idjag.ledger.entry import Row
from idjag.policy.index import Policy
from idjag.protocol.reasons import Reason

__all__ = ["BEFORE", "Watch"]

_DAY: Final = 24 * 3600
BEFORE: Final = (1, 3, 14)
"""Days before its end at which a connection is told of, once each."""

_MOST: Final = 2000
_MOST_ROWS: Final = 200
_REMEMBERED: Final = 10_000
_FAILING: Final = (Reason.CLIENT_KEYS_UNAVAILABLE, Reason.CLIENT_METADATA_UNAVAILABLE)


class Looks(Protocol):
    """Of ``idjag.idp.lookups.Lookups`` what is asked here."""

    def expiring(self, *, now: int, until: int, limit: int = 50) -> Sequence[ConnectionLine]:
        """Connections that end by then."""
        ...

    def bursts(self, *, now: int, limit: int = 50) -> Sequence[Burst]:
        """Denial bursts."""
        ...

    def audit(
        self, *, about: Any, since: int | None, until: int | None, before_no: int | None, limit: int
    ) -> Sequence[Row]:
        """Rows of the audit log."""
        ...


@dataclass(slots=True)
class Watch:
    """What one node has seen; ``known`` are the notices that are settled and need not be ordered again."""

    store: Store = field(repr=False)
    looks: Looks = field(repr=False)
    known: OrderedDict[str, None] = field(default_factory=OrderedDict, repr=False)

    def run(self) -> None:
        """Look, and order what is new; raises Unavailable, SchemaRefused, TooMuch.

        A question that takes too long keeps nobody from being told what the others find.
        """
        now, snapshot = self.store.clock(), self.store.ledger.fresh(self.store.tenant)
        slow: TooMuch | None = None
        for found in (
            self._broken(now),
            self._expiring(now),
            self._bursts(snapshot.policy, now),
            self._failing(snapshot, now),
        ):
            try:
                self._order(found)
            except TooMuch as too_much:
                slow = too_much
        if slow is not None:
            raise slow

    def _order(self, found: Iterable[Notice]) -> None:
        new = {one.id: one for one in found if one.id not in self.known}
        for settled in order(self.store, list(new.values())) if new else ():
            self.known[settled] = None
        while len(self.known) > _REMEMBERED:
            self.known.popitem(last=False)

    def _broken(self, now: int) -> Iterator[Notice]:
        """The audit log does not verify (any more), or does again."""
        for name in (BROKEN, MENDED):
            rows = self.looks.audit(
                about={"event": name}, since=now - _DAY, until=None, before_no=None, limit=_MOST_ROWS
            )
            for event in map(trail.event_of, rows):
                said: Any = event["after"] or {}
                yield Notice(
                    f"{name}.{event['id']}",
                    name,
                    now + 3 * _DAY,
                    {"row": said.get("row"), "link": self._link("/admin/audit/chain")},
                )

    def _expiring(self, now: int) -> Iterator[Notice]:
        """Of several terms that have begun the shortest alone: whoever is late is told once."""
        for line in self.looks.expiring(now=now, until=now + max(BEFORE) * _DAY, limit=_MOST):
            if line.status != "active" or line.expires is None:
                continue
            ends = line.expires
            days = next(days for days in BEFORE if ends <= now + days * _DAY)
            yield Notice(
                f"connection.expiring.{line.id}.{ends}.{days}",
                "connection.expiring",
                ends,
                {
                    "connection": line.key,
                    "requesting_app": line.requesting_app_key,
                    "resource_app": line.resource_app_key,
                    "owner": line.owner,
                    "expires": ends,
                    "days": days,
                    "link": self._link("/admin/connection", id=line.key),
                },
            )

    def _bursts(self, policy: Policy, now: int) -> Iterator[Notice]:
        """Once for a pair on a day."""
        for burst in self.looks.bursts(now=now):
            app, target = policy.apps.get(burst.requesting_app), policy.resource_apps.get(burst.resource_app)
            if app is None or target is None:
                continue
            about = {"requesting_app": app.key, "resource_app": target.key}
            yield Notice(
                f"denials.burst.{app.id}.{target.id}.{burst.day}",
                "denials.burst",
                burst.day + 3 * _DAY,
                {
                    **about,
                    "day": burst.day,
                    "denied": burst.n,
                    "usual": round(burst.usual, 1),
                    "last": burst.last,
                    "link": self._link("/admin/audit", event="id_jag.denied", **_as_filters(about)),
                },
            )

    def _failing(self, snapshot: Snapshot, now: int) -> Iterator[Notice]:
        """Apps that could not be authenticated because of what they publish; once for each on a day."""
        for reason in _FAILING:
            about = {"reason": reason.value}
            rows = self.looks.audit(
                about=about, since=now - _DAY, until=None, before_no=None, limit=_MOST_ROWS
            )
            for event in map(trail.event_of, rows):
                client, time = snapshot.clients.get(_client_id(event)), event["time"]
                if client is None or not isinstance(time, int):
                    continue
                app = client.app
                day = time - time % _DAY
                yield Notice(
                    f"metadata.failing.{app.id}.{reason.value}.{day}",
                    "metadata.failing",
                    day + 3 * _DAY,
                    {
                        "app": app.key,
                        "reason": reason.value,
                        "last": time,
                        "link": self._link("/admin/app", id=app.key),
                    },
                )

    def _link(self, path: str, **query: str) -> str:
        asked = f"?{urlencode(query)}" if query else ""
        return f"{self.store.issuer.removesuffix('/')}{path}{asked}"


def _client_id(event: Mapping[str, Any]) -> str:
    """Of whom nothing came; the refusal of somebody without proof names no app."""
    fact = (event["inputs"] or {}).get("fact") or {}
    return str(fact.get("client_id", ""))


def _as_filters(about: dict[str, str]) -> dict[str, str]:
    return {"from": about["requesting_app"], "to": about["resource_app"]}
