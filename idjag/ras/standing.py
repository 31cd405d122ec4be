"""What operators and issuers have said since the configuration was read: who is stopped, and from when on.

Values and the one rule that judges by them; where they are kept is a Store's business (``ports.Tokens``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

from idjag.protocol.errors import Reason, Refused
from idjag.ras.model import Link

__all__ = [
    "Change",
    "Grounds",
    "IssuedToken",
    "Kept",
    "NotBefore",
    "Pause",
    "Resume",
    "Revoke",
    "Standing",
    "Thing",
    "objection",
    "things_of",
]

_PAUSED = "paused by an operator"


@dataclass(frozen=True, slots=True)
class Thing:
    """What can be stopped: an account, an issuer, or one person of an issuer (``Thing.person``)."""

    kind: Literal["account", "issuer", "person"]
    name: str

    @classmethod
    def person(cls, link: Link) -> Thing:
        """A person as their issuer names them, whether or not they have an account here."""
        return cls("person", json.dumps([link.issuer, link.tenant, link.sub]))


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a token or a sign-in rests on; ``since`` is the oldest instant that its grant speaks of.

    NumericDate: the earlier of ``iat`` and ``auth_time``, and never later than our own clock was then.
    """

    account_id: str
    link: Link
    since: int


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """One access token as it is remembered until it has expired; ``since`` as in ``Grounds``.

    ``issuer``, ``tenant`` and ``sub`` are the person's link; ``our_tenant`` is the client's.
    """

    jti: str
    account_id: str
    client_id: str
    issuer: str
    tenant: str
    sub: str
    iat: int
    exp: int
    since: int
    our_tenant: str | None = None

    @property
    def grounds(self) -> Grounds:
        """What it rests on."""
        return Grounds(self.account_id, Link(self.issuer, self.tenant, self.sub), self.since)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the account, the issuer and the person of a token stand; the default is that nobody said anything.

    ``not_before`` (NumericDate): what is older than that is good for nothing.
    """

    account_paused: bool = False
    issuer_paused: bool = False
    not_before: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A remembered token as of now; ``revoked`` by itself, or together with others."""

    token: IssuedToken
    revoked: bool
    standing: Standing


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop an account or an issuer until it is resumed; ``by`` is who says so."""

    thing: Thing
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Take a pause back; what the configuration stops stays stopped."""

    thing: Thing


@dataclass(frozen=True, slots=True)
class NotBefore:
    """Nothing older than ``at`` (NumericDate) counts any more; it never moves back."""

    thing: Thing
    at: int


@dataclass(frozen=True, slots=True)
class Revoke:
    """End every token that is alive now and has this value; later ones are not meant."""

    by: Literal["jti", "account_id", "client_id", "issuer"]
    value: str


Change: TypeAlias = Pause | Resume | NotBefore | Revoke
"""What a record may change beside what it is about."""


def things_of(grounds: Grounds) -> tuple[Thing, Thing, Thing]:
    """Account, issuer, person: what is looked up for each request."""
    link = grounds.link
    return Thing("account", grounds.account_id), Thing("issuer", link.issuer), Thing.person(link)


def objection(standing: Standing, *, since: int) -> Refused | None:
    """Why nothing may rest on this: ISSUER_NOT_TRUSTED, GRANT_TOO_OLD, ACCOUNT_DISABLED; None when it may.

    Attack cases 160 and 163, AT-08.
    """
    if standing.issuer_paused:
        return Refused(Reason.ISSUER_NOT_TRUSTED, problem=_PAUSED)
    if since < standing.not_before:
        return Refused(Reason.GRANT_TOO_OLD, since=since, not_before=standing.not_before)
    if standing.account_paused:
        return Refused(Reason.ACCOUNT_DISABLED, problem=_PAUSED)
    return None
