"""A refresh token as subject of the exchange: it says what an ID token of the same sign-in says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idjag.idp.families import IDLE, LIFETIME
from idjag.ledger.entry import Insert, Update
from idjag.protocol import names
from tests.idp.grants.acme import API, CHAT, FILES, NOW, TENANT, Acme, Answer, acme
from tests.idp.grants.acme_state import app, chat, connection, rule
from tests.idp.grants.offline import (
    Tokens,
    apps,
    exchange,
    family,
    offline_state,
    refresh,
    session,
    sign_in,
)

HOUR = 3600
GUARDRAIL = {"id": "no-history", "who": {"everyone": True}, "scopes": ["chat.history"], "reason": "audit"}
OUTRIGHT = {"id": "nobody", "who": {"groups": ["engineering"]}, "reason": "incident"}
STRONG = rule(conditions={"acr": ["urn:acme:mfa"]})
OFFICE = rule(conditions={"signin_networks": ["192.0.2.0/24"]})
ELSEWHERE = rule(conditions={"signin_networks": ["203.0.113.0/24"]})
CALLS = rule(conditions={"networks": ["203.0.113.0/24"]})


def rules(*several: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return offline_state(connections=[connection(rules=list(several), **changes)])


def in_both_ways(idp: Acme, tokens: Tokens, *, client: str = "wiki", **changes: Any) -> tuple[Answer, Answer]:
    """The same exchange with the ID token and with the refresh token of a sign-in."""
    return (
        idp.exchange(tokens.id_token, client=client, **changes),
        exchange(idp, tokens.refresh_token, client=client, **changes),
    )


def test_a_refresh_token_becomes_an_id_jag(stay: Acme) -> None:
    """XCH-08, XCH-44, XCH-46, XCH-48, XCH-53, XCH-55."""
    tokens = sign_in(stay)

    answer = exchange(stay, tokens.refresh_token)

    assert (answer.status, answer.json["token_type"], answer.json["scope"]) == (200, "N_A", "chat.read")
    assert "refresh_token" not in answer.json
    (event,) = stay.events("id_jag.issued")
    assert event["subject_token_type"] == "urn:ietf:params:oauth:token-type:refresh_token"
    assert (event["subject"], event["jti"]) == (stay.person("alice"), answer.grant["jti"])
    assert (answer.grant["auth_time"], answer.grant["acr"], answer.grant["amr"]) == (
        NOW,
        "urn:idjag:acr:pwd",
        ["pwd"],
    )


WORLDS: dict[str, dict[str, Any]] = {
    "as it is": offline_state(),
    "no connection": offline_state(connections=[]),
    "the connection is paused": offline_state(connections=[connection(status="paused")]),
    "the rule is for others": rules(rule(who={"groups": ["sales"]})),
    "a stronger sign-in is needed": rules(STRONG),
    "signed in where it is allowed": rules(OFFICE),
    "signed in elsewhere": rules(ELSEWHERE),
    "called from elsewhere": rules(CALLS),
    "a guardrail narrows": offline_state(guardrails=[GUARDRAIL]),
    "a guardrail denies": offline_state(guardrails=[OUTRIGHT]),
    "a shorter lifetime": rules(rule(lifetime="90s")),
    "not assigned to the resource app": offline_state(
        apps=[*offline_state()["apps"], app("chat-rp", assigned={"groups": ["sales"]})],
        resource_apps=[chat(sso_app="chat-rp")],
    ),
}
ASKED: dict[str, dict[str, Any]] = {
    "one scope": {},
    "two scopes": {"scope": "chat.read chat.history"},
    "no scope": {"scope": None},
    "a scope that no rule has": {"scope": "chat.write"},
    "two resources": {"resource": [API, FILES]},
    "no resource": {"resource": None},
    "a foreign resource": {"resource": "https://elsewhere.example/"},
    "an unknown audience": {"audience": "https://elsewhere.example/"},
    "ourselves": {"audience": "https://idp.acme.example"},
    "another client": {"client": "notes"},
}
SAME = ("aud", "sub", "client_id", "scope", "resource", "auth_time", "acr", "amr", "iat", "exp", "cnf")


@pytest.mark.parametrize("world", WORLDS)
def test_both_kinds_of_subject_tokens_get_the_same_decision(world: str) -> None:
    """Attack case 66: no sibling path around a rule."""
    with acme(WORLDS[world]) as idp:
        tokens = sign_in(idp)
        for name, changes in ASKED.items():
            by_id_token, by_refresh_token = in_both_ways(idp, tokens, **changes)
            one, other = (
                {name: value for name, value in answer.json.items() if name in ("error", "scope", "resource")}
                for answer in (by_id_token, by_refresh_token)
            )
            assert (by_id_token.status, one) == (by_refresh_token.status, other), name
            if by_id_token.status == 200:
                first, second = by_id_token.grant, by_refresh_token.grant
                assert {n: first.get(n) for n in SAME} == {n: second.get(n) for n in SAME}, name
            elif name != "another client":
                ids = [answer.json["decision_id"] for answer in (by_id_token, by_refresh_token)]
                why = [e["reason"] for e in idp.events("id_jag.denied") if e["decision_id"] in ids]
                assert len(why) == 2, name
                assert len(set(why)) == 1, why


def test_the_question_that_is_recorded_is_the_same(stay: Acme) -> None:
    """Contract section 9, ``inputs``: history can be replayed whichever token was sent."""
    in_both_ways(stay, sign_in(stay))

    first, second = stay.events("id_jag.issued")
    assert first["inputs"] == second["inputs"]
    assert first["rule_ids"] == second["rule_ids"]


def test_it_is_neither_used_up_nor_widened(stay: Acme) -> None:
    """XCH-48; attack case 56: exchanged as often as wanted, and still good for a refresh."""
    token = sign_in(stay).refresh_token

    jtis = {exchange(stay, token).grant["jti"] for _ in range(5)}
    answer = refresh(stay, token)

    assert (len(jtis), answer.status, answer.json["scope"]) == (
        5,
        200,
        "openid profile email offline_access",
    )
    assert refresh(stay, answer.json["refresh_token"], scope="openid chat.read").error == "invalid_scope"


def test_its_use_is_noted(stay: Acme) -> None:
    """XCH-48: a token that exchanges is not idle; one that is refused is."""
    used, refused = sign_in(stay).refresh_token, sign_in(stay).refresh_token
    stay.clock.now = NOW + IDLE - 1
    assert exchange(stay, used).status == 200
    assert exchange(stay, refused, scope="chat.write").status == 400

    stay.clock.now = NOW + IDLE
    assert [family(stay, one)["last_used"] for one in (used, refused)] == [NOW + IDLE - 1, NOW]
    assert [exchange(stay, one).error for one in (used, refused)] == ["issued", "invalid_grant"]


def test_the_grant_carries_the_person_as_they_are_now() -> None:
    """XCH-47: attributes and groups of this moment, not those of the sign-in."""
    seen = {"resource_apps": [chat(release=["email", "name"], aud_sub={"attribute": "chat_id"})]}
    with acme(offline_state(**seen)) as idp:
        token = sign_in(idp).refresh_token
        made = offline_state(**seen)
        made["users"][0] |= {"email": "new@acme.example", "attributes": {"chat_id": "U2"}}
        idp.apply(made)
        grant = exchange(idp, token).grant
        assert (grant["email"], grant["aud_sub"], grant["auth_time"]) == ("new@acme.example", "U2", NOW)
        made["users"][0]["groups"] = ["sales"]
        idp.apply(made)
        assert exchange(idp, token).error == "access_denied"


@pytest.mark.parametrize(
    ("token", "client", "reason"),
    [
        pytest.param("bm8gc3VjaCB0b2tlbg", "wiki", "refresh_token_unknown", id="unknown"),
        pytest.param(None, "notes", "refresh_token_client_mismatch", id="of another client"),
    ],
)
def test_a_refresh_token_that_is_not_the_clients_is_refused(
    stay: Acme, token: str | None, client: str, reason: str
) -> None:
    """XCH-44, XCH-45; attack case 56."""
    tokens = sign_in(stay)
    assert exchange(stay, tokens.refresh_token).status == 200

    answer = exchange(stay, token or tokens.refresh_token, client=client)

    assert (answer.status, answer.error, "access_token" in answer.json) == (400, "invalid_grant", False)
    assert [event["reason"] for event in stay.events("id_jag.denied")] == [reason]
    assert exchange(stay, tokens.refresh_token).status == 200


def test_a_rotated_token_as_subject_ends_the_family(stay: Acme) -> None:
    """XCH-44, XCH-48; attack case 56: detection works on every path."""
    tokens = sign_in(stay)
    newest = refresh(stay, tokens.refresh_token).json["refresh_token"]
    assert exchange(stay, newest).status == 200

    assert exchange(stay, tokens.refresh_token).error == "invalid_grant"

    (event,) = stay.events("token.revoked")
    assert (event["reason"], event["subject"]) == ("refresh_token_replayed", stay.person("alice"))
    assert (event["requesting_app"], event["audience"]) == (stay.app_id("wiki"), CHAT)
    assert [exchange(stay, newest).error, refresh(stay, newest).error] == ["invalid_grant"] * 2
    assert stay.exchange(tokens.id_token).error == "invalid_grant"


@pytest.mark.parametrize(
    ("said", "sent", "error"),
    [
        (names.ID_TOKEN, "refresh_token", "invalid_grant"),
        (names.REFRESH_TOKEN_TYPE, "id_token", "invalid_grant"),
        ("urn:ietf:params:oauth:token-type:access_token", "refresh_token", "invalid_request"),
        (names.SAML2_TOKEN, "refresh_token", "invalid_request"),
    ],
)
def test_a_token_under_another_type_is_refused(stay: Acme, said: str, sent: str, error: str) -> None:
    """XCH-10; attack case 18."""
    tokens = sign_in(stay)
    assert exchange(stay, getattr(tokens, sent), subject_token_type=said).error == error
    assert exchange(stay, tokens.refresh_token).status == 200


def test_a_grant_never_outlives_its_family(stay: Acme) -> None:
    """JAG-13, XCH-54."""
    token = sign_in(stay).refresh_token
    for step in (IDLE - 1, 2 * IDLE - 2):
        stay.clock.now = NOW + step
        assert exchange(stay, token).json["expires_in"] == 300
    stay.clock.now = NOW + LIFETIME - 20

    answer = exchange(stay, token)

    assert (answer.json["expires_in"], answer.grant["exp"]) == (20, NOW + LIFETIME)


def test_an_old_sign_in_is_not_a_fresh_one(stay: Acme) -> None:
    """XCH-59, JAG-18: auth_time is that of the sign-in, however often the session was renewed."""
    tokens = sign_in(stay)
    asked: dict[str, Any] = {"scope": "files.read", "resource": FILES}
    assert [answer.status for answer in in_both_ways(stay, tokens, **asked)] == [200, 200]
    stay.clock.now += HOUR
    session(stay, tokens, auth_time=stay.clock.now)

    answer = exchange(stay, tokens.refresh_token, **asked)

    assert (answer.error, answer.json["max_age"]) == ("insufficient_user_authentication", 600)


def test_an_app_whose_client_id_changed_keeps_its_sign_ins(stay: Acme) -> None:
    """Architecture section 7a: families refer to the app's id; ID tokens to the old name do not help."""
    tokens = sign_in(stay)
    stay.apply(apps(wiki={"client_id": "wiki-2"}))
    secrets = {"client_id": "wiki-2", "client_secret": "wiki-secret-0123456789"}

    answers = [
        stay.post(f"{stay.form(token, subject_token_type=kind, **secrets)}", credentials=None)
        for token, kind in (
            (tokens.refresh_token, names.REFRESH_TOKEN_TYPE),
            (tokens.id_token, names.ID_TOKEN),
        )
    ]

    assert [answer.error for answer in answers] == ["issued", "invalid_grant"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda idp: idp.apply(apps(notes={"name": "Other"})), id="another app"),
        pytest.param(lambda idp: idp.apply(apps(wiki={"name": "Wikis"})), id="this app"),
    ],
)
def test_a_change_of_rules_under_way_is_seen(stay: Acme, change: Callable[[Acme], None]) -> None:
    """Decision 0005: the request is read again under the rules of its transaction."""
    tokens = sign_in(stay)
    stay.snapshot  # noqa: B018 - the facts at hand, which are then behind
    change(stay)
    assert [answer.status for answer in in_both_ways(stay, tokens)] == [200, 200]


def test_no_token_of_another_tenant_is_found(stay: Acme) -> None:
    """Attack case 165."""
    token = sign_in(stay).refresh_token
    row = family(stay, token)
    stay.write(Update("refresh_token", {"family_id": row["id"]}, {"tenant_id": "t2"}))
    tenant: dict[str, Any] = {"id": "t2", "name": "other", "issuer": "https://other.example", "created": NOW}
    stay.write(Insert("tenant", tenant))
    assert [exchange(stay, token).error, refresh(stay, token).error] == ["invalid_grant"] * 2
    stay.write(Update("refresh_token", {"family_id": row["id"]}, {"tenant_id": TENANT}))
    assert exchange(stay, token).status == 200
