"""``/introspect``: an app asks about its own refresh token, and a stranger gets no answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from idjag.idp.families import IDLE, LIFETIME
from idjag.ledger.entry import Insert
from tests.idp.grants.acme import ISSUER, NOW, TENANT, Acme
from tests.idp.grants.offline import (
    ONLINE,
    SCOPES,
    Tokens,
    apps,
    code,
    exchange,
    introspect,
    redeem,
    refresh,
    revoke,
    session,
    sign_in,
)


def test_a_living_token_is_active(stay: Acme) -> None:
    """AT-04; RFC 7662 section 2.2."""
    tokens = sign_in(stay)

    answer = introspect(stay, tokens.refresh_token)

    assert (answer.status, answer.header("cache-control")) == (200, "no-store")
    assert answer.json == {
        "active": True,
        "iss": ISSUER,
        "sub": tokens.claims["sub"],
        "client_id": "wiki",
        "scope": " ".join(SCOPES),
        "exp": NOW + IDLE,
        "acr": "urn:idjag:acr:pwd",
        "auth_time": NOW,
    }
    (event,) = stay.events("token.introspected")
    assert (event["subject"], event["inputs"]) == (stay.person("alice"), {"active": True})
    assert event["decision_id"] == answer.header("x-decision-id")


def test_an_app_that_did_not_ask_who_it_is_is_not_told(stay: Acme) -> None:
    token = redeem(stay, code(stay, scopes=("offline_access",))[0]).json["refresh_token"]
    answer = introspect(stay, token)
    assert (answer.json["active"], answer.json["scope"], "sub" in answer.json) == (
        True,
        "offline_access",
        False,
    )


def test_asking_changes_nothing(stay: Acme) -> None:
    """It is neither a use nor a rotation."""
    token = sign_in(stay).refresh_token
    stay.clock.now += 60
    assert [introspect(stay, token).json["exp"] for _ in range(2)] == [NOW + IDLE] * 2
    assert refresh(stay, token).status == 200


def test_the_end_that_is_told_is_the_nearer_one(stay: Acme) -> None:
    token = sign_in(stay).refresh_token
    for later in (IDLE - 1, 2 * IDLE - 2):
        stay.clock.now = NOW + later
        token = refresh(stay, token).json["refresh_token"]
    assert introspect(stay, token).json["exp"] == NOW + LIFETIME


def held(idp: Acme, _tokens: Tokens) -> None:
    row = {"id": "h-1", "tenant_id": TENANT, "kind": "user", "target": idp.person("alice"), "app": ""}
    idp.write(Insert("hold", {**row, "reason": "x", "by": "root", "since": NOW, "until": None}))


def late(idp: Acme, _tokens: Tokens) -> None:
    idp.clock.now += IDLE


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        pytest.param(lambda idp, t: refresh(idp, t.refresh_token), "refresh_token_replayed", id="rotated"),
        pytest.param(lambda idp, t: revoke(idp, t.refresh_token), "refresh_token_revoked", id="revoked"),
        pytest.param(late, "refresh_token_expired", id="expired"),
        pytest.param(lambda idp, t: session(idp, t, revoked=NOW), "session_ended", id="session revoked"),
        pytest.param(held, "held", id="the person is held"),
        pytest.param(
            lambda idp, _: idp.apply(apps(wiki=ONLINE)), "offline_access_withdrawn", id="no offline access"
        ),
        pytest.param(
            lambda idp, _: idp.apply(apps(wiki={"assigned": {"groups": ["sales"]}})),
            "not_assigned",
            id="not assigned",
        ),
    ],
)
def test_a_token_is_active_exactly_as_long_as_it_would_work(
    stay: Acme, end: Callable[[Acme, Tokens], object], reason: str
) -> None:
    """RFC 7662 section 2.2: false, and not a word on why."""
    tokens = sign_in(stay)
    assert introspect(stay, sign_in(stay).refresh_token).json["active"] is True
    end(stay, tokens)

    answer = introspect(stay, tokens.refresh_token)

    assert (answer.status, answer.json) == (200, {"active": False})
    assert [event["reason"] for event in stay.events("token.introspected")] == [None, reason]


def test_what_is_no_refresh_token_of_the_client_is_inactive(stay: Acme) -> None:
    """AT-04, JAG-25; attack case 82: unknown, foreign, or of another kind."""
    tokens = sign_in(stay)
    grant = exchange(stay, tokens.refresh_token).json["access_token"]
    for token in ("dW5rbm93bg", grant, tokens.id_token):
        assert introspect(stay, token).json == {"active": False}
    assert introspect(stay, tokens.refresh_token, client="notes").json == {"active": False}
    assert introspect(stay, tokens.refresh_token).json["active"] is True


def test_a_rotated_token_that_is_asked_about_ends_nothing(stay: Acme) -> None:
    """Only a use of it does."""
    first = sign_in(stay).refresh_token
    newest = refresh(stay, first).json["refresh_token"]
    assert introspect(stay, first).json == {"active": False}
    assert introspect(stay, newest).json["active"] is True


def test_only_clients_that_prove_who_they_are_may_ask(stay: Acme) -> None:
    """AT-04; RFC 7662 section 2.1."""
    desk, wiki = (sign_in(stay, client=client).refresh_token for client in ("desk", "wiki"))
    answer = introspect(stay, desk, client="desk")
    assert (answer.status, answer.error) == (400, "unauthorized_client")
    answer = introspect(stay, wiki, client="nobody")
    assert (answer.status, answer.error) == (401, "invalid_client")
    assert introspect(stay, None).error == "invalid_request"
    assert introspect(stay, wiki).json["active"] is True
