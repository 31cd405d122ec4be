"""Every wrong ID-JAG, one thing wrong at a time: attack cases E and G at the token door."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import PrivateKey
from tests.ras.world import (
    API,
    CLIENT,
    IDP,
    KEY_CLIENT,
    NOW,
    OTHER_IDP,
    RAS,
    World,
    assert_refused,
    body,
    claims,
    client,
    config,
    grant,
    key,
    raw_token,
    trusted,
)

HEADER = {"alg": "ES256", "kid": "idp", "typ": names.ID_JAG_TYP}


@pytest.mark.parametrize(
    "typ",
    ["oauth-id-jag+jwt", "application/oauth-id-jag+jwt", "OAuth-ID-JAG+JWT", "Application/Oauth-Id-Jag+Jwt"],
)
def test_the_media_type_is_accepted_in_every_equal_spelling(world: World, typ: str) -> None:
    """RAS-07, attack case 80."""
    assert world.post({"assertion": grant(typ=typ)}).status == 200


@pytest.mark.parametrize(
    "typ",
    [
        "JWT",
        "at+jwt",
        "oauth-id-jag",
        "client-authentication+jwt",
        "logout+jwt",
        "dpop+jwt",
        "text/oauth-id-jag+jwt",
    ],
)
def test_any_other_type_is_refused(world: World, typ: str) -> None:
    """RAS-07, attack cases 79 and 81."""
    assert_refused(world, world.post({"assertion": grant(typ=typ)}), "invalid_grant", "assertion_type")


def test_a_missing_type_is_refused(world: World) -> None:
    """RAS-07, attack case 79."""
    header = {"alg": "ES256", "kid": "idp"}
    assertion = raw_token(header, claims(), key("idp"))
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "assertion_type")


@pytest.mark.parametrize("claim", ["sub", "client_id", "jti", "exp", "iat"])
def test_every_required_claim_is_required(world: World, claim: str) -> None:
    """RAS-13."""
    assertion = grant(**{claim: None})
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "claim_wrong")


def test_an_assertion_without_issuer_is_refused(world: World) -> None:
    """RAS-13, RAS-08."""
    assert_refused(world, world.post({"assertion": grant(iss=None)}), "invalid_grant", "issuer_not_trusted")


AUDIENCES = [
    None,
    RAS.rstrip("/"),
    RAS.upper(),
    f"{RAS}token",
    "https://acme.chat.example:443/",
    "http://acme.chat.example/",
    f"{RAS}.evil",
    "https://acme.chat.example.evil/",
    "https://other.example/",
    CLIENT,
    "",
    [],
    [RAS, RAS],
    [RAS, "https://other.example/"],
    {"aud": RAS},
    [[RAS]],
    1,
    True,
]


@pytest.mark.parametrize("aud", AUDIENCES, ids=repr)
def test_only_our_issuer_alone_is_our_audience(world: World, aud: Any) -> None:
    """RAS-12, RAS-39, attack cases 84 to 87."""
    assertion = grant(aud=aud)
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "audience_wrong")


def test_an_audience_that_is_null_is_refused(world: World) -> None:
    """Attack case 86."""
    assertion = raw_token(HEADER, claims(aud=None) | {"aud": None}, key("idp"))
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "audience_wrong")


def test_an_audience_list_of_one_is_accepted(world: World) -> None:
    """RAS-12, attack case 86."""
    assert world.post({"assertion": grant(aud=[RAS])}).status == 200


def test_a_further_audience_is_accepted_when_it_is_configured() -> None:
    """A-09: off by default, exact when on."""
    bare = RAS.rstrip("/")
    assert (
        World(config=config(accepted_audiences=frozenset({bare}))).post({"assertion": grant(aud=bare)}).status
        == 200
    )
    assert World().post({"assertion": grant(aud=bare)}).status == 400


TIMES = [
    pytest.param({"exp": NOW - 60}, "expired", id="expired"),
    pytest.param({"exp": NOW - 3600, "iat": NOW - 3900}, "expired", id="long expired"),
    pytest.param({"nbf": NOW + 61}, "not_yet_valid", id="nbf ahead"),
    pytest.param({"iat": NOW + 61, "exp": NOW + 300}, "not_yet_valid", id="iat ahead"),
    pytest.param({"exp": NOW + 601}, "lifetime_too_long", id="above the issuer's maximum"),
    pytest.param({"exp": NOW + 3600}, "lifetime_too_long", id="an hour, though signed"),
    pytest.param({"exp": NOW + 0.5}, "claim_wrong", id="exp is a fraction"),
    pytest.param({"exp": 10**30}, "claim_wrong", id="exp is far"),
    pytest.param({"exp": True}, "claim_wrong", id="exp is a boolean"),
    pytest.param({"exp": str(NOW + 60)}, "claim_wrong", id="exp is text"),
    pytest.param({"iat": [NOW]}, "claim_wrong", id="iat is a list"),
    pytest.param({"iat": NOW + 10, "exp": NOW + 10}, "claim_wrong", id="no life at all"),
]


@pytest.mark.parametrize(("changes", "reason"), TIMES)
def test_times_are_held_to_account(world: World, changes: dict[str, Any], reason: str) -> None:
    """RAS-14, RAS-15, RAS-16, attack case 99."""
    assert_refused(world, world.post({"assertion": grant(**changes)}), "invalid_grant", reason)


@pytest.mark.parametrize(
    "changes", [{"iat": NOW + 8}, {"nbf": NOW + 60}, {"exp": NOW - 59, "iat": NOW - 300}, {"exp": NOW + 600}]
)
def test_small_skews_are_forgiven(world: World, changes: dict[str, Any]) -> None:
    """RAS-14, attack case 99: the positive control."""
    assert world.post({"assertion": grant(**changes)}).status == 200


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (KEY_CLIENT, "client_mismatch"),
        (CLIENT.upper(), "client_mismatch"),
        (f"{CLIENT}\u200b", "client_mismatch"),
        ([CLIENT], "claim_wrong"),
        ("", "claim_wrong"),
        (7, "claim_wrong"),
    ],
)
def test_the_grant_must_name_the_authenticated_client(world: World, value: Any, reason: str) -> None:
    """RAS-17, attack case 89."""
    assert_refused(world, world.post({"assertion": grant(client_id=value)}), "invalid_grant", reason)


@pytest.mark.parametrize("jti", ["", "x" * 256, "x" * 10_000, 7, ["j"], "a\x00b"], ids=lambda v: repr(v)[:12])
def test_a_jti_must_be_text_of_some_length(world: World, jti: Any) -> None:
    """Attack case 98."""
    assert_refused(world, world.post({"assertion": grant(jti=jti)}), "invalid_grant", "claim_wrong")


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": ""},
        {"sub": "a" * 256},
        {"sub": 7},
        {"sub": "a\x00"},
        {"amr": "pwd"},
        {"acr": 2},
        {"auth_time": "yesterday"},
        {"email": 7},
        {"scope": "chat.read  chat.history"},
        {"scope": ["chat.read"]},
        {"resource": []},
        {"resource": [API, API]},
    ],
    ids=repr,
)
def test_claims_of_the_wrong_shape_are_refused(world: World, changes: dict[str, Any]) -> None:
    """RAS-13, attack cases 55 and 77."""
    assert_refused(world, world.post({"assertion": grant(**changes)}), "invalid_grant", "claim_wrong")


def test_authorization_details_are_refused_and_never_dropped(world: World) -> None:
    """RAS-34."""
    details = [{"type": "chat", "actions": ["read"]}]
    refused = world.post({"assertion": grant(authorization_details=details)})
    assert_refused(world, refused, "invalid_authorization_details", "authorization_details")
    asked = world.post({"assertion": grant(), "authorization_details": json.dumps(details)})
    assert_refused(world, asked, "invalid_authorization_details", "authorization_details")


@pytest.mark.parametrize(
    "issuer",
    [
        "https://evil.example",
        f"{IDP}/",
        IDP.upper(),
        f"{IDP}:443",
        "http://idp.acme.example",
        RAS,
        "",
        7,
        [IDP],
    ],
    ids=repr,
)
def test_an_issuer_that_is_not_configured_is_refused_and_nothing_is_fetched(
    world: World, issuer: Any
) -> None:
    """RAS-08, attack case 97."""
    assert_refused(world, world.post({"assertion": grant(iss=issuer)}), "invalid_grant", "issuer_not_trusted")
    assert world.keys.asked == []


def test_a_near_miss_of_an_issuer_is_said_to_the_administrator_alone(world: World) -> None:
    """Architecture section 5."""
    reply = world.post({"assertion": grant(iss=f"{IDP}/")})
    assert world.event().fields["inputs"]["facts"] == {"got": f"{IDP}/", "near_miss": IDP}
    assert IDP.encode() not in reply.body


@pytest.mark.parametrize(
    "changes",
    [{"active": False}, {"expires": NOW}, {"profiles": frozenset({"jwt-bearer"})}],
    ids=lambda changes: next(iter(changes)),
)
def test_an_issuer_is_trusted_only_for_what_and_as_long_as_it_says(changes: dict[str, Any]) -> None:
    """RAS-46, RAS-47, attack case 103."""
    world = World(config=config(trusted_issuers=(trusted(**changes),)))
    assert_refused(world, world.post(), "invalid_grant", "issuer_not_trusted")
    assert world.keys.asked == []
    world.ras.configure(config())
    assert world.post().status == 200


def test_trust_that_ends_ends_with_the_next_redemption(world: World) -> None:
    """RAS-47, attack case 163: grants in flight are refused and the keys are forgotten."""
    assertion = grant()
    assert world.post({"assertion": grant()}).status == 200
    world.ras.configure(config(trusted_issuers=(trusted(OTHER_IDP),)))
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "issuer_not_trusted")
    assert world.keys.forgotten == [IDP]


def test_an_issuer_of_another_customer_is_not_an_issuer_of_this_client(world: World) -> None:
    """TEN-10: both are trusted, but not both by everybody."""
    assertion = grant(key("other"), iss=OTHER_IDP)
    assert_refused(world, world.post({"assertion": assertion}), "invalid_grant", "issuer_not_trusted")
    both = World(config=config(clients=(client(issuers=frozenset({IDP, OTHER_IDP})),)))
    with_mail = grant(key("other"), iss=OTHER_IDP, email="x@acme.example", email_verified=True)
    # believed, but nobody here yet
    assert body(both.post({"assertion": with_mail}))["error"] == "access_denied"


def _set(*keys: PrivateKey) -> Any:
    from idjag.protocol.jose import KeySet

    return KeySet(each.public for each in keys)


def test_every_failure_of_trust_reads_the_same(world: World) -> None:
    """RAS-42: which check failed is nobody's business but ours."""
    world.keys.sets[IDP] = _set(key("idp"))
    wrong = [
        grant(iss="https://evil.example"),
        grant(typ="JWT"),
        grant(key("other")),
        grant(aud="https://other.example/"),
        grant(client_id=KEY_CLIENT),
        grant(exp=NOW - 3600, iat=NOW - 3700),
        grant(jti=None),
        grant(resource="https://elsewhere.example/"),
        grant(cnf={"jkt": "x"}),
        grant(sub="stranger", resource=API),
        "nonsense",
    ]
    texts = set()
    for assertion in wrong:
        answer = body(world.post({"assertion": assertion}))
        texts.add((answer["error"], answer["error_description"].partition(" (ref")[0]))
    assert texts == {("invalid_grant", "The assertion was not accepted.")}
    assert len({event.fields["reason"] for event in world.store.events}) > 8


def test_no_secret_and_no_token_is_written_down(world: World) -> None:
    """Attack case 199."""
    assertion = grant(sub="stranger")
    world.post({"assertion": assertion})
    world.post({"assertion": grant()})
    written = repr(list(world.store.events))
    assert assertion.split(".")[1] not in written
    assert "secret" not in written
