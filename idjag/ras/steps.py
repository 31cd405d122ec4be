"""The redemption without I/O: what it asks for as values, and the two drivers that answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from idjag.protocol.access_token import AccessToken
from idjag.protocol.client_auth import Registration
from idjag.protocol.client_certificate import Told
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import KeySet
from idjag.ras.model import Account, Client
from idjag.ras.ports import Outcome, Person, Query, Record, Report
from idjag.ras.standing import Grounds, Kept, Standing
from idjag.trust.jwks import KeysUnavailable

__all__ = [
    "Answer",
    "Commit",
    "Flow",
    "FoundToken",
    "NeedAccounts",
    "NeedClient",
    "NeedIssuedKeys",
    "NeedKeys",
    "NeedPerson",
    "NeedRegistration",
    "NeedStanding",
    "NeedToken",
    "Sign",
    "Step",
    "Tell",
    "accounts_at",
    "arun",
    "client_of",
    "commit",
    "issued_keys",
    "keys_of",
    "person_of",
    "published",
    "run",
    "signed",
    "standing_of",
    "tell",
    "token_of",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NeedClient:
    """The registration of a client that the request names."""

    client_id: str
    tenant: str | None


@dataclass(frozen=True, slots=True)
class NeedRegistration:
    """A registration with what the client publishes elsewhere.

    ``kid`` is what its assertion names, ``certificate`` what it has shown instead.
    """

    registered: Registration
    kid: str | None
    certificate: Told | None = None


@dataclass(frozen=True, slots=True)
class NeedKeys:
    """The keys of one trusted issuer; ``kid`` is what the grant's header says."""

    issuer: str
    jwks_uri: str | None
    kid: str | None


@dataclass(frozen=True, slots=True)
class NeedPerson:
    """What is known here about one person; read only."""

    query: Query


@dataclass(frozen=True, slots=True)
class NeedToken:
    """A token that we issued, as it stands now, and the account that it is for."""

    jti: str


@dataclass(frozen=True, slots=True)
class FoundToken:
    """The answer; the account is None when it is gone."""

    kept: Kept
    account: Account | None


@dataclass(frozen=True, slots=True)
class NeedStanding:
    """What operators and issuers have said of what a token would rest on."""

    grounds: Grounds


@dataclass(frozen=True, slots=True)
class NeedAccounts:
    """The accounts of our tenant that have an address."""

    email: str = field(repr=False)
    tenant: str | None


@dataclass(frozen=True, slots=True)
class Sign:
    """The text of an access token."""

    token: AccessToken


@dataclass(frozen=True, slots=True)
class NeedIssuedKeys:
    """What our own access tokens are verified with."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The one write of the request."""

    record: Record


@dataclass(frozen=True, slots=True)
class Tell:
    """What an issuer may be told; nobody waits for it, and it never fails."""

    report: Report


Step: TypeAlias = (
    NeedClient
    | NeedRegistration
    | NeedKeys
    | NeedPerson
    | NeedToken
    | NeedStanding
    | NeedAccounts
    | Sign
    | NeedIssuedKeys
    | Commit
    | Tell
)
Answer: TypeAlias = (
    Client
    | Registration
    | KeySet
    | Person
    | FoundToken
    | Standing
    | tuple[Account, ...]
    | str
    | Outcome
    | None
)
Flow: TypeAlias = Generator[Step, Answer, T]


def client_of(client_id: str, *, tenant: str | None) -> Flow[Client | None]:
    """Ask for a client; None when there is none.  Raises Refused UNAVAILABLE.

    RAS-18: what a host's table finds in another tenant of ours is another client.
    """
    answer = yield from _asked(NeedClient(client_id, tenant), Reason.UNAVAILABLE)
    found = answer if isinstance(answer, Client) else None
    return found if found is None or tenant in (None, found.tenant) else None


def published(
    registered: Registration, *, kid: str | None, certificate: Told | None = None
) -> Flow[Registration]:
    """Ask what a client publishes about itself; raises Refused CLIENT_*_UNAVAILABLE, UNAVAILABLE."""
    answer = yield from _asked(NeedRegistration(registered, kid, certificate), Reason.UNAVAILABLE)
    if not isinstance(answer, Registration):
        raise TypeError("a registration is answered with a registration")
    return answer


def keys_of(issuer: str, *, jwks_uri: str | None, kid: str | None) -> Flow[KeySet]:
    """Ask for an issuer's keys; without them there is no grant.  Raises Refused KEYS_UNAVAILABLE."""
    answer = yield from _asked(NeedKeys(issuer, jwks_uri, kid), Reason.KEYS_UNAVAILABLE)
    if not isinstance(answer, KeySet):
        raise TypeError("IssuerKeys.keys must give a KeySet")
    return answer


def issued_keys() -> Flow[KeySet]:
    """Ask what our tokens are verified with; raises Refused UNAVAILABLE."""
    answer = yield from _asked(NeedIssuedKeys(), Reason.UNAVAILABLE)
    if not isinstance(answer, KeySet):
        raise TypeError("Signer.public must give a KeySet")
    return answer


def signed(token: AccessToken) -> Flow[str]:
    """Ask for the text of a token; raises Refused UNAVAILABLE."""
    answer = yield from _asked(Sign(token), Reason.UNAVAILABLE)
    if not isinstance(answer, str):
        raise TypeError("Signer.issue must give a text")
    return answer


def person_of(query: Query) -> Flow[Person]:
    """Ask what is known about a person; raises Refused UNAVAILABLE."""
    answer = yield from _asked(NeedPerson(query), Reason.UNAVAILABLE)
    if not isinstance(answer, Person):
        raise TypeError("a query is answered with a Person")
    return answer


def commit(record: Record) -> Flow[Outcome]:
    """Write; raises Refused UNAVAILABLE, after which nobody knows whether it is written."""
    answer = yield from _asked(Commit(record), Reason.UNAVAILABLE)
    if answer is None or isinstance(
        answer, Client | Registration | KeySet | Person | FoundToken | Standing | tuple | str
    ):
        raise TypeError("Store.commit must give an Outcome")
    return answer


def token_of(jti: str) -> Flow[FoundToken | None]:
    """Ask what became of a token; None when we know none of this id.  Raises Refused UNAVAILABLE."""
    answer = yield from _asked(NeedToken(jti), Reason.UNAVAILABLE)
    if not isinstance(answer, FoundToken | None):
        raise TypeError("a token is answered with FoundToken")
    return answer


def standing_of(grounds: Grounds) -> Flow[Standing]:
    """Ask how account, issuer and person stand; raises Refused UNAVAILABLE."""
    answer = yield from _asked(NeedStanding(grounds), Reason.UNAVAILABLE)
    if not isinstance(answer, Standing):
        raise TypeError("grounds are answered with their Standing")
    return answer


def accounts_at(email: str, *, tenant: str | None) -> Flow[tuple[Account, ...]]:
    """Ask who has an address; raises Refused UNAVAILABLE."""
    answer = yield from _asked(NeedAccounts(email, tenant), Reason.UNAVAILABLE)
    if not isinstance(answer, tuple):
        raise TypeError("an address is answered with accounts")
    return answer


def tell(report: Report | None) -> Flow[None]:
    """Have the issuer told, if there is something to tell."""
    if report is not None:
        yield Tell(report)


def _asked(step: Step, otherwise: Reason) -> Flow[Answer]:
    """The answer, or the refusal that a failing port means: a port that is down never opens anything."""
    try:
        return (yield step)
    except Refused:
        raise
    except Exception as failed:
        # the kind alone: the text of a foreign exception may hold what the request brought
        problem = failed.problem if isinstance(failed, KeysUnavailable) else None
        port, error = type(step).__name__, type(failed).__name__
        raise Refused(otherwise, port=port, error=error, problem=problem) from failed


def run(flow: Flow[T], answer: Callable[[Step], Answer]) -> T:
    """Drive a flow to its end in this thread."""
    try:
        step = next(flow)
        while True:
            try:
                given = answer(step)
            except Exception as failed:  # noqa: BLE001  # the flow judges it
                step = flow.throw(failed)
            else:
                step = flow.send(given)
    except StopIteration as done:
        value: T = done.value
        return value


async def arun(flow: Flow[T], answer: Callable[[Step], Awaitable[Answer]]) -> T:
    """Drive a flow from an event loop."""
    try:
        step = next(flow)
        while True:
            try:
                given = await answer(step)
            except Exception as failed:  # noqa: BLE001  # the flow judges it
                step = flow.throw(failed)
            else:
                step = flow.send(given)
    except StopIteration as done:
        value: T = done.value
        return value
