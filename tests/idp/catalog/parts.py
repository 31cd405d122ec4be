"""Valid entries of every noun, to change one thing of; and how to see what is refused."""

from __future__ import annotations

from typing import Any, TypeVar

import pydantic
import pytest

from idjag.idp.catalog import References

Model = TypeVar("Model", bound=pydantic.BaseModel)

REFS = References(
    groups={"engineering": "g-eng", "contractors": "g-con"},
    people={"alice": "p-alice", "bob": "p-bob"},
    apps={"wiki": "a-wiki", "chat-rp": "a-chat"},
    resource_apps={"chat": "r-chat", "finance": "r-fin"},
)

USER: dict[str, Any] = {
    "username": "alice",
    "email": "alice@acme.example",
    "email_verified": True,
    "name": "Alice Example",
    "groups": ["engineering"],
    "attributes": {"chat_id": "U019488227"},
    "status": "active",
}
APP: dict[str, Any] = {
    "id": "wiki",
    "client_id": "wiki",
    "name": "Wiki",
    "kind": "web",
    "redirect_uris": ["https://wiki.example/callback"],
    "auth": {"method": "client_secret", "secret": "env:WIKI_SECRET"},
    "grants": ["authorization_code", "token_exchange"],
    "scopes": ["openid", "profile", "email"],
    "assigned": {"everyone": True},
}
RESOURCE_APP: dict[str, Any] = {
    "id": "chat",
    "name": "Chat",
    "issuer": "https://acme.chat.example/",
    "aliases": ["urn:acme:chat"],
    "sso_app": "chat-rp",
    "resources": [{"uri": "https://api.chat.example/", "scopes": ["chat.read", "chat.history"]}],
    "lifetime": "5m",
    "release": ["email", "name"],
    "aud_sub": {"attribute": "chat_id"},
}
RULE: dict[str, Any] = {
    "id": "engineers-read",
    "who": {"groups": ["engineering"]},
    "scopes": ["chat.read", "chat.history"],
    "default_scopes": ["chat.read"],
    "resources": ["https://api.chat.example/"],
    "conditions": {"amr": ["mfa"], "max_auth_age": "8h"},
    "lifetime": "5m",
}
CONNECTION: dict[str, Any] = {
    "id": "wiki-chat",
    "from": "wiki",
    "to": "chat",
    "client_id": "f53f191f9311af35",
    "status": "active",
    "owner": "it@acme.example",
    "reason": "Wiki shows chat threads",
    "expires": "2027-06-30T00:00:00Z",
    "rules": [RULE],
}
GUARDRAIL: dict[str, Any] = {
    "id": "contractors-never-finance",
    "who": {"groups": ["contractors"]},
    "to": ["finance"],
    "reason": "audit finding 17",
}


def ids() -> Any:
    """New ids, numbered."""
    numbers = iter(range(1000))
    return lambda: f"id-{next(numbers)}"


def refusal(model: type[Model], entry: dict[str, Any]) -> str:
    """The one problem of an entry: where, and what."""
    with pytest.raises(pydantic.ValidationError) as caught:
        model.model_validate(entry)
    problems = caught.value.errors()
    assert len(problems) == 1, problems
    place = ".".join(map(str, problems[0]["loc"]))
    return f"{place}: {problems[0]['msg']}" if place else str(problems[0]["msg"])
