"""docs/relying-parties.md says what is there: its addresses, parameters and claims are the product's."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from idjag.idp.released import CLAIMS
from idjag.protocol import logout_token, metadata

IDP = "https://idp.example"


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "relying-parties.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}")[2].partition("\n## ")[0]


def test_sign_in_that_begins_elsewhere_is_explained(page: str) -> None:
    """OIDC-30: each parameter, and what an app must check about it."""
    said = section(page, "Sign-in that begins elsewhere")
    for parameter in ("iss", "login_hint", "target_link_uri"):
        assert f"- `{parameter}`" in said
    assert said.count("**Check that") == 2


def test_every_endpoint_is_named_by_its_path(page: str) -> None:
    """OIDC-30: and none that is not there."""
    document = metadata.identity_provider(IDP, base=IDP, scopes=["openid"], acrs=[])
    paths = {
        urlsplit(str(url)).path for name, url in document.items() if name.endswith(("_endpoint", "jwks_uri"))
    }
    named = set(re.findall(r"`(/[a-z]+)`", section(page, "Endpoints")))
    # the first is for requesting apps, the second for resource authorization servers
    assert named == paths - {"/targets", "/receipts"}


def test_every_claim_is_named(page: str) -> None:
    """OIDC-13, OIDC-15."""
    said = section(page, "What is in an ID token")
    always = ["iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "sid", "session_expiry"]
    assert [
        name
        for name in (*always, *(one for names in CLAIMS.values() for one in names))
        if f"`{name}`" not in said
    ] == []


def test_what_makes_a_logout_token_is_named(page: str) -> None:
    """OIDC-21."""
    said = section(page, "Signing out")
    assert logout_token.EVENT in said
    assert f"`{logout_token.TYP}`" in said
