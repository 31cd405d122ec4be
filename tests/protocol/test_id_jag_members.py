"""What an ID-JAG says beside whom it is for: each claim with one thing wrong, and its positive control."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol import id_jag
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.jose import thumbprint
from tests.protocol.grants import accepted
from tests.protocol.parts import API, FILES, KEY, OUT, reason_of, refusal


@pytest.mark.parametrize(
    ("name", "longest"),
    [("sub", 255), ("jti", 255), ("iss", 2048), ("acr", 255), ("email", 320), ("name", 500)]
    + [(name, 255) for name in ("tenant", "aud_tenant", "aud_sub")],
)
def test_a_text_that_is_no_identifier_is_refused(name: str, longest: int) -> None:
    """RAS-13, attack case 98: empty, 10 KB, not a string, with NUL."""
    assert getattr(accepted(**{name: "x" * longest}), name) == "x" * longest
    for value, problem in [
        ("", "empty"),
        ("x" * (longest + 1), "too_long"),
        ("x" * 10_240, "too_long"),
        (1, "not_a_string"),
        (None, "not_a_string"),
        (["x"], "not_a_string"),
        ({"x": 1}, "not_a_string"),
        ("a\x00b", "control_character"),
        ("a\n", "control_character"),
        ("\ud800", "control_character"),
    ]:
        refused = refusal(lambda value=value: accepted(**{name: value}))  # type: ignore[misc]
        assert (refused.reason, refused.fact) == (Reason.CLAIM_WRONG, {"claim": name, "problem": problem})


@pytest.mark.parametrize(
    "resource",
    [FILES, [FILES], [API, FILES], [f"{API}{number}" for number in range(32)], "urn:acme:chat"],
    ids=["string", "list of one", "list of two", "list of 32", "URN"],
)
def test_a_resource_comes_in_both_shapes(resource: Any) -> None:
    """A-07, RAS-27: as it is spelled, in its order."""
    expected = tuple(resource) if isinstance(resource, list) else (resource,)
    assert accepted(resource=resource).resources == expected


@pytest.mark.parametrize(
    ("resource", "reason", "problem"),
    [
        ([], Reason.CLAIM_WRONG, "not_a_set"),
        ([API, API], Reason.CLAIM_WRONG, "not_a_set"),
        ("", Reason.CLAIM_WRONG, "empty"),
        ([API, ""], Reason.CLAIM_WRONG, "empty"),
        (None, Reason.CLAIM_WRONG, "not_a_string"),
        (1, Reason.CLAIM_WRONG, "not_a_string"),
        ({"uri": API}, Reason.CLAIM_WRONG, "not_a_string"),
        ([API, None], Reason.CLAIM_WRONG, "not_a_string"),
        ([[API]], Reason.CLAIM_WRONG, "not_a_string"),
        ([f"{API}{number}" for number in range(33)], Reason.CLAIM_WRONG, "too_many"),
        (API + "x" * 2048, Reason.CLAIM_WRONG, "too_long"),
        ([API + "x" * 2048], Reason.CLAIM_WRONG, "too_long"),
        (f"{API}\n", Reason.CLAIM_WRONG, "control_character"),
        (f"{API}#x", Reason.RESOURCE_CLAIM_WRONG, None),
        ([API, "/v1"], Reason.RESOURCE_CLAIM_WRONG, None),
        ("api.chat.example", Reason.RESOURCE_CLAIM_WRONG, None),
    ],
)
def test_a_resource_of_any_other_shape_is_refused(resource: Any, reason: Reason, problem: str | None) -> None:
    """RAS-27, JAG-15: never dropped into a token for everything."""
    refused = refusal(lambda: accepted(resource=resource))
    assert (refused.reason, refused.fact.get("problem")) == (reason, problem)
    assert ANSWERS[refused.reason].error == "invalid_grant"


@pytest.mark.parametrize(
    ("scope", "problem"),
    [
        ("", "empty"),
        (" ", "malformed"),
        ("chat.read  chat.write", "malformed"),
        ("chat.read ", "malformed"),
        ("chat.read\u00a0chat.write", "malformed"),
        ('chat."read"', "malformed"),
        ("s" * 257, "malformed"),
        ("s " * 4096 + "s", "too_long"),
        ("chat.read\tchat.write", "control_character"),
        (["chat.read"], "not_a_string"),
        (None, "not_a_string"),
        (1, "not_a_string"),
    ],
)
def test_a_scope_claim_outside_the_grammar_is_refused(scope: Any, problem: str) -> None:
    """JAG-16, RAS-31: a wrong grant is an invalid grant, not an invalid scope."""
    refused = refusal(lambda: accepted(scope=scope))
    assert (refused.reason, refused.fact) == (Reason.CLAIM_WRONG, {"claim": "scope", "problem": problem})


def test_a_scope_claim_has_a_length() -> None:
    longest = " ".join(["s" * 256] * 31 + ["s" * 225])
    assert len(longest) == 8192
    assert accepted(scope=longest).scopes == ("s" * 256, "s" * 225)
    assert refusal(lambda: accepted(scope=longest + "s")).fact["problem"] == "too_long"


@pytest.mark.parametrize(
    ("amr", "problem"),
    [("pwd", "not_a_list"), (None, "not_a_list"), ([1], "not_a_string"), (["x"] * 65, "too_many")],
)
def test_amr_that_is_no_list_of_texts_is_refused(amr: Any, problem: str) -> None:
    """Attack case 77."""
    assert accepted(amr=[]).amr == ()
    refused = refusal(lambda: accepted(amr=amr))
    assert (refused.reason, refused.fact) == (Reason.CLAIM_WRONG, {"claim": "amr", "problem": problem})


@pytest.mark.parametrize("value", ["true", "True", 1, 1.0, "1", [True], {}, None, False, OUT, "false", 0])
def test_an_address_is_verified_only_when_the_issuer_says_so_as_a_boolean(value: Any) -> None:
    """Attack case 169, RAS-24."""
    assert accepted(email_verified=True).email_verified is True
    grant = accepted(email_verified=value)
    assert (grant.email, grant.email_verified) == ("alice@acme.example", False)


@pytest.mark.parametrize("details", [[{"type": "chat"}], [], {}, None, "x"], ids=repr)
def test_authorization_details_are_refused_and_never_dropped(details: Any) -> None:
    """RAS-34."""
    assert reason_of(lambda: accepted(authorization_details=details)) is Reason.AUTHORIZATION_DETAILS


def test_a_bound_grant_says_to_which_key() -> None:
    """DPOP-04, DPOP-05, A-21: ``jkt``, or ``jwk`` by its thumbprint."""
    jkt = thumbprint(KEY.public)
    bound = accepted(cnf={"jkt": jkt})
    assert bound.jkt == accepted(cnf={"jwk": dict(KEY.public.members)}).jkt == jkt
    assert id_jag.claims(bound)["cnf"] == {"jkt": jkt}
    assert accepted().jkt is None
    assert "cnf" not in id_jag.claims(accepted())


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {"jwk": {}}, {}, None, "x"], ids=repr)
def test_a_grant_with_a_binding_that_we_cannot_check_is_refused(cnf: Any) -> None:
    """DPOP-14, attack case 106: a bound grant is never a bearer grant."""
    assert reason_of(lambda: accepted(cnf=cnf)) is Reason.CONFIRMATION_UNSUPPORTED
    assert ANSWERS[Reason.CONFIRMATION_UNSUPPORTED].error == "invalid_grant"


def test_unknown_claims_change_nothing() -> None:
    """RAS-40: what Okta adds unasked."""
    added: dict[str, Any] = {
        "act": {"sub": "agent", "sub_profile": "ai_agent"},
        "sub_id": {"format": "saml-nameid"},
        "groups": ["x"],
        "https://idp.example/x": {"y": [None]},
    }
    assert accepted(**added) == accepted()
