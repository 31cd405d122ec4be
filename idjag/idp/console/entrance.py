"""The entrance of the console: a session of its own, on top of a sign-in that was recent when it began.

Its cookie is another one than the sign-in's, and new at each entry.  It ends when nobody used it for a while,
after hours in any case, and with the sign-in, the role, or anything that ends the person's sessions.
"""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import urlencode

from idjag.idp import facts
from idjag.idp.administration.administrators import TABLE, Administrator
from idjag.idp.administration.roles import MAY, Role
from idjag.idp.audit import Source
from idjag.idp.factors import acr
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.services import Services
from idjag.idp.signin import sessions
from idjag.idp.signin.browser import Cookies
from idjag.idp.signin.sessions import RECENT, SignedIn
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Delete, Entry, Event, Facts, Insert, Key, Row, Update, Verdict
from idjag.protocol.addresses import is_loopback
from idjag.protocol.http import TokenRequest

__all__ = [
    "ABSOLUTE",
    "IDLE",
    "enter",
    "good",
    "is_administrator",
    "leave",
    "may_change",
    "recent",
    "signed_in",
    "way_in",
]

IDLE: Final = 15 * 60
"""Seconds from one use of the console to the next."""

ABSOLUTE: Final = 4 * 3600
"""Seconds from the entrance to the end, however busy somebody is."""

_SESSION: Final = "console_session"
_SEEN_EVERY: Final = 60


def signed_in(
    request: TokenRequest, services: Services, *, now: int, used: bool = True
) -> Administrator | None:
    """Whose console this is, from facts as they are now; None for anybody else.  Raises Unavailable.

    Notes the use, once a minute at most: it keeps this session and the sign-in below it from lying idle.
    ``used``: somebody asks, and not a page that looks for news by itself while nobody sits before it.
    """
    cookies = Cookies(services.tenant, services.secure)
    value = cookies.read(cookies.admin, request)
    if value is None:
        return None
    key = _key(value)
    rows = services.ledger.read((key,))(key)
    if not rows:
        return None
    reads = (key, *_reads(string(rows[0], "person_id"), string(rows[0], "session_id")))
    snapshot = services.ledger.fresh(services.tenant)
    administrator = _current(services.ledger.read(reads), services, snapshot, value, now=now)
    if used and administrator is not None and not 0 <= now - integer(rows[0], "seen") < _SEEN_EVERY:
        _seen(services, value, rows[0], reads, now=now)
    return administrator


def recent(administrator: Administrator, *, now: int) -> bool:
    """Whether the sign-in is recent enough for keys, secrets and roles."""
    return 0 <= now - administrator.auth_time <= RECENT


def may_change(administrator: Administrator, services: Services) -> bool:
    """Whether a second factor was shown, without which nothing is changed; not asked for on loopback."""
    return administrator.strong or is_loopback(services.issuer)


def way_in(services: Services, back: str) -> str:
    """The address of the entrance, which asks for a recent sign-in and leads on to ``back``.

    ``back`` is a path below the issuer.
    """
    return f"{services.base}/admin/enter?{urlencode({'to': back})}"


def enter(services: Services, session: SignedIn, *, source: Source) -> str | None:
    """A new console session on top of a living sign-in: the value of its cookie.  Raises Unavailable.

    None when the sign-in is over, too old or too weak, or the person's role has ended: look again.
    """
    value, row_id = services.new_id() + services.new_id(), services.new_id()

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[str | None]:
        person = facts.person(found, session.person_id)
        current = session.current(found, person, policy=snapshot.sign_in, now=source.now)
        role = _role(found, session.person_id, services)
        if person is None or current is None or role is None or not good(session, services, now=source.now):
            return Verdict(None, ())
        row: Row = {
            "id": row_id,
            "tenant_id": services.tenant,
            "cookie": _digest(value),
            "session_id": session.id,
            "person_id": session.person_id,
            "epoch": person.epoch,
            "auth_time": session.auth_time,
            "created": source.now,
            "seen": source.now,
            "expires": source.now + ABSOLUTE,
        }
        told = _event("admin.entered", person, source, {"role": role.value})
        known = {"acr": session.acr, "amr": list(session.amr), "auth_time": session.auth_time}
        # this browser's earlier one, if any: it is in the console once
        earlier = Delete(_SESSION, {"session_id": session.id})
        writes = (earlier, Insert(_SESSION, row), *current.writes)
        return Verdict(value, (Event(told.name, {**told.fields, **known}),), writes)

    reads = _reads(session.person_id, session.id, *session.reads)
    entry: Entry[Snapshot, str | None] = Entry(
        services.tenant, source.decision_id, source.now, decide, reads=reads
    )
    return services.ledger.commit(entry)


def good(session: SignedIn, services: Services, *, now: int) -> bool:
    """Whether a sign-in is recent and strong enough to enter with."""
    strong = acr.satisfies(session.acr, acr.MFA) or is_loopback(services.issuer)
    return strong and sessions.recent(session, now=now)


def leave(services: Services, administrator: Administrator, *, source: Source) -> None:
    """End the console session; the sign-in stays.  Raises Unavailable."""
    reads = facts.person_keys(administrator.person_id)

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[None]:
        person = facts.person(found, administrator.person_id)
        events = (_event("admin.left", person, source, {}),) if person else ()
        return Verdict(None, events, (Delete(_SESSION, {"cookie": _digest(administrator.secret)}),))

    services.ledger.commit(Entry(services.tenant, source.decision_id, source.now, decide, reads=reads))


def is_administrator(services: Services, person_id: str) -> bool:
    """Whether a person has a role here; raises Unavailable."""
    return _role(services.ledger.read((Key(TABLE, "person_id", person_id),)), person_id, services) is not None


def _current(
    found: Facts, services: Services, snapshot: Snapshot, value: str, *, now: int
) -> Administrator | None:
    rows = [row for row in found(_key(value)) if row["tenant_id"] == services.tenant]
    if not rows:
        return None
    row, person_id = rows[0], string(rows[0], "person_id")
    person, role = facts.person(found, person_id), _role(found, person_id, services)
    if person is None or role is None or sessions.stopped(found, person, now=now):
        return None
    policy, session_id = snapshot.sign_in, string(row, "session_id")
    session = sessions.living(found, session_id, person, policy=policy, now=now)
    if session is None or row["epoch"] != person.epoch:
        return None
    if now >= integer(row, "expires") or now >= integer(row, "seen") + IDLE:
        return None
    return Administrator(
        person_id,
        person.person.username,
        person.name,
        role,
        MAY[role],
        strong=acr.satisfies(string(session, "acr"), acr.MFA),
        auth_time=integer(row, "auth_time"),
        secret=value,
    )


def _seen(services: Services, value: str, row: Row, reads: tuple[Key, ...], *, now: int) -> None:
    def decide(snapshot: Snapshot, found: Facts) -> Verdict[None]:
        if _current(found, services, snapshot, value, now=now) is None:
            return Verdict(None, ())
        used = {"seen": now}
        here = Update(_SESSION, {"id": string(row, "id")}, used)
        return Verdict(None, (), (here, Update("session", {"id": string(row, "session_id")}, used)))

    services.ledger.commit(Entry(services.tenant, services.new_id(), now, decide, reads=reads))


def _role(found: Facts, person_id: str, services: Services) -> Role | None:
    rows = [row for row in found(Key(TABLE, "person_id", person_id)) if row["tenant_id"] == services.tenant]
    return Role(string(rows[0], "role")) if rows else None


def _reads(person_id: str, session_id: str, *more: Key) -> tuple[Key, ...]:
    own = (*facts.person_keys(person_id), *facts.hold_keys(person_id), Key(TABLE, "person_id", person_id))
    return tuple(dict.fromkeys((*own, facts.session_key(session_id), *more)))


def _event(name: str, person: PersonFacts, source: Source, after: dict[str, object]) -> Event:
    actor = {"kind": "person", "id": person.person.id}
    said = {"after": after} if after else {}
    return Event(name, {**source.fields(), "actor": actor, "subject": person.person.id, **said})


def _key(value: str) -> Key:
    return Key(_SESSION, "cookie", _digest(value))


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
