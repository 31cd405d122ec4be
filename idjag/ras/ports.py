"""What a resource authorization server needs from its surroundings: small ports and the values they take.

Implementations are blocking and thread-safe; the async doors call them in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol, TypeAlias, runtime_checkable

from idjag.protocol.access_token import AccessToken
from idjag.protocol.errors import Refused
from idjag.protocol.jose import KeySet
from idjag.protocol.sub_id import SamlNameId
from idjag.ras.model import Account, Client, Link
from idjag.ras.standing import Change, Grounds, IssuedToken, Kept, Standing

__all__ = [
    "Accounts",
    "AccountsBySubId",
    "AuditEvent",
    "AwaitedKeys",
    "Clients",
    "Committed",
    "IssuerKeys",
    "KnowsPeople",
    "LinkMoved",
    "Lost",
    "Once",
    "Outcome",
    "Person",
    "Query",
    "Receipts",
    "Record",
    "Report",
    "Signer",
    "Stopped",
    "Store",
    "Submitting",
    "Tokens",
]


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One audit row before it is stored; ``fields`` are those of contract section 9, values JSON."""

    name: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Once:
    """Something that may be used once, remembered until ``until`` (NumericDate).

    ``scope`` (the issuer, the client) keeps equal values of different origin apart.
    """

    kind: str
    scope: str
    value: str = field(repr=False)
    until: int


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that one request writes, in one transaction or not at all.

    ``always`` is claimed whatever was decided, ``on_success`` only by an accepted request (RAS-20);
    ``lost`` makes the event when one of them had been claimed by another holder.
    ``link`` and ``create``: the link to write, and the account if it is new (JIT).  ``beside`` are the
    links that the account was seen to have: who may be linked was judged by them.
    ``grounds``, ``issued`` and ``changes`` are for stores that keep tokens (``Tokens``): what must not be
    stopped, the token to remember, and what operators and issuers say.  ``event`` None: one that is only
    counted, and ``always`` is claimed all the same.
    """

    decision_id: str
    now: int
    event: AuditEvent | None
    lost: Callable[[Once], AuditEvent]
    always: tuple[Once, ...] = ()
    on_success: tuple[Once, ...] = ()
    account_id: str | None = None
    link: Link | None = None
    beside: frozenset[Link] = frozenset()
    create: Account | None = field(default=None, repr=False)
    grounds: Grounds | None = None
    issued: IssuedToken | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Lost:
    """A one-time value had been used before; the event of ``Record.lost`` is written, nothing else."""

    once: Once


class _Done(Enum):
    COMMITTED = auto()
    LINK_MOVED = auto()


Committed = _Done.COMMITTED
"""Durable: the token may leave."""
LinkMoved = _Done.LINK_MOVED
"""The link or the account's other links changed since the person was looked up: ``always`` is claimed,
nothing else is written."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """``grounds`` do not count any more: ``always`` is claimed, nothing else is written."""

    why: Refused


Outcome: TypeAlias = Lost | Stopped | _Done


@dataclass(frozen=True, slots=True)
class Query:
    """Which facts about a person are wanted; ``tenant`` is ours, that of the client.

    ``aud_sub``, ``email`` and ``sub_id`` are None unless that strategy may use them.
    """

    link: Link
    tenant: str | None
    aud_sub: str | None = None
    email: str | None = field(default=None, repr=False)
    sub_id: SamlNameId | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """What is known here about the person of a query.

    ``linked`` is the id the link names, whether or not that account still exists (``by_link``).
    ``links``: those of every account that another strategy found, by its id.
    """

    linked: str | None
    by_link: Account | None
    by_aud_sub: tuple[Account, ...] = ()
    by_email: tuple[Account, ...] = ()
    by_sub_id: tuple[Account, ...] = ()
    links: Mapping[str, frozenset[Link]] = field(default_factory=dict)


class Clients(Protocol):
    """Who may redeem; ``RasConfig`` is one."""

    def client(self, client_id: str, *, tenant: str | None) -> Client | None:
        """The client of this id in our ``tenant``; None as tenant means a door that serves all."""
        ...


class Accounts(Protocol):
    """The people here; read only."""

    def by_id(self, account_id: str) -> Account | None:
        """The account, disabled ones included."""
        ...

    def by_email(self, email: str, *, tenant: str | None) -> tuple[Account, ...]:
        """Every account of our ``tenant`` with this address (lower-case ASCII), disabled ones included."""
        ...


@runtime_checkable
class AccountsBySubId(Accounts, Protocol):
    """Accounts that know the SAML NameIDs of people: what the strategy ``sub_id`` needs."""

    def by_sub_id(self, name_id: SamlNameId, *, tenant: str | None) -> tuple[Account, ...]:
        """Every account of our ``tenant`` with a NameID of this issuer and value, disabled ones included.

        Their ``Account.sub_ids`` say which: the other members are compared here (SAML-14).
        """
        ...


class Store(Protocol):
    """What must be durable: one-time ids, links, new accounts and the audit."""

    def linked(self, link: Link) -> str | None:
        """The id of the account that the link names."""
        ...

    def links_of(self, account_id: str) -> tuple[Link, ...]:
        """Every link of an account."""
        ...

    def commit(self, record: Record) -> Outcome:
        """Write it all atomically: of two records that claim the same, at most one is Committed.

        LinkMoved when by now ``link`` names another account, or the account has a link that is neither
        ``link`` nor ``beside``, or somebody else has the address or a NameID of the account to ``create``.
        Raises any exception when it cannot be made durable: 503, no token.
        """
        ...

    def ready(self) -> bool:
        """Whether a commit would probably succeed now."""
        ...


@runtime_checkable
class Tokens(Protocol):
    """What a Store may have beside ``commit``: introspection, revocation and pauses then work.

    Its ``commit`` gives Stopped when there is an ``objection`` to the standing of ``Record.grounds`` in that
    very transaction, and carries ``Record.issued`` and ``Record.changes`` out in it.
    """

    def token(self, jti: str) -> Kept | None:
        """A token of ours as it stands now; None when it was never issued, or has long expired."""
        ...

    def standing(self, grounds: Grounds) -> Standing:
        """How account, issuer and person stand now."""
        ...


@runtime_checkable
class KnowsPeople(Protocol):
    """What a Store that is the Accounts too may have: many people looked up in one go cost one thread."""

    def people(self, queries: Sequence[Query]) -> Sequence[Person]:
        """What ``linked``, ``by_id`` and the others would say of each, in the order of the queries."""
        ...


@runtime_checkable
class Submitting(Protocol):
    """What a Store may have beside ``commit``: waiting for the disk then costs the async doors no thread."""

    def submit(self, record: Record) -> Future[Outcome]:
        """``commit``, whose outcome comes later."""
        ...


class IssuerKeys(Protocol):
    """The keys of trusted issuers; ``idjag.trust.jwks.Jwks`` is one."""

    def keys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        """The current keys of exactly this issuer, asked again (throttled) when ``kid`` is not among them.

        Raises any exception when there are none to be had: the grant is refused.
        """
        ...

    def forget(self, issuer: str) -> None:
        """Drop what is known of an issuer that is no longer trusted (attack case 163)."""
        ...


@runtime_checkable
class AwaitedKeys(Protocol):
    """What IssuerKeys may have beside ``keys``: who waits in an event loop then holds no thread."""

    async def akeys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        """``keys``, awaited."""
        ...


class Signer(Protocol):
    """Makes our access tokens; a host with tokens of its own implements it over them."""

    def issue(self, token: AccessToken) -> str:
        """The token's text."""
        ...

    def public(self) -> KeySet:
        """What resource servers verify with; published as JWK Set."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What became of an ID-JAG whose signature was right, for its issuer; ``sender`` is our own.

    ``id_jag`` is its jti, ``at`` NumericDate, ``outcome`` one of ``idjag.protocol.receipt.VOCABULARY``.
    """

    sender: str
    issuer: str
    id_jag: str
    outcome: str
    at: int


class Receipts(Protocol):
    """Takes reports and returns at once; ``idjag.ras.receipts.Receipts`` sends them."""

    def report(self, report: Report) -> None:
        """Take one report, of something that is durable here."""
        ...

    def close(self) -> None:
        """End what was begun."""
        ...
