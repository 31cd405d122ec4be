"""The check of a connection: what has to be seen, asked for by the one fetcher, then judged.

Who is allowed is asked of the token endpoint's own evaluator; nothing is exchanged and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from idjag.idp import facts
from idjag.idp.answers import Answer, answered
from idjag.idp.discover.asking import Asker, told
from idjag.idp.discover.documents import AuthorizationServer, protected_resource
from idjag.idp.discover.find import metadata_of, resource_url
from idjag.idp.discover.findings import Finding, Seen, SeenResource, Standing, findings, worst
from idjag.idp.discover.looks import Look, Looks
from idjag.idp.holds import find
from idjag.idp.questions import Ask, UnknownName, build
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.policy.model import Connection, Hold, ResourceApp
from idjag.protocol.errors import Refused
from idjag.protocol.names import CLIENT_ID_METADATA_DOCUMENT

__all__ = ["Checked", "NoSuchConnection", "Trial", "checked"]

_MOST_RESOURCES: Final = 8
_NO_PLACE: Final = "has no place of its own on the web"


class NoSuchConnection(LookupError):
    """No connection has this id; the message says what was probably meant."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Who is asked about, and for what; what is None is as in ``Ask``.

    Without ``acr`` and ``amr`` it is the weakest sign-in of this tenant, a moment ago.
    """

    user: str
    scopes: tuple[str, ...] | None = None
    resources: tuple[str, ...] = ()
    acr: str | None = None
    amr: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome; ``answer`` is the decision for the person, if one was chosen."""

    connection: str
    findings: tuple[Finding, ...]
    looks: tuple[Look, ...]
    answer: Answer | None = None

    @property
    def standing(self) -> Standing:
        """How it is altogether."""
        return worst(self.findings)

    @property
    def members(self) -> dict[str, Any]:
        """All of it, as scripts read it."""
        return {
            "connection": self.connection,
            "standing": self.standing.value,
            "findings": [one.members for one in self.findings],
            "asked": [{"url": one.url, "outcome": one.outcome} for one in self.looks],
            "answer": self.answer.members if self.answer else None,
        }


def checked(asker: Asker, key: str, *, trial: Trial | None = None) -> Checked:
    """Whether the connection works, as far as can be known without anybody's secret.

    ``key`` is the connection's id in the state file.
    Raises NoSuchConnection, UnknownName (of the person), Undiscovered, TooOften, Unavailable.
    """
    store = asker.store
    try:
        target = find(store, "connection", key)
    except UnknownName as unknown:
        raise NoSuchConnection(str(unknown)) from None
    snapshot = store.ledger.fresh(store.tenant)
    connection = snapshot.policy.connection(target.about["requesting_app"], target.about["resource_app"])
    if connection is None:
        raise NoSuchConnection(f"unknown connection: {key}")  # gone between two looks
    answer = answered(build(store, _ask(snapshot, connection, trial))) if trial else None
    return _seen(asker, snapshot, connection, person=trial.user if trial else "", answer=answer)


def _ask(snapshot: Snapshot, connection: Connection, trial: Trial) -> Ask:
    app, target = (
        snapshot.policy.apps[connection.app],
        snapshot.policy.resource_apps[connection.resource_app],
    )
    acr, amr = trial.acr, trial.amr
    if acr is None and amr is None:
        acr, amr = next(iter(snapshot.policy.sign_ins.items()), (None, None))
    return Ask(
        trial.user, app.key, target.key, scopes=trial.scopes, resources=trial.resources, acr=acr, amr=amr
    )


def _seen(
    asker: Asker, snapshot: Snapshot, connection: Connection, *, person: str, answer: Answer | None
) -> Checked:
    policy, now = snapshot.policy, asker.source.now
    app, target = policy.apps[connection.app], policy.resource_apps[connection.resource_app]
    client = snapshot.clients[app.client_id]
    looks = asker.looks()
    server, called = metadata_of(looks, target.issuer)
    outcome = "; ".join(dict.fromkeys(look.outcome for look in looks.seen))
    seen = Seen(
        connection=connection,
        app=app,
        target=target,
        client=client,
        now=now,
        signs=_signs(snapshot, target, now=now),
        holds=_holds(asker, connection),
        server=server,
        called=called,
        outcome=outcome,
        resources=tuple(_resources(looks, target)),
        keys=dict(_keys(looks, client, target, server)),
        person=person,
        answer=answer,
    )
    done = Checked(connection.key, findings(seen), tuple(looks.seen), answer)
    asker.record(
        "connection.checked",
        {"key": connection.key, "standing": done.standing.value, "user": person or None, **told(looks.seen)},
        requesting_app=app.id,
        resource_app=target.id,
    )
    return done


def _signs(snapshot: Snapshot, target: ResourceApp, *, now: int) -> bool:
    try:
        kid = snapshot.keys.signing(target.id_jag_alg, now=now).kid
    except Refused:
        return False
    return any(key["kid"] == kid for key in snapshot.keys.published(now))


def _holds(asker: Asker, connection: Connection) -> tuple[Hold, ...]:
    held = (connection.app, connection.resource_app, connection.id)
    return facts.holds(asker.store.ledger.read(facts.hold_keys(*held)), *held)


def _resources(looks: Looks, target: ResourceApp) -> Iterator[SeenResource]:
    for resource in target.resources[:_MOST_RESOURCES]:
        url = resource_url(resource.uri)
        members = looks.document(url) if url else None
        document = protected_resource(members, found_at=url) if members is not None else None
        outcome = looks.seen[-1].outcome if url else _NO_PLACE
        if members is not None and document is None:
            outcome = "names no resource"
        yield SeenResource(resource.uri, document, outcome)


def _keys(
    looks: Looks, client: RegisteredApp, target: ResourceApp, server: AuthorizationServer | None
) -> Iterator[tuple[str, str]]:
    """What is published elsewhere and has to be there: by what it is for, how asking for it ended."""
    if server is not None and server.jwks_uri:
        yield "keys of the resource authorization server", looks.keys(server.jwks_uri)
    if target.receipts is not None and target.receipts.jwks_uri:
        yield "keys for receipts", looks.keys(target.receipts.jwks_uri)
    registered = client.registration
    if registered.method == CLIENT_ID_METADATA_DOCUMENT:
        yield "requesting app", looks.client(registered.client_id)
    elif registered.jwks_uri is not None:
        yield "requesting app", looks.keys(registered.jwks_uri)
