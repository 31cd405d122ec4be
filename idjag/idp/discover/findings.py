"""The check of a connection, judged: each thing that has to be right, as it is, and what to do.

Pure: what was seen comes in, findings come out.  The words are those of the console.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from idjag.idp.answers import Answer
from idjag.idp.discover.documents import AuthorizationServer, ProtectedResource
from idjag.idp.discover.looks import FOUND
from idjag.idp.discover.spelling import difference
from idjag.idp.snapshot import RegisteredApp
from idjag.policy.model import App, AppStatus, Connection, ConnectionStatus, Hold, ResourceApp
from idjag.protocol import names
from idjag.protocol.addresses import origin_of

__all__ = ["Finding", "Seen", "SeenResource", "Standing", "findings", "worst"]

_SOON: Final = 14 * 24 * 3600
_SECRETS: Final = frozenset({names.CLIENT_SECRET, names.CLIENT_SECRET_BASIC, names.CLIENT_SECRET_POST})


class Standing(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``todo`` is what to do about it, "" when nothing."""

    about: str
    standing: Standing
    text: str
    todo: str = ""

    @property
    def members(self) -> dict[str, Any]:
        """As scripts read it."""
        standing, todo = self.standing.value, self.todo or None
        return {"about": self.about, "standing": standing, "text": self.text, "todo": todo}


@dataclass(frozen=True, slots=True)
class SeenResource:
    """The document of one resource indicator, or how asking for it ended."""

    uri: str
    document: ProtectedResource | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What there was to judge.

    ``called``: what the metadata calls itself, where that is another issuer; ``outcome``: how asking for it
    ended.  ``keys``: by what they are for, how asking for them ended.  ``signs``: whether a key of ours signs
    for this resource app.  ``answer`` is the decision for ``person``, if somebody was chosen.
    """

    connection: Connection
    app: App
    target: ResourceApp
    client: RegisteredApp
    now: int
    signs: bool
    holds: tuple[Hold, ...] = ()
    server: AuthorizationServer | None = None
    called: str = ""
    outcome: str = ""
    resources: tuple[SeenResource, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    person: str = ""
    answer: Answer | None = None


def findings(seen: Seen) -> tuple[Finding, ...]:
    """In the order in which things have to be right."""
    return (
        *_connection(seen),
        *_requesting_app(seen),
        *_client_id(seen),
        *_metadata(seen),
        *_resources(seen),
        *_keys(seen),
        *_person(seen),
    )


def worst(found: tuple[Finding, ...]) -> Standing:
    """How it is altogether."""
    standings = {one.standing for one in found}
    return next((one for one in (Standing.FAILING, Standing.WARNING) if one in standings), Standing.OK)


def _ok(about: str, text: str) -> Finding:
    return Finding(about, Standing.OK, text)


def _warning(about: str, text: str, todo: str) -> Finding:
    return Finding(about, Standing.WARNING, text, todo)


def _failing(about: str, text: str, todo: str) -> Finding:
    return Finding(about, Standing.FAILING, text, todo)


def _connection(seen: Seen) -> Iterator[Finding]:
    about, connection = "connection", seen.connection
    expired = connection.expires is not None and connection.expires <= seen.now
    if any(hold.until is None or seen.now < hold.until for hold in seen.holds):
        yield _failing(about, "A hold stops it now.", "Release the hold when the reason for it is gone.")
    if expired:
        yield _failing(about, "The connection has expired.", "Give it a later expiry.")
    elif connection.status is not ConnectionStatus.ACTIVE:
        word = connection.status.value.capitalize()
        yield _failing(about, f"The connection is {word}.", "Activate it.")
    elif not connection.rules:
        yield _failing(about, "The connection has no rule, so nobody is allowed.", "Add a rule.")
    else:
        yield _ok(about, "The connection is Active.")
    if not expired and connection.expires is not None and connection.expires - seen.now < _SOON:
        yield _warning(about, "The connection expires within two weeks.", "Give it a later expiry.")
    if seen.target.status is not AppStatus.ACTIVE:
        yield _failing(about, f"{seen.target.name} is disabled.", "Enable the resource app.")


def _requesting_app(seen: Seen) -> Iterator[Finding]:
    about, name, client = "requesting app", seen.app.name, seen.client
    if seen.app.status is not AppStatus.ACTIVE:
        yield _failing(about, f"{name} is disabled.", "Enable the requesting app.")
    if "token_exchange" not in client.grants:
        yield _failing(about, f"{name} may not exchange tokens.", "Add token_exchange to its grants.")
    yield _authentication(seen)


def _authentication(seen: Seen) -> Finding:
    """As far as can be known without its secret."""
    about, name, registered = "authentication", seen.app.name, seen.client.registration
    if registered.method == names.NO_AUTHENTICATION:
        return _failing(
            about,
            f"{name} does not authenticate, and public clients get no ID-JAG.",
            "Give it a secret or keys.",
        )
    if registered.method in _SECRETS:
        living = registered.secret_hashes or any(seen.now < until for _, until in registered.expiring)
        if not living:
            return _failing(about, f"{name} has no living secret.", "Make a new secret for it.")
        return _ok(
            about, f"{name} authenticates with a secret. Whether it knows it, only a request can tell."
        )
    outcome = seen.keys.get("requesting app", FOUND)
    if outcome != FOUND:
        return _failing(
            about,
            f"What {name} publishes to authenticate with {outcome}.",
            "Ask its operator, or correct the address.",
        )
    return _ok(about, f"{name} authenticates with its own key ({registered.method}).")


def _client_id(seen: Seen) -> Iterator[Finding]:
    about = "client ID at the resource app"
    if seen.connection.client_id or seen.app.by_document:
        shown = seen.connection.client_id or seen.app.client_id
        yield _ok(about, f"{seen.app.name} is {shown} at {seen.target.name}.")
    else:
        yield _failing(
            about,
            f"It is not known which client {seen.app.name} is at {seen.target.name}.",
            f"Ask the operator of {seen.target.name}, and enter the client ID.",
        )


def _metadata(seen: Seen) -> Iterator[Finding]:
    about, issuer, server = "metadata", seen.target.issuer, seen.server
    if server is None and seen.called:
        how = difference(issuer, seen.called)
        yield _failing(
            about,
            f"The metadata of {issuer} calls itself {seen.called}"
            + (f"; they differ in {how}." if how else ", which is another issuer."),
            "Correct the Issuer URL; ID-JAGs carry it byte for byte.",
        )
    elif server is None:
        yield _failing(
            about,
            f"There is no metadata of {issuer}: it {seen.outcome}.",
            "Check the Issuer URL, and that this server may reach it.",
        )
    else:
        yield _ok(about, f"The metadata of {issuer} is there and calls itself so.")
        yield from _grants(server)
        yield from _token_endpoint(server)


def _grants(server: AuthorizationServer) -> Iterator[Finding]:
    about, ask = "grants", "Ask the operator of the resource authorization server."
    if server.takes_jwt_bearer and server.takes_id_jag:
        yield _ok(about, "It says that it redeems ID-JAGs.")
    elif server.takes_jwt_bearer:
        yield _warning(
            about, "It takes the jwt-bearer grant, and does not say that ID-JAGs are accepted.", ask
        )
    else:
        yield _warning(about, "It does not list the jwt-bearer grant, which ID-JAGs are redeemed by.", ask)


def _token_endpoint(server: AuthorizationServer) -> Iterator[Finding]:
    about = "token endpoint"
    if server.token_endpoint is None:
        yield _failing(about, "Its metadata names no token endpoint.", "Ask its operator.")
    elif origin_of(server.token_endpoint) != origin_of(server.issuer):
        yield _warning(
            about,
            f"The token endpoint is on another host: {server.token_endpoint}.",
            "Some clients refuse that; ask its operator whether it is meant.",
        )


def _resources(seen: Seen) -> Iterator[Finding]:
    declared = {one.uri: one.scopes for one in seen.target.resources}
    for each in seen.resources:
        about, document = f"resource indicator {each.uri}", each.document
        if document is None:
            yield _warning(
                about,
                f"Its metadata {each.outcome}.",
                "Clients that find their way by it cannot; others are not concerned.",
            )
        elif document.resource != each.uri:
            how = difference(each.uri, document.resource)
            yield _failing(
                about,
                f"Its metadata is about {document.resource}" + (f"; they differ in {how}." if how else "."),
                "Correct the resource indicator; tokens are restricted to it byte for byte.",
            )
        elif seen.target.issuer not in document.servers:
            yield _failing(
                about,
                f"It takes tokens of {', '.join(document.servers) or 'nobody'}, not of {seen.target.issuer}.",
                "Correct the Issuer URL, or ask the operator of the API.",
            )
        elif document.scopes and (unknown := declared[each.uri] - set(document.scopes)):
            yield _warning(
                about,
                f"It does not list the scopes {', '.join(sorted(unknown))}.",
                "Remove them, or ask the operator of the API.",
            )
        else:
            yield _ok(about, f"It takes tokens of {seen.target.issuer}.")


def _keys(seen: Seen) -> Iterator[Finding]:
    alg = seen.target.id_jag_alg
    if seen.signs:
        yield _ok("our keys", f"A published {alg} key of ours signs its ID-JAGs.")
    else:
        yield _failing("our keys", f"There is no {alg} key of ours to sign with.", "Rotate the signing keys.")
    for about, todo in (
        ("keys of the resource authorization server", "Only its own tokens are concerned; ask its operator."),
        ("keys for receipts", "Receipts cannot be verified; correct the address."),
    ):
        outcome = seen.keys.get(about, "")
        if outcome == FOUND:
            yield _ok(about, "They are there and can be used.")
        elif outcome:
            yield _warning(about, f"Their address {outcome}.", todo)


def _person(seen: Seen) -> Iterator[Finding]:
    if seen.answer is None:
        return
    about, answer = f"for {seen.person}", seen.answer
    headline = f"{answer.explanation.headline.removesuffix('.')}."
    if answer.decision.allowed and not answer.asked.notes:
        yield _ok(about, headline)
    elif answer.decision.allowed:
        yield _failing(about, f"{answer.asked.notes[0]}.", "See the requesting app above.")
    else:
        options = answer.advice.options
        smallest = "; ".join(change.text for change in options[0]) if options else ""
        obstacles = " ".join(f"{one.removesuffix('.')}." for one in answer.advice.obstacles)
        make = _warning if answer.decision.step_up else _failing
        yield make(
            about, headline, smallest or obstacles or "Ask why: the trace names what stands in the way."
        )
