"""Discovery documents: RFC 8414, OpenID Connect Discovery, RFC 9728, draft section 7."""

from __future__ import annotations

from urllib.parse import urlsplit

from idjag.protocol import names

__all__ = [
    "authorization_server_path",
    "identity_provider",
    "openid_path",
    "protected_resource",
    "protected_resource_path",
    "resource_authorization_server",
]

_SECRET_AND_KEY = [names.CLIENT_SECRET_BASIC, names.CLIENT_SECRET_POST, names.PRIVATE_KEY_JWT]


def _without_empty(document: dict[str, object]) -> dict[str, object]:
    """Members with zero elements are omitted (RFC 8414 section 3.2, RFC 9728 section 3.2)."""
    return {name: value for name, value in document.items() if value != []}


def authorization_server_path(issuer: str) -> str:
    """Where RFC 8414 section 3 puts the document: inserted before the issuer's path."""
    return "/.well-known/oauth-authorization-server" + urlsplit(issuer).path.rstrip("/")


def openid_path(issuer: str) -> str:
    """Where OpenID Connect Discovery section 4 puts it: appended to the issuer's path."""
    return urlsplit(issuer).path.rstrip("/") + "/.well-known/openid-configuration"


def protected_resource_path(resource: str) -> str:
    """Where RFC 9728 section 3.1 puts it: inserted before the resource's path and query.

    Only a slash that stands for an empty path goes; "/api/" and "/api" are two resources.
    """
    parts = urlsplit(resource)
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"/.well-known/oauth-protected-resource{path}{query}"


def identity_provider(issuer: str, *, base: str, scopes: list[str], acrs: list[str]) -> dict[str, object]:
    """The IdP's document, the same under both names (MET-01); ``base`` is the issuer without a final slash.

    Only what works is advertised (case 235).
    """
    return _without_empty(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "scopes_supported": scopes,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [names.AUTHORIZATION_CODE, names.TOKEN_EXCHANGE],
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": list(names.ASYMMETRIC),
            "token_endpoint_auth_methods_supported": [*_SECRET_AND_KEY, names.NO_AUTHENTICATION],
            "token_endpoint_auth_signing_alg_values_supported": list(names.ASYMMETRIC),
            "code_challenge_methods_supported": ["S256"],
            "acr_values_supported": acrs,
            "authorization_response_iss_parameter_supported": True,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "claims_parameter_supported": False,
            "identity_chaining_requested_token_types_supported": [names.ID_JAG_TOKEN],
        }
    )


def resource_authorization_server(
    issuer: str, *, base: str, scopes: list[str], path: str = "/token"
) -> dict[str, object]:
    """The RAS's document; it names no trusted issuer, tenant or client (MET-07).

    MCP clients demand ``authorization_endpoint``, ``response_types_supported`` and S256 even of a server
    that only redeems (interop facts 6 and 7); the endpoint answers with an OAuth error.
    """
    return _without_empty(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}{path}",
            "jwks_uri": f"{base}/jwks",
            "scopes_supported": scopes,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": [names.JWT_BEARER],
            "authorization_grant_profiles_supported": [names.ID_JAG_PROFILE],
            "token_endpoint_auth_methods_supported": list(_SECRET_AND_KEY),
            "token_endpoint_auth_signing_alg_values_supported": list(names.ASYMMETRIC),
        }
    )


def protected_resource(resource: str, *, issuer: str, scopes: list[str]) -> dict[str, object]:
    """A resource server's document: RFC 9728 section 2 (MET-11)."""
    return _without_empty(
        {
            "resource": resource,
            "authorization_servers": [issuer],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
        }
    )
