"""Subject tokens: from what an app presents to a person, a session, and the sign-in that speaks for them.

An ID token and a refresh token of one sign-in are two ways to say the same thing: what is decided on is the
same (attack case 66).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import ClassVar, Protocol, TypeAlias

from idjag.idp import facts, families
from idjag.idp.facts import PersonFacts
from idjag.idp.families import StoredToken
from idjag.idp.signin import assigned
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.subjects import Origins
from idjag.ledger.entry import Facts, Key, Ledger, Row, Update, Write
from idjag.policy.model import Address, AppStatus
from idjag.policy.question import SignIn
from idjag.protocol import id_token, names
from idjag.protocol.errors import Reason, Refused

__all__ = ["Presented", "Standing", "Subject", "SubjectTokens", "address", "replayed"]


class Presented(Protocol):
    """A subject token as a request brings it."""

    @property
    def subject_token(self) -> str:
        """Its text."""
        ...

    @property
    def subject_token_type(self) -> str:
        """What the request says that it is."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """The sign-in as of now, its ``amr`` in order; nothing given out on it may outlive ``ends`` (JAG-13)."""

    sign_in: SignIn
    amr: tuple[str, ...]
    ends: int
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class IdTokenSubject:
    """An ID token of ours, and whom it is about.

    ``broker``: the app that it was issued to, when that is another than the one that presents it.
    """

    type: ClassVar[str] = names.ID_TOKEN
    token: id_token.IdToken
    person_id: str
    session_id: str
    broker: RegisteredApp | None = None

    @property
    def reads(self) -> tuple[Key, ...]:
        """What ``standing`` needs, but for the person."""
        sid = self.token.sid
        keys = (facts.session_key(self.session_id), facts.sid_key(sid), families.by_sid(sid))
        return keys if self.broker is None else (*keys, *assigned.keys(self.person_id, self.broker.app.id))

    @property
    def inputs(self) -> Mapping[str, str]:
        """What the audit log says of it beside the question."""
        return {} if self.broker is None else {"broker": self.broker.app.id}

    def standing(
        self,
        found: Facts,
        client: RegisteredApp,
        person: PersonFacts | None,
        *,
        jkt: str | None,  # noqa: ARG002 - an ID token is bound to its audience alone
        now: int,
    ) -> Standing:
        """What the token says, as long as the sign-in stands.

        Raises Refused APP_DISABLED, HELD, NOT_ASSIGNED for what stops the person at a broker.
        """
        token = self.token
        if self.broker is not None and person is not None:
            _check_broker(self.broker, found, person, now=now)
        alive = families.alive(
            found,
            found(families.by_sid(token.sid)),
            session_id=self.session_id,
            sid=token.sid,
            client=self.broker or client,
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
    inputs: ClassVar[Mapping[str, str]] = {}

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

    async def find(self, asked: Presented, client: RegisteredApp, snapshot: Snapshot, *, now: int) -> Subject:
        """The subject; looks into the database, and never on the event loop.

        Raises Refused: SUBJECT_TOKEN_*, SUBJECT_UNKNOWN, SESSION_ENDED, REFRESH_TOKEN_UNKNOWN.
        """
        if asked.subject_token_type == names.REFRESH_TOKEN_TYPE:
            stored = await families.look_up(self.ledger, snapshot.tenant, asked.subject_token)
            if stored is None:
                raise Refused(Reason.REFRESH_TOKEN_UNKNOWN)
            return RefreshTokenSubject(stored)
        token = self._verified(asked, client, snapshot, now=now)
        broker = _broker(token, client, snapshot)
        issued_to = (broker or client).app
        person_id, session_id = await self.origins.find(
            tenant=snapshot.tenant,
            sector=issued_to.sector,
            sub=token.sub,
            app=issued_to.id,
            sid=token.sid,
        )
        return IdTokenSubject(token, person_id, session_id, broker)

    def again(
        self,
        before: Subject,
        asked: Presented,
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
        token = self._verified(asked, client, snapshot, now=now)
        broker = _broker(token, client, snapshot)
        once, is_now = (before.broker or was).app, (broker or client).app
        if (once.id, once.sector) != (is_now.id, is_now.sector):
            raise Refused(Reason.SUBJECT_UNKNOWN)
        return IdTokenSubject(token, before.person_id, before.session_id, broker)

    def _verified(
        self, asked: Presented, client: RegisteredApp, snapshot: Snapshot, *, now: int
    ) -> id_token.IdToken:
        return id_token.subject_token(
            asked.subject_token,
            keys=snapshot.keys.verifying(now=now),
            issuer=self.issuer,
            client_id=client.app.client_id,
            now=now,
            brokers=snapshot.brokers(client),
        )


def _broker(token: id_token.IdToken, client: RegisteredApp, snapshot: Snapshot) -> RegisteredApp | None:
    """The app that the token was issued to, if it is another; ``_verified`` saw the link to it."""
    return None if token.aud == client.app.client_id else snapshot.clients[token.aud]


def _check_broker(broker: RegisteredApp, found: Facts, person: PersonFacts, *, now: int) -> None:
    """XCH-38: nobody comes in through an app that they may not use themselves."""
    if broker.app.status is not AppStatus.ACTIVE:
        raise Refused(Reason.APP_DISABLED, app=broker.app.key)
    assigned.check(found, broker.app, person, now=now)


def replayed(refused: Refused, subject: Subject, *, now: int) -> tuple[Write, ...]:
    """A rotated refresh token ends all that came from its sign-in (attack case 56)."""
    if refused.reason is not Reason.REFRESH_TOKEN_REPLAYED or not isinstance(subject, RefreshTokenSubject):
        return ()
    return families.replay_writes(subject.token, now=now)


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
