"""The ID token: what is issued, and what is taken back as subject token."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol import id_token, names
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.id_token import IdToken
from idjag.protocol.jose import KeySet, PrivateKey, jws
from tests.protocol.parts import (
    ED,
    IDP,
    KEY,
    KEYS,
    NOW,
    OUT,
    RAS,
    RSA,
    STRANGER,
    changed,
    reason_of,
    refusal,
    signed,
)

APP = "wiki"
TOKEN = IdToken(
    iss=IDP,
    sub="alice",
    aud=APP,
    iat=NOW - 10,
    exp=NOW + 3590,
    auth_time=NOW - 60,
    acr="urn:acme:mfa",
    amr=("pwd", "otp"),
    sid="session-1",
    session_expiry=NOW + 28_740,
    nonce="n-1",
)
CLAIMS = id_token.claims(TOKEN)


def accepted(token: str, *, now: int = NOW, client_id: str = APP, keys: KeySet = KEYS) -> IdToken:
    return id_token.subject_token(token, keys=keys, issuer=IDP, client_id=client_id, now=now)


def with_claims(**changes: Any) -> str:
    return signed(changed(CLAIMS, changes))


def test_the_claims_are_those_of_the_sign_in() -> None:
    """OIDC-12, XCH-42: ``aud`` is one string, and the marker says what this is."""
    assert CLAIMS == {
        "iss": IDP,
        "sub": "alice",
        "aud": "wiki",
        "iat": NOW - 10,
        "exp": NOW + 3590,
        "auth_time": NOW - 60,
        "acr": "urn:acme:mfa",
        "amr": ["pwd", "otp"],
        "sid": "session-1",
        "session_expiry": NOW + 28_740,
        "idjag_use": "id_token",
        "nonce": "n-1",
    }


def test_a_nonce_is_there_only_if_the_request_had_one() -> None:
    bare = IdToken("i", "s", "a", 1, 2, 3, "acr", (), "sid", 4)
    assert "nonce" not in id_token.claims(bare)
    assert id_token.claims(bare)["amr"] == []


def test_profile_claims_are_added_and_replace_none_of_ours() -> None:
    """A-06: no mapped claim makes or unmakes the marker, the person or the audience."""
    profile = {"email": "alice@acme.example", **dict.fromkeys(CLAIMS, "evil")}
    token = IdToken(**{name: getattr(TOKEN, name) for name in IdToken.__slots__} | {"profile": profile})
    assert id_token.claims(token) == CLAIMS | {"email": "alice@acme.example"}


@pytest.mark.parametrize("key", [KEY, RSA, ED], ids=lambda key: key.alg)
def test_our_own_id_token_is_a_subject_token(key: PrivateKey) -> None:
    """XCH-36, XCH-07, attack case 42."""
    assert accepted(jws.sign(CLAIMS, key=key, typ="JWT")) == TOKEN


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", "application/JWT"])
def test_the_type_of_an_id_token_is_accepted_in_each_equal_spelling(typ: str) -> None:
    """XCH-41, A-20."""
    assert accepted(signed(CLAIMS, typ=typ)) == TOKEN


@pytest.mark.parametrize(
    "typ",
    [
        OUT,
        "at+jwt",
        "application/at+jwt",
        "oauth-id-jag+jwt",
        "logout+jwt",
        "client-authentication+jwt",
        "dpop+jwt",
        "idjag-receipt+jwt",
        "secevent+jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "id_token+jwt",
        "JOSE",
    ],
)
def test_another_type_is_no_id_token_whatever_its_claims_are(typ: Any) -> None:
    """XCH-41, attack cases 52 and 54: our own key, all claims as they should be, another type."""
    refused = refusal(lambda: accepted(signed(CLAIMS, typ=typ)))
    assert refused.reason is Reason.SUBJECT_TOKEN_TYPE
    assert refused.fact["typ"] == ("absent" if typ is OUT else typ.lower().removeprefix("application/"))


@pytest.mark.parametrize("typ", [1, None, ["JWT"], "JWT ", "", "a/b/c"])
def test_a_malformed_type_is_refused(typ: Any) -> None:
    assert reason_of(lambda: accepted(signed(CLAIMS, typ=typ))) is Reason.SUBJECT_TOKEN_INVALID


FOREIGN = [
    pytest.param({"client_id": APP, "scope": "chat.read", "jti": "j"}, id="access token"),
    pytest.param({"client_id": "f53f191f9311af35", "jti": "j"}, id="ID-JAG"),
    pytest.param({"scope": "openid"}, id="scope alone"),
    pytest.param({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, id="logout token"),
    pytest.param({"cnf": {"jkt": "x"}}, id="bound token"),
    pytest.param({"htm": "POST", "htu": f"{IDP}/token", "jti": "j"}, id="DPoP proof"),
    pytest.param({"client_id": None}, id="null is there"),
]


@pytest.mark.parametrize("claims", FOREIGN)
def test_a_claim_of_another_kind_of_token_makes_it_another_kind(claims: dict[str, Any]) -> None:
    """XCH-41, XCH-42, A-06: with our signature, our type and even our marker."""
    assert reason_of(lambda: accepted(with_claims(**claims))) is Reason.SUBJECT_TOKEN_TYPE


@pytest.mark.parametrize("marker", [OUT, None, "", True, "ID_TOKEN", "access_token", ["id_token"]])
def test_what_is_not_marked_is_no_id_token(marker: Any) -> None:
    """XCH-42, A-06: userinfo and JARM answers are JWTs of our key with ``aud`` and ``exp`` too."""
    assert reason_of(lambda: accepted(with_claims(idjag_use=marker))) is Reason.SUBJECT_TOKEN_TYPE


def test_a_client_assertion_that_names_the_client_as_issuer_is_refused() -> None:
    """XCH-41, attack case 54."""
    assertion = {"iss": APP, "sub": APP, "aud": IDP, "jti": "j", "exp": NOW + 60}
    assert reason_of(lambda: accepted(signed(assertion))) is Reason.SUBJECT_TOKEN_ISSUER


@pytest.mark.parametrize(
    "iss",
    [OUT, None, "", f"{IDP}/", IDP.upper(), "https://idp.evil.example", [IDP], "http://idp.acme.example"],
)
def test_a_foreign_issuer_is_refused(iss: Any) -> None:
    """XCH-36, XCH-40, attack case 51: our kid and key, and the issuer differs by a slash."""
    assert reason_of(lambda: accepted(with_claims(iss=iss))) is Reason.SUBJECT_TOKEN_ISSUER


@pytest.mark.parametrize(
    ("aud", "got"),
    [
        ("other-app", "other-app"),
        ("", ""),
        ("WIKI", "WIKI"),
        ("wiki ", "wiki "),
        (IDP, IDP),
        (RAS, RAS),
        ([], "list"),
        ([APP, "other-app"], "list"),
        (["other-app", APP], "list"),
        ([APP, APP], "list"),
        ([[APP]], "list"),
        ({"aud": APP}, "dict"),
        (None, "NoneType"),
        (OUT, "NoneType"),
        (True, "bool"),
        (1, "int"),
    ],
)
def test_an_id_token_for_anyone_else_is_refused(aud: Any, got: str) -> None:
    """XCH-36, XCH-37, XCH-38, A-05, attack cases 46 and 55; ``azp`` changes nothing."""
    for extra in ({}, {"azp": APP}):
        refused = refusal(lambda extra=extra: accepted(with_claims(aud=aud, **extra)))  # type: ignore[misc]
        assert refused.reason is Reason.SUBJECT_TOKEN_AUDIENCE
        assert {**refused.fact, "problem": ""} == {"expected": APP, "got": got, "problem": ""}


def test_an_id_token_presented_by_another_client_is_refused() -> None:
    """XCH-37, attack case 46."""
    assert reason_of(lambda: accepted(with_claims(), client_id="crm")) is Reason.SUBJECT_TOKEN_AUDIENCE


def test_an_audience_list_of_one_is_accepted() -> None:
    """XCH-38, A-05."""
    assert accepted(with_claims(aud=[APP])) == TOKEN


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (TOKEN.exp, None),
        (TOKEN.exp + 59, None),
        (TOKEN.exp + 60, Reason.SUBJECT_TOKEN_EXPIRED),
        (TOKEN.exp + 3600, Reason.SUBJECT_TOKEN_EXPIRED),
        (TOKEN.iat, None),
        (TOKEN.iat - 60, None),
        (TOKEN.iat - 61, Reason.SUBJECT_TOKEN_NOT_YET),
    ],
)
def test_an_id_token_lives_from_iat_to_exp_and_a_minute_of_skew(now: int, reason: Reason | None) -> None:
    """XCH-39, A-04, attack case 48: the boundary seconds."""
    if reason is None:
        assert accepted(with_claims(), now=now) == TOKEN
    else:
        assert reason_of(lambda: accepted(with_claims(), now=now)) is reason


def test_a_token_that_is_not_valid_before_a_time_is_not() -> None:
    """Attack case 48."""
    assert accepted(with_claims(nbf=NOW + 60)) == TOKEN
    assert reason_of(lambda: accepted(with_claims(nbf=NOW + 61))) is Reason.SUBJECT_TOKEN_NOT_YET


WRONG_CLAIMS = [
    *[
        pytest.param(name, OUT, "missing", id=f"{name} missing")
        for name in ("sub", "iat", "exp", "auth_time", "acr", "amr", "sid", "session_expiry")
    ],
    pytest.param("sub", 1, "not_a_string", id="sub is a number"),
    pytest.param("sub", ["alice"], "not_a_string", id="sub is a list"),
    pytest.param("sub", "", "empty", id="sub is empty"),
    pytest.param("sub", "a" * 256, "too_long", id="sub is too long"),
    pytest.param("sub", "a\x00", "control_character", id="NUL in sub"),
    pytest.param("acr", None, "not_a_string", id="acr is null"),
    pytest.param("acr", "a" * 256, "too_long", id="acr is too long"),
    pytest.param("sid", "s" * 256, "too_long", id="sid is too long"),
    pytest.param("amr", "pwd", "not_a_list", id="amr is text"),
    pytest.param("amr", [1], "not_a_string", id="number in amr"),
    pytest.param("nonce", "n" * 1025, "too_long", id="nonce is too long"),
    pytest.param("nonce", None, "not_a_string", id="nonce is null"),
    pytest.param("nbf", None, "not_a_number", id="nbf is null"),
    *[
        pytest.param(name, value, problem, id=f"{name} is {value!r}")
        for name in ("iat", "exp", "auth_time", "session_expiry", "nbf")
        for value, problem in [
            (True, "not_a_number"),
            (str(NOW), "not_a_number"),
            (NOW + 0.5, "not_whole"),
            (1e30, "out_of_range"),
            (0, "out_of_range"),
        ]
    ],
]


@pytest.mark.parametrize(("name", "value", "problem"), WRONG_CLAIMS)
def test_a_claim_that_is_not_as_we_write_it_is_refused(name: str, value: Any, problem: str) -> None:
    """XCH-36, attack cases 55, 77 and 99."""
    refused = refusal(lambda: accepted(with_claims(**{name: value})))
    assert refused.reason is Reason.SUBJECT_TOKEN_INVALID
    assert refused.fact == {"claim": name, "problem": problem}


def test_the_longest_claims_pass() -> None:
    """Positive control of the lengths above."""
    long = {"sub": "a" * 255, "acr": "b" * 255, "sid": "c" * 255, "nonce": "d" * 1024}
    token = accepted(with_claims(**long))
    assert (token.sub, token.acr, token.sid, token.nonce) == tuple(long.values())
    assert accepted(with_claims(nonce=OUT)).nonce is None


FORGED = [
    pytest.param(signed(CLAIMS, key=STRANGER), "signature_wrong", id="another key under our kid"),
    pytest.param(signed(CLAIMS, kid="unknown"), "key_unknown", id="unknown kid"),
    pytest.param(signed(CLAIMS, kid=RSA.kid), "key_algorithm", id="kid of a key of another algorithm"),
    pytest.param(signed(CLAIMS, alg="none"), "algorithm", id="none"),
    pytest.param(signed(CLAIMS, alg="HS256"), "algorithm", id="HMAC"),
    pytest.param(signed(CLAIMS, jwk=KEY.public.to_dict()), "header_name", id="embedded key"),
    pytest.param(signed(CLAIMS, jku="https://evil.example/jwks"), "header_name", id="key from a URL"),
    pytest.param(signed(CLAIMS, x5u="https://evil.example/x5u"), "header_name", id="certificate from a URL"),
    pytest.param(signed(CLAIMS, crit=["exp"]), "header_name", id="crit"),
    pytest.param(signed(CLAIMS).rsplit(".", 1)[0] + ".", "segments", id="signature stripped"),
    pytest.param(signed(CLAIMS)[:-2], "signature_wrong", id="signature shortened"),
    pytest.param("opaque-refresh-token", "segments", id="an opaque token"),
    pytest.param("<saml:Assertion/>", "segments", id="SAML"),
    pytest.param(signed('{"iss":"a","iss":"b"}'), "duplicate_member", id="a claim twice"),
    pytest.param(signed("[]"), "not_an_object", id="claims that are a list"),
    pytest.param(signed(CLAIMS | {"x": "y" * names.MAX_SUBJECT_TOKEN}), "too_long", id="too long"),
]


@pytest.mark.parametrize(("token", "problem"), FORGED)
def test_a_token_that_we_did_not_sign_as_it_stands_is_refused(token: str, problem: str) -> None:
    """XCH-40, attack cases 18, 51, 114 to 131."""
    refused = refusal(lambda: accepted(token))
    assert (refused.reason, refused.fact) == (Reason.SUBJECT_TOKEN_INVALID, {"problem": problem})


def test_claims_that_were_changed_after_signing_are_refused() -> None:
    """XCH-40."""
    head, claims, signature = with_claims().split(".")
    bob = with_claims(sub="bob").split(".")[1]
    assert reason_of(lambda: accepted(f"{head}.{bob}.{signature}")) is Reason.SUBJECT_TOKEN_INVALID
    assert accepted(f"{head}.{claims}.{signature}") == TOKEN


def test_a_key_that_was_withdrawn_signs_nothing_any_more() -> None:
    """Attack cases 50 and 205."""
    assert (
        reason_of(lambda: accepted(with_claims(), keys=KeySet([RSA.public]))) is Reason.SUBJECT_TOKEN_INVALID
    )


def test_every_refusal_of_a_subject_token_is_an_invalid_grant() -> None:
    """XCH-37, XCH-39, XCH-40, A-03."""
    reasons = [reason for reason in Reason if reason.value.startswith("subject_token_")]
    assert {ANSWERS[reason].error for reason in reasons} == {"invalid_grant"}
