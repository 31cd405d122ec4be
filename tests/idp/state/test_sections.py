"""Absent, empty and pruned sections; what may be there once; what may not go."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp.catalog import guardrail_model
from idjag.idp.state.file import SECTIONS
from idjag.idp.state.plan import Problems
from idjag.idp.state.show import plan_lines
from idjag.ledger.entry import Delete, Insert, Update
from tests.idp.state.parts import EXAMPLE, ISSUER, NOW, TENANT, Acme, example

SESSION: dict[str, Any] = {
    "id": "s-1",
    "tenant_id": TENANT,
    "cookie": "c",
    "epoch": 0,
    "auth_time": NOW,
    "acr": "pwd",
    "amr": "[]",
    "ip": "",
    "user_agent": "",
    "created": NOW,
    "expires": NOW + 60,
    "ended": None,
    "revoked": None,
}
HOLD: dict[str, Any] = {
    "id": "h-1",
    "tenant_id": TENANT,
    "kind": "user",
    "target": "",
    "app": "",
    "reason": "incident 7",
    "by": "x",
    "since": NOW,
    "until": None,
}
NOTHING: dict[str, Any] = {
    "version": 1,
    **{section.name: [] for section in SECTIONS},
}


def sign_in(acme: Acme) -> None:
    """A session of alice at wiki with everything that hangs on it."""
    person, app = str(acme.row("person")["id"]), str(acme.row("app", key="wiki")["id"])
    common: Any = {"tenant_id": TENANT, "app_id": app, "person_id": person, "session_id": "s-1", "epoch": 0}
    seen: Any = {
        "id": "sa-1",
        "tenant_id": TENANT,
        "session_id": "s-1",
        "app_id": app,
        "sid": "x",
        "created": NOW,
    }
    links: Any = {name: value for name, value in common.items() if name != "epoch"}
    refresh: Any = {"id": "r-1", **links, "family_id": "f-1", "sid": "x", "created": NOW, "expires": NOW}
    acme.write(
        Insert("session", SESSION | {"person_id": person}),
        Insert("session_app", seen),
        Insert("code", {"id": "k-1", **common, "spec": "{}", "expires": NOW}),
        Insert(
            "family", {"id": "f-1", **common, "code_id": "k-1", "offline": 0, "created": NOW, "revoked": None}
        ),
        Insert("refresh_token", refresh),
    )


def test_an_absent_section_is_not_managed(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    before = acme.everything()
    assert not acme.apply({"version": 1}, prune=True).applied
    assert acme.everything() == before


def test_without_prune_nothing_goes(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    assert not acme.apply(NOTHING).applied


def test_with_prune_everything_that_a_file_created_goes(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    sign_in(acme)
    outcome = acme.apply(NOTHING, prune=True)
    assert list(plan_lines(outcome.plan))[-1] == "0 to create, 0 to change, 10 to delete"
    assert acme.everything() == {table: [] for table in acme.everything()}
    deleted = [event for event in acme.events() if event["event"].endswith(".deleted")]
    assert len(deleted) == 10
    assert all(event["before"] and event["after"] is None for event in deleted)


def test_what_a_file_did_not_create_stays(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    for table in ("guardrail", "person"):
        acme.write(Update(table, {"tenant_id": TENANT}, {"managed_by": ""}))
    outcome = acme.apply({"version": 1, "users": [], "guardrails": [], "connections": []}, prune=True)
    assert [change.noun for change in outcome.plan.changes] == ["connection", "rule"]
    assert len(acme.rows("guardrail")) == len(acme.rows("person")) == 1


def test_what_a_file_only_changed_is_not_a_files_to_remove(acme: Acme) -> None:
    """`--prune` removes only what a file created."""
    acme.apply(EXAMPLE)
    acme.write(Update("guardrail", {"tenant_id": TENANT}, {"managed_by": ""}))
    state = example()
    state["guardrails"][0]["reason"] = "another"
    assert acme.apply(state).applied
    assert not acme.apply({"version": 1, "guardrails": []}, prune=True).applied


@pytest.mark.parametrize("alive", [True, False])
def test_a_deleted_person_takes_sessions_and_credentials_along(acme: Acme, *, alive: bool) -> None:
    """Attack case 158."""
    acme.apply(EXAMPLE)
    sign_in(acme)
    acme.write(Update("session", {"tenant_id": TENANT}, {"ended": None if alive else NOW}))
    acme.apply({"version": 1, "users": []}, prune=True)
    of_people = {"person", "membership", "subject", "credential", "session", "code"}
    of_people |= {"family", "refresh_token", *(() if alive else ("session_app", "logout_notice"))}
    # OIDC-21: what a session is called at its apps is kept until they are told of its end
    assert len(acme.rows("logout_notice")) == len(acme.rows("session_app")) == int(alive)
    assert {table: acme.rows(table) for table in of_people} == {table: [] for table in of_people}
    assert len(acme.rows("app")) == 2


def test_a_name_that_is_made_again_inherits_nothing(acme: Acme) -> None:
    """Attack case 161; architecture 7a: another surrogate id, sub, secret, version."""
    acme.apply(EXAMPLE)
    sign_in(acme)
    old = {str(row["id"]) for rows in acme.everything().values() for row in rows}
    old_sub = acme.row("subject")["sub"]
    acme.apply(NOTHING, prune=True)
    acme.apply(EXAMPLE)
    new = {str(row["id"]) for rows in acme.everything().values() for row in rows}
    assert old.isdisjoint(new)
    assert acme.row("subject")["sub"] != old_sub
    for table in ("session", "code", "family", "refresh_token"):
        assert acme.rows(table) == []


def test_a_deleted_app_takes_its_codes_and_families_along(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    sign_in(acme)
    state = example()
    state |= {"apps": state["apps"][1:], "connections": [], "tests": []}
    acme.apply(state, prune=True)
    for table in ("session_app", "code", "family", "refresh_token"):
        assert acme.rows(table) == []
    assert len(acme.rows("session")) == 1


def test_an_app_in_which_somebody_is_held_is_not_removed(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    app, person = acme.row("app", key="chat-rp"), acme.row("person")
    held = HOLD | {"kind": "user-in-app", "target": person["id"], "app": app["id"]}
    acme.write(Insert("hold", held))
    state = example()
    state["apps"] = state["apps"][:1]
    del state["resource_apps"][0]["sso_app"]
    with pytest.raises(Problems, match="app chat-rp: is under a hold"):
        acme.apply(state, prune=True)
    acme.write(Delete("hold", {"id": "h-1"}))
    assert acme.apply(state, prune=True).applied


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("apps", "connection wiki-chat: still refers to wiki, which would be removed"),
        ("resource_apps", "connection wiki-chat: still refers to chat, which would be removed"),
        ("groups", "connection wiki-chat: still refers to engineering, which would be removed"),
    ],
)
def test_nothing_goes_that_is_still_referred_to(acme: Acme, section: str, problem: str) -> None:
    acme.apply(EXAMPLE)
    before = acme.everything()
    with pytest.raises(Problems, match=problem):
        acme.apply({"version": 1, section: []}, prune=True)
    assert acme.everything() == before


@pytest.mark.parametrize(
    ("table", "key", "section"),
    [("person", "username", "users"), ("guardrail", "key", None), ("connection", "key", "connections")],
)
def test_what_is_under_a_hold_is_not_removed(acme: Acme, table: str, key: str, section: str | None) -> None:
    """A file never resumes what an administrator stopped: made again, it would not be held."""
    acme.apply(EXAMPLE)
    row = acme.row(table)
    held = HOLD | {"target": row["id"]}
    acme.write(Insert("hold", held))
    assert not acme.apply(EXAMPLE).applied
    if section:
        with pytest.raises(Problems, match=f"{row[key]}: is under a hold and cannot be removed"):
            acme.apply({"version": 1, section: []}, prune=True)
        assert acme.row(table) == row
    assert acme.row("hold")["id"] == "h-1"


@pytest.mark.parametrize(
    ("section", "entry", "problem"),
    [
        ("apps", {"id": "wiki2", "client_id": "wiki"}, "app wiki2: app wiki has this client_id"),
        (
            "resource_apps",
            {"id": "chat2", "issuer": "https://acme.chat.example"},
            "resource app chat2: resource app chat has this issuer and aud_tenant",
        ),
        (
            "resource_apps",
            {"id": "chat2", "issuer": "https://x.example", "aliases": ["urn:acme:chat"]},
            "resource app chat2: resource app chat is known by this name",
        ),
        (
            "resource_apps",
            {"id": "chat2", "issuer": "https://x.example", "aliases": ["https://finance.example/"]},
            "resource app chat2: resource app finance is known by this name",
        ),
        ("resource_apps", {"id": "me", "issuer": ISSUER}, "resource app me: this is our own issuer"),
        ("resource_apps", {"id": "me", "issuer": ISSUER + "/"}, "resource app me: this is our own issuer"),
        (
            "resource_apps",
            {"id": "me", "issuer": "https://IDP.acme.example:443"},
            "resource app me: this is our own issuer",
        ),
        (
            "resource_apps",
            {"id": "me", "issuer": "https://x.example", "aliases": [ISSUER]},
            "resource app me: this is our own issuer",
        ),
        (
            "connections",
            {"id": "again", "from": "wiki", "to": "chat"},
            "connection again: connection wiki-chat has the same from and to",
        ),
    ],
)
def test_what_may_be_there_once_is_there_once(
    acme: Acme, section: str, entry: dict[str, Any], problem: str
) -> None:
    """XCH-16, XCH-18; contract section 4."""
    acme.apply(EXAMPLE)
    base = {"auth": {"method": "none"}, "grants": []} if section == "apps" else {}
    with pytest.raises(Problems, match=problem):
        acme.apply({"version": 1, section: [entry | base]})


def test_people_are_known_to_a_file_that_does_not_manage_them(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    alice = acme.row("person")["id"]
    state = {name: value for name, value in example().items() if name not in ("users", "tests")}
    state["apps"][0]["assigned"] = {"everyone": True, "except": {"users": ["alice"]}}
    state["connections"][0]["rules"][0]["who"] = {"groups": ["engineering"], "except": {"users": ["alice"]}}
    state["guardrails"][0]["who"] = {"users": ["alice"]}
    assert acme.apply(state).applied
    assert guardrail_model(acme.row("guardrail")).who.people == {alice}
    # Another file that names nobody still shows who was meant.
    state["guardrails"][0]["who"] = {"everyone": True}
    outcome = acme.apply(state)
    assert outcome.plan.changes[0].before == {"who": {"users": ["alice"]}}


def test_a_tenant_that_the_ledger_does_not_have_is_an_error(memory: Acme) -> None:
    memory.tenant = "t-nobody"
    with pytest.raises(LookupError, match="no such tenant"):
        memory.apply(EXAMPLE)


def test_one_issuer_may_have_two_tenants(acme: Acme) -> None:
    """(issuer, aud_tenant) is unique."""
    acme.apply(EXAMPLE)
    other = {"id": "chat2", "issuer": "https://acme.chat.example/", "aud_tenant": "eu"}
    assert acme.apply({"version": 1, "resource_apps": [other]}).applied


def test_two_things_can_change_places(acme: Acme) -> None:
    """Unique columns are no obstacle: both rows are out of the way before either comes back."""
    acme.apply(EXAMPLE)
    ids = {row["key"]: row["id"] for row in acme.rows("app")}
    state = example()
    state["apps"][0]["client_id"], state["apps"][1]["client_id"] = "chat-rp", "wiki"
    acme.apply(state)
    assert {row["key"]: row["client_id"] for row in acme.rows("app")} == {
        "wiki": "chat-rp",
        "chat-rp": "wiki",
    }
    assert {row["key"]: row["id"] for row in acme.rows("app")} == ids


def test_rules_that_the_file_does_not_have_go_with_or_without_prune(acme: Acme) -> None:
    """A connection's entry says all of it."""
    acme.apply(EXAMPLE)
    state = example()
    state["connections"][0]["rules"] = []
    outcome = acme.apply(state | {"tests": []})
    assert [(c.noun, c.key, c.verb) for c in outcome.plan.changes] == [
        ("rule", "wiki-chat/engineers-read", "deleted")
    ]


def test_a_disabled_thing_is_paused_and_resumed(memory: Acme) -> None:
    memory.apply(EXAMPLE)
    state = example() | {"tests": []}
    for noun, entry in (("app", state["apps"][0]), ("resource_app", state["resource_apps"][0])):
        entry["status"] = "disabled"
        memory.apply(state)
        assert memory.events()[-2]["event"] == f"{noun}.paused"
        entry["status"] = "active"
        memory.apply(state)
        assert memory.events()[-2]["event"] == f"{noun}.resumed"
    state["connections"][0]["status"] = "draft"
    memory.apply(state)
    assert memory.events()[-2]["event"] == "connection.updated"
