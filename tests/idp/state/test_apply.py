"""Applying a file: what is there afterwards, what is said of it, and that a failure leaves nothing."""

from __future__ import annotations

import json
from concurrent.futures import Future
from typing import Any

import pytest

from idjag.idp.catalog import app_model, connection_model, guardrail_model, resource_app_model, secret_hash
from idjag.idp.state.apply import TestsFailed, apply, look
from idjag.idp.state.plan import Problems
from idjag.idp.state.show import plan_json, plan_lines
from idjag.ledger.entry import Conflict, Insert, Unavailable, Update
from tests.idp.state.parts import EXAMPLE, NOW, SECRETS, TENANT, Acme, example, source


def test_the_contracts_example_applies_cleanly(acme: Acme) -> None:
    """Contract section 4."""
    outcome = acme.apply(EXAMPLE)
    assert outcome.applied
    assert outcome.policy_seq == 1
    assert [change.action for change in outcome.plan.changes] == ["create"] * 10
    wiki = app_model(acme.row("app", key="wiki"))
    chat = resource_app_model(acme.row("resource_app", key="chat"))
    connection = connection_model(acme.row("connection", key="wiki-chat"))
    assert (connection.app, connection.resource_app) == (wiki.id, chat.id)
    assert chat.sso_app == acme.row("app", key="chat-rp")["id"]
    assert connection.rules[0].who.groups == {acme.row("person_group", name="engineering")["id"]}
    guardrail = guardrail_model(acme.row("guardrail"))
    assert guardrail.resource_apps == frozenset({str(acme.row("resource_app", key="finance")["id"])})


def test_a_second_apply_has_no_changes_and_leaves_no_trace(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    before, events = acme.everything(), acme.events()
    outcome = acme.apply(EXAMPLE)
    assert not outcome.applied
    assert list(plan_lines(outcome.plan)) == ["no changes"]
    assert acme.everything() == before
    assert acme.events() == events


def test_everything_a_file_creates_is_managed_by_file(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    tables = ("person", "person_group", "app", "resource_app", "connection", "guardrail")
    assert {row["managed_by"] for table in tables for row in acme.rows(table)} == {"file"}
    assert {row["created"] for table in tables for row in acme.rows(table)} == {NOW}


def test_a_dry_look_changes_nothing(acme: Acme) -> None:
    planned = look(acme, source(EXAMPLE).state, acme.credentials)
    assert len(planned.changes) == 10
    assert all(rows == [] for rows in acme.everything().values())
    assert acme.events() == []


def test_a_change_says_before_and_after_and_moves_the_version(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    state = example()
    state["connections"][0]["status"] = "paused"
    state["connections"][0]["rules"][0]["scopes"] = ["chat.read"]
    state["guardrails"][0]["reason"] = "audit finding 18"
    outcome = acme.apply(state | {"tests": []})
    assert list(plan_lines(outcome.plan)) == [
        "~ connection wiki-chat",
        "    status: active -> paused",
        "~ rule wiki-chat/engineers-read",
        '    scopes: ["chat.history", "chat.read"] -> ["chat.read"]',
        "~ guardrail contractors-never-finance",
        "    reason: audit finding 17 -> audit finding 18",
        "0 to create, 3 to change, 0 to delete",
    ]
    connection = connection_model(acme.row("connection"))
    assert connection.rules[0].version == 2
    assert guardrail_model(acme.row("guardrail")).version == 2


def test_every_change_is_one_event_of_its_own_with_before_and_after(acme: Acme) -> None:
    """Contract section 9; issue 3: audit of every change with before and after, policy_seq, rule versions."""
    acme.apply(EXAMPLE)
    state = example()
    state["connections"][0]["status"] = "paused"
    state["connections"][0]["rules"][0]["lifetime"] = "1m"
    acme.apply(state | {"tests": []})
    connection, rule, applied = acme.events()[-3:]
    row = acme.row("connection")
    assert connection["event"] == "connection.paused"
    assert connection["before"] == {"row": row["id"], "key": "wiki-chat", "status": "active"}
    assert connection["after"] == {"row": row["id"], "key": "wiki-chat", "status": "paused"}
    assert connection["requesting_app"] == row["app_id"]
    assert connection["resource_app"] == row["resource_app_id"]
    assert connection["client_id_at_resource"] == "f53f191f9311af35"
    assert connection["actor"] == {"kind": "operator", "id": "1000@host"}
    assert rule["event"] == "rule.updated"
    assert (rule["rule_ids"], rule["rule_versions"]) == ([connection_model(row).rules[0].id], [2])
    assert (rule["before"]["lifetime"], rule["after"]["lifetime"]) == ("5m", "1m")
    assert applied["event"] == "state.applied"
    assert applied["after"] == {"file_sha256": "f" * 64, "create": 0, "change": 2, "delete": 0}
    assert {event["policy_seq"] for event in (connection, rule, applied)} == {2}
    assert len({event["decision_id"] for event in (connection, rule, applied)}) == 1


def test_the_events_of_a_new_tenant_are_named_as_the_contract_says(memory: Acme) -> None:
    memory.apply(EXAMPLE)
    assert [event["event"] for event in memory.events()] == [
        *["group.created"] * 2,
        "user.created",
        *["app.created"] * 2,
        *["resource_app.created"] * 2,
        "connection.created",
        "rule.created",
        "guardrail.created",
        "state.applied",
    ]
    assert memory.events()[3]["after"]["auth"] == {"method": "client_secret"}


def test_facts_of_people_do_not_move_the_policy(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    state = example()
    state["users"][0]["name"] = "Alice E."
    assert acme.apply(state).policy_seq == 1
    state["guardrails"] = []
    state["apps"][0]["name"] = "Wiki 2"
    assert acme.apply(state).policy_seq == 2


def test_no_secret_is_in_a_plan_or_an_event(acme: Acme) -> None:
    """Attack case 199."""
    acme.secrets["env:WIKI_SECRET"] = "canary-secret-0123456789"
    outcome = acme.apply(EXAMPLE)
    acme.secrets["env:WIKI_SECRET"] = "canary-secret-9876543210"
    second = acme.apply(EXAMPLE)
    written = json.dumps([plan_json(outcome.plan), plan_json(second.plan), acme.events(), acme.everything()])
    for text in (written, *plan_lines(outcome.plan), *plan_lines(second.plan)):
        assert "canary" not in text
    hashes = [secret_hash(f"canary-secret-{digits}") for digits in ("0123456789", "9876543210")]
    shown = json.dumps([plan_json(outcome.plan), plan_json(second.plan), acme.events()])
    assert not any(one in shown for one in hashes)


def test_a_secret_is_stored_as_its_hash(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    stored = json.loads(str(acme.row("app", key="wiki")["secrets"]))
    assert stored == [{"hash": secret_hash(SECRETS["env:WIKI_SECRET"]), "created": NOW, "expires": None}]


def test_another_secret_takes_the_place_of_the_old_one(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    acme.secrets["env:WIKI_SECRET"] = "another-secret-0123456789"
    acme.time += 60
    outcome = acme.apply(EXAMPLE)
    assert list(plan_lines(outcome.plan))[:2] == ["~ app wiki", "    secret: changed"]
    stored = json.loads(str(acme.row("app", key="wiki")["secrets"]))
    assert [one["hash"] for one in stored] == [secret_hash("another-secret-0123456789")]
    assert not acme.apply(EXAMPLE).applied


def test_an_app_that_gets_keys_loses_its_secret(acme: Acme) -> None:
    """Attack case 161: an old secret does not come back either."""
    acme.apply(EXAMPLE)
    state = example()
    state["apps"][0] |= {"auth": {"method": "none"}, "grants": ["authorization_code", "refresh_token"]}
    acme.apply(state)
    assert acme.row("app", key="wiki")["secrets"] == "[]"
    state["apps"][0]["auth"] = {"method": "client_secret", "secret": None}
    with pytest.raises(Problems, match="has no secret yet"):
        acme.apply(state)


@pytest.mark.parametrize("secret", ["short", "x" * 513, "a secret with a ü in it"])
def test_a_bad_secret_is_refused_and_not_repeated(acme: Acme, secret: str) -> None:
    acme.secrets["env:WIKI_SECRET"] = secret
    with pytest.raises(Problems, match="a client secret") as caught:
        acme.apply(EXAMPLE)
    assert secret not in str(caught.value)
    assert acme.rows("app") == []


def test_a_reference_that_leads_nowhere_stops_everything(acme: Acme) -> None:
    del acme.secrets["env:CHAT_SECRET"]
    with pytest.raises(Problems, match="app chat-rp: env:CHAT_SECRET: this variable is not set"):
        acme.apply(EXAMPLE)
    assert all(rows == [] for rows in acme.everything().values())


def test_a_test_that_fails_stops_everything(acme: Acme) -> None:
    """All or nothing: tests run against the result, before it is made."""
    state = example()
    state["tests"][0]["ask"]["amr"] = ["pwd"]
    with pytest.raises(TestsFailed, match=r"engineers read chat: expected allow, got step_up \(step_up\)"):
        acme.apply(state)
    assert all(rows == [] for rows in acme.everything().values())
    assert acme.events() == []


def test_a_plan_that_others_overtook_is_made_again_on_what_is_there_then(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    state = example()
    state["users"][0]["name"] = "Alice E."
    person = str(acme.row("person")["id"])
    overtaking = Overtaking(acme, [Update("person", {"id": person}, {"status": "disabled", "epoch": 1})])
    state["users"][0].pop("status")
    assert overtaking.apply(state | {"tests": []}).applied
    assert overtaking.rounds == 2
    row = acme.row("person")
    # The file says active, so that it is what the second plan, and nobody's blind write, decided.
    assert (row["name"], row["status"], row["epoch"]) == ("Alice E.", "active", 1)


def test_a_moved_policy_is_planned_again(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    state = example()
    state["apps"][0]["name"] = "Wiki 2"
    other = dict(acme.row("guardrail")) | {"id": "console-1", "key": "by-hand", "managed_by": ""}
    overtaking = Overtaking(acme, [Insert("guardrail", other)], policy_changed=True)
    outcome = overtaking.apply(state)
    assert overtaking.rounds == 2
    assert outcome.policy_seq == 3
    assert {row["key"] for row in acme.rows("guardrail")} == {"contractors-never-finance", "by-hand"}


def test_a_group_that_vanished_meanwhile_is_not_given_rights(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    state = example()
    del state["groups"], state["users"], state["tests"]
    state["connections"][0]["rules"][0]["who"] = {"groups": ["contractors"]}
    group = acme.row("person_group", name="contractors")
    overtaking = Overtaking(acme, [Update("person_group", {"id": str(group["id"])}, {"name": "others"})])
    with pytest.raises(Problems, match="unknown group: contractors"):
        overtaking.apply(state)


def test_who_is_overtaken_again_and_again_gives_up_and_changes_nothing(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    state = example()
    state["apps"][0]["name"] = "Wiki 2"
    overtaking = Overtaking(acme, [], policy_changed=True, times=9)
    with pytest.raises(Conflict, match="others keep changing"):
        overtaking.apply(state)
    assert overtaking.rounds == 3
    assert app_model(acme.row("app", key="wiki")).name == "Wiki"


def test_an_outcome_that_does_not_come_is_no_success(memory: Acme) -> None:
    class Silent(Overtaking):
        def submit(self, entry: Any) -> Any:  # noqa: ARG002 - the signature is the ledger's
            return Never()

    class Never(Future[int]):
        def result(self, timeout: float | None = None) -> int:  # noqa: ARG002 - as above
            raise TimeoutError

    with pytest.raises(Unavailable, match="look with --dry-run"):
        Silent(memory, []).apply(EXAMPLE)


def test_nothing_of_another_tenant_is_seen_or_touched(acme: Acme) -> None:
    """TEN-11."""
    acme.apply(EXAMPLE)
    alice = dict(acme.row("person")) | {"id": "p-other", "tenant_id": "t-other", "username": "mallory"}
    acme.write(Insert("person", alice))
    state = example()
    state["connections"][0]["rules"][0]["who"] = {"users": ["mallory"]}
    with pytest.raises(Problems, match="unknown user: mallory"):
        acme.apply(state)
    # Without these sections people are looked up by name, and names are a tenant's own.
    del state["users"], state["tests"], state["resource_apps"]
    with pytest.raises(Problems, match="unknown user: mallory"):
        acme.apply(state)


class Overtaking:
    """A store in which others write just before every commit."""

    def __init__(
        self, acme: Acme, writes: list[Any], *, policy_changed: bool = False, times: int = 1
    ) -> None:
        self._acme = acme
        self._writes = writes
        self._policy_changed = policy_changed
        self._times = times
        self.rounds = 0
        self.tenant, self.issuer = acme.tenant, acme.issuer
        self.clock, self.new_id = acme.clock, acme.new_id

    @property
    def ledger(self) -> Overtaking:
        return self

    def read(self, keys: Any) -> Any:
        return self._acme.ledger.read(keys)

    def fresh(self, tenant: str) -> Any:
        assert tenant == TENANT
        return self._acme.ledger.fresh(tenant)

    def submit(self, entry: Any) -> Any:
        self.rounds += 1
        if self.rounds <= self._times:
            self._acme.write(*self._writes, policy_changed=self._policy_changed)
        return self._acme.ledger.submit(entry)

    def apply(self, text: Any) -> Any:
        credentials = self._acme.credentials
        return apply(self, source(text).state, credentials, actor={"kind": "operator", "id": "x"}, digest="f")
