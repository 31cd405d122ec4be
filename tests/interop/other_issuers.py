"""Identity providers that are not ours: recorded shapes of their ID-JAGs, signed with keys of the tests."""

from __future__ import annotations

import secrets
import time
from functools import cache
from typing import Any

from idjag.asgi import ASGIApp, Door, router
from idjag.protocol import names
from idjag.protocol.http import Reply, TokenRequest, json_reply
from idjag.protocol.jose import KeySet, PrivateKey, jws
from tests.interop.files import Target

__all__ = ["OKTA", "SUB", "okta_shaped", "product_issuer", "product_shaped", "site", "trusted"]

OKTA = "https://acme.okta.example"
SUB = "00u1alice"
_TENANT = "/tenants/7f3a"


@cache
def key(name: str) -> PrivateKey:
    """One key a name and process."""
    return PrivateKey.generate("RS256" if name == "okta" else "ES256", kid=f"{name}-2026")


def product_issuer(url: str) -> str:
    """An issuer for each tenant, told apart by the path (TEN-02)."""
    return url + _TENANT


def trusted(url: str) -> list[dict[str, Any]]:
    """The two entries for ras.yaml: one with pinned keys, one whose keys are fetched through its metadata."""
    return [
        {"issuer": OKTA, "keys": [key("okta").public.to_dict()], "algorithms": ["RS256"]},
        {"issuer": product_issuer(url), "algorithms": ["ES256"]},
    ]


def site(url: str) -> ASGIApp:
    """The product's metadata and keys, where OpenID Connect Discovery puts them: appended to the path."""
    issuer = product_issuer(url)
    documents: dict[str, dict[str, Any]] = {
        f"{_TENANT}/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/keys"},
        f"{_TENANT}/keys": KeySet([key("product").public]).to_dict(),
    }
    return router(
        {path: Door(_answering(members)) for path, members in documents.items()},
        otherwise=Door(_answering({"error": "not_found"}, status=404)),
    )


def _answering(members: dict[str, Any], *, status: int = 200) -> Any:
    async def answer(_: TokenRequest) -> Reply:
        return json_reply(members, status=status)

    return answer


def okta_shaped(target: Target, **changes: Any) -> str:
    """RS256, 300 s, an actor that nobody asked for, no resource, a SAML sub_id, a jti with a prefix."""
    now = int(time.time())
    claims = {
        "jti": f"IDAAG.{secrets.token_urlsafe(24)}",
        "iss": OKTA,
        "aud": target.issuer,
        "iat": now,
        "exp": now + 300,
        "sub": SUB,
        "client_id": target.wiki,
        "scope": "chat.read chat.history",
        "email": "alice@acme.example",
        "act": {"sub": "0oa9wiki", "sub_profile": "ai_agent"},
        "sub_id": {
            "format": "saml-nameid",
            "issuer": f"{OKTA}/saml",
            "nameid": "alice@acme.example",
            "nameid_format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
        },
        "auth_time": now - 60,
        "amr": ["mfa", "otp", "pwd"],
    }
    return _signed("okta", {**claims, **changes})


def product_shaped(target: Target, url: str, **changes: Any) -> str:
    """A path for each tenant, the tenant as claim too, audience and resource in arrays, a private claim."""
    now = int(time.time())
    claims = {
        "iss": product_issuer(url),
        "sub": SUB,
        "aud": [target.issuer],
        "client_id": target.wiki,
        "jti": secrets.token_hex(16),
        "iat": now,
        "nbf": now,
        "exp": now + 120,
        "tenant": "7f3a",
        "scope": "chat.read",
        "resource": [target.resource],
        "https://product.example/plan": "enterprise",
    }
    return _signed("product", {**claims, **changes})


def _signed(name: str, claims: dict[str, Any]) -> str:
    present = {claim: value for claim, value in claims.items() if value is not None}
    return jws.sign(present, key=key(name), typ=names.ID_JAG_TYP)
