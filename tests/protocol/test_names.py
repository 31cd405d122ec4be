"""The words of the specifications, letter for letter: a wrong one would agree with itself everywhere."""

from __future__ import annotations

import pytest

from idjag.protocol import names

WORDS = {
    "DRAFT": "draft-ietf-oauth-identity-assertion-authz-grant-04",
    "AUTHORIZATION_CODE": "authorization_code",
    "REFRESH_TOKEN": "refresh_token",
    "OFFLINE_ACCESS": "offline_access",
    "TOKEN_EXCHANGE": "urn:ietf:params:oauth:grant-type:token-exchange",
    "JWT_BEARER": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "ID_JAG_TOKEN": "urn:ietf:params:oauth:token-type:id-jag",
    "ID_TOKEN": "urn:ietf:params:oauth:token-type:id_token",
    "REFRESH_TOKEN_TYPE": "urn:ietf:params:oauth:token-type:refresh_token",
    "SAML2_TOKEN": "urn:ietf:params:oauth:token-type:saml2",
    "ID_JAG_PROFILE": "urn:ietf:params:oauth:grant-profile:id-jag",
    "CLIENT_ASSERTION_TYPE": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "ID_JAG_TYP": "oauth-id-jag+jwt",
    "ACCESS_TOKEN_TYP": "at+jwt",
    "CLIENT_AUTHENTICATION_TYP": "client-authentication+jwt",
    "DPOP_TYP": "dpop+jwt",
    "TOKEN_TYPE_BEARER": "Bearer",
    "TOKEN_TYPE_DPOP": "DPoP",
    "CLIENT_SECRET_BASIC": "client_secret_basic",
    "CLIENT_SECRET_POST": "client_secret_post",
    "PRIVATE_KEY_JWT": "private_key_jwt",
    "NO_AUTHENTICATION": "none",
}


@pytest.mark.parametrize("name", WORDS)
def test_a_word_is_that_of_the_specification(name: str) -> None:
    """XCH-01, XCH-05, XCH-07, JAG-01, RAS-01, RAS-07, MET-05, CAU-07, AT-01."""
    assert getattr(names, name) == WORDS[name]


@pytest.mark.parametrize("name", ["ID_JAG_TYP", "ACCESS_TOKEN_TYP", "CLIENT_AUTHENTICATION_TYP", "DPOP_TYP"])
def test_a_type_is_written_as_the_parser_normalises_it(name: str) -> None:
    """RAS-07: otherwise no token would ever match it."""
    word = getattr(names, name)
    assert word == word.lower()
    assert "/" not in word


def test_only_asymmetric_algorithms_are_known() -> None:
    """JAG-02, RAS-09, CAU-06, MET-15."""
    assert set(names.ASYMMETRIC) == set(names.DPOP_ALGORITHMS)
    assert set(names.ASYMMETRIC) == {"ES256", "RS256", "Ed25519"}


def test_sizes_and_times_are_those_that_we_promise() -> None:
    """XCH-39, RAS-14 (leeway at most 60 s), RAS-43, JAG-12 (cap of one hour), CAU-05; stack facts."""
    assert names.SKEW == 60
    assert (names.MAX_BODY, names.MAX_PARAMETERS) == (65_536, 64)
    assert (names.MAX_SCOPES, names.MAX_RESOURCES) == (256, 32)
    assert names.MAX_ID_JAG == names.MAX_SUBJECT_TOKEN == 16_384
    assert names.MAX_CLIENT_ASSERTION == 4096
    assert names.MAX_DPOP_PROOF == 8192
    assert names.MAX_ID_JAG_LIFETIME == names.MAX_CLIENT_ASSERTION_LIFETIME == 3600


def test_a_body_holds_the_largest_of_everything_it_may_carry() -> None:
    """Two tokens at their largest fit, and every resource fits as a parameter of its own."""
    assert names.MAX_BODY > names.MAX_SUBJECT_TOKEN + names.MAX_CLIENT_ASSERTION
    assert names.MAX_PARAMETERS > names.MAX_RESOURCES + 10
