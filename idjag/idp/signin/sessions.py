"""Sessions: rows of our own, found by the digest of a cookie; a value that others chose is never adopted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.services import Services
from idjag.ledger.entry import Facts, Insert, Key, Row, Update, Value, Write
from idjag.policy.model import HoldKind
from idjag.protocol.errors import Reason

__all__ = ["LIFETIME", "PASSWORD", "Authentication", "NewSession", "Session", "SignedIn", "find", "stopped"]

LIFETIME = 12 * 3600  # seconds from a sign-in to the next


@dataclass(frozen=True, slots=True)
class Authentication:
    """How and when a person proved who they are (OpenID Connect Core section 2, RFC 8176)."""

    acr: str
    amr: tuple[str, ...]
    auth_time: int


PASSWORD = ("urn:idjag:acr:pwd", ("pwd",))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that was alive when it was looked at; a decision must look again with ``now``."""

    id: str
    person_id: str
    auth_time: int

    @property
    def reads(self) -> tuple[Key, ...]:
        """What ``current`` and ``Session.reach`` need."""
        return facts.session_key(self.id), apps_key(self.id)

    def current(self, found: Facts, person: PersonFacts | None, *, now: int) -> Session | None:
        """The session as of now; None when it has ended, or when the person may not be signed in."""
        if person is None or stopped(found, person, now=now):
            return None
        row = facts.session(found, self.id, person=person, now=now)
        if row is None:
            return None
        amr = tuple(map(str, json.loads(string(row, "amr"))))
        return Session(self.id, Authentication(string(row, "acr"), amr, integer(row, "auth_time")))


@dataclass(frozen=True, slots=True)
class Session:
    """A session inside a decision; ``writes`` make it what it says, ``cookie`` is its new value, if any."""

    id: str
    by: Authentication
    writes: tuple[Write, ...] = ()
    cookie: str | None = field(default=None, repr=False)

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
        source: Source,
    ) -> Session:
        """The session after the sign-in; ``before`` is the one that this browser has had.

        The same person's goes on under the new cookie, so that the apps that it reached stay signed in;
        another person's ends.
        """
        row = self._row(by, source)
        if before and facts.session(found, before.id, person=person, now=source.now):
            return Session(before.id, by, (Update("session", {"id": before.id}, row),), self.cookie)
        row |= {"id": self.id, "tenant_id": self.tenant, "person_id": person.person.id, "epoch": person.epoch}
        row |= {"created": source.now, "ended": None, "revoked": None}
        writes: tuple[Write, ...] = (Insert("session", row),)
        if before:
            ended = Update("session", {"id": before.id, "ended": None}, {"ended": source.now})
            writes = (ended, *writes)
        return Session(self.id, by, writes, self.cookie)

    def _row(self, by: Authentication, source: Source) -> dict[str, Value]:
        return {
            "cookie": _digest(self.cookie),
            "auth_time": by.auth_time,
            "acr": by.acr,
            "amr": json.dumps(by.amr),
            "ip": source.ip,
            "user_agent": source.user_agent,
            "expires": source.now + LIFETIME,
        }


def find(cookie: str | None, services: Services, *, now: int) -> SignedIn | None:
    """The session of a cookie; None when there is none that is alive."""
    if cookie is None:
        return None
    key = Key("session", "cookie", _digest(cookie))
    rows = [row for row in services.ledger.read((key,))(key) if row["tenant_id"] == services.tenant]
    if not rows:
        return None
    person_id = string(rows[0], "person_id")
    session = SignedIn(string(rows[0], "id"), person_id, integer(rows[0], "auth_time"))
    keys = (*session.reads, *facts.person_keys(person_id), *facts.hold_keys(person_id))
    found = services.ledger.read(keys)
    return session if session.current(found, facts.person(found, person_id), now=now) else None


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
