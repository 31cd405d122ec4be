"""The redemption without I/O: what it asks for as values, and the two drivers that answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import KeySet
from idjag.ras.model import Client
from idjag.ras.ports import Outcome, Person, Query, Record
from idjag.trust.jwks import KeysUnavailable

__all__ = [
    "Answer",
    "Commit",
    "Flow",
    "NeedClient",
    "NeedKeys",
    "NeedPerson",
    "Step",
    "arun",
    "client_of",
    "commit",
    "keys_of",
    "person_of",
    "run",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NeedClient:
    """The registration of a client that the request names."""

    client_id: str
    tenant: str | None


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
class Commit:
    """The one write of the request."""

    record: Record


Step: TypeAlias = NeedClient | NeedKeys | NeedPerson | Commit
Answer: TypeAlias = Client | KeySet | Person | Outcome | None
Flow: TypeAlias = Generator[Step, Answer, T]


def client_of(client_id: str, *, tenant: str | None) -> Flow[Client | None]:
    """Ask for a client; None when there is none.  Raises Refused UNAVAILABLE."""
    answer = yield from _asked(NeedClient(client_id, tenant), Reason.UNAVAILABLE)
    return answer if isinstance(answer, Client) else None


def keys_of(issuer: str, *, jwks_uri: str | None, kid: str | None) -> Flow[KeySet]:
    """Ask for an issuer's keys; without them there is no grant.  Raises Refused KEYS_UNAVAILABLE."""
    answer = yield from _asked(NeedKeys(issuer, jwks_uri, kid), Reason.KEYS_UNAVAILABLE)
    if not isinstance(answer, KeySet):
        raise TypeError("IssuerKeys.keys must give a KeySet")
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
    if answer is None or isinstance(answer, Client | KeySet | Person):
        raise TypeError("Store.commit must give an Outcome")
    return answer


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
