"""Whatever is sent to the receipt endpoint, it answers: never 5xx, and never in two ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idjag.protocol import receipt
from idjag.protocol.http import TokenRequest
from idjag.protocol.jose import base64url
from tests.idp.grants.acme import Acme, acme
from tests.idp.receipts import CHAT_KEY, FORM, Post, assert_alike, policy

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["iss", "aud", "iat", "exp", "jti", "id_jag", "outcome", "at", "sub", ""])
HEADERS = st.sampled_from(["alg", "kid", "typ", "jku", "jwk", "crit", "x5c", "b64"])
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def idp() -> Iterator[Acme]:
    """One for all that is thrown at it."""
    with acme(policy()) as made:
        yield made


@pytest.fixture(scope="module")
def post(idp: Acme) -> Post:
    """Its endpoint, which is patient."""
    return Post(idp, borne=1_000_000)


@pytest.fixture(scope="module")
def good(post: Post) -> dict[str, Any]:
    """The claims of a receipt that would be taken."""
    return post.claims()


def forged(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Signed by the right key, whatever it says."""
    parts = [json.dumps(part).encode("utf-8", "surrogatepass") for part in (header, claims)]
    signing_input = ".".join(base64url.encode(part) for part in parts)
    return f"{signing_input}.{base64url.encode(CHAT_KEY.sign(signing_input.encode()))}"


@QUICK
@given(bent=st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
def test_any_claims_under_the_right_key(post: Post, good: dict[str, Any], bent: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": "chat-1", "typ": receipt.TYP}
    assert_alike(post.raw(forged(header, {**good, **bent})))


@QUICK
@given(bent=st.dictionaries(HEADERS, VALUES, min_size=1, max_size=3))
def test_any_header_under_the_right_key(post: Post, good: dict[str, Any], bent: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": "chat-1", "typ": receipt.TYP}
    assert_alike(post.raw(forged({**header, **bent}, {**good, "jti": "fuzz"})))


@QUICK
@given(body=st.binary(max_size=200), query=st.binary(max_size=20), prefix=st.booleans())
def test_any_bytes(post: Post, body: bytes, query: bytes, prefix: bool) -> None:  # noqa: FBT001 - drawn
    body = b"receipt=" + body if prefix else body
    assert_alike(post.ask(TokenRequest("POST", query, (FORM,), body, "192.0.2.77")))


def test_the_right_one_is_still_taken(post: Post) -> None:
    """The control: the endpoint is not simply deaf by now."""
    before = len(post.reported)
    assert_alike(post.send(post.claims()))
    assert len(post.reported) == before + 1
