"""The policy facts of one tenant, immutable, made anew when policy_seq moves; people are never in here."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from idjag.idp import catalog
from idjag.idp.catalog import SignInPolicy
from idjag.idp.catalog.client_auth import certificate_subject
from idjag.idp.factors import acr
from idjag.idp.facts import string
from idjag.idp.keys import KeyLoader, SigningKeys
from idjag.ledger.entry import Head, Reader, Row
from idjag.ledger.policy_log import ANY, Changed
from idjag.policy.index import Changes, Deferred, Policy
from idjag.policy.model import App, AppStatus, Connection
from idjag.protocol.addresses import is_loopback, origin_of
from idjag.protocol.client_auth import Registration
from idjag.protocol.client_metadata import ClientMetadata
from idjag.protocol.jose import KeySet
from idjag.seal import Sealer

__all__ = ["Loader", "RegisteredApp", "Snapshot", "registered"]

T = TypeVar("T")
_LARGE = 10_000
"""Connections from which on the collector does not walk through them: 100,000 are a pause of 0.1 s each time.

They are freed without it, when nobody refers to them any more.
"""


@dataclass(frozen=True, slots=True)
class RegisteredApp:
    """An app as the protocol endpoints need it.

    ``redirect_uris`` of an app with a metadata document: none before the document was read
    (``with_document``), and then those of its own that ``approved`` lets through.
    ``subject_tokens_from``: ids of the apps whose ID tokens it may present (XCH-38).
    """

    app: App
    registration: Registration
    grants: frozenset[str]
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    id_token_alg: str
    approved: tuple[str, ...] = ()
    document: ClientMetadata | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()
    logout_uri: str | None = None
    pushed_only: bool = False
    subject_tokens_from: frozenset[str] = frozenset()

    @property
    def origins(self) -> frozenset[str]:
        """Where its pages may be, as far as the administrator has said (CORS)."""
        own = (self.app.client_id,) if self.app.by_document and not self.approved else ()
        return frozenset(map(origin_of, (*self.redirect_uris, *self.approved, *own)))

    def with_document(self, document: ClientMetadata) -> RegisteredApp:
        """With the redirection URIs of its document, within what the administrator approved (decision 0024).

        No list approved: those on the document's own origin, and for a native app those on loopback, which
        lead to no other machine.
        """
        return replace(
            self,
            redirect_uris=tuple(uri for uri in document.redirect_uris if self._approves(uri)),
            document=document,
        )

    def _approves(self, uri: str) -> bool:
        if self.approved:
            return uri in self.approved
        if self.app.kind == "native" and uri.startswith("http://") and is_loopback(uri):
            return True
        return origin_of(uri) == origin_of(self.app.client_id)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One tenant's policy facts as of ``policy.seq``.

    ``lent``: for the id of an app, the client_ids of those that may present its ID tokens too.
    """

    tenant: str
    issuer: str
    policy: Policy
    clients: Mapping[str, RegisteredApp]
    keys: SigningKeys
    sign_in: SignInPolicy = field(default_factory=SignInPolicy)
    lent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def brokers(self, client: RegisteredApp) -> frozenset[str]:
        """The client_ids whose ID tokens this app may present: XCH-38.

        Its own among them, when others may present those: they name several audiences.
        """
        apps = map(self.policy.apps.get, client.subject_tokens_from)
        own = {client.app.client_id} if client.app.id in self.lent else set()
        return frozenset({app.client_id for app in apps if app is not None} | own)


class Loader:
    """Reads everything that policy_seq covers, inside a transaction; keeps unsealed keys between loads.

    ``forget`` is told the client_id of an app that publishes what it needs to authenticate, when it is gone,
    disabled or registered anew: what was fetched for it says nothing any more.
    """

    tables = frozenset({"tenant", "app", "resource_app", "connection", "guardrail", "signing_key"})

    def __init__(self, sealer: Sealer, forget: Callable[[str], None] = lambda _client_id: None) -> None:
        self._keys = KeyLoader(sealer)
        self._forget = forget
        self._published: dict[str, dict[str, Registration]] = {}

    def __call__(self, reader: Reader, tenant: str, head: Head) -> Snapshot:
        """The snapshot of one tenant; one without rows when the tenant is just being made."""
        collects = gc.isenabled()
        gc.disable()  # it would walk again and again through what is only growing
        try:
            loaded = self._load(reader, tenant, head)
        finally:
            if collects:
                gc.enable()
        if loaded.policy.size >= _LARGE:
            gc.freeze()
        return loaded

    def _load(self, reader: Reader, tenant: str, head: Head) -> Snapshot:
        here: Row = {"tenant_id": tenant}
        tenants = reader.rows("tenant", {"id": tenant})
        issuer = string(tenants[0], "issuer") if tenants else ""
        apps = reader.rows("app", here)
        policy = Policy(
            apps=map(catalog.app_model, apps),
            resource_apps=map(catalog.resource_app_model, reader.rows("resource_app", here)),
            connections=map(_deferred, reader.each("connection", here)),
            guardrails=map(catalog.guardrail_model, reader.rows("guardrail", here)),
            issuers=[issuer] if issuer else [],
            sign_ins=acr.sign_ins(issuer),
            seq=head.policy_seq,
        )
        every = [registered(row, policy.apps[string(row, "id")]) for row in apps]
        clients = {one.app.client_id: one for one in every}
        self._withdraw(tenant, clients)
        keys = self._keys.load(reader.rows("signing_key", here))
        sign_in = catalog.sign_in_policy(tenants[0] if tenants else None)
        return Snapshot(tenant, issuer, policy, clients, keys, sign_in, _lent(clients))

    def catch_up(self, reader: Reader, before: Snapshot, changed: Changed, head: Head) -> Snapshot | None:
        """The snapshot at a later head, from the rows that were changed; None: it takes a whole load."""
        if "tenant" in changed or any(ANY in changed.get(table, ()) for table in _BY_ROW):
            return None
        here: Row = {"tenant_id": before.tenant}
        apps, resource_apps, connections = (_rows(reader, table, changed, here) for table in _BY_ROW)
        guardrails = reader.rows("guardrail", here) if "guardrail" in changed else None
        policy = before.policy.after(
            Changes(
                seq=head.policy_seq,
                apps=_each(catalog.app_model, apps),
                resource_apps=_each(catalog.resource_app_model, resource_apps),
                connections=_each(_deferred, connections),
                guardrails=None if guardrails is None else tuple(map(catalog.guardrail_model, guardrails)),
            )
        )
        if policy is None:
            return None
        clients = _clients_after(before, policy, apps) if apps else before.clients
        if apps:
            self._withdraw(before.tenant, clients)
        keys = self._keys.load(reader.rows("signing_key", here)) if "signing_key" in changed else before.keys
        lent = _lent(clients) if apps else before.lent
        return replace(before, policy=policy, clients=clients, keys=keys, lent=lent)

    def _withdraw(self, tenant: str, clients: Mapping[str, RegisteredApp]) -> None:
        """Attack case 161: compare with what this process knew before."""
        before = self._published.get(tenant, {})
        now = {id_: one.registration for id_, one in clients.items() if one.registration.published}
        self._published[tenant] = now
        for client_id, registration in before.items():
            if now.get(client_id) != registration:
                self._forget(client_id)


_BY_ROW = ("app", "resource_app", "connection")
"""Read by the row.  Of the others there are few, and they are read together."""


def _rows(reader: Reader, table: str, changed: Changed, here: Row) -> dict[str, Row | None]:
    """The changed rows of a table by id; None for those that are gone."""
    ids = sorted(changed.get(table, ()))
    return {id_: next(iter(reader.rows(table, {**here, "id": id_})), None) for id_ in ids}


def _each(model: Callable[[Row], T], rows: Mapping[str, Row | None]) -> dict[str, T | None]:
    return {id_: None if row is None else model(row) for id_, row in rows.items()}


def _clients_after(
    before: Snapshot, policy: Policy, changed: Mapping[str, Row | None]
) -> dict[str, RegisteredApp]:
    gone = {before.policy.apps[id_].client_id for id_ in changed if id_ in before.policy.apps}
    clients = {client_id: app for client_id, app in before.clients.items() if client_id not in gone}
    for id_, row in changed.items():
        if row is not None:
            one = registered(row, policy.apps[id_])
            clients[one.app.client_id] = one
    return clients


def _lent(clients: Mapping[str, RegisteredApp]) -> dict[str, tuple[str, ...]]:
    """By the id of an app: who may present its ID tokens, and is not disabled."""
    lent: dict[str, list[str]] = {}
    for client_id, client in sorted(clients.items()):
        for broker in client.subject_tokens_from if client.registration.active else ():
            lent.setdefault(broker, []).append(client_id)
    return {broker: tuple(client_ids) for broker, client_ids in lent.items()}


class _Undecoded:
    """What a connection is decoded from: of a hundred thousand rows, no more than that is kept."""

    __slots__ = ("_id", "_key", "_spec", "_status", "app", "resource_app")

    def __init__(self, row: Row) -> None:
        self._id, self._key, self._spec = string(row, "id"), string(row, "key"), string(row, "spec")
        # a database gives a text of its own for each row: there are few apps, and many connections of each
        self._status = sys.intern(string(row, "status"))
        self.app = sys.intern(string(row, "app_id"))
        self.resource_app = sys.intern(string(row, "resource_app_id"))

    def __call__(self) -> Connection:
        """The connection."""
        row: Row = {
            "id": self._id,
            "key": self._key,
            "app_id": self.app,
            "resource_app_id": self.resource_app,
            "status": self._status,
            "spec": self._spec,
        }
        return catalog.connection_model(row)

    def names(self, ids: Collection[str]) -> bool:
        """Whether it may name one of these ids, or everyone: they are random, and stand in it as they are."""
        spec = self._spec
        if _EVERYONE in spec:
            return True
        for one in ids:  # noqa: SIM110 - any() takes twice as long, ten thousand times for one page
            if one in spec:
                return True
        return False


_EVERYONE = '"everyone"'


def _deferred(row: Row) -> Deferred:
    kept = _Undecoded(row)
    return Deferred(string(row, "id"), kept.app, kept.resource_app, decode=kept, names=kept.names)


def registered(row: Row, app: App) -> RegisteredApp:
    """An app as its row registers it."""
    spec = json.loads(string(row, "spec"))
    auth, uris = spec["auth"], tuple(spec["redirect_uris"])
    stored = json.loads(string(row, "secrets"))
    secrets = [(bytes.fromhex(one["hash"]), one["expires"]) for one in stored]
    return RegisteredApp(
        app=app,
        registration=Registration(
            client_id=app.client_id,
            method=auth["method"],
            secret_hashes=tuple(digest for digest, until in secrets if until is None),
            expiring=tuple((digest, until) for digest, until in secrets if until is not None),
            keys=KeySet.parse(auth["jwks"])[0] if auth.get("jwks") else None,
            active=app.status is AppStatus.ACTIVE,
            jwks_uri=auth.get("jwks_uri"),
            subject=certificate_subject(auth),
        ),
        grants=frozenset(spec["grants"]),
        redirect_uris=() if app.by_document else uris,
        approved=uris if app.by_document else (),
        scopes=tuple(spec["scopes"]),
        id_token_alg=spec["id_token_alg"],
        post_logout_redirect_uris=tuple(spec["post_logout_redirect_uris"]),
        # absent in rows of an older idjag
        logout_uri=spec.get("backchannel_logout_uri"),
        pushed_only=spec.get("require_pushed_authorization_requests", False),
        subject_tokens_from=frozenset(spec.get("subject_tokens_from", ())),
    )
