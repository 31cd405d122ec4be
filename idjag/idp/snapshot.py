"""The policy facts of one tenant, immutable, made anew when policy_seq moves; people are never in here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from idjag.idp import catalog
from idjag.idp.facts import string
from idjag.idp.keys import KeyLoader, SigningKeys
from idjag.ledger.entry import Head, Reader, Row
from idjag.ledger.policy_log import ANY, Changed
from idjag.policy.index import Changes, Deferred, Policy
from idjag.policy.model import App, AppStatus
from idjag.protocol.addresses import is_loopback, origin_of
from idjag.protocol.client_auth import Registration
from idjag.protocol.client_metadata import ClientMetadata
from idjag.protocol.jose import KeySet
from idjag.seal import Sealer

__all__ = ["SIGN_INS", "Loader", "RegisteredApp", "Snapshot"]

T = TypeVar("T")

# What the sign-in pages can produce today; a condition that asks for more can be met by nobody.
SIGN_INS = {"urn:idjag:acr:pwd": frozenset({"pwd"})}


@dataclass(frozen=True, slots=True)
class RegisteredApp:
    """An app as the protocol endpoints need it.

    ``redirect_uris`` of an app with a metadata document: none before the document was read
    (``with_document``), and then those of its own that ``approved`` lets through.
    """

    app: App
    registration: Registration
    grants: frozenset[str]
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    id_token_alg: str
    approved: tuple[str, ...] = ()
    document: ClientMetadata | None = None

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
    """One tenant's policy facts as of ``policy.seq``."""

    tenant: str
    issuer: str
    policy: Policy
    clients: Mapping[str, RegisteredApp]
    keys: SigningKeys


class Loader:
    """Reads everything that policy_seq covers, inside a transaction; keeps unsealed keys between loads."""

    tables = frozenset({"tenant", "app", "resource_app", "connection", "guardrail", "signing_key"})

    def __init__(self, sealer: Sealer) -> None:
        self._keys = KeyLoader(sealer)

    def __call__(self, reader: Reader, tenant: str, head: Head) -> Snapshot:
        """The snapshot of one tenant; one without rows when the tenant is just being made."""
        here: Row = {"tenant_id": tenant}
        tenants = reader.rows("tenant", {"id": tenant})
        issuer = string(tenants[0], "issuer") if tenants else ""
        apps = reader.rows("app", here)
        policy = Policy(
            apps=map(catalog.app_model, apps),
            resource_apps=map(catalog.resource_app_model, reader.rows("resource_app", here)),
            connections=map(_deferred, reader.rows("connection", here)),
            guardrails=map(catalog.guardrail_model, reader.rows("guardrail", here)),
            issuers=[issuer] if issuer else [],
            sign_ins=SIGN_INS,
            seq=head.policy_seq,
        )
        registered = [_registered(row, policy.apps[string(row, "id")]) for row in apps]
        clients = {one.app.client_id: one for one in registered}
        keys = self._keys.load(reader.rows("signing_key", here))
        return Snapshot(tenant, issuer, policy, clients, keys)

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
        keys = self._keys.load(reader.rows("signing_key", here)) if "signing_key" in changed else before.keys
        return replace(before, policy=policy, clients=clients, keys=keys)


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
            registered = _registered(row, policy.apps[id_])
            clients[registered.app.client_id] = registered
    return clients


def _deferred(row: Row) -> Deferred:
    ids = (string(row, "id"), string(row, "app_id"), string(row, "resource_app_id"))
    return Deferred(*ids, decode=partial(catalog.connection_model, row))


def _registered(row: Row, app: App) -> RegisteredApp:
    spec = json.loads(string(row, "spec"))
    auth, uris = spec["auth"], tuple(spec["redirect_uris"])
    return RegisteredApp(
        app=app,
        registration=Registration(
            client_id=app.client_id,
            method=auth["method"],
            secret_hashes=tuple(bytes.fromhex(one["hash"]) for one in json.loads(string(row, "secrets"))),
            keys=KeySet.parse(auth["jwks"])[0] if auth.get("jwks") else None,
            active=app.status is AppStatus.ACTIVE,
            jwks_uri=auth.get("jwks_uri"),
        ),
        grants=frozenset(spec["grants"]),
        redirect_uris=() if app.by_document else uris,
        approved=uris if app.by_document else (),
        scopes=tuple(spec["scopes"]),
        id_token_alg=spec["id_token_alg"],
    )
