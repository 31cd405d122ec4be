"""The policy facts of one tenant, immutable, made anew when policy_seq moves; people are never in here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from idjag.idp import catalog
from idjag.idp.facts import string
from idjag.idp.keys import KeyLoader, SigningKeys
from idjag.ledger.entry import Head, Reader, Row
from idjag.policy.index import Deferred, Policy
from idjag.policy.model import App, AppStatus
from idjag.protocol.addresses import is_loopback, origin_of
from idjag.protocol.client_auth import Registration
from idjag.protocol.client_metadata import ClientMetadata
from idjag.protocol.jose import KeySet
from idjag.seal import Sealer

__all__ = ["SIGN_INS", "Loader", "RegisteredApp", "Snapshot"]

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
