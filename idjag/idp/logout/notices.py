"""From an order, written where a session ended, to one notice for each app that it had reached.

Both are rows of ``logout_notice``; an order names no app.  What an app is told is kept small: the session's
name there, and whom it was about is looked up when it is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from idjag.idp import facts
from idjag.idp.backchannel import GIVEN_UP, ORDER
from idjag.idp.facts import integer, string
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Delete, Entry, Facts, Key, Ledger, Row, Update, Upsert, Verdict, Write

__all__ = ["Order", "client_of", "expand", "key_of"]

_TABLE = "logout_notice"


@dataclass(frozen=True, slots=True)
class Order:
    """What a session's end left to be told; ``session_id`` is "" for all of the person's of older epochs."""

    id: str
    tenant: str
    person_id: str
    session_id: str

    @classmethod
    def of(cls, row: Row) -> Order | None:
        """The order that a row holds; None for a notice."""
        if row["app_id"] != ORDER:
            return None
        return cls(*(string(row, name) for name in ("id", "tenant_id", "person_id", "session_id")))


@dataclass(frozen=True, slots=True)
class _Ended:
    """What the ledger knows of the sessions of an order."""

    sessions: tuple[str, ...]
    reads: tuple[Key, ...] = field(repr=False)


def key_of(notice_id: str) -> Key:
    """The row of a notice or an order."""
    return Key(_TABLE, "id", notice_id)


def client_of(snapshot: Snapshot, app_id: str) -> RegisteredApp | None:
    """The app as it is registered now, if it is there and switched on."""
    app = snapshot.policy.apps.get(app_id)
    client = snapshot.clients.get(app.client_id) if app else None
    return client if client is not None and client.registration.active else None


def expand(ledger: Ledger[Snapshot], order: Order, *, now: int, new_id: Callable[[], str]) -> int:
    """Put notices in the place of an order; how many.  Raises Unavailable.

    A session that has ended reaches no more apps, so that what is read before the transaction is all.
    """
    ended = _ended(ledger, order)

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[int]:
        if not found(key_of(order.id)):
            return Verdict(0, ())  # another node was here before
        notices = [
            Upsert(_TABLE, _notice(row, order, now=now))
            for session in ended.sessions
            for row in found(Key("session_app", "session_id", session))
            if _told(snapshot, string(row, "app_id"))
        ]
        closed = [_closed(found, session, now=now) for session in ended.sessions]
        return Verdict(len(notices), (), (*notices, *closed, Delete(_TABLE, {"id": order.id})))

    reads = (key_of(order.id), *ended.reads)
    return ledger.commit(Entry(order.tenant, new_id(), now, decide, reads=reads, client="logout"))


def _ended(ledger: Ledger[Snapshot], order: Order) -> _Ended:
    """The sessions that an order is about, as they were when it was written."""
    if order.session_id:
        sessions: tuple[str, ...] = (order.session_id,)
    else:
        person, theirs = Key("person", "id", order.person_id), Key("session", "person_id", order.person_id)
        found = ledger.read((person, theirs))
        epochs = {integer(row, "epoch") for row in found(person)}
        over = [row for row in found(theirs) if row["ended"] is None and integer(row, "epoch") not in epochs]
        sessions = tuple(string(row, "id") for row in over)
    keys = [(facts.session_key(one), Key("session_app", "session_id", one)) for one in sessions]
    return _Ended(sessions, tuple(key for both in keys for key in both))


def _closed(found: Facts, session: str, *, now: int) -> Write:
    """The session is over; of one whose person was deleted, only its names at the apps are left to go."""
    if found(facts.session_key(session)):
        return Update("session", {"id": session, "ended": None}, {"ended": now})
    return Delete("session_app", {"session_id": session})


def _told(snapshot: Snapshot, app_id: str) -> bool:
    client = client_of(snapshot, app_id)
    return client is not None and client.logout_uri is not None


def _notice(row: Row, order: Order, *, now: int) -> Row:
    """``id`` is the session's name at the app: however often it ends, the app has one notice of it."""
    return {
        "id": string(row, "sid"),
        "tenant_id": order.tenant,
        "app_id": string(row, "app_id"),
        "person_id": order.person_id,
        "session_id": string(row, "session_id"),
        "spec": json.dumps({"sid": row["sid"]}, separators=(",", ":")),
        "attempts": 0,
        "due": now,
        "created": now,
        "expires": now + GIVEN_UP,
    }
