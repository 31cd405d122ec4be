"""The signed text of an ID-JAG, damaged or dressed up: attack cases G at the token door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import base64url
from tests.ras.world import World, body, claims, grant, key, raw_token

HEADER = {"alg": "ES256", "kid": "idp", "typ": names.ID_JAG_TYP}

HEADERS = [
    {"alg": "none"},
    {"alg": "None"},
    {"alg": "nOnE"},
    {"alg": ""},
    {"alg": None},
    {"alg": ["ES256"]},
    {"alg": 7},
    {"alg": "HS256"},
    {"alg": "ES384"},
    {"alg": "RS256"},
    {"kid": "unknown"},
    {"kid": ""},
    {"kid": "k" * 5000},
    {"kid": "../../etc/passwd"},
    {"kid": ["idp"]},
    {"kid": "ｉdp"},
    {"jku": "https://evil.example/jwks"},
    {"x5u": "https://evil.example/x5u"},
    {"jwk": {"kty": "EC"}},
    {"x5c": ["MIIB"]},
    {"crit": []},
    {"crit": ["exp"]},
    {"crit": "exp"},
    {"b64": False},
    {"b64": True},
    {"zip": "DEF"},
    {"cty": "JWT"},
    {"enc": "A256GCM"},
]


@pytest.mark.parametrize("changes", HEADERS, ids=lambda changes: repr(changes)[:30])
def test_no_header_can_talk_its_way_in(world: World, changes: dict[str, Any]) -> None:
    """RAS-09, RAS-43, attack cases 114 to 123."""
    assertion = raw_token(HEADER | changes, claims(), key("idp"))
    reply = world.post({"assertion": assertion})
    assert body(reply)["error"] == "invalid_grant"
    assert world.event().fields["reason"] in {"assertion_invalid", "signature_invalid"}
    assert world.post({"assertion": raw_token(HEADER, claims(), key("idp"))}).status == 200


def _damaged() -> list[Any]:
    good = grant()
    head, payload, signature = good.split(".")
    flipped = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    return [
        pytest.param(f"{head}.{payload}.", id="no signature"),
        pytest.param(f"{head}.{payload}", id="two segments"),
        pytest.param(f"{good}.x", id="four segments"),
        pytest.param(f"{good}.x.y", id="five segments"),
        pytest.param(f"{head}.{payload}.{signature[:-8]}", id="truncated"),
        pytest.param(f"{head}.{payload}.{base64url.encode(bytes(64))}", id="zeros"),
        pytest.param(f"{head}.{payload}.{flipped}", id="bit flip"),
        pytest.param(f"{good}==", id="padding"),
        pytest.param(f" {good}", id="white space"),
        pytest.param("a.b.c", id="no base64url of JSON"),
        pytest.param("eyJhbGciOiJub25lIn0.e30.e30", id="alg none"),
        pytest.param("{}", id="JSON serialization"),
        pytest.param("x" * 20_000, id="long"),
        pytest.param("é.é.é", id="not ASCII"),
        pytest.param(raw_token(HEADER, json.dumps(claims())[:-1] + ',"sub":"x"}', key("idp")), id="twice"),
        pytest.param(raw_token(HEADER, "[" * 1000, key("idp")), id="deep"),
        pytest.param(raw_token('"alg"', claims(), key("idp")), id="header is a string"),
        pytest.param(raw_token(HEADER, '{"exp":NaN}', key("idp")), id="NaN"),
        pytest.param(raw_token(HEADER, claims(x="y" * 20_000), key("idp")), id="too large"),
    ]


@pytest.mark.parametrize("assertion", _damaged())
def test_no_damaged_token_gets_in(world: World, assertion: str) -> None:
    """RAS-43, attack cases 115, 126, 130 and 134."""
    reply = world.post({"assertion": assertion})
    assert body(reply)["error"] == "invalid_grant"
    assert world.event().fields["reason"] in {"assertion_invalid", "signature_invalid", "issuer_not_trusted"}
