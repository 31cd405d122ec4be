"""What Acme's administrators and the resource apps write for the tests of this folder.  JSON is YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

__all__ = ["ALICE_SUB", "BOB_SUB", "SCOPES", "WANTS_NONCES", "App", "Target", "ras_file", "state_file"]

ALICE_SUB = "alice-at-acme"
BOB_SUB = "bob-at-acme"
SCOPES = ("chat.read", "chat.history")
WANTS_NONCES = "path"


@dataclass(frozen=True, slots=True)
class Target:
    """A resource app: its RAS, its API, a second API where ``files`` is one, and who its clients are."""

    id: str
    issuer: str
    resource: str
    alg: str = "ES256"
    files: str | None = None

    @property
    def resources(self) -> list[str]:
        """Its APIs."""
        return [self.resource, *([self.files] if self.files else [])]

    @property
    def wiki(self) -> str:
        """Wiki's client id there."""
        return f"wiki-at-{self.id}"

    @property
    def keyed(self) -> str:
        """There, the client id of the app that signs for itself."""
        return f"keyed-at-{self.id}"

    @property
    def calendar(self) -> str:
        """Calendar's client id there, with characters that RFC 6749 section 2.3.1 has encoded."""
        return f"calendar:at/{self.id}%20"


@dataclass(frozen=True, slots=True)
class App:
    """A requesting app and relying party; ``auth`` is how it authenticates here."""

    client_id: str
    redirect_uri: str
    auth: Mapping[str, Any] = field(repr=False)
    kind: str = "web"
    id_token_alg: str = "RS256"
    offline: bool = False
    logout_uri: str | None = None

    @property
    def id(self) -> str:
        """What the file calls it; a client id that is an address is no name."""
        return "published" if "://" in self.client_id else self.client_id

    @property
    def after_logout(self) -> str:
        """Where people come back to when they have signed out."""
        return urljoin(self.redirect_uri, "/bye")

    @property
    def grants(self) -> list[str]:
        """Public clients get no ID-JAG."""
        confidential = self.auth["method"] != "none"
        more = [("token_exchange", confidential), ("refresh_token", self.offline)]
        return ["authorization_code", *(grant for grant, may in more if may)]


def state_file(apps: Iterable[App], targets: Iterable[Target], *, password: str) -> str:
    """Acme's state: alice and bob, the apps, and a rule from each of four of them to each target."""
    apps, targets = list(apps), list(targets)
    [published] = [app for app in apps if app.id == "published"]
    state = {
        "version": 1,
        "groups": [{"name": "engineering"}],
        "users": [
            {
                "username": "alice",
                "sub": ALICE_SUB,
                "email": "alice@acme.example",
                "email_verified": True,
                "name": "Alice Example",
                "password": password,
                "groups": ["engineering"],
            },
            {
                "username": "bob",
                "sub": BOB_SUB,
                "email": "bob@acme.example",
                "email_verified": True,
                "name": "Bob Example",
                "password": password,
            },
        ],
        "apps": [_app(app) for app in apps],
        "resource_apps": [_resource_app(target) for target in targets],
        "connections": [
            *(_connection("wiki", target, target.wiki) for target in targets),
            *(_connection("calendar", target, target.calendar) for target in targets),
            *(_connection("keyed", target, target.keyed) for target in targets),
            # The same name at both ends (JAG-09).
            *(_connection("published", target, published.client_id) for target in targets),
        ],
    }
    return json.dumps(state, indent=2)


def _app(app: App) -> dict[str, Any]:
    return {
        "id": app.id,
        "client_id": app.client_id,
        "kind": app.kind,
        "redirect_uris": [app.redirect_uri],
        "post_logout_redirect_uris": [app.after_logout],
        "backchannel_logout_uri": app.logout_uri,
        "auth": dict(app.auth),
        "grants": app.grants,
        "scopes": ["openid", "profile", "email", *(["offline_access"] if app.offline else [])],
        "id_token_alg": app.id_token_alg,
        "assigned": {"everyone": True},
    }


def _resource_app(target: Target) -> dict[str, Any]:
    return {
        "id": target.id,
        "issuer": target.issuer,
        "aliases": [f"urn:acme:{target.id}"],
        "resources": [{"uri": uri, "scopes": [*SCOPES, "chat.write"]} for uri in target.resources],
        "id_jag_alg": target.alg,
        "release": ["email", "name"],
    }


def _connection(app: str, target: Target, client_id: str) -> dict[str, Any]:
    return {
        "id": f"{app}-{target.id}",
        "from": app,
        "to": target.id,
        "client_id": client_id,
        "status": "active",
        "owner": "it@acme.example",
        "reason": "interoperability",
        "rules": [
            {
                "id": "engineers-read",
                "who": {"groups": ["engineering"]},
                "scopes": list(SCOPES),
                "default_scopes": ["chat.read"],
            }
        ],
    }


def ras_file(
    target: Target,
    *,
    idp: str,
    clients: Mapping[str, Mapping[str, Any]],
    issuers: Iterable[Mapping[str, Any]] = (),
) -> str:
    """A RAS that trusts Acme and whoever else is given; of each client, how it authenticates."""
    entries = list(issuers)
    others = [str(entry["issuer"]) for entry in entries]
    trusted = [
        {
            "issuer": idp,
            "profiles": ["id-jag"],
            "subject": {"by": ["iss_sub", "email"], "email_domains": ["acme.example"]},
        },
        *entries,
    ]
    return json.dumps(
        {
            "issuer": target.issuer,
            "trusted_issuers": trusted,
            "clients": [
                {
                    "client_id": client_id,
                    "auth": dict(auth),
                    "scopes": list(SCOPES),
                    "issuers": [entry["issuer"] for entry in trusted],
                }
                for client_id, auth in clients.items()
            ],
            "resources": [{"uri": uri, "scopes": [*SCOPES, "chat.write"]} for uri in target.resources],
            "default_resource": target.resource,
            **({"dpop": {"nonce": "required"}} if target.id == WANTS_NONCES else {}),
            "accounts": [
                {"id": "u-alice", "email": "alice@acme.example"},
                {"id": "u-linked", "links": [{"issuer": issuer, "sub": "00u1alice"} for issuer in others]},
            ],
            "database_url": f"sqlite:///{target.id}.db",
        },
        indent=2,
    )
