"""Subject identifiers: from a ``sub`` back to its person, and the ``sub`` that an audience may see."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from idjag.idp.facts import PersonFacts, sid_key, string
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Insert, Key, Ledger, Write
from idjag.protocol.errors import Reason, Refused

__all__ = ["Origins", "origin", "sub_in"]


class Origins:
    """Which person and session an ID token came from.

    Both links are written once and never point elsewhere, so they may be remembered; whether they are still
    there, and person and session alive, is read fresh by every decision.
    """

    LIMIT = 100_000

    def __init__(self, ledger: Ledger[Snapshot]) -> None:
        self._ledger = ledger
        self._known: OrderedDict[tuple[str, str, str, str], tuple[str, str]] = OrderedDict()
        self._lock = Lock()

    async def find(self, *, tenant: str, sector: str, sub: str, app: str, sid: str) -> tuple[str, str]:
        """(person id, session id), looked up off the event loop when they are not remembered.

        Raises Refused SUBJECT_UNKNOWN or SESSION_ENDED.
        """
        known = (sector, sub, app, sid)
        with self._lock:
            found = self._known.get(known)
            if found:
                self._known.move_to_end(known)
                return found
        found = await asyncio.to_thread(
            origin, self._ledger, tenant=tenant, sector=sector, sub=sub, app=app, sid=sid
        )
        with self._lock:
            self._known[known] = found
            if len(self._known) > self.LIMIT:
                self._known.popitem(last=False)
        return found


def origin(
    ledger: Ledger[Snapshot], *, tenant: str, sector: str, sub: str, app: str, sid: str
) -> tuple[str, str]:
    """(person id, session id) as they are now; raises Refused SUBJECT_UNKNOWN or SESSION_ENDED."""
    by_sub, by_sid = Key("subject", "sub", sub), sid_key(sid)
    facts = ledger.read((by_sub, by_sid))
    # subs can be imported: two tenants may have the same one
    here = (tenant, sector)
    subjects = [row for row in facts(by_sub) if (row["tenant_id"], row["sector"]) == here]
    people = [string(row, "person_id") for row in subjects]
    if len(people) != 1:
        raise Refused(Reason.SUBJECT_UNKNOWN)
    sessions = [string(row, "session_id") for row in facts(by_sid) if row["app_id"] == app]
    if len(sessions) != 1:
        raise Refused(Reason.SESSION_ENDED)
    return people[0], sessions[0]


def sub_in(
    sector: str, person: PersonFacts, *, tenant: str, new_id: Callable[[], str]
) -> tuple[str, tuple[Write, ...]]:
    """The person's sub in a sector, and the row to write when this is its first use there."""
    known = person.subs.get(sector)
    if known is not None:
        return known, ()
    sub = new_id()
    row = {"id": new_id(), "tenant_id": tenant, "person_id": person.person.id, "sector": sector, "sub": sub}
    return sub, (Insert("subject", row),)
