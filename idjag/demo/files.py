"""The demo's two configuration files: what an administrator of Acme and an operator of Chat would write."""

from __future__ import annotations

import json
from dataclasses import dataclass

__all__ = ["OWNER", "PEOPLE", "RECEIPT_KEY", "Addresses", "ras_file", "state_file"]

# Literal passwords are accepted because the issuer is loopback; nowhere else.
PEOPLE = {"alice": "alice-demo-password", "bob": "bob-demo-password"}
OWNER = "alice"
"""Who looks after Acme in the console."""
RECEIPT_KEY = "receipts.pem"
"""The file, beside ras.yaml, with the key that Chat signs its receipts with."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the three programs of the demo answer; no final slash."""

    idp: str
    wiki: str
    chat: str

    @property
    def chat_issuer(self) -> str:
        """Chat's resource authorization server."""
        return self.chat

    @property
    def chat_api(self) -> str:
        """Chat's API, as resource indicator."""
        return f"{self.chat}/api/"


def state_file(
    at: Addresses,
    *,
    wiki_secret: str,
    connection: str = "active",
    alice: str = "active",
    lifetime: str = "5m",
) -> str:
    """Acme's state: two people, Wiki, Chat, and one rule between them.  JSON is YAML."""
    state = {
        "version": 1,
        "groups": [{"name": "engineering"}, {"name": "sales"}],
        "users": [
            _person("alice", "Alice Example", "engineering", status=alice),
            _person("bob", "Bob Example", "sales", status="active"),
        ],
        "apps": [_wiki(at, secret=wiki_secret)],
        "resource_apps": [_chat(at, lifetime=lifetime)],
        "connections": [_wiki_to_chat(status=connection)],
        "tests": [
            {
                "name": "engineers read chat, sales do not",
                "ask": {"user": "bob", "from": "wiki", "to": "chat", "scopes": ["chat.read"]},
                "expect": {"decision": "deny"},
            }
        ],
    }
    return json.dumps(state, indent=2)


def _wiki(at: Addresses, *, secret: str) -> dict[str, object]:
    return {
        "id": "wiki",
        "name": "Wiki",
        "redirect_uris": [f"{at.wiki}/callback"],
        "auth": {"method": "client_secret", "secret": secret},
        "grants": ["authorization_code", "token_exchange"],
        "scopes": ["openid", "profile", "email"],
        "assigned": {"everyone": True},
    }


def _chat(at: Addresses, *, lifetime: str) -> dict[str, object]:
    return {
        "id": "chat",
        "name": "Chat",
        "issuer": at.chat_issuer,
        "resources": [{"uri": at.chat_api, "scopes": ["chat.read", "chat.history", "chat.write"]}],
        "lifetime": lifetime,
        "release": ["email"],
        "receipts": {"jwks_uri": f"{at.chat_issuer}/receipt-keys"},
    }


def _wiki_to_chat(*, status: str) -> dict[str, object]:
    rule = {
        "id": "engineers-read",
        "who": {"groups": ["engineering"]},
        "scopes": ["chat.read", "chat.history"],
        "default_scopes": ["chat.read"],
    }
    return {
        "id": "wiki-chat",
        "from": "wiki",
        "to": "chat",
        "client_id": "wiki-at-chat",
        "status": status,
        "owner": "it@acme.example",
        "reason": "Wiki shows chat threads",
        "rules": [rule],
    }


def _person(username: str, name: str, group: str, *, status: str) -> dict[str, object]:
    return {
        "username": username,
        "email": f"{username}@acme.example",
        "email_verified": True,
        "name": name,
        "password": PEOPLE[username],
        "groups": [group],
        "status": status,
    }


def ras_file(at: Addresses, *, chat_secret: str, other_secret: str, database: str) -> str:
    """Chat's resource authorization server: whom it trusts, who may redeem, whose accounts there are."""
    return json.dumps(
        {
            "issuer": at.chat_issuer,
            "trusted_issuers": [
                {
                    "issuer": at.idp,
                    "profiles": ["id-jag"],
                    "subject": {"by": ["iss_sub", "email"], "email_domains": ["acme.example"]},
                }
            ],
            "clients": [
                _client("wiki-at-chat", chat_secret, at.idp),
                _client("calendar-at-chat", other_secret, at.idp),
            ],
            "resources": [{"uri": at.chat_api, "scopes": ["chat.read", "chat.history", "chat.write"]}],
            "default_resource": at.chat_api,
            "access_token": {"lifetime": "15m", "alg": "ES256"},
            "accounts": [{"id": "u-alice", "email": "alice@acme.example"}],
            "receipts": {"key_file": RECEIPT_KEY},
            "database_url": database,
        },
        indent=2,
    )


def _client(client_id: str, secret: str, issuer: str) -> dict[str, object]:
    return {
        "client_id": client_id,
        "auth": {"method": "client_secret", "secret": secret},
        "scopes": ["chat.read", "chat.history"],
        "issuers": [issuer],
    }
