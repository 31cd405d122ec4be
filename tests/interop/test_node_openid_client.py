"""openid-client 6, in Node, as relying party, with every way to authenticate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.files import ALICE_SUB
from tests.interop.node_program import NodeError, Script, need_node, script
from tests.interop.openid_app import callback, discovered, signed_in
from tests.interop.world import World

need_node()


@pytest.fixture(scope="module")
def openid() -> Iterator[Script]:
    """The library."""
    with script("openid.mjs") as ready:
        yield ready


@pytest.mark.parametrize("app", ["wiki", "pinned-post", "keyed", "es256", "spa", "inspector"])
def test_openid_client_signs_in(world: World, openid: Script, app: str) -> None:
    """OIDC-01, OIDC-04, OIDC-08, OIDC-12, OIDC-27, CAU-01, CAU-02: PKCE and nonce; two algorithms."""
    tokens = signed_in(world, openid, app, "openid profile email")
    claims = tokens["claims"]
    assert (claims["sub"], claims["aud"], claims["email"]) == (ALICE_SUB, app, "alice@acme.example")
    assert (tokens["token_type"].lower(), type(tokens["expires_in"])) == ("bearer", int)


def test_both_forms_of_the_metadata_are_good(world: World, openid: Script) -> None:
    """MET-01: OpenID Connect Discovery and RFC 8414, the issuer compared byte for byte."""
    documents = [discovered(world, openid, "wiki", algorithm=form) for form in ("oidc", "oauth2")]
    assert documents[0] == documents[1]
    assert documents[0]["issuer"] == world.idp


def test_a_code_is_redeemed_once(world: World, openid: Script) -> None:
    """OIDC-06: with its error code as the library gives it."""
    discovered(world, openid, "wiki")
    url = callback(world, openid, "wiki")
    assert openid("finish", callback=url)["claims"]["sub"] == ALICE_SUB
    with pytest.raises(NodeError) as failed:
        openid("finish", callback=url)
    assert failed.value.told["oauth"] == "invalid_grant"


def test_the_answer_of_another_issuer_is_refused(world: World, openid: Script) -> None:
    """OIDC-07, MET-14: we announce `iss`, so the library insists on it."""
    discovered(world, openid, "wiki")
    url = callback(world, openid, "wiki")
    without = url.replace("&iss=", "&was=")
    assert without != url
    with pytest.raises(NodeError) as refused:
        openid("finish", callback=without)
    assert '"iss" (issuer) missing' in refused.value.told["cause"]["message"]
    assert openid("finish", callback=url)["claims"]["iss"] == world.idp
