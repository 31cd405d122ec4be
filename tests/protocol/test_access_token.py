"""The JWT access token: what is issued, and what a resource server makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol import access_token, id_jag, id_token, names
from idjag.protocol.access_token import AccessToken
from idjag.protocol.actor import Actor
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.id_jag import IdJag
from idjag.protocol.id_token import IdToken
from idjag.protocol.jose import KeySet, jws, thumbprint
from tests.protocol.parts import (
    API,
    CLIENT,
    FILES,
    IDP,
    KEY,
    KEYS,
    NOW,
    OUT,
    RAS,
    RSA,
    STRANGER,
    changed,
    refusal,
    signed,
)

TOKEN = AccessToken(
    iss=RAS,
    sub="u-alice",
    audiences=(API,),
    client_id=CLIENT,
    jti="at-1",
    iat=NOW,
    exp=NOW + 900,
    scopes=("chat.read", "chat.history"),
)
CLAIMS = access_token.claims(TOKEN)
JKT = thumbprint(KEY.public)
AT = names.ACCESS_TOKEN_TYP


def accepted(
    token: str, *, resource: str = API, now: int = NOW, keys: KeySet = KEYS, skew: int = 60
) -> AccessToken:
    return access_token.accept(token, keys=keys, issuer=RAS, resource=resource, now=now, skew=skew)


def with_claims(**changes: Any) -> str:
    return signed(changed(CLAIMS, changes), typ=AT)


def refused_for(token: str, **sight: Any) -> dict[str, str]:
    """The facts of the refusal, which is always the same one for the client."""
    refused = refusal(lambda: accepted(token, **sight))
    assert refused.reason is Reason.TOKEN_INVALID
    return refused.fact


def test_an_access_token_has_the_required_claims() -> None:
    """AT-01, RAS-48, RAS-30."""
    assert CLAIMS == {
        "iss": RAS,
        "sub": "u-alice",
        "aud": API,
        "client_id": CLIENT,
        "jti": "at-1",
        "iat": NOW,
        "exp": NOW + 900,
        "scope": "chat.read chat.history",
    }


def test_scope_and_sign_in_are_there_when_they_are_known() -> None:
    """AT-01, AT-02: what the grant said about the authentication is carried over."""
    bare = AccessToken(RAS, "u", (API,), CLIENT, "j", NOW, NOW + 1)
    known = AccessToken(
        RAS, "u", (API, FILES), CLIENT, "j", NOW, NOW + 1, auth_time=NOW - 60, acr="a", amr=("pwd", "otp")
    )
    assert access_token.claims(known) == access_token.claims(bare) | {
        "aud": [API, FILES],
        "auth_time": NOW - 60,
        "acr": "a",
        "amr": ["pwd", "otp"],
    }
    assert not access_token.claims(bare).keys() & {"scope", "auth_time", "acr", "amr"}


def test_a_resource_server_reads_how_the_person_signed_in() -> None:
    """AT-02: or an API that asks for more (RFC 9470) would never see it."""
    read = accepted(with_claims(auth_time=NOW - 60, acr="a", amr=["pwd", "otp"]))
    assert (read.auth_time, read.acr, read.amr) == (NOW - 60, "a", ("pwd", "otp"))
    for wrong in ({"auth_time": "now"}, {"acr": ["a"]}, {"amr": "otp"}):
        assert refused_for(with_claims(**wrong))["claim"] in wrong


def test_our_own_token_is_accepted() -> None:
    """AT-03."""
    assert accepted(jws.sign(CLAIMS, key=KEY, typ=AT)) == TOKEN
    assert accepted(with_claims(scope=OUT)).scopes == ()


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_type_is_accepted_in_each_equal_spelling(typ: str) -> None:
    """AT-03, RFC 9068 section 4."""
    assert accepted(signed(CLAIMS, typ=typ)) == TOKEN


@pytest.mark.parametrize(
    "typ", [OUT, "JWT", "oauth-id-jag+jwt", "dpop+jwt", "logout+jwt", "at", "client-authentication+jwt"]
)
def test_another_type_is_no_access_token(typ: Any) -> None:
    """AT-03, RAS-49: our key, all claims as they should be, another type."""
    assert refused_for(signed(CLAIMS, typ=typ)) == {"typ": "absent" if typ is OUT else typ.lower()}


def test_an_id_jag_is_no_bearer_token() -> None:
    """RAS-49, JAG-25, attack case 82: even from an issuer that is our own, for our own resource."""
    grant = IdJag(RAS, "u-alice", API, CLIENT, "j", NOW, NOW + 300, ("chat.read",), (API,))
    assert refused_for(jws.sign(id_jag.claims(grant), key=KEY, typ=names.ID_JAG_TYP)) == {
        "typ": "oauth-id-jag+jwt"
    }


def test_an_id_token_is_no_bearer_token() -> None:
    """RAS-49."""
    token = IdToken(RAS, "u-alice", API, NOW, NOW + 300, NOW, "acr", (), "sid", NOW + 300)
    assert refused_for(jws.sign(id_token.claims(token), key=KEY, typ="JWT")) == {"typ": "jwt"}


@pytest.mark.parametrize("iss", [OUT, None, "", RAS.rstrip("/"), IDP, [RAS]])
def test_a_token_of_another_issuer_is_refused(iss: Any) -> None:
    """AT-03, RAS-49."""
    assert refused_for(with_claims(iss=iss)) == {"claim": "iss"}


@pytest.mark.parametrize(
    ("aud", "resource"),
    [
        (API, API),
        (API, "https://API.chat.example:443"),
        ("HTTPS://api.chat.example", API),
        ([FILES, API], API),
        ([API], API),
        (FILES, FILES),
    ],
)
def test_a_token_is_for_the_resource_in_any_equal_spelling(aud: Any, resource: str) -> None:
    """AT-03, XCH-27, RAS-30."""
    audiences = tuple(aud) if isinstance(aud, list) else (aud,)
    assert accepted(with_claims(aud=aud), resource=resource).audiences == audiences


@pytest.mark.parametrize(
    ("aud", "resource"),
    [
        (API, FILES),
        ([API], f"{FILES}/"),
        (FILES, f"{FILES}/"),
        (RAS, API),
        ([], API),
        ("", API),
        (OUT, API),
        (None, API),
        ([API, None], API),
        ([API, 1], API),
        ([API, "chat"], API),
        ([API, f"{API}#x"], API),
        ({API: 1}, API),
        ([[API]], API),
    ],
)
def test_a_token_for_another_resource_is_refused(aud: Any, resource: str) -> None:
    """AT-03, RAS-30: a list with anything in it that is no resource is not ours."""
    assert refused_for(with_claims(aud=aud), resource=resource) == {"claim": "aud"}


def test_a_bound_token_says_to_which_key() -> None:
    """RFC 9449 section 6.1; without a binding there is no claim."""
    bound = replace(TOKEN, jkt=JKT)
    assert access_token.claims(bound) == CLAIMS | {"cnf": {"jkt": JKT}}
    assert accepted(signed(access_token.claims(bound), typ=AT)) == bound
    assert "cnf" not in CLAIMS
    assert accepted(with_claims()).jkt is None


def test_who_acts_is_said_and_read() -> None:
    """RAS-41: the actor, and the one before."""
    actors = (Actor(IDP, "agent-1", "ai_agent"), Actor(RAS, "agent-2"))
    acting = replace(TOKEN, actors=actors)
    before = {"iss": RAS, "sub": "agent-2"}
    act = {"iss": IDP, "sub": "agent-1", "sub_profile": "ai_agent", "act": before}
    assert access_token.claims(acting) == CLAIMS | {"act": act}
    assert accepted(with_claims(act=act)).actors == actors
    assert accepted(with_claims()).actors == ()
    assert refused_for(with_claims(act="agent-1"))["claim"] == "act"


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": JKT}, {"jkt": JKT, "x5t#S256": JKT}, {}, None])
def test_a_token_that_is_bound_in_another_way_is_refused(cnf: Any) -> None:
    """DPOP-14, DPOP-17: never read as unbound."""
    assert refused_for(with_claims(cnf=cnf)) == {"claim": "cnf", "problem": "unsupported"}


@pytest.mark.parametrize(
    ("changes", "now", "valid"),
    [
        ({}, NOW + 900, True),
        ({}, NOW + 959, True),
        ({}, NOW + 960, False),
        ({}, NOW - 60, True),
        ({}, NOW - 61, False),
        ({"nbf": NOW + 60}, NOW, True),
        ({"nbf": NOW + 61}, NOW, False),
    ],
)
def test_a_token_lives_from_iat_to_exp_with_skew(changes: dict[str, Any], now: int, *, valid: bool) -> None:
    """AT-03: the boundary seconds."""
    token = with_claims(**changes)
    if valid:
        assert accepted(token, now=now) == TOKEN
    else:
        assert refused_for(token, now=now) == {"claim": "exp"}


def test_a_server_may_allow_no_skew() -> None:
    assert accepted(with_claims(), now=NOW + 899, skew=0) == TOKEN
    assert refused_for(with_claims(), now=NOW + 900, skew=0) == {"claim": "exp"}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [(name, OUT, "missing") for name in ("sub", "client_id", "jti", "iat", "exp")]
    + [
        ("sub", "", "empty"),
        ("sub", 1, "not_a_string"),
        ("jti", "j" * 256, "too_long"),
        ("client_id", [CLIENT], "not_a_string"),
        ("exp", True, "not_a_number"),
        ("exp", 1e30, "out_of_range"),
        ("iat", "1", "not_a_number"),
        ("nbf", None, "not_a_number"),
        ("scope", ["chat.read"], "not_a_string"),
        ("scope", "", "empty"),
    ],
)
def test_a_claim_that_is_not_as_it_must_be_is_refused(name: str, value: Any, problem: str) -> None:
    """AT-01, AT-03."""
    assert refused_for(with_claims(**{name: value})) == {"claim": name, "problem": problem}


@pytest.mark.parametrize(
    ("name", "longest"), [("sub", 255), ("jti", 255), ("client_id", 2048), ("scope", 8192)]
)
def test_a_text_has_a_length(name: str, longest: int) -> None:
    """AT-03."""
    assert accepted(with_claims(**{name: "x" * longest})).iss == RAS
    fact = {"claim": name, "problem": "too_long"}
    assert refused_for(with_claims(**{name: "x" * (longest + 1)})) == fact


def test_a_token_has_a_length() -> None:
    """AT-03: 16 KiB, to the octet."""
    sized = {len(token): token for pad in range(11_900, 12_000) if (token := with_claims(x="y" * pad))}
    assert accepted(sized[16_384]) == TOKEN
    assert refused_for(sized[min(length for length in sized if length > 16_384)]) == {"problem": "too_long"}


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        pytest.param(signed(CLAIMS, key=STRANGER, typ=AT), "signature_wrong", id="another key under our kid"),
        pytest.param(signed(CLAIMS, typ=AT, kid="unknown"), "key_unknown", id="unknown kid"),
        pytest.param(signed(CLAIMS, typ=AT, alg="none"), "algorithm", id="none"),
        pytest.param(signed(CLAIMS, typ=AT, alg="HS256"), "algorithm", id="HMAC"),
        pytest.param("opaque", "segments", id="opaque"),
        pytest.param("", "segments", id="empty"),
        pytest.param(signed(CLAIMS | {"x": "y" * 16_384}, typ=AT), "too_long", id="too long"),
    ],
)
def test_a_token_that_we_did_not_sign_as_it_stands_is_refused(token: str, problem: str) -> None:
    """AT-03, RAS-49."""
    assert refused_for(token) == {"problem": problem}


def test_only_the_keys_of_the_server_count() -> None:
    """AT-03: the IdP's key signs no access tokens."""
    assert refused_for(with_claims(), keys=KeySet([RSA.public])) == {"problem": "key_unknown"}


def test_every_refusal_is_a_401_invalid_token() -> None:
    """RAS-49, contract section 7."""
    answer = ANSWERS[Reason.TOKEN_INVALID]
    assert (answer.error, answer.status) == ("invalid_token", 401)
