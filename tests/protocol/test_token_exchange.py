"""The token exchange request as the ID-JAG profile narrows it, and the members of its answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from idjag.protocol import form, names, token_exchange
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.token_exchange import Exchange, success
from tests.protocol.parts import API, CLIENT, FILES, OUT, RAS, changed, reason_of, refusal

SUBJECT_TOKEN = "eyJhbGciOiJFUzI1NiJ9.e30.AA"
GOOD: dict[str, Any] = {
    "grant_type": names.TOKEN_EXCHANGE,
    "requested_token_type": names.ID_JAG_TOKEN,
    "subject_token": SUBJECT_TOKEN,
    "subject_token_type": names.ID_TOKEN,
    "audience": RAS,
    "resource": API,
    "scope": "chat.read chat.history",
}
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
SAML1_TYPE = "urn:ietf:params:oauth:token-type:saml1"


def parsed(**changes: Any) -> Exchange:
    return token_exchange.parse(form.parse(urlencode(changed(GOOD, changes), doseq=True).encode()))


def test_a_request_is_read() -> None:
    """XCH-05, XCH-07: an ID token as subject, an ID-JAG wanted."""
    assert parsed() == Exchange(
        subject_token=SUBJECT_TOKEN,
        subject_token_type=names.ID_TOKEN,
        audience=RAS,
        scopes=("chat.read", "chat.history"),
        resources=(API,),
    )


def test_the_request_does_not_show_its_subject_token() -> None:
    assert SUBJECT_TOKEN not in repr(parsed())


def about(**changes: Any) -> token_exchange.SubjectToken:
    """A question about targets."""
    good = {"subject_token": SUBJECT_TOKEN, "subject_token_type": names.ID_TOKEN}
    return token_exchange.subject_of(form.parse(urlencode(changed(good, changes)).encode()))


@pytest.mark.parametrize("kind", [names.ID_TOKEN, names.REFRESH_TOKEN_TYPE])
def test_a_question_about_targets_brings_a_subject_token(kind: str) -> None:
    """MET-18: it is not in the repr."""
    asked = about(subject_token_type=kind)
    assert (asked.subject_token, asked.subject_token_type) == (SUBJECT_TOKEN, kind)
    assert SUBJECT_TOKEN not in repr(asked)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"subject_token": OUT}, Reason.PARAMETER_MISSING),
        ({"subject_token_type": OUT}, Reason.PARAMETER_MISSING),
        ({"subject_token_type": names.SAML2_TOKEN}, Reason.TOKEN_TYPE_UNSUPPORTED),
        ({"subject_token_type": ACCESS_TOKEN_TYPE}, Reason.TOKEN_TYPE_UNSUPPORTED),
        ({"subject_token_type": JWT_TYPE}, Reason.TOKEN_TYPE_UNSUPPORTED),
        ({"actor_token": "x"}, Reason.PARAMETER_WRONG),
        ({"actor_token_type": "x"}, Reason.PARAMETER_WRONG),
    ],
)
def test_a_question_about_targets_is_read_strictly(changes: dict[str, Any], reason: Reason) -> None:
    """MET-18: unsupported_token_type for a type, as the draft on target discovery says."""
    assert reason_of(lambda: about(**changes)) is reason


def test_targets_are_told_with_what_a_request_must_say() -> None:
    """MET-18."""
    kinds = {"supported_token_types": [names.ID_JAG_TOKEN]}
    assert token_exchange.targets([(RAS, API, ("x", "y")), ("urn:b", None, ())]) == {
        "supported_targets": [
            {"audience": RAS, "resource": API, "scope": "x y", **kinds},
            {"audience": "urn:b", **kinds},
        ]
    }
    assert token_exchange.targets([]) == {"supported_targets": []}


@pytest.mark.parametrize("value", [OUT, ""], ids=["absent", "empty"])
@pytest.mark.parametrize("name", ["requested_token_type", "subject_token", "subject_token_type", "audience"])
def test_what_the_profile_requires_is_required(name: str, value: Any) -> None:
    """XCH-05, XCH-06, XCH-13, XCH-03, attack case 45: never another grant, never a token by default."""
    refused = refusal(lambda: parsed(**{name: value}))
    assert (refused.reason, refused.fact) == (Reason.PARAMETER_MISSING, {"parameter": name})


@pytest.mark.parametrize("value", [OUT, ""], ids=["absent", "empty"])
def test_scope_and_resource_are_optional_and_absent_when_empty(value: Any) -> None:
    """XCH-03, XCH-26, XCH-31, attack case 11."""
    assert parsed(scope=value).scopes is None
    assert parsed(resource=value).resources == ()


@pytest.mark.parametrize(
    "requested",
    [
        ACCESS_TOKEN_TYPE,
        JWT_TYPE,
        names.ID_TOKEN,
        names.REFRESH_TOKEN_TYPE,
        names.ID_JAG_TOKEN.upper(),
        f"{names.ID_JAG_TOKEN} ",
        "id-jag",
    ],
)
def test_only_an_id_jag_can_be_requested(requested: str) -> None:
    """XCH-05, attack case 17."""
    refused = refusal(lambda: parsed(requested_token_type=requested))
    assert (refused.reason, refused.fact) == (
        Reason.PARAMETER_WRONG,
        {"parameter": "requested_token_type"},
    )


@pytest.mark.parametrize(
    "subject",
    [
        ACCESS_TOKEN_TYPE,
        JWT_TYPE,
        SAML1_TYPE,
        names.ID_JAG_TOKEN,
        names.ID_TOKEN.upper(),
        "urn:ietf:params:oauth:token-type:id_token2",
        "id_token",
    ],
)
def test_no_other_token_is_an_identity(subject: str) -> None:
    """XCH-10, A-28."""
    refused = refusal(lambda: parsed(subject_token_type=subject))
    assert (refused.reason, refused.fact) == (Reason.PARAMETER_WRONG, {"parameter": "subject_token_type"})
    assert ANSWERS[refused.reason].error == "invalid_request"


@pytest.mark.parametrize("subject", [names.ID_TOKEN, names.REFRESH_TOKEN_TYPE])
def test_an_id_token_and_a_refresh_token_are_told_apart_by_their_type(subject: str) -> None:
    """XCH-07, XCH-08: the client says which, and nobody guesses from the value."""
    assert parsed(subject_token_type=subject).subject_token_type == subject


def test_what_is_not_built_says_so() -> None:
    """XCH-09 is not built: refused at run time, never taken for something else."""
    refused = refusal(lambda: parsed(subject_token_type=names.SAML2_TOKEN))
    assert (refused.reason, refused.fact) == (Reason.NOT_BUILT, {"parameter": "subject_token_type"})
    assert "not built" in ANSWERS[refused.reason].text
    assert ANSWERS[refused.reason].error == "invalid_request"


@pytest.mark.parametrize(
    "actor",
    [
        pytest.param({"actor_token": "x"}, id="token without type"),
        pytest.param({"actor_token_type": names.ID_TOKEN}, id="type without token"),
        pytest.param({"actor_token": "x", "actor_token_type": names.ID_TOKEN}, id="both"),
    ],
)
def test_an_actor_is_refused_and_not_ignored(actor: dict[str, str]) -> None:
    """XCH-11, XCH-12, A-18, attack cases 43 and 44."""
    assert reason_of(lambda: parsed(**actor)) is Reason.PARAMETER_WRONG
    assert parsed(**dict.fromkeys(actor, "")) == parsed()


def test_two_audiences_are_refused() -> None:
    """XCH-14, attack case 4: never an ID-JAG with two ``aud``."""
    assert reason_of(lambda: parsed(audience=[RAS, "https://other.example/"])) is Reason.AUDIENCE_SEVERAL
    assert reason_of(lambda: parsed(audience=[RAS, RAS])) is Reason.AUDIENCE_SEVERAL
    assert parsed(audience=[RAS, ""]).audience == RAS
    assert ANSWERS[Reason.AUDIENCE_SEVERAL].error == "invalid_target"


@pytest.mark.parametrize("audience", [RAS, "urn:acme:chat", "https://acme.chat.example", "chat"])
def test_an_audience_is_given_as_it_came(audience: str) -> None:
    """XCH-15, XCH-16: an issuer or an alias; looking it up is the policy's work."""
    assert parsed(audience=audience).audience == audience


def test_resources_are_a_set() -> None:
    """XCH-23."""
    assert parsed(resource=[FILES, API, FILES]).resources == (FILES, API)


@pytest.mark.parametrize("resource", ["api", f"{API}#x", f"{API}\\x", [API, "/v1"]])
def test_a_malformed_resource_is_refused(resource: Any) -> None:
    """XCH-22."""
    assert reason_of(lambda: parsed(resource=resource)) is Reason.RESOURCE_MALFORMED
    assert ANSWERS[Reason.RESOURCE_MALFORMED].error == "invalid_target"


@pytest.mark.parametrize("scope", ["a  b", " a", "a\u00a0b", 'a"', "\\"])
def test_a_malformed_scope_is_refused(scope: str) -> None:
    """XCH-28."""
    assert reason_of(lambda: parsed(scope=scope)) is Reason.SCOPE_MALFORMED
    assert ANSWERS[Reason.SCOPE_MALFORMED].error == "invalid_scope"


@pytest.mark.parametrize("details", ["[]", '[{"type":"chat"}]', "{}", "nonsense", '[{"type":1}]'])
def test_authorization_details_are_refused_as_none_is_known(details: str) -> None:
    """XCH-33, attack case 73: never dropped, since the grant would be wider than what was asked."""
    assert reason_of(lambda: parsed(authorization_details=details)) is Reason.AUTHORIZATION_DETAILS
    assert ANSWERS[Reason.AUTHORIZATION_DETAILS].error == "invalid_authorization_details"
    assert parsed(authorization_details="") == parsed()


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"audience", "resource"}))
def test_no_other_parameter_comes_twice(name: str) -> None:
    """XCH-02."""
    assert reason_of(lambda: parsed(**{name: [GOOD[name], GOOD[name]]})) is Reason.DUPLICATE_PARAMETER


def test_unknown_parameters_change_nothing() -> None:
    """XCH-03, interop fact 12."""
    assert parsed(state="x", client_id=CLIENT, redirect_uri="https://x.example/") == parsed()


def answer(
    scopes: tuple[str, ...] = ("chat.read",), resources: tuple[str, ...] = (API,)
) -> dict[str, object]:
    return success(
        "header.claims.signature", lifetime=300, granted_scopes=scopes, granted_resources=resources
    )


def test_the_answer_has_the_members_of_the_profile_and_no_other() -> None:
    """XCH-53, XCH-54, XCH-55, XCH-56, attack case 42, interop fact 4: no refresh token, ever."""
    members = answer()
    assert members == {
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "access_token": "header.claims.signature",
        "token_type": "N_A",
        "expires_in": 300,
        "scope": "chat.read",
        "resource": API,
    }
    assert type(members["expires_in"]) is int


def test_the_answer_states_scope_and_resource_exactly_when_they_are_granted() -> None:
    """XCH-56, XCH-29, JAG-15, JAG-16, A-26."""
    several = answer(("b", "a"), (API, FILES))
    assert (several["scope"], several["resource"]) == ("b a", [API, FILES])
    assert "scope" not in answer(scopes=())
    assert "resource" not in answer(resources=())


def test_the_answer_tells_the_key_that_the_grant_is_bound_to() -> None:
    """DPOP-05, DPOP-06: so that a client sees the binding even of a grant that it cannot read."""
    bound = success("a.b.c", lifetime=300, granted_scopes=(), granted_resources=(), jkt="thumb")
    assert bound["cnf"] == {"jkt": "thumb"}
    assert (bound["token_type"], "cnf" in answer()) == ("N_A", False)
