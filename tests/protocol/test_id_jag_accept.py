"""Whom an ID-JAG is for, and when: one valid claims set, one thing wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.id_jag import IdJag
from tests.protocol.grants import CLAIMS, accepted
from tests.protocol.parts import API, CLIENT, IDP, NOW, OUT, RAS, outcome, reason_of, refusal


def test_a_valid_grant_is_read() -> None:
    """RAS-12 to RAS-17: the positive control of all that follows."""
    assert accepted() == IdJag(
        iss=IDP,
        sub="alice",
        aud=RAS,
        client_id=CLIENT,
        jti="j-1",
        iat=NOW,
        exp=NOW + 300,
        scopes=("chat.read", "chat.history"),
        resources=(API,),
        auth_time=NOW - 60,
        acr="urn:acme:mfa",
        amr=("pwd", "otp"),
        email="alice@acme.example",
        email_verified=True,
    )


@pytest.mark.parametrize("name", ["iss", "sub", "client_id", "jti", "exp", "iat"])
def test_every_required_claim_is_required(name: str) -> None:
    """RAS-13, attack case 98, stack facts."""
    refused = refusal(lambda: accepted(**{name: OUT}))
    assert (refused.reason, refused.fact) == (
        Reason.CLAIM_WRONG,
        {"claim": name, "problem": "missing"},
    )


@pytest.mark.parametrize("name", ["scope", "resource", "auth_time", "acr", "amr", "email", "email_verified"])
def test_every_other_claim_may_be_absent(name: str) -> None:
    """RAS-13, RAS-29, RAS-33: absent is empty, never "everything"."""
    grant = accepted(**{name: OUT})
    field = {"scope": "scopes", "resource": "resources"}.get(name, name)
    assert getattr(grant, field) in (None, (), False)


@pytest.mark.parametrize(
    ("aud", "got"),
    [
        (OUT, "NoneType"),
        (None, "NoneType"),
        ("", ""),
        ("https://acme.chat.example", "https://acme.chat.example"),
        ("https://ACME.chat.example/", "https://ACME.chat.example/"),
        ("https://acme.chat.example:443/", "https://acme.chat.example:443/"),
        ("http://acme.chat.example/", "http://acme.chat.example/"),
        ("https://acme.chat.example//", "https://acme.chat.example//"),
        (f"{RAS}token", f"{RAS}token"),
        ("https://acme.chat.example.evil/", "https://acme.chat.example.evil/"),
        ("https://acme.chat.example/.evil", "https://acme.chat.example/.evil"),
        (f"{RAS} ", f"{RAS} "),
        (f"{RAS}\x00", f"{RAS}?"),
        ("https://other.example/", "https://other.example/"),
        (CLIENT, CLIENT),
        (IDP, IDP),
        ("*", "*"),
        ([], "list"),
        ([RAS, RAS], "list"),
        ([RAS, "https://other.example/"], "list"),
        (["https://other.example/", RAS], "list"),
        (["https://other.example/"], "list"),
        ([[RAS]], "list"),
        ([{RAS: RAS}], "list"),
        ([None], "list"),
        ({RAS: True}, "dict"),
        ({}, "dict"),
        (1, "int"),
        (0, "int"),
        (True, "bool"),
        (1.5, "float"),
    ],
)
def test_only_our_issuer_alone_is_our_audience(aud: Any, got: str) -> None:
    """RAS-12, RAS-39, A-09, attack cases 84 to 87."""
    refused = refusal(lambda: accepted(aud=aud))
    assert (refused.reason, refused.fact) == (Reason.AUDIENCE_WRONG, {"expected": RAS, "got": got})


def test_an_audience_list_of_one_is_accepted() -> None:
    """RAS-12, attack case 86."""
    assert accepted(aud=[RAS]) == accepted()


def test_a_further_audience_is_accepted_exactly_when_it_is_listed() -> None:
    """A-09: the grant says which one it was; a list of two of ours is still two."""
    bare = RAS.rstrip("/")
    assert accepted(audiences={RAS, bare}, aud=bare).aud == bare
    assert accepted(audiences={RAS, bare}, aud=[RAS]).aud == RAS
    refused = refusal(lambda: accepted(audiences={RAS, bare}, aud=[RAS, bare]))
    assert (refused.reason, refused.fact["expected"]) == (Reason.AUDIENCE_WRONG, f"{bare} {RAS}")
    assert reason_of(lambda: accepted(audiences=(), aud=RAS)) is Reason.AUDIENCE_WRONG


@pytest.mark.parametrize(
    "client_id",
    ["other-client", CLIENT.upper(), f"{CLIENT} ", f"{CLIENT}\u200b", "f53f191f9311af3５", CLIENT[:-1]],
)
def test_the_grant_of_another_client_is_refused(client_id: str) -> None:
    """RAS-17, attack case 89: differing case and look-alike characters are another client."""
    refused = refusal(lambda: accepted(client_id=client_id))
    assert refused.reason is Reason.CLIENT_MISMATCH
    assert refused.fact["expected"] == CLIENT


@pytest.mark.parametrize(
    ("client_id", "problem"),
    [
        ([CLIENT], "not_a_string"),
        ({"id": CLIENT}, "not_a_string"),
        (None, "not_a_string"),
        (1, "not_a_string"),
        ("", "empty"),
        ("c" * 2049, "too_long"),
        (f"{CLIENT}\x00", "control_character"),
    ],
)
def test_a_client_id_that_is_none_is_refused(client_id: Any, problem: str) -> None:
    """RAS-13, RAS-17, attack case 89."""
    refused = refusal(lambda: accepted(client_id=client_id))
    assert (refused.reason, refused.fact["problem"]) == (Reason.CLAIM_WRONG, problem)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW + 300, None),
        (NOW + 359, None),
        (NOW + 360, Reason.EXPIRED),
        (NOW + 10**6, Reason.EXPIRED),
        (NOW - 8, None),
        (NOW - 60, None),
        (NOW - 61, Reason.NOT_YET_VALID),
    ],
)
def test_a_grant_lives_from_iat_to_exp_and_a_minute_of_skew(now: int, reason: Reason | None) -> None:
    """RAS-14, RAS-15, attack case 99 (8 s ahead accepted): the boundary seconds."""
    if reason is None:
        assert accepted(now=now) == accepted()
    else:
        assert reason_of(lambda: accepted(now=now)) is reason


def test_a_grant_that_is_not_valid_before_a_time_is_not() -> None:
    """RAS-15."""
    assert accepted(nbf=NOW + 60) == accepted()
    refused = refusal(lambda: accepted(nbf=NOW + 61))
    assert (refused.reason, refused.fact["nbf"]) == (Reason.NOT_YET_VALID, str(NOW + 61))


@pytest.mark.parametrize(
    ("lifetime", "reason"), [(600, None), (601, Reason.LIFETIME_TOO_LONG), (3600, Reason.LIFETIME_TOO_LONG)]
)
def test_a_grant_lives_no_longer_than_its_issuer_may_say(lifetime: int, reason: Reason | None) -> None:
    """RAS-16, attack case 99: an hour even if signed."""
    for iat in (NOW, NOW - 200, NOW + 60):
        if reason is None:
            assert accepted(iat=iat, exp=iat + lifetime).exp == iat + lifetime
        else:
            times = {"iat": iat, "exp": iat + lifetime}
            refused = refusal(lambda times=times: accepted(**times))  # type: ignore[misc]
            assert refused.reason is reason
            assert refused.fact == {"lifetime": str(lifetime), "maximum": "600"}


@pytest.mark.parametrize("lifetime", [0, -1, -30])
def test_a_grant_without_any_life_is_refused(lifetime: int) -> None:
    """JAG-11, RAS-16."""
    assert accepted(exp=NOW + 1).exp == NOW + 1
    refused = refusal(lambda: accepted(exp=NOW + lifetime))
    assert (refused.reason, refused.fact) == (
        Reason.CLAIM_WRONG,
        {"claim": "exp", "problem": "not_after_iat"},
    )


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (True, "not_a_number"),
        (False, "not_a_number"),
        (None, "not_a_number"),
        (str(NOW + 100), "not_a_number"),
        ([NOW + 100], "not_a_number"),
        ({}, "not_a_number"),
        (float(NOW + 100), "not_whole"),
        (NOW + 0.5, "not_whole"),
        (1e30, "out_of_range"),
        (10**30, "out_of_range"),
        (-1, "out_of_range"),
        (0, "out_of_range"),
    ],
    ids=repr,
)
def test_a_time_that_is_no_whole_number_of_seconds_is_refused(name: str, value: Any, problem: str) -> None:
    """RAS-13, RAS-14, RAS-15, attack cases 99 and 126."""
    refused = refusal(lambda: accepted(**{name: value}))
    assert (refused.reason, refused.fact) == (Reason.CLAIM_WRONG, {"claim": name, "problem": problem})


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"exp": NOW - 999},
        {"iat": OUT},
        {"scope": 1},
        {"cnf": {}},
        {"authorization_details": []},
        {"resource": []},
    ],
)
def test_a_grant_for_another_server_learns_nothing_else(changes: dict[str, Any]) -> None:
    """RAS-12: the audience comes before all that would reveal our rules."""
    assert reason_of(lambda: accepted(**changes)) is not Reason.AUDIENCE_WRONG
    changes = {"aud": "https://other.example/"} | changes
    assert reason_of(lambda: accepted(**changes)) is Reason.AUDIENCE_WRONG


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*CLAIMS, "nbf", "name", "tenant", "aud_sub", "cnf"]), JSON)
def test_no_value_of_any_claim_makes_anything_but_a_grant_or_a_refusal(name: str, value: Any) -> None:
    read = outcome(lambda: accepted(**{name: value}))
    if isinstance(read, Refused):
        assert ANSWERS[read.reason].error in ("invalid_grant", "invalid_authorization_details")
    else:
        assert (read.aud, read.client_id) == (RAS, CLIENT)
