"""Acme's state file, and its parts to be changed one at a time."""

from __future__ import annotations

from typing import Any

ISSUER = "https://idp.acme.example"
CHAT = "https://acme.chat.example/"
API = "https://api.chat.example/"
FILES = "https://files.chat.example/v1"


def state(**changes: Any) -> dict[str, Any]:
    """Acme's state file; ``changes`` replace whole sections."""
    person = {"email_verified": True, "groups": ["engineering"], "attributes": {"chat_id": "U1"}}
    base: dict[str, Any] = {
        "version": 1,
        "groups": [{"name": "engineering"}, {"name": "sales"}],
        "users": [
            {"username": "alice", "email": "alice@acme.example", "name": "Alice Example", **person},
            {"username": "bob", "email": "bob@acme.example", "groups": ["sales"]},
        ],
        "apps": [app("wiki"), app("notes")],
        "resource_apps": [chat()],
        "connections": [connection()],
    }
    return base | changes


def app(name: str, **changes: Any) -> dict[str, Any]:
    """A requesting app."""
    return {
        "id": name,
        "redirect_uris": [f"https://{name}.example/callback"],
        "auth": {"method": "client_secret", "secret": f"env:{name}"},
        "grants": ["authorization_code", "token_exchange"],
        "scopes": ["openid", "profile", "email"],
        "assigned": {"everyone": True},
    } | changes


def chat(**changes: Any) -> dict[str, Any]:
    """The resource app."""
    resources = [
        {"uri": API, "scopes": ["chat.read", "chat.history", "chat.write"]},
        {"uri": FILES, "scopes": ["files.read", "chat.read"]},
    ]
    return {"id": "chat", "name": "Chat", "issuer": CHAT, "resources": resources} | changes


def connection(**changes: Any) -> dict[str, Any]:
    """Wiki to Chat, for engineering."""
    return {
        "id": "wiki-chat",
        "from": "wiki",
        "to": "chat",
        "client_id": "wiki-at-chat",
        "rules": [rule()],
    } | changes


def rule(**changes: Any) -> dict[str, Any]:
    """Engineers read."""
    return {
        "id": "engineers-read",
        "who": {"groups": ["engineering"]},
        "scopes": ["chat.read", "chat.history"],
        "default_scopes": ["chat.read"],
    } | changes
