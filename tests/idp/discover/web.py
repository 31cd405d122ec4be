"""Chat's documents as they should be, and an administrator's questions about them; each test changes one."""

from __future__ import annotations

from typing import Any

from idjag.idp.discover.find import discover
from idjag.idp.discover.looks import Looks
from idjag.idp.discover.plan import Plan, Undiscovered
from idjag.protocol import names
from idjag.protocol.jose import PrivateKey
from idjag.trust.memory import MemoryFetcher
from idjag.trust.outbound import FetchFailed
from tests.idp.grants.acme_state import API as CHAT_API
from tests.idp.grants.acme_state import CHAT, FILES

OWN = "https://idp.acme.example"
RAS = "https://acme.chat.example/"
API = "https://api.chat.example/v1"
INSERTED = "https://acme.chat.example/.well-known/oauth-authorization-server"
APPENDED = "https://acme.chat.example/.well-known/openid-configuration"
API_PLACE = "https://api.chat.example/.well-known/oauth-protected-resource/v1"

SERVER: dict[str, Any] = {
    "issuer": RAS,
    "token_endpoint": "https://acme.chat.example/token",
    "jwks_uri": "https://acme.chat.example/jwks",
    "grant_types_supported": [names.JWT_BEARER],
    "authorization_grant_profiles_supported": [names.ID_JAG_PROFILE],
    "scopes_supported": ["chat.read", "chat.write"],
}
RESOURCE: dict[str, Any] = {
    "resource": API,
    "authorization_servers": [RAS],
    "scopes_supported": ["chat.write", "chat.read"],
}


def web(**changes: Any) -> dict[str, Any]:
    """What there is: ``server`` and ``resource`` replace members (None removes); others are whole pages."""
    documents: dict[str, Any] = {
        INSERTED: _changed(SERVER, changes.pop("server", {})),
        API_PLACE: _changed(RESOURCE, changes.pop("resource", {})),
    }
    documents |= changes.pop("pages", {})
    assert not changes
    return {url: page for url, page in documents.items() if page is not None}


def _changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (document | changes).items() if value is not None}


def looks(documents: dict[str, Any]) -> Looks:
    """Through a fetcher that has these documents."""
    return Looks(MemoryFetcher(documents), monotonic=lambda: 0.0)


def found(documents: dict[str, Any], typed: str, **asked: Any) -> Plan:
    """The plan; it must come out."""
    return discover(looks(documents), typed, **({"own": OWN} | asked))


def refused(documents: dict[str, Any], typed: str, **asked: Any) -> Undiscovered:
    """Why there is none."""
    try:
        plan = found(documents, typed, **asked)
    except Undiscovered as why:
        return why
    raise AssertionError(plan)


def unauthorized(challenge: str) -> FetchFailed:
    """What an API answers to whoever brings no token."""
    return FetchFailed("401", outcome="answered 401", challenge=challenge)


def about(plan: Plan, field: str) -> str:
    """The remarks on a field, joined."""
    return " ".join(one.text for one in plan.remarks if one.about == field)


def _acme_pages() -> dict[str, Any]:
    """What Chat of tests.idp.grants.acme would publish."""
    server = SERVER | {"issuer": CHAT}
    key = PrivateKey.generate("ES256", kid="chat-1")
    chat = {"resource": CHAT_API, "authorization_servers": [CHAT]}
    files = {"resource": FILES, "authorization_servers": [CHAT]}
    return {
        INSERTED: server,
        "https://acme.chat.example/jwks": {"keys": [key.public.to_dict()]},
        "https://api.chat.example/.well-known/oauth-protected-resource": chat,
        "https://files.chat.example/.well-known/oauth-protected-resource/v1": files,
    }


CHAT_PAGES = _acme_pages()
