"""Access tokens of a sign-in: opaque, short-lived, good for UserInfo and for nothing else (decision 0020).

They end with what they came from: the session or its offline access, the person's epoch, the family.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

from idjag.idp import facts, families
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.families import Family
from idjag.idp.served import served
from idjag.idp.signin import assigned
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Delete, Facts, Insert, Key, Ledger, Row, Write
from idjag.protocol.errors import Reason, Refused

__all__ = ["LIFETIME", "AccessToken", "Standing", "look_up", "row", "stands", "stored"]

LIFETIME: Final = 300  # seconds; whoever may stay longer refreshes
_TABLE: Final = "access_token"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """One as it was given out; ``id`` is the SHA-256 of its value, ``jkt`` the key that it is bound to."""

    id: str
    family_id: str
    app_id: str
    person_id: str
    session_id: str
    epoch: int
    sid: str
    scopes: tuple[str, ...]
    created: int
    expires: int
    jkt: str | None

    @property
    def key(self) -> Key:
        """Its row, which is gone when it was given back."""
        return Key(_TABLE, "id", self.id)

    @property
    def reads(self) -> tuple[Key, ...]:
        """What ``stands`` needs."""
        return (
            self.key,
            Key("family", "id", self.family_id),
            facts.session_key(self.session_id),
            facts.sid_key(self.sid),
            *assigned.keys(self.person_id, self.app_id),
        )

    def given_back(self) -> Write:
        """What ends it alone (RFC 7009)."""
        return Delete(_TABLE, {"id": self.id})


@dataclass(frozen=True, slots=True)
class Standing:
    """A token that is good now: whom it is about, and the sign-in that it came from."""

    person: PersonFacts
    family: Family
    scopes: tuple[str, ...]


def row(
    family: Family,
    value: str,
    *,
    tenant: str,
    sid: str,
    scopes: tuple[str, ...],
    jkt: str | None,
    now: int,
    expires: int,
) -> Insert:
    """The row of a new one; of ``value`` only the digest is stored."""
    columns: Row = {
        "id": _digest(value),
        "tenant_id": tenant,
        "family_id": family.id,
        "app_id": family.app_id,
        "person_id": family.person_id,
        "session_id": family.session_id,
        "epoch": family.epoch,
        "sid": sid,
        "scope": " ".join(scopes),
        "jkt": jkt,
        "created": now,
        "expires": expires,
    }
    return Insert(_TABLE, columns)


def stored(ledger: Ledger[Snapshot], tenant: str, value: str) -> AccessToken | None:
    """Which one this is, if any; blocks."""
    key = Key(_TABLE, "id", _digest(value))
    rows = [one for one in ledger.read((key,))(key) if one["tenant_id"] == tenant]
    return _of(rows[0]) if rows else None


async def look_up(ledger: Ledger[Snapshot], tenant: str, value: str) -> AccessToken | None:
    """``stored``, off the event loop."""
    return await asyncio.to_thread(stored, ledger, tenant, value)


def stands(found: Facts, token: AccessToken, client: RegisteredApp, *, now: int) -> Standing:
    """Whether it is good now, for the app that it was given to.

    Raises Refused: TOKEN_UNKNOWN, TOKEN_EXPIRED, TOKEN_REVOKED, TOKEN_FOREIGN, SUBJECT_UNKNOWN,
    PERSON_DISABLED, SESSION_ENDED, HELD, NOT_ASSIGNED.
    """
    rows = found(Key("family", "id", token.family_id))
    if not found(token.key) or not rows:
        raise Refused(Reason.TOKEN_UNKNOWN)
    family = Family.of(rows[0])
    if token.app_id != client.app.id:
        raise Refused(Reason.TOKEN_FOREIGN, expected=token.app_id)
    if now >= token.expires:
        raise Refused(Reason.TOKEN_EXPIRED, expired=token.expires, now=now)
    # another sector would be another sub, which the app could not tell from another person
    if family.revoked is not None or family.sector != client.app.sector:
        raise Refused(Reason.TOKEN_REVOKED)
    person = served(found, client, token.person_id, epoch=token.epoch, now=now)
    where = {"session_id": token.session_id, "sid": token.sid}
    if not families.alive(found, (rows[0],), **where, client=client, person=person, now=now):
        raise Refused(Reason.SESSION_ENDED)
    return Standing(person, family, tuple(scope for scope in token.scopes if scope in client.scopes))


def _of(columns: Row) -> AccessToken:
    jkt = columns["jkt"]
    return AccessToken(
        id=string(columns, "id"),
        family_id=string(columns, "family_id"),
        app_id=string(columns, "app_id"),
        person_id=string(columns, "person_id"),
        session_id=string(columns, "session_id"),
        epoch=integer(columns, "epoch"),
        sid=string(columns, "sid"),
        scopes=tuple(string(columns, "scope").split()),
        created=integer(columns, "created"),
        expires=integer(columns, "expires"),
        jkt=jkt if isinstance(jkt, str) else None,
    )


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
