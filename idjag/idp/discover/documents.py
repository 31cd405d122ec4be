"""What an authorization server and a protected resource say about themselves, read and bounded.

RFC 8414 section 2, RFC 9728 section 2.  Strings of others: what is not what it must be is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from idjag.idp.catalog.fields import is_clean
from idjag.protocol import names
from idjag.protocol.jose.json import JsonValue
from idjag.protocol.resources import is_resource
from idjag.protocol.scopes import is_scope_token
from idjag.trust.outbound import FetchFailed, parse_url

__all__ = [
    "AuthorizationServer",
    "ProtectedResource",
    "authorization_server",
    "protected_resource",
    "resource_metadata",
]

_MOST_SHOWN: Final = 200
_WORD: Final = re.compile(r"[!-~]{1,200}")
# RFC 9728 section 5.1 and RFC 9110 section 11.6.1: a quoted string, or a token.
_RESOURCE_METADATA: Final = re.compile(
    r'(?:^|[\s,])resource_metadata\s*=\s*(?:"(?P<quoted>[^"\\]*)"|(?P<plain>[^\s",]+))', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """A RAS by its own words; ``found_at`` is where they stood.

    ``resources``: the protected resources that it names itself (RFC 9728 section 4).
    """

    issuer: str
    found_at: str
    token_endpoint: str | None = None
    jwks_uri: str | None = None
    grants: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    auth_methods: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    @property
    def takes_jwt_bearer(self) -> bool:
        """MET-06; a server that lists no grants takes none but the code's (RFC 8414 section 2)."""
        return names.JWT_BEARER in self.grants

    @property
    def takes_id_jag(self) -> bool:
        """MET-05."""
        return names.ID_JAG_PROFILE in self.profiles


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """An API by its own words; ``found_at`` is where they stood, ``servers`` are issuers."""

    resource: str
    found_at: str
    servers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    name: str = ""
    key_bound: bool = False


def authorization_server(members: Mapping[str, JsonValue], *, found_at: str) -> AuthorizationServer | None:
    """The document as a value; None when it names no issuer that could be one."""
    issuer = members.get("issuer")
    if not isinstance(issuer, str) or not _is_issuer(issuer):
        return None
    return AuthorizationServer(
        issuer=issuer,
        found_at=found_at,
        token_endpoint=_address(members.get("token_endpoint")),
        jwks_uri=_address(members.get("jwks_uri")),
        grants=_list(members.get("grant_types_supported"), _is_word),
        profiles=_list(members.get("authorization_grant_profiles_supported"), _is_word),
        auth_methods=_list(
            members.get("token_endpoint_auth_methods_supported", [names.CLIENT_SECRET_BASIC]), _is_word
        ),
        scopes=_list(members.get("scopes_supported"), is_scope_token, most=names.MAX_SCOPES),
        resources=_list(members.get("protected_resources"), is_resource, most=names.MAX_RESOURCES),
    )


def protected_resource(members: Mapping[str, JsonValue], *, found_at: str) -> ProtectedResource | None:
    """The document as a value; None when it names no resource that could be one."""
    resource, name = members.get("resource"), members.get("resource_name")
    if not isinstance(resource, str) or not is_resource(resource):
        return None
    return ProtectedResource(
        resource=resource,
        found_at=found_at,
        servers=_list(members.get("authorization_servers"), _is_issuer),
        scopes=_list(members.get("scopes_supported"), is_scope_token, most=names.MAX_SCOPES),
        name=name if isinstance(name, str) and _is_name(name) else "",
        key_bound=members.get("dpop_bound_access_tokens_required") is True,
    )


def resource_metadata(challenge: str) -> str:
    """The address in a WWW-Authenticate header (RFC 9728 section 5.1); "" when there is not exactly one."""
    found = {match["quoted"] or match["plain"] or "" for match in _RESOURCE_METADATA.finditer(challenge)}
    address = found.pop() if len(found) == 1 else ""
    return _address(address) or ""


def _list(value: JsonValue, good: Callable[[str], bool], *, most: int = 64) -> tuple[str, ...]:
    """The good strings of an array, each once."""
    if not isinstance(value, list):
        return ()
    return tuple(dict.fromkeys(each for each in value if isinstance(each, str) and good(each)))[:most]


def _address(value: JsonValue) -> str | None:
    """A URL that the one fetcher could be given; of endpoints too, since nobody else could use another."""
    if not isinstance(value, str):
        return None
    try:
        parse_url(value)
    except FetchFailed:
        return None
    return value


def _is_issuer(text: str) -> bool:
    return _address(text) is not None and is_resource(text) and "?" not in text


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MOST_SHOWN and text == text.strip() and is_clean(text)
