"""Refresh tokens that are bound to a key, and grants that are: RFC 9449 at the IdP."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol.jose import PrivateKey
from tests.idp.grants.acme import Acme, Answer
from tests.idp.grants.acme_state import connection
from tests.idp.grants.offline import (
    PUBLIC,
    apps,
    exchange,
    family,
    introspect,
    offline_state,
    refresh,
    sign_in,
)
from tests.proofs import KEY, OTHER_KEY, jkt


def reason(idp: Acme, answer: Answer) -> str:
    """Why it was refused."""
    (event,) = (event for event in idp.events() if event["decision_id"] == answer.json["decision_id"])
    return str(event["reason"])


def test_a_public_app_that_shows_a_key_is_bound_to_it(stay: Acme) -> None:
    """DPOP-19; RFC 9449 section 5: rotated, and of no use to whoever has no key."""
    token = sign_in(stay, client="desk", key=KEY).refresh_token
    assert family(stay, token)["jkt"] == jkt(KEY)

    answer = refresh(stay, token, client="desk", key=KEY)

    assert (answer.status, answer.json["token_type"]) == (200, "DPoP")
    assert [event["cnf_jkt"] for event in stay.events("token.refreshed")] == [jkt(KEY)]


@pytest.mark.parametrize("key", [None, OTHER_KEY], ids=["no proof", "another key"])
def test_a_bound_token_needs_its_key_and_is_not_lost_without_it(stay: Acme, key: PrivateKey | None) -> None:
    """RFC 9449 section 5; a thief without the key uses nothing up."""
    token = sign_in(stay, client="desk", key=KEY).refresh_token

    answer = refresh(stay, token, client="desk", key=key)

    assert (answer.status, answer.error) == (400, "invalid_grant")
    assert refresh(stay, token, client="desk", key=KEY).status == 200
    (event,) = stay.events("token.refused")
    assert (event["reason"], event["decision_id"]) == ("refresh_token_key", answer.json["decision_id"])


def test_a_public_app_without_a_key_is_protected_by_rotation_alone(stay: Acme) -> None:
    """DPOP-19, OIDC-18."""
    token = sign_in(stay, client="desk").refresh_token
    answer = refresh(stay, token, client="desk")
    assert (answer.status, answer.json["token_type"]) == (200, "Bearer")
    assert refresh(stay, token, client="desk").error == "invalid_grant"
    assert refresh(stay, answer.json["refresh_token"], client="desk").error == "invalid_grant"


def test_a_public_app_that_shows_a_key_later_is_bound_from_then_on(stay: Acme) -> None:
    """RFC 9449 section 5: whoever issues a refresh token to a public client with a proof binds it."""
    token = sign_in(stay, client="desk").refresh_token
    token = refresh(stay, token, client="desk", key=KEY).json["refresh_token"]
    assert refresh(stay, token, client="desk").error == "invalid_grant"
    assert refresh(stay, token, client="desk", key=OTHER_KEY).error == "invalid_grant"
    assert refresh(stay, token, client="desk", key=KEY).status == 200


def test_an_app_that_authenticates_may_change_its_key(stay: Acme) -> None:
    """RFC 9449 section 5: its refresh tokens are bound to its credentials."""
    token = sign_in(stay, key=KEY).refresh_token
    assert family(stay, token)["jkt"] is None

    answer = refresh(stay, token, key=OTHER_KEY)

    assert (answer.status, answer.json["token_type"]) == (200, "DPoP")
    assert refresh(stay, answer.json["refresh_token"]).json["token_type"] == "Bearer"


@pytest.mark.parametrize(
    ("key", "error"), [(None, "invalid_grant"), (OTHER_KEY, "invalid_grant"), (KEY, "issued")]
)
def test_a_bound_token_as_subject_needs_its_key(stay: Acme, key: PrivateKey | None, error: str) -> None:
    """XCH-49; attack case 56: an app that learned to keep a secret still has tokens of before."""
    made = apps(notes=PUBLIC) | {"connections": [connection(**{"from": "notes"})]}
    stay.apply(made, prune=True)
    token = sign_in(stay, client="notes", key=KEY, public=True).refresh_token
    stay.apply(made | {"apps": offline_state()["apps"]})

    answer = exchange(stay, token, client="notes", key=key)

    assert answer.error == error
    if error == "issued":
        assert answer.grant["cnf"] == {"jkt": jkt(KEY)}
        assert introspect(stay, token, client="notes").json["cnf"] == {"jkt": jkt(KEY)}
    else:
        assert reason(stay, answer) == "refresh_token_key"


@pytest.mark.parametrize("by", ["id_token", "refresh_token"])
def test_a_grant_is_bound_exactly_when_a_key_is_proven(stay: Acme, by: str) -> None:
    """DPOP-04, DPOP-05, DPOP-06, JAG-24."""
    token, kind = getattr(sign_in(stay), by), f"urn:ietf:params:oauth:token-type:{by}"

    bound = exchange(stay, token, subject_token_type=kind, key=KEY)
    plain = exchange(stay, token, subject_token_type=kind)

    assert (bound.grant["cnf"], bound.json["cnf"]) == ({"jkt": jkt(KEY)}, {"jkt": jkt(KEY)})
    assert (bound.json["token_type"], plain.json["token_type"]) == ("N_A", "N_A")
    assert ("cnf" in plain.grant, "cnf" in plain.json) == (False, False)
    assert [event["cnf_jkt"] for event in stay.events("id_jag.issued")] == [jkt(KEY), None]


@pytest.mark.parametrize("by", ["id_token", "refresh_token"])
def test_a_rule_may_want_a_key(stay: Acme, by: str) -> None:
    """Contract section 4, ``key_bound``: a fact of the exchange, which no sign-in can replace."""
    token, kind = getattr(sign_in(stay), by), f"urn:ietf:params:oauth:token-type:{by}"
    asked: dict[str, Any] = {"subject_token_type": kind, "scope": "chat.write"}

    assert exchange(stay, token, **asked, key=KEY).grant["scope"] == "chat.write"
    refused = exchange(stay, token, **asked)

    assert (refused.error, "acr_values" in refused.json) == ("invalid_scope", False)
    assert [event["inputs"]["key_bound"] for event in stay.events("id_jag.issued")] == [True]
    assert [event["inputs"]["key_bound"] for event in stay.events("id_jag.denied")] == [False]
