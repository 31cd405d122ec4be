"""The administrators' rules on the path of every exchange."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.ledger.entry import Delete, Insert, Value
from idjag.protocol import names
from tests.idp.grants.acme import (
    NOW,
    Acme,
    acme,
    app,
    chat,
    connection,
    rule,
    state,
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"connections": []}, "no_connection", id="no connection"),
        pytest.param({"connections": [connection(status="paused")]}, "connection_not_active", id="paused"),
        pytest.param({"connections": [connection(status="draft")]}, "connection_not_active", id="draft"),
        pytest.param(
            {"connections": [connection(expires="2027-01-15T08:00:00Z")]}, "connection_expired", id="expired"
        ),
        pytest.param({"connections": [connection(client_id=None)]}, "no_client_id_mapping", id="no mapping"),
        pytest.param({"connections": [connection(rules=[])]}, "no_rule", id="no rule"),
        pytest.param(
            {"connections": [connection(rules=[rule(who={"groups": ["sales"]})])]},
            "no_rule",
            id="another group",
        ),
        pytest.param(
            {"connections": [connection(rules=[rule(conditions={"amr": ["hwk"]})])]},
            "condition_unmet",
            id="a condition that nobody can meet",
        ),
        pytest.param(
            {"connections": [connection(rules=[rule(conditions={"networks": ["203.0.113.0/24"]})])]},
            "condition_unmet",
            id="another network",
        ),
        pytest.param(
            {"apps": [app("wiki", assigned={"groups": ["sales"]}), app("notes")]},
            "not_assigned",
            id="unassigned",
        ),
        pytest.param(
            {"guardrails": [{"id": "never", "who": {"everyone": True}, "reason": "audit finding 17"}]},
            "guardrail",
            id="guardrail",
        ),
    ],
)
def test_policy_denies_with_one_text_and_the_log_knows_why(
    idp: Acme, change: dict[str, Any], reason: str
) -> None:
    """XCH-19 to XCH-21, JAG-08; attack cases 59, 68, 69: effective with the very next exchange."""
    token = idp.sign_in()
    assert idp.exchange(token).status == 200
    before = idp.snapshot.policy
    idp.apply(state(**change))
    if change.get("connections") == []:
        connection_id = next(iter(before.connections))
        idp.write(Delete("connection", {"id": connection_id}))
        idp.apply(state(connections=[], guardrails=[]) | {"resource_apps": [chat(name="Chat, renamed")]})

    denied = idp.exchange(token)

    assert (denied.status, denied.error) == (400, "access_denied")
    assert denied.json["error_description"].startswith("Access is not allowed by the administrator's rules.")
    assert idp.events("id_jag.denied")[-1]["reason"] == reason


def test_a_better_sign_in_is_asked_for_only_when_it_helps() -> None:
    """XCH-59, XCH-60."""
    fresh = connection(rules=[rule(conditions={"max_auth_age": "10m"})])
    with acme(state(connections=[fresh])) as idp:
        token = idp.sign_in()
        assert idp.exchange(token).status == 200
        idp.clock.now += 601

        stale = idp.exchange(token)

        assert (stale.status, stale.error, stale.json["max_age"]) == (
            400,
            "insufficient_user_authentication",
            600,
        )
        assert "acr_values" not in stale.json
        assert idp.exchange(idp.sign_in()).status == 200
        assert idp.exchange(token, scope="chat.write").error == "access_denied"


HOLDS = [
    ("user", "alice"),
    ("app", "wiki"),
    ("resource-app", "chat"),
    ("connection", "wiki-chat"),
    ("user-in-app", "alice"),
]


@pytest.mark.parametrize(("kind", "target"), HOLDS)
def test_a_hold_stops_the_next_request_and_its_release_lets_it_pass(
    idp: Acme, kind: str, target: str
) -> None:
    """Contract section 4, holds; P5."""
    token = idp.sign_in()
    table = {"user": "person", "user-in-app": "person", "app": "app"}.get(kind, kind.replace("-", "_"))
    column = "username" if table == "person" else "key"
    target_id = idp.row(table, column, target)["id"]
    hold: dict[str, Value] = {
        "id": "h1",
        "tenant_id": "t1",
        "kind": kind,
        "target": target_id,
        "app": idp.app_id("wiki"),
    }
    hold |= {"reason": "incident", "by": "it", "since": NOW, "until": None}
    idp.write(Insert("hold", hold))

    assert idp.exchange(token).error == "access_denied"
    assert idp.events("id_jag.denied")[-1]["reason"] == "held"
    idp.write(Delete("hold", {"id": "h1"}))
    assert idp.exchange(token).status == 200


def test_a_hold_of_one_person_in_another_app_is_another_matter(idp: Acme) -> None:
    """Contract section 4: (person, app)."""
    hold: dict[str, Value] = {
        "id": "h1",
        "tenant_id": "t1",
        "kind": "user-in-app",
        "target": idp.person("alice"),
    }
    hold |= {"app": idp.app_id("notes"), "reason": "incident", "by": "it", "since": NOW, "until": None}
    idp.write(Insert("hold", hold))

    assert idp.exchange(idp.sign_in()).status == 200


def test_only_registered_clients_with_that_grant_exchange() -> None:
    """XCH-50 to XCH-52; attack case 16."""
    public = app("spa", kind="spa", auth={"method": "none"}, grants=["authorization_code"])
    with acme(state(apps=[app("wiki"), app("notes", grants=["authorization_code"]), public])) as idp:
        token = idp.sign_in()
        assert idp.exchange(token).status == 200
        assert idp.exchange(idp.sign_in(client="notes"), client="notes").error == "unauthorized_client"
        anonymous = idp.post("grant_type=x&client_id=wiki", credentials=None)
        assert (anonymous.status, anonymous.error) == (401, "invalid_client")
        wrong = idp.post("grant_type=x", credentials=("wiki", "wrong"))
        assert (wrong.status, wrong.header("www-authenticate") is not None) == (401, True)
        unknown = idp.post("grant_type=x", credentials=("nobody", "wrong"))
        assert (
            unknown.json["error_description"].split("(")[0] == wrong.json["error_description"].split("(")[0]
        )
        body = f"grant_type={names.TOKEN_EXCHANGE}&client_id=spa"
        assert idp.post(body, credentials=None).error == "unauthorized_client"


def test_assignment_to_the_audiences_relying_party_counts_too() -> None:
    """Contract section 4: `sso_app`: its `assigned` applies too."""
    relying_party = app("chat-rp", assigned={"groups": ["sales"]}, grants=["authorization_code"])
    apps = [app("wiki"), app("notes"), relying_party]
    with acme(state(apps=apps, resource_apps=[chat(sso_app="chat-rp")])) as idp:
        assert idp.exchange(idp.sign_in()).error == "access_denied"
        assert idp.events("id_jag.denied")[-1]["reason"] == "not_assigned_sso"
