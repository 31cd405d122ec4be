"""The ID-JAG as it is issued: which claims, in which shapes; and that what is issued is accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idjag.protocol import id_jag, names
from idjag.protocol.id_jag import IdJag
from idjag.protocol.jose import jws
from idjag.protocol.resources import is_resource
from idjag.protocol.scopes import is_scope_token
from tests.protocol.parts import API, CLIENT, FILES, IDP, KEY, KEYS, NOW, RAS

BARE = IdJag(iss=IDP, sub="alice", aud=RAS, client_id=CLIENT, jti="j-1", iat=NOW, exp=NOW + 300)
FULL = replace(
    BARE,
    scopes=("chat.read", "chat.history"),
    resources=(API, FILES),
    auth_time=NOW - 60,
    acr="urn:acme:mfa",
    amr=("pwd", "otp"),
    email="alice@acme.example",
    email_verified=True,
    name="Alice Example",
    tenant="acme",
    aud_tenant="T01",
    aud_sub="U019488227",
)
REQUIRED = {
    "iss": IDP,
    "sub": "alice",
    "aud": RAS,
    "client_id": CLIENT,
    "jti": "j-1",
    "iat": NOW,
    "exp": NOW + 300,
}


def accepted(grant: IdJag) -> IdJag:
    """Signed, sent, verified and accepted."""
    token = jws.sign(id_jag.claims(grant), key=KEY, typ=names.ID_JAG_TYP)
    jwt = jws.parse(token, max_bytes=names.MAX_ID_JAG)
    assert jwt.typ == names.ID_JAG_TYP
    verified = jws.verify(jwt, keys=KEYS, algorithms=names.ASYMMETRIC)
    return id_jag.accept(
        verified, audiences={RAS}, client_id=grant.client_id, now=NOW, skew=names.SKEW, max_lifetime=600
    )


def test_a_bare_grant_has_the_required_claims_and_no_other() -> None:
    """JAG-06, JAG-07, JAG-11, JAG-14, JAG-24, JAG-26: nothing is there that was not granted or known."""
    assert id_jag.claims(BARE) == REQUIRED


def test_a_full_grant_has_each_claim_in_its_shape() -> None:
    """JAG-14 to JAG-16, JAG-18 to JAG-20, A-07."""
    assert id_jag.claims(FULL) == REQUIRED | {
        "scope": "chat.read chat.history",
        "resource": [API, FILES],
        "auth_time": NOW - 60,
        "acr": "urn:acme:mfa",
        "amr": ["pwd", "otp"],
        "email": "alice@acme.example",
        "email_verified": True,
        "name": "Alice Example",
        "tenant": "acme",
        "aud_tenant": "T01",
        "aud_sub": "U019488227",
    }


def test_the_audience_is_a_plain_string_byte_for_byte() -> None:
    """JAG-06, XCH-15, interop fact 3."""
    for issuer in (RAS, RAS.rstrip("/"), "urn:acme:chat"):
        assert id_jag.claims(replace(BARE, aud=issuer))["aud"] == issuer


def test_times_are_integers() -> None:
    """JAG-11, JAG-29, attack case 126."""
    claims = id_jag.claims(FULL)
    assert [type(claims[name]) for name in ("iat", "exp", "auth_time")] == [int, int, int]


@pytest.mark.parametrize(
    ("resources", "claim"),
    [((API,), API), ((API, FILES), [API, FILES]), ((FILES, API), [FILES, API])],
)
def test_a_resource_is_a_string_and_several_are_an_array(resources: tuple[str, ...], claim: Any) -> None:
    """JAG-15."""
    assert id_jag.claims(replace(BARE, resources=resources))["resource"] == claim


def test_scopes_are_one_string() -> None:
    """JAG-16."""
    assert id_jag.claims(replace(BARE, scopes=("b", "a")))["scope"] == "b a"


@pytest.mark.parametrize(
    ("field", "value", "names_"),
    [
        ("scopes", ("chat.read",), {"scope"}),
        ("resources", (API,), {"resource"}),
        ("amr", ("pwd",), {"amr"}),
        ("auth_time", NOW, {"auth_time"}),
        ("acr", "x", {"acr"}),
        ("email", "a@acme.example", {"email", "email_verified"}),
        ("name", "x", {"name"}),
        ("tenant", "x", {"tenant"}),
        ("aud_tenant", "x", {"aud_tenant"}),
        ("aud_sub", "x", {"aud_sub"}),
    ],
)
def test_each_optional_claim_comes_alone(field: str, value: Any, names_: set[str]) -> None:
    """JAG-14: present exactly when granted or known; authorization details never are."""
    claims = id_jag.claims(replace(BARE, **{field: value}))
    assert claims.keys() - REQUIRED.keys() == names_
    assert "authorization_details" not in claims


@pytest.mark.parametrize("verified", [True, False])
def test_an_address_comes_with_the_truth_about_it(verified: bool) -> None:  # noqa: FBT001
    """JAG-22."""
    claims = id_jag.claims(replace(BARE, email="a@acme.example", email_verified=verified))
    assert (claims["email"], claims["email_verified"]) == ("a@acme.example", verified)


def test_nothing_is_said_about_an_address_that_is_not_released() -> None:
    """JAG-22, JAG-26."""
    assert id_jag.claims(replace(BARE, email_verified=True)) == REQUIRED


@pytest.mark.parametrize("grant", [BARE, FULL], ids=["bare", "full"])
def test_what_is_issued_is_accepted(grant: IdJag) -> None:
    """JAG-01, RAS-12 to RAS-17."""
    assert accepted(grant) == grant


def test_a_typical_grant_is_small() -> None:
    """JAG-29: less than 8 KB."""
    assert len(jws.sign(id_jag.claims(FULL), key=KEY, typ=names.ID_JAG_TYP)) < 1200


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
SCOPES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
URIS = st.text("abz09-._~/%?=&:@", max_size=12).map("https://api.example/".__add__)
GRANTS = st.builds(
    IdJag,
    iss=TEXTS,
    sub=TEXTS,
    aud=st.just(RAS),
    client_id=TEXTS,
    jti=TEXTS,
    iat=st.integers(NOW - 300, NOW + 60),
    exp=st.integers(NOW + 61, NOW + 300),
    scopes=st.lists(SCOPES.filter(is_scope_token), max_size=6, unique=True).map(tuple),
    resources=st.lists(URIS.filter(is_resource), max_size=4, unique=True).map(tuple),
    auth_time=st.none() | st.integers(1, NOW),
    acr=st.none() | TEXTS,
    amr=st.lists(TEXTS, max_size=3).map(tuple),
    email=TEXTS,
    email_verified=st.booleans(),
    name=st.none() | TEXTS,
    tenant=st.none() | TEXTS,
    aud_tenant=st.none() | TEXTS,
    aud_sub=st.none() | TEXTS,
)


@given(GRANTS | GRANTS.map(lambda grant: replace(grant, email=None, email_verified=False)))
@settings(max_examples=200)
def test_whatever_is_issued_is_accepted_as_it_was_meant(grant: IdJag) -> None:
    """JAG-14, RAS-13: through signature, JSON and acceptance, nothing is lost, added or changed."""
    assert accepted(grant) == grant
