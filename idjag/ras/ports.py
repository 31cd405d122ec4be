"""What a resource authorization server needs from its surroundings: small ports and the values they take.

Implementations are blocking and thread-safe; the async doors call them in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol, TypeAlias, runtime_checkable

from idjag.protocol.access_token import AccessToken
from idjag.protocol.jose import KeySet
from idjag.ras.model import Account, Client, Link

__all__ = [
    "Accounts",
    "AuditEvent",
    "Clients",
    "Committed",
    "IssuerKeys",
    "LinkMoved",
    "Lost",
    "Once",
    "Outcome",
    "Person",
    "Query",
    "Record",
    "Signer",
    "Store",
    "Submitting",
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
    ``link`` and ``create``: the link to write, and the account if it is new (JIT).
    """

    decision_id: str
    now: int
    event: AuditEvent
    lost: Callable[[Once], AuditEvent]
    always: tuple[Once, ...] = ()
    on_success: tuple[Once, ...] = ()
    account_id: str | None = None
    link: Link | None = None
    create: Account | None = field(default=None, repr=False)


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

Outcome: TypeAlias = Lost | _Done


@dataclass(frozen=True, slots=True)
class Query:
    """Which facts about a person are wanted; ``tenant`` is ours, that of the client.

    ``aud_sub`` and ``email`` are None unless that strategy may use them.
    """

    link: Link
    tenant: str | None
    aud_sub: str | None = None
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """What is known here about the person of a query.

    ``linked`` is the id the link names, whether or not that account still exists (``by_link``).
    ``other_links``: candidates by id that are linked to another sub of the same issuer and tenant.
    """

    linked: str | None
    by_link: Account | None
    by_aud_sub: tuple[Account, ...] = ()
    by_email: tuple[Account, ...] = ()
    other_links: frozenset[str] = frozenset()


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

        LinkMoved when by now ``link`` names another account, or the account is linked to another sub of
        that issuer and tenant, or somebody else has the address of the account to ``create``.
        Raises any exception when it cannot be made durable: 503, no token.
        """
        ...

    def ready(self) -> bool:
        """Whether a commit would probably succeed now."""
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


class Signer(Protocol):
    """Makes our access tokens; a host with tokens of its own implements it over them."""

    def issue(self, token: AccessToken) -> str:
        """The token's text."""
        ...

    def public(self) -> KeySet:
        """What resource servers verify with; published as JWK Set."""
        ...
