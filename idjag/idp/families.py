"""Refresh families: what one sign-in at one app leaves behind, its refresh tokens, and when all of it ends.

A family with refresh tokens is offline access (OpenID Connect Core section 11): it lives on when the browser
session runs out or is signed out of, and ends with it when that was revoked (decision 0025).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from idjag.idp import facts
from idjag.idp.facts import PersonFacts, integer, optional_integer, string
from idjag.idp.signin.codes import named_claims
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Delete, Facts, Insert, Key, Ledger, OneTime, Row, Update, Write
from idjag.protocol import dpop, names
from idjag.protocol.errors import Reason, Refused

__all__ = [
    "IDLE",
    "LIFETIME",
    "Family",
    "StoredToken",
    "alive",
    "binding",
    "by_sid",
    "current",
    "look_up",
    "offline_allowed",
    "replay_writes",
    "revocation",
    "stands",
    "token_row",
    "use",
]

LIFETIME: Final = 30 * 24 * 3600  # seconds from the sign-in to the last use
IDLE: Final = 14 * 24 * 3600  # seconds from one use to the next

# A used token says so in its row; the one-time id is for those who read that row before it was used.
_REMEMBERED: Final = 600


@dataclass(frozen=True, slots=True)
class Family:
    """The tokens of one code; ``sid`` is None when no refresh token is among them.

    ``acr``, ``amr`` and ``auth_time`` are those of the sign-in and never change (OpenID Connect Core section
    12.2); ``sector`` is that of the app's subs then.  ``jkt``: the key that refresh tokens are bound to.
    ``claims``: those that were asked for by name, in the ID token and from UserInfo.
    """

    id: str
    code_id: str
    app_id: str
    person_id: str
    session_id: str
    epoch: int
    created: int
    expires: int
    last_used: int
    scopes: tuple[str, ...]
    acr: str
    amr: tuple[str, ...]
    auth_time: int
    sector: str
    sid: str | None = None
    jkt: str | None = None
    revoked: int | None = None
    claims: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def ends(self) -> int:
        """When its refresh tokens are over, if nobody uses them before."""
        return min(self.expires, self.last_used + IDLE)

    def insert(self, tenant: str) -> Insert:
        """The row to write."""
        spec = {
            "scopes": list(self.scopes),
            "acr": self.acr,
            "amr": list(self.amr),
            "auth_time": self.auth_time,
            "sector": self.sector,
            "claims": [list(names) for names in self.claims],
        }
        row: Row = {
            "id": self.id,
            "tenant_id": tenant,
            "code_id": self.code_id,
            "app_id": self.app_id,
            "person_id": self.person_id,
            "session_id": self.session_id,
            "epoch": self.epoch,
            "offline": int(self.sid is not None),
            "created": self.created,
            "revoked": self.revoked,
            "sid": self.sid,
            "jkt": self.jkt,
            "spec": json.dumps(spec, separators=(",", ":"), sort_keys=True),
            "last_used": self.last_used,
            "expires": self.expires,
        }
        return Insert("family", row)

    @classmethod
    def of(cls, row: Row) -> Family:
        """The family that a row holds."""
        spec: Mapping[str, object] = json.loads(string(row, "spec"))
        scopes, amr, auth_time = spec["scopes"], spec["amr"], spec["auth_time"]
        sid, jkt = row["sid"], row["jkt"]
        return cls(
            id=string(row, "id"),
            code_id=string(row, "code_id"),
            app_id=string(row, "app_id"),
            person_id=string(row, "person_id"),
            session_id=string(row, "session_id"),
            epoch=integer(row, "epoch"),
            created=integer(row, "created"),
            expires=integer(row, "expires"),
            last_used=integer(row, "last_used"),
            scopes=tuple(map(str, scopes)) if isinstance(scopes, list) else (),
            acr=str(spec["acr"]),
            amr=tuple(map(str, amr)) if isinstance(amr, list) else (),
            auth_time=auth_time if isinstance(auth_time, int) else 0,
            sector=str(spec["sector"]),
            sid=sid if isinstance(sid, str) else None,
            jkt=jkt if isinstance(jkt, str) else None,
            revoked=optional_integer(row, "revoked"),
            claims=named_claims(spec.get("claims")),
        )


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A refresh token as it was given out: links that never change; ``id`` is the SHA-256 of its value."""

    id: str
    family_id: str
    app_id: str
    person_id: str
    session_id: str
    sid: str

    @property
    def key(self) -> Key:
        """Its row, which says whether it has been rotated."""
        return Key("refresh_token", "id", self.id)

    @property
    def family(self) -> Key:
        """Its family's row."""
        return Key("family", "id", self.family_id)

    @property
    def reads(self) -> tuple[Key, ...]:
        """What ``use`` needs, but for the person."""
        return (self.key, self.family, facts.session_key(self.session_id), facts.sid_key(self.sid))

    def one_time(self, *, now: int) -> OneTime:
        """Claimed by the refresh that succeeds: of many at once one wins (attack case 147)."""
        return OneTime("refresh_token", "", self.id, now + _REMEMBERED)

    def rotated(self, *, now: int) -> Update:
        """Note that another has taken its place."""
        return Update("refresh_token", {"id": self.id}, {"rotated": now})


def token_row(family: Family, value: str, *, tenant: str, now: int) -> Insert:
    """The row of a new refresh token of a family with a sid; of ``value`` only the digest is stored."""
    row: Row = {
        "id": _digest(value),
        "tenant_id": tenant,
        "family_id": family.id,
        "app_id": family.app_id,
        "person_id": family.person_id,
        "session_id": family.session_id,
        "sid": family.sid,
        "created": now,
        "expires": family.expires,
        "rotated": None,
    }
    return Insert("refresh_token", row)


async def look_up(ledger: Ledger[Snapshot], tenant: str, value: str) -> StoredToken | None:
    """Which refresh token this is, if any; off the event loop, for it asks the database every time."""
    key = Key("refresh_token", "id", _digest(value))
    found = await asyncio.to_thread(ledger.read, (key,))
    rows = [row for row in found(key) if row["tenant_id"] == tenant]
    return _stored(rows[0]) if rows else None


def current(found: Facts, token: StoredToken, client: RegisteredApp, *, now: int) -> Family:
    """The family of a token that still is good for this client.

    Whether the person may be served is for ``alive`` and for the caller.  Raises Refused:
    REFRESH_TOKEN_UNKNOWN, _CLIENT_MISMATCH (XCH-45), _REPLAYED, _REVOKED, _EXPIRED, OFFLINE_ACCESS_WITHDRAWN,
    SUBJECT_UNKNOWN.
    """
    tokens, families = found(token.key), found(token.family)
    if not tokens or not families:
        raise Refused(Reason.REFRESH_TOKEN_UNKNOWN)
    family = Family.of(families[0])
    if family.app_id != client.app.id:
        raise Refused(Reason.REFRESH_TOKEN_CLIENT_MISMATCH, expected=family.app_id)
    if tokens[0]["rotated"] is not None:
        raise Refused(Reason.REFRESH_TOKEN_REPLAYED, rotated=tokens[0]["rotated"])
    if reason := _over(family, now=now):
        raise Refused(reason, ended=family.revoked or family.ends, now=now)
    if not offline_allowed(client):
        raise Refused(Reason.OFFLINE_ACCESS_WITHDRAWN)
    if client.app.sector != family.sector:
        # another sub would be another person for the app (OpenID Connect Core section 12.2); its ID tokens
        # of then are nobody's either
        raise Refused(Reason.SUBJECT_UNKNOWN, problem="the sector of the app has changed")
    return family


def use(found: Facts, token: StoredToken, client: RegisteredApp, *, jkt: str | None, now: int) -> Family:
    """The family of a token that this client uses now; ``jkt`` is the key that the request has proven.

    Raises Refused as ``current`` does, and REFRESH_TOKEN_KEY (XCH-49).
    """
    family = current(found, token, client, now=now)
    if family.jkt is not None and family.jkt != jkt:
        raise Refused(Reason.REFRESH_TOKEN_KEY, problem="no proof" if jkt is None else "another key")
    return family


def by_sid(sid: str) -> Key:
    """The families with refresh tokens of a session at an app, for ``alive``."""
    return Key("family", "sid", sid)


def alive(
    found: Facts,
    families: tuple[Row, ...],
    *,
    session_id: str,
    sid: str,
    client: RegisteredApp,
    person: PersonFacts | None,
    now: int,
) -> bool:
    """Whether the sign-in of this person at this app still stands: its session does, or offline access.

    Reads the keys of the session and the sid.  ``families``: those whose lives count.
    """
    if person is None or not facts.reached(found, sid, session_id=session_id, app_id=client.app.id):
        return False
    if facts.session(found, session_id, person=person, now=now):
        return True
    rows = found(facts.session_key(session_id))
    # a session that is not there may have been revoked: nothing rests on it
    if not rows or rows[0]["revoked"] is not None or not offline_allowed(client):
        return False
    return any(_living(Family.of(row), session_id, client, person, now=now) for row in families)


def stands(
    found: Facts, token: StoredToken, client: RegisteredApp, person: PersonFacts | None, *, now: int
) -> bool:
    """``alive`` for the sign-in of a refresh token; reads ``token.reads``."""
    return alive(
        found,
        found(token.family),
        session_id=token.session_id,
        sid=token.sid,
        client=client,
        person=person,
        now=now,
    )


def offline_allowed(client: RegisteredApp) -> bool:
    """Whether this app may have refresh tokens at all: OIDC-17."""
    return names.REFRESH_TOKEN in client.grants and names.OFFLINE_ACCESS in client.scopes


def binding(client: RegisteredApp, proof: dpop.Proof | None) -> str | None:
    """The key that refresh tokens of this app are bound to: RFC 9449 section 5, DPOP-19.

    An app that authenticates is bound by that, and may change its key for proofs.
    """
    public = client.registration.method == names.NO_AUTHENTICATION
    return proof.jkt if proof is not None and public else None


def revocation(family_id: str, *, now: int) -> Update:
    """End a family, once."""
    return Update("family", {"id": family_id, "revoked": None}, {"revoked": now})


def replay_writes(token: StoredToken, *, now: int) -> tuple[Write, ...]:
    """What ends when a rotated token comes again: the family, and the ID tokens of its sid.

    Who comes late is the app or a thief, and nobody can tell which (RFC 9700 section 4.14.2).  A sign-in of
    later has another sid: a dead token must not end one after the other.
    """
    return revocation(token.family_id, now=now), Delete("session_app", {"sid": token.sid})


def _over(family: Family, *, now: int) -> Reason | None:
    if family.revoked is not None or family.sid is None:
        return Reason.REFRESH_TOKEN_REVOKED
    return Reason.REFRESH_TOKEN_EXPIRED if now >= family.ends else None


def _living(family: Family, session_id: str, client: RegisteredApp, person: PersonFacts, *, now: int) -> bool:
    born = (family.session_id, family.app_id, family.person_id, family.epoch)
    return born == (session_id, client.app.id, person.person.id, person.epoch) and not _over(family, now=now)


def _stored(row: Row) -> StoredToken:
    return StoredToken(
        id=string(row, "id"),
        family_id=string(row, "family_id"),
        app_id=string(row, "app_id"),
        person_id=string(row, "person_id"),
        session_id=string(row, "session_id"),
        sid=string(row, "sid"),
    )


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
