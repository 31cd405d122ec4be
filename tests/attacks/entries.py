"""Every way in for clients at the IdP: what a valid request to each is, and how a refusal must look."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from idjag.asgi import ASGIApp
from idjag.protocol import names
from tests.asgi_parts import Exchange
from tests.attacks.target import Target, Wire, exchange_of, members
from tests.idp.grants.offline import VERIFIER

__all__ = ["ENTRIES", "EVERY", "TARGETS", "Attacked", "Entry", "assert_granted", "assert_refused", "far_away"]

_SUBNETS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of request; ``about`` is the parameter that holds what it is about.

    ``public``: clients without credentials may come; ``proofs``: a DPoP header means something.
    """

    name: str
    path: str
    about: str
    form: Callable[[Target, str], dict[str, str]]
    public: bool
    proofs: bool

    def wire(self, idp: Target, client: str = "wiki", **changes: str) -> Wire:
        """A fresh valid request of this client, from an address of its own."""
        wire = idp.wire(client, self.form(idp, client) | changes, self.path)
        wire.source = far_away()
        return wire

    def __str__(self) -> str:
        return self.name


def far_away() -> str:
    """An address where nobody has failed yet."""
    return f"2001:db8:{next(_SUBNETS) // 65536:x}:{next(_SUBNETS) % 65536:x}::1"


def _code(idp: Target, client: str) -> dict[str, str]:
    return {
        "grant_type": names.AUTHORIZATION_CODE,
        "code": idp.code(client),
        "redirect_uri": f"https://{client}.example/callback",
        "code_verifier": VERIFIER,
    }


def _refresh(idp: Target, client: str) -> dict[str, str]:
    return {"grant_type": names.REFRESH_TOKEN, "refresh_token": idp.refresh_token(client)}


def _id_token(idp: Target, client: str) -> dict[str, str]:
    return exchange_of(idp.tokens[client])


def _offline(idp: Target, client: str) -> dict[str, str]:
    return exchange_of(idp.refresh_token(client)) | {"subject_token_type": names.REFRESH_TOKEN_TYPE}


def _token(idp: Target, client: str) -> dict[str, str]:
    return {"token": idp.refresh_token(client)}


def _subject(idp: Target, client: str) -> dict[str, str]:
    return {"subject_token": idp.tokens[client], "subject_token_type": names.ID_TOKEN}


ENTRIES = (
    Entry("code", "/token", "code", _code, public=True, proofs=True),
    Entry("refresh", "/token", "refresh_token", _refresh, public=True, proofs=True),
    Entry("exchange of an ID token", "/token", "subject_token", _id_token, public=False, proofs=True),
    Entry("exchange of a refresh token", "/token", "subject_token", _offline, public=False, proofs=True),
    Entry("revoke", "/revoke", "token", _token, public=True, proofs=False),
    Entry("introspect", "/introspect", "token", _token, public=False, proofs=False),
)
TARGETS = Entry("targets", "/targets", "subject_token", _subject, public=False, proofs=True)
EVERY = (*ENTRIES, TARGETS)
"""With those whose proofs are for another address than the token endpoint's."""


class Attacked(Protocol):
    """A server of ours, as far as the oracle looks."""

    @property
    def app(self) -> ASGIApp:
        """The application."""
        ...

    def news(self) -> list[dict[str, Any]]:
        """The events since the last look."""
        ...


def assert_granted(idp: Attacked, wire: Wire) -> Exchange:
    """The positive control: 200, and an introspected token is active."""
    answer = wire.exchange().through(idp.app)
    assert answer.status == 200, answer.sent
    assert members(answer).get("active", True)
    return answer


def assert_refused(
    idp: Attacked, wire: Wire, status: int, error: str, *, inside: bool = False, echo: bool = False
) -> dict[str, Any]:
    """Attack cases, the global oracle: this status and error, and nothing else gets out or lost.

    ``inside``: after client authentication, so that there is exactly one event.  ``echo``: a value that was
    sent may stand in the answer, because it is a word of ours.  Gives the event, {} if it was only counted.
    """
    idp.news()
    answer = wire.exchange().through(idp.app)
    body: dict[str, Any] = {} if wire.method == "HEAD" else members(answer)
    decision_id = (answer.header(b"x-decision-id") or b"").decode()
    found = [event for event in idp.news() if event["decision_id"] == decision_id]
    assert (answer.status, body.get("error", error)) == (status, error), (answer.sent, found)
    assert answer.header(b"content-type") == b"application/json"
    assert answer.header(b"cache-control") == b"no-store"
    assert body.get("decision_id", decision_id) == decision_id
    assert body.keys() <= {"error", "error_description", "decision_id", "acr_values", "max_age"}
    assert echo or not [value for _, value in wire.form if len(value) > 3 and value in answer.body.decode()]
    assert len(found) == 1 if inside else len(found) <= 1
    assert not [value for value in _secrets(wire) if value in repr(found)]
    return found[0] if found else {}


def _secrets(wire: Wire) -> list[str]:
    """What of a request must be written down nowhere, unless it is one of our own words."""
    parts = ("token", "assertion", "code", "secret")
    held = [value for name, value in wire.form if any(part in name for part in parts)]
    return [value for value in held if len(value) > 20 and not value.startswith("urn:")]
