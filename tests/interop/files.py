"""What Acme's administrators and the resource apps write for the tests of this folder.  JSON is YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ALICE_SUB", "SCOPES", "App", "Target", "ras_file", "state_file"]

ALICE_SUB = "alice-at-acme"
SCOPES = ("chat.read", "chat.history")


@dataclass(frozen=True, slots=True)
class Target:
    """A resource app: its RAS, its API, and who Wiki and Calendar are there."""

    id: str
    issuer: str
    resource: str
    alg: str = "ES256"

    @property
    def wiki(self) -> str:
        """Wiki's client id there."""
        return f"wiki-at-{self.id}"

    @property
    def calendar(self) -> str:
        """Calendar's client id there, with characters that RFC 6749 section 2.3.1 has encoded."""
        return f"calendar:at/{self.id}%20"


@dataclass(frozen=True, slots=True)
class App:
    """A requesting app and relying party; ``auth`` is how it authenticates here."""

    client_id: str
    redirect_uri: str
    auth: Mapping[str, str] = field(repr=False)
    kind: str = "web"
    id_token_alg: str = "RS256"

    @property
    def grants(self) -> list[str]:
        """Public clients get no ID-JAG."""
        confidential = self.auth["method"] != "none"
        return ["authorization_code", *(["token_exchange"] if confidential else [])]


def state_file(apps: Iterable[App], targets: Iterable[Target], *, password: str) -> str:
    """Acme's state: alice, the apps, and a rule from Wiki and from Calendar to each target."""
    targets = list(targets)
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
            }
        ],
        "apps": [_app(app) for app in apps],
        "resource_apps": [_resource_app(target) for target in targets],
        "connections": [
            *(_connection("wiki", target, target.wiki) for target in targets),
            *(_connection("calendar", target, target.calendar) for target in targets),
        ],
    }
    return json.dumps(state, indent=2)


def _app(app: App) -> dict[str, Any]:
    return {
        "id": app.client_id,
        "kind": app.kind,
        "redirect_uris": [app.redirect_uri],
        "auth": dict(app.auth),
        "grants": app.grants,
        "scopes": ["openid", "profile", "email"],
        "id_token_alg": app.id_token_alg,
        "assigned": {"everyone": True},
    }


def _resource_app(target: Target) -> dict[str, Any]:
    return {
        "id": target.id,
        "issuer": target.issuer,
        "aliases": [f"urn:acme:{target.id}"],
        "resources": [{"uri": target.resource, "scopes": [*SCOPES, "chat.write"]}],
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
    target: Target, *, idp: str, secrets: Mapping[str, str], issuers: Iterable[Mapping[str, Any]] = ()
) -> str:
    """A RAS that trusts Acme and whoever else is given; ``secrets`` by client id."""
    others = list(issuers)
    trusted = [
        {
            "issuer": idp,
            "profiles": ["id-jag"],
            "subject": {"by": ["iss_sub", "email"], "email_domains": ["acme.example"]},
        },
        *others,
    ]
    return json.dumps(
        {
            "issuer": target.issuer,
            "trusted_issuers": trusted,
            "clients": [
                {
                    "client_id": client_id,
                    "auth": {"method": "client_secret", "secret": secret},
                    "scopes": list(SCOPES),
                    "issuers": [entry["issuer"] for entry in trusted],
                }
                for client_id, secret in secrets.items()
            ],
            "resources": [{"uri": target.resource, "scopes": [*SCOPES, "chat.write"]}],
            "default_resource": target.resource,
            "accounts": [
                {
                    "id": "u-alice",
                    "email": "alice@acme.example",
                    "links": [{"issuer": other["issuer"], "sub": "00u1alice"} for other in others],
                }
            ],
            "database_url": f"sqlite:///{target.id}.db",
        },
        indent=2,
    )
