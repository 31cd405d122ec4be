"""Discovery documents: RFC 8414, OpenID Connect Discovery, RFC 9728, draft section 7."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from idjag.protocol import names

__all__ = [
    "authorization_server_path",
    "beside_token_endpoint",
    "identity_provider",
    "openid_path",
    "protected_resource",
    "protected_resource_path",
    "resource_authorization_server",
]

_ENDPOINTS = {
    "introspect": "introspection_endpoint",
    "revoke": "revocation_endpoint",
    "global-token-revocation": "global_token_revocation_endpoint",
}
_OF_THE_IDP = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "revocation_endpoint": "/revoke",
    "introspection_endpoint": "/introspect",
    "token_exchange_target_service_discovery_endpoint": "/targets",
    "userinfo_endpoint": "/userinfo",
    "pushed_authorization_request_endpoint": "/par",
    "end_session_endpoint": "/logout",
    "receipt_endpoint": "/receipts",
    "jwks_uri": "/jwks",
}
_OF_CLIENTS = (
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "pushed_authorization_request_endpoint",
    "token_exchange_target_service_discovery_endpoint",
)
_FORMS = frozenset({"introspect", "revoke"})
_ID_TOKEN_CLAIMS = [
    *("iss", "sub", "aud", "exp", "iat", "nonce"),
    *("auth_time", "acr", "amr", "sid", "session_expiry"),
]
_SECRET_AND_KEY = [names.CLIENT_SECRET_BASIC, names.CLIENT_SECRET_POST, names.PRIVATE_KEY_JWT]


def _without_empty(document: dict[str, object]) -> dict[str, object]:
    """Members with zero elements are omitted (RFC 8414 section 3.2, RFC 9728 section 3.2)."""
    return {name: value for name, value in document.items() if value != []}


def _documents(*, supported: bool) -> dict[str, object]:
    """The draft on client metadata documents, section 5; left out where it would say no."""
    return {"client_id_metadata_document_supported": True} if supported else {}


def _aliases(base: str | None) -> dict[str, object]:
    """The endpoints that clients authenticate at, where connections are asked for a certificate.

    RFC 8705 section 5.
    """
    if base is None:
        return {}
    return {"mtls_endpoint_aliases": {name: base + _OF_THE_IDP[name] for name in _OF_CLIENTS}}


def _authenticated(endpoint: str, methods: Sequence[str]) -> dict[str, object]:
    """How clients authenticate at an endpoint, by the name that its address has in the document."""
    return {
        f"{endpoint}_auth_methods_supported": list(methods),
        f"{endpoint}_auth_signing_alg_values_supported": list(names.ASYMMETRIC),
    }


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


def identity_provider(
    issuer: str,
    *,
    base: str,
    scopes: list[str],
    acrs: list[str],
    claims: Sequence[str] = (),
    locales: Sequence[str] = (),
    documents: bool = False,
    certificates: Sequence[str] = (),
    mtls_base: str | None = None,
) -> dict[str, object]:
    """The IdP's document, the same under both names (MET-01); ``base`` is the issuer without a final slash.

    Only what works is advertised (case 235).  ``claims`` are those about people, ``locales`` the languages of
    our pages.  ``documents``: clients may be metadata documents (MET-17).  ``certificates``: how clients may
    authenticate with one (RFC 8705), ``mtls_base`` where they are asked for one, if not everywhere.
    """
    methods = [*_SECRET_AND_KEY, *certificates]
    return _without_empty(
        {
            "issuer": issuer,
            **{name: base + path for name, path in _OF_THE_IDP.items()},
            "scopes_supported": scopes,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [names.AUTHORIZATION_CODE, names.REFRESH_TOKEN, names.TOKEN_EXCHANGE],
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": list(names.ASYMMETRIC),
            **_authenticated("token_endpoint", [*methods, names.NO_AUTHENTICATION]),
            **_authenticated("revocation_endpoint", [*methods, names.NO_AUTHENTICATION]),
            **_authenticated("introspection_endpoint", methods),
            "code_challenge_methods_supported": ["S256"],
            "acr_values_supported": acrs,
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "display_values_supported": ["page"],
            "claim_types_supported": ["normal"],
            "claims_supported": [*_ID_TOKEN_CLAIMS, *claims],
            "ui_locales_supported": list(locales),
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "authorization_response_iss_parameter_supported": True,
            "dpop_signing_alg_values_supported": list(names.DPOP_ALGORITHMS),
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "require_pushed_authorization_requests": False,
            "claims_parameter_supported": True,
            "identity_chaining_requested_token_types_supported": [names.ID_JAG_TOKEN],
            **_documents(supported=documents),
            **_aliases(mtls_base),
        }
    )


def resource_authorization_server(
    issuer: str,
    *,
    base: str,
    scopes: list[str],
    token_endpoint: str | None = None,
    documents: bool = False,
    public: bool = False,
    dpop: bool = True,
    certificates: Sequence[str] = (),
) -> dict[str, object]:
    """The RAS's document; it names no trusted issuer, tenant or client (MET-07).

    ``token_endpoint``: where it is not ``base`` and /token.  ``public``: clients without credentials may
    redeem grants that are bound to a key.  ``dpop``: proofs for that endpoint are accepted.
    ``certificates``: how clients may authenticate with one.

    MCP clients demand ``authorization_endpoint``, ``response_types_supported`` and S256 even of a server
    that only redeems (interop facts 6 and 7); the endpoint answers with an OAuth error.
    """
    methods = [*_SECRET_AND_KEY, *certificates, *([names.NO_AUTHENTICATION] if public else ())]
    return _without_empty(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": token_endpoint or f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "scopes_supported": scopes,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": [names.JWT_BEARER, *([names.JWT_DPOP] if dpop else ())],
            "authorization_grant_profiles_supported": [names.ID_JAG_PROFILE],
            **_authenticated("token_endpoint", methods),
            "dpop_signing_alg_values_supported": list(names.DPOP_ALGORITHMS) if dpop else [],
            **_documents(supported=documents),
        }
    )


def beside_token_endpoint(path: str, *, base: str, certificates: Sequence[str] = ()) -> dict[str, object]:
    """The members of one further endpoint of the RAS; ``path`` is its name.

    RFC 8414 section 2; draft-parecki-oauth-global-token-revocation.
    """
    name = _ENDPOINTS[path]
    # JSON has no place for a secret or a client_id, so that one endpoint knows only what a header can carry
    in_header = [names.CLIENT_SECRET_BASIC, names.PRIVATE_KEY_JWT]
    methods = [*_SECRET_AND_KEY, *certificates] if path in _FORMS else in_header
    return {name: f"{base}/{path}", **_authenticated(name, methods)}


def protected_resource(
    resource: str, *, issuer: str, scopes: list[str], key_bound: bool = False
) -> dict[str, object]:
    """A resource server's document: RFC 9728 section 2 (MET-11).

    ``key_bound``: it takes only tokens that are bound to a key.
    """
    return _without_empty(
        {
            "resource": resource,
            "authorization_servers": [issuer],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": list(names.DPOP_ALGORITHMS),
            **({"dpop_bound_access_tokens_required": True} if key_bound else {}),
        }
    )
