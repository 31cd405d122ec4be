"""Identity providers that are not ours: tests/vectors/other_issuers.json, signed with keys of the tests."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from idjag.asgi import ASGIApp, Door, router
from idjag.protocol import names
from idjag.protocol.http import Reply, TokenRequest, json_reply
from idjag.protocol.jose import KeySet, PrivateKey, jws
from tests.interop.files import Target

__all__ = [
    "OKTA",
    "VECTORS",
    "key",
    "of_shape",
    "okta_shaped",
    "product_issuer",
    "product_shaped",
    "signed",
    "site",
    "trusted",
]

Claims: TypeAlias = dict[str, Any]

VECTORS: Claims = json.loads(
    (Path(__file__).parents[1] / "vectors" / "other_issuers.json").read_text(encoding="utf-8")
)
OKTA: str = VECTORS["shapes"]["okta"]["claims"]["iss"]
_PRODUCT = "https://login.product.example"
_TENANT: str = VECTORS["shapes"]["product"]["claims"]["iss"].removeprefix(_PRODUCT)
_TIMES = {"iat", "nbf", "exp", "auth_time"}
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@cache
def key(name: str) -> PrivateKey:
    """One key a name and process."""
    header = VECTORS["shapes"][name]["header"]
    return PrivateKey.generate(header["alg"], kid=header["kid"])


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
    """The shape `okta` for a resource app of ours."""
    return signed("okta", of_shape("okta", target) | changes)


def product_shaped(target: Target, url: str, **changes: Any) -> str:
    """The shape `product`, whose issuer we play at that address."""
    return signed("product", of_shape("product", target, url) | changes)


def of_shape(name: str, target: Target, url: str = _PRODUCT, change: Mapping[str, Any] = _NOTHING) -> Claims:
    """The claims of a shape, changed, and then made our own: addresses, the client's name, the time."""
    ours = {
        VECTORS["audience"]: target.issuer,
        VECTORS["client_id"]: target.wiki,
        VECTORS["resource"]: target.resource,
    }

    def here(value: Any) -> Any:
        if isinstance(value, list):
            return [here(each) for each in value]
        if isinstance(value, str) and value.startswith(_PRODUCT):
            return url + value.removeprefix(_PRODUCT)
        return ours.get(value, value) if isinstance(value, str) else value

    claims = {
        member: here(value) for member, value in {**VECTORS["shapes"][name]["claims"], **change}.items()
    }
    later = int(time.time()) - VECTORS["now"]
    moved = {member: claims[member] + later for member in _TIMES & claims.keys()}
    fresh = {"jti": f"{claims['jti']}.{secrets.token_hex(8)}"} if claims["jti"] else {}
    return claims | moved | fresh


def signed(name: str, claims: Claims) -> str:
    """With the issuer's key; a claim that is None is left out."""
    present = {claim: value for claim, value in claims.items() if value is not None}
    return jws.sign(present, key=key(name), typ=names.ID_JAG_TYP)
