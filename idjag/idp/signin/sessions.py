"""Sessions: rows of our own, found by the digest of a cookie; a value that others chose is never adopted.

A cookie ends when it lay idle too long; what apps were given lives by ``expires`` alone, the absolute end.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Final

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.catalog import SignInPolicy
from idjag.idp.factors import acr, enrolled
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.services import Services
from idjag.idp.signin.browser import Cookies
from idjag.idp.signin.session_ends import end, ends
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, Row, Update, Value, Verdict, Write
from idjag.policy.model import HoldKind
from idjag.protocol.errors import Reason
from idjag.protocol.http import TokenRequest

__all__ = [
    "RECENT",
    "Authentication",
    "NewSession",
    "Session",
    "SignedIn",
    "find",
    "may_change",
    "moved",
    "recent",
    "signed_in",
    "stopped",
    "touch",
]

RECENT: Final = 600
"""Seconds for which a sign-in is good enough to change how one signs in."""

_SEEN_EVERY: Final = 60  # seconds: a use is written down no more often


@dataclass(frozen=True, slots=True)
class Authentication:
    """How and when a person proved who they are (OpenID Connect Core section 2, RFC 8176).

    ``auth_time`` is when the oldest of the proofs was given that ``amr`` names: it never promises more.
    """

    acr: str
    amr: tuple[str, ...]
    auth_time: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that was alive when it was looked at; a decision must look again with ``current``.

    ``secret`` is the cookie's value, and the key of the form tokens of whoever is signed in.
    """

    id: str
    person_id: str
    by: Authentication
    secret: str = field(repr=False)

    @property
    def auth_time(self) -> int:
        """When the person signed in."""
        return self.by.auth_time

    @property
    def acr(self) -> str:
        """How strong that was."""
        return self.by.acr

    @property
    def amr(self) -> tuple[str, ...]:
        """By what."""
        return self.by.amr

    @property
    def reads(self) -> tuple[Key, ...]:
        """What ``current`` and ``Session.reach`` need."""
        return facts.session_key(self.id), apps_key(self.id)

    def current(
        self, found: Facts, person: PersonFacts | None, *, policy: SignInPolicy, now: int
    ) -> Session | None:
        """The session as of now; None when it has ended, or when the person may not be signed in.

        Its ``writes`` note that it is in use, and that an administrator has made sessions shorter.
        """
        if person is None or stopped(found, person, now=now):
            return None
        row = living(found, self.id, person, policy=policy, now=now)
        # another cookie has taken this one's place: somebody stepped up, or signed in again
        if row is None or row["cookie"] != _digest(self.secret):
            return None
        by = authentication(row)
        changes: dict[str, Value] = {}
        if not 0 <= now - integer(row, "seen") < _SEEN_EVERY:
            changes["seen"] = now
        if integer(row, "expires") > by.auth_time + policy.session_absolute:
            changes["expires"] = by.auth_time + policy.session_absolute
        writes = (Update("session", {"id": self.id}, changes),) if changes else ()
        return Session(self.id, by, writes)


@dataclass(frozen=True, slots=True)
class Session:
    """A session inside a decision; ``writes`` make it what it says, ``cookie`` is its new value, if any."""

    id: str
    by: Authentication
    writes: tuple[Write, ...] = ()
    cookie: str | None = field(default=None, repr=False)
    events: tuple[Event, ...] = ()

    def reach(
        self, found: Facts, app_id: str, *, fresh: dict[str, Value], now: int
    ) -> tuple[str, tuple[Write, ...]]:
        """Its name (sid) at the app, which no other app sees, and what to write to note that it got there.

        ``fresh`` holds id, tenant_id and sid of the row, for its first time there.
        """
        known = [row for row in found(apps_key(self.id)) if row["app_id"] == app_id]
        if known:
            return string(known[0], "sid"), ()
        row: Row = {**fresh, "session_id": self.id, "app_id": app_id, "created": now}
        return string(row, "sid"), (Insert("session_app", row),)


@dataclass(frozen=True, slots=True)
class NewSession:
    """The random values of a sign-in; of ``cookie`` only the digest is stored."""

    tenant: str
    id: str
    cookie: str = field(repr=False)

    def open(
        self,
        found: Facts,
        person: PersonFacts,
        by: Authentication,
        *,
        before: SignedIn | None,
        policy: SignInPolicy,
        source: Source,
    ) -> Session:
        """The session after the sign-in; ``before`` is the one that this browser has had.

        The same person's goes on under the new cookie, so that the apps that it reached stay signed in;
        another person's ends.
        """
        row = self._row(by, policy, source)
        if before and living(found, before.id, person, policy=policy, now=source.now):
            return Session(before.id, by, (Update("session", {"id": before.id}, row),), self.cookie)
        row |= {"id": self.id, "tenant_id": self.tenant, "person_id": person.person.id, "epoch": person.epoch}
        row |= {"created": source.now, "ended": None, "revoked": None}
        writes: tuple[Write, ...] = (Insert("session", row),)
        events: tuple[Event, ...] = ()
        if before:
            actor = {"kind": "person", "id": person.person.id}
            ended, events = end(before.id, before.person_id, tenant=self.tenant, actor=actor, source=source)
            writes = (*ended, *writes)
        return Session(self.id, by, writes, self.cookie, events)

    def _row(self, by: Authentication, policy: SignInPolicy, source: Source) -> dict[str, Value]:
        return {
            "cookie": _digest(self.cookie),
            "auth_time": by.auth_time,
            "acr": by.acr,
            "amr": json.dumps(by.amr),
            "ip": source.ip,
            "user_agent": source.user_agent,
            "seen": source.now,
            "expires": by.auth_time + policy.session_absolute,
        }


def signed_in(request: TokenRequest, services: Services, *, now: int) -> SignedIn | None:
    """The living session of the browser that sent this; None when nobody is signed in there."""
    cookies = Cookies(services.tenant, services.secure)
    return find(cookies.read(cookies.session, request), services, now=now)


def recent(session: SignedIn, *, now: int) -> bool:
    """Whether this sign-in is recent enough to change how one signs in."""
    return 0 <= now - session.by.auth_time <= RECENT


def may_change(session: SignedIn, services: Services, *, now: int) -> bool:
    """Whether how the person signs in may be changed: recently, and with a factor if there was one then.

    A remembered browser is none (decision 0030).  Raises Unavailable.
    """
    if not recent(session, now=now):
        return False
    if acr.satisfies(session.acr, acr.MFA):
        return True
    found = services.ledger.read(enrolled.keys(session.person_id))
    return all(one.created >= session.auth_time for one in enrolled.enrolled(found, session.person_id))


def find(cookie: str | None, services: Services, *, now: int) -> SignedIn | None:
    """The session of a cookie; None when there is none that is alive."""
    if cookie is None:
        return None
    key = Key("session", "cookie", _digest(cookie))
    rows = [row for row in services.ledger.read((key,))(key) if row["tenant_id"] == services.tenant]
    if not rows:
        return None
    person_id = string(rows[0], "person_id")
    session = SignedIn(string(rows[0], "id"), person_id, authentication(rows[0]), cookie)
    keys = (*session.reads, *facts.person_keys(person_id), *facts.hold_keys(person_id))
    found = services.ledger.read(keys)
    person, policy = facts.person(found, person_id), services.snapshot.sign_in
    return session if session.current(found, person, policy=policy, now=now) else None


def touch(session: SignedIn, services: Services, *, now: int) -> None:
    """Note that a page of ours was used with this session, once a minute at most."""

    def uses(snapshot: Snapshot, found: Facts) -> tuple[Write, ...]:
        person = facts.person(found, session.person_id)
        current = session.current(found, person, policy=snapshot.sign_in, now=now)
        return current.writes if current else ()

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[None]:
        return Verdict(None, (), uses(snapshot, found))

    person_id = session.person_id
    keys = (*session.reads, *facts.person_keys(person_id), *facts.hold_keys(person_id))
    if uses(services.snapshot, services.ledger.read(keys)):
        services.ledger.commit(Entry(services.tenant, services.new_id(), now, decide, reads=keys))


def living(
    found: Facts, session_id: str, person: PersonFacts, *, policy: SignInPolicy, now: int
) -> Row | None:
    """The row of a session whose cookie may be used: alive, and within both limits as they are now."""
    row = facts.session(found, session_id, person=person, now=now)
    return row if row is not None and now < ends(row, policy) else None


def authentication(row: Row) -> Authentication:
    """How the person of a session signed in."""
    amr = tuple(map(str, json.loads(string(row, "amr"))))
    return Authentication(string(row, "acr"), amr, integer(row, "auth_time"))


def moved(session_id: str, *, cookie: str, epoch: int) -> Update:
    """The session goes on under another cookie and another epoch of its person, who has just raised it."""
    return Update("session", {"id": session_id}, {"cookie": _digest(cookie), "epoch": epoch})


def stopped(found: Facts, person: PersonFacts, *, now: int) -> Reason | None:
    """Why this person may be signed in nowhere, if so: disabled, or held."""
    if not person.person.active:
        return Reason.PERSON_DISABLED
    holds = facts.holds(found, person.person.id)
    running = [hold.kind for hold in holds if hold.until is None or now < hold.until]
    return Reason.HELD if HoldKind.USER in running else None


def apps_key(session_id: str) -> Key:
    """The apps that a session has reached."""
    return Key("session_app", "session_id", session_id)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
