"""Subject tokens: from what an app presents to a person, a session, and the sign-in that speaks for them.

An ID token and a refresh token of one sign-in are two ways to say the same thing: what is decided on is the
same (attack case 66).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import ClassVar, TypeAlias

from idjag.idp import facts, families
from idjag.idp.facts import PersonFacts
from idjag.idp.families import StoredToken
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.subjects import Origins
from idjag.ledger.entry import Facts, Key, Ledger, Row, Update, Write
from idjag.policy.model import Address
from idjag.policy.question import SignIn
from idjag.protocol import id_token, names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.token_exchange import Exchange

__all__ = ["Standing", "Subject", "SubjectTokens", "address"]


@dataclass(frozen=True, slots=True)
class Standing:
    """The sign-in as of now, its ``amr`` in order; nothing given out on it may outlive ``ends`` (JAG-13)."""

    sign_in: SignIn
    amr: tuple[str, ...]
    ends: int
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class IdTokenSubject:
    """An ID token of ours, and whom it is about."""

    type: ClassVar[str] = names.ID_TOKEN
    token: id_token.IdToken
    person_id: str
    session_id: str

    @property
    def reads(self) -> tuple[Key, ...]:
        """What ``standing`` needs, but for the person."""
        sid = self.token.sid
        return (facts.session_key(self.session_id), facts.sid_key(sid), families.by_sid(sid))

    def standing(
        self,
        found: Facts,
        client: RegisteredApp,
        person: PersonFacts | None,
        *,
        jkt: str | None,  # noqa: ARG002 - an ID token is bound to its audience alone
        now: int,
    ) -> Standing:
        """What the token says, as long as the sign-in stands."""
        token = self.token
        alive = families.alive(
            found,
            found(families.by_sid(token.sid)),
            session_id=self.session_id,
            sid=token.sid,
            client=client,
            person=person,
            now=now,
        )
        signed_in_from = _signed_in_from(found, self.session_id, person)
        sign_in = SignIn(token.acr, frozenset(token.amr), token.auth_time, alive, signed_in_from)
        return Standing(sign_in, token.amr, token.session_expiry)


@dataclass(frozen=True, slots=True)
class RefreshTokenSubject:
    """A refresh token of ours: it speaks for its sign-in without being used up (XCH-48)."""

    type: ClassVar[str] = names.REFRESH_TOKEN_TYPE
    token: StoredToken

    @property
    def person_id(self) -> str:
        """Whom it is about."""
        return self.token.person_id

    @property
    def reads(self) -> tuple[Key, ...]:
        """What ``standing`` needs, but for the person."""
        return self.token.reads

    def standing(
        self,
        found: Facts,
        client: RegisteredApp,
        person: PersonFacts | None,
        *,
        jkt: str | None,
        now: int,
    ) -> Standing:
        """What the family knows of the sign-in; raises Refused as ``families.use`` does (XCH-44, 45, 49)."""
        token = self.token
        family = families.use(found, token, client, jkt=jkt, now=now)
        alive = families.stands(found, token, client, person, now=now)
        signed_in_from = _signed_in_from(found, token.session_id, person)
        sign_in = SignIn(family.acr, frozenset(family.amr), family.auth_time, alive, signed_in_from)
        used = Update("family", {"id": family.id}, {"last_used": now})
        return Standing(sign_in, family.amr, family.expires, (used,))


Subject: TypeAlias = IdTokenSubject | RefreshTokenSubject


@dataclass(frozen=True, slots=True)
class SubjectTokens:
    """Reads what is presented; ``origins`` finds the person and the session behind an ID token."""

    issuer: str
    ledger: Ledger[Snapshot] = field(repr=False)
    origins: Origins = field(repr=False)

    async def find(self, asked: Exchange, client: RegisteredApp, snapshot: Snapshot, *, now: int) -> Subject:
        """The subject; looks into the database, and never on the event loop.

        Raises Refused: SUBJECT_TOKEN_*, SUBJECT_UNKNOWN, SESSION_ENDED, REFRESH_TOKEN_UNKNOWN.
        """
        if asked.subject_token_type == names.REFRESH_TOKEN_TYPE:
            stored = await families.look_up(self.ledger, snapshot.tenant, asked.subject_token)
            if stored is None:
                raise Refused(Reason.REFRESH_TOKEN_UNKNOWN)
            return RefreshTokenSubject(stored)
        token = self._verified(asked, client, snapshot, now=now)
        person_id, session_id = await self.origins.find(
            tenant=snapshot.tenant,
            sector=client.app.sector,
            sub=token.sub,
            app=client.app.id,
            sid=token.sid,
        )
        return IdTokenSubject(token, person_id, session_id)

    def again(
        self,
        before: Subject,
        asked: Exchange,
        client: RegisteredApp,
        snapshot: Snapshot,
        *,
        was: RegisteredApp,
        now: int,
    ) -> Subject:
        """The same subject under keys and a client that changed since: inside a transaction nobody looks.

        ``was`` is the client as it was when ``before`` was found.  Raises Refused as ``find`` does.
        """
        if isinstance(before, RefreshTokenSubject):
            return before
        if (was.app.id, was.app.sector) != (client.app.id, client.app.sector):
            raise Refused(Reason.SUBJECT_UNKNOWN)
        token = self._verified(asked, client, snapshot, now=now)
        return IdTokenSubject(token, before.person_id, before.session_id)

    def _verified(
        self, asked: Exchange, client: RegisteredApp, snapshot: Snapshot, *, now: int
    ) -> id_token.IdToken:
        return id_token.subject_token(
            asked.subject_token,
            keys=snapshot.keys.verifying(now=now),
            issuer=self.issuer,
            client_id=client.app.client_id,
            now=now,
        )


@lru_cache(maxsize=4096)
def address(text: str) -> Address | None:
    """An address of a peer; None for what is none: a missing fact, which fails a network condition."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _signed_in_from(found: Facts, session_id: str, person: PersonFacts | None) -> Address | None:
    """Where the session's last sign-in came from, whether the session is over or not."""
    rows: tuple[Row, ...] = found(facts.session_key(session_id))
    own = person is not None and bool(rows) and rows[0]["person_id"] == person.person.id
    return address(facts.string(rows[0], "ip")) if own else None
