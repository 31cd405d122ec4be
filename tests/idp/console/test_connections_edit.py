"""Editing a connection and its rules: nothing is lost, what is wrong stands at its field, two editors."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp.catalog.conditions import ConditionsEntry, HoursEntry
from idjag.idp.catalog.rule import RuleEntry
from idjag.idp.console.asked import Asked
from idjag.idp.console.connections_forms import CONDITIONS, RULE_FIELDS, RuleForm, rule_said
from tests.idp.console.desk import Administrator
from tests.idp.me.person import API, administer, policy
from tests.idp.signin.site import Site

PAGE = "/admin/connection"
EDIT, RULE, REMOVE = f"{PAGE}/edit", f"{PAGE}/rule", f"{PAGE}/rule/remove"
KEY = "wiki-chat"
HERE = f"{PAGE}?id={KEY}"
FULL: dict[str, Any] = {
    "id": "full",
    "who": {"groups": ["engineering"], "users": ["alice"], "except": {"groups": ["sales"], "users": ["bob"]}},
    "scopes": {"except": ["chat.write"]},
    "default_scopes": ["chat.read"],
    "resources": [API],
    "conditions": {
        "acr": ["urn:idjag:acr:mfa", "urn:example:acr:own"],
        "amr": ["mfa", "pwd", "swk"],
        "max_auth_age": "8h",
        "networks": ["192.0.2.0/24", "2001:db8::/32"],
        "signin_networks": ["198.51.100.0/24"],
        "hours": {"tz": "Europe/Berlin", "days": ["mon", "fri"], "from": "08:00", "to": "24:00"},
        "key_bound": True,
    },
    "lifetime": "2m",
}


def state(*rules: dict[str, Any], **connection: Any) -> dict[str, Any]:
    """The state file with two groups, and these rules."""
    said = policy()
    said["groups"] = [{"name": "engineering"}, {"name": "sales"}]
    said["connections"][0] |= connection | ({"rules": list(rules)} if rules else {})
    return said


@pytest.fixture(autouse=True)
def _as_it_was(shared_site: Site) -> None:
    administer(shared_site, state())


def rule_page(owner: Administrator, name: str = "") -> Any:
    """The form of a rule."""
    return owner.page(f"{RULE}?id={KEY}" + (f"&rule={name}" if name else ""))


def test_the_form_knows_every_field_of_a_rule_and_every_condition_of_the_catalog() -> None:
    fields = {field.alias or name for name, field in ConditionsEntry.model_fields.items()}
    assert fields == set(CONDITIONS) == set(FULL["conditions"])
    hours = {field.alias or name for name, field in HoursEntry.model_fields.items()}
    assert hours == set(FULL["conditions"]["hours"])
    known = {path.partition(".")[0] for path in RULE_FIELDS} | {"conditions"}
    assert set(RuleEntry.model_fields) - {"authorization_details", "actors"} == known


def test_a_rule_that_says_everything_comes_back_from_its_form_as_it_was(
    shared_owner: Administrator, shared_site: Site
) -> None:
    administer(shared_site, state(FULL))
    again = shared_owner.submit(rule_page(shared_owner, "full"), RULE)
    assert again.status_code == 200, again.text
    assert "It is already as you want it" in again.text
    other = shared_owner.submit(rule_page(shared_owner, "full"), RULE, lifetime="3m")
    assert "It is already as you want it" not in other.text


def test_what_the_form_does_not_know_stays_in_the_rule() -> None:
    base = {**FULL, "later": 7, "conditions": {**FULL["conditions"], "moon": "full"}}
    said = rule_said(Asked({"rule_id": ("full",), "scopes_kind": ("any",)}), base)
    assert said["later"] == 7
    assert said["conditions"] == {"moon": "full"}
    assert said["scopes"] == "any"


def test_an_empty_form_is_no_rule_for_anybody() -> None:
    said = rule_said(Asked({}), {})
    assert (said["who"], said["scopes"], said["resources"]) == ({}, [], [])
    assert RuleForm(said).who.chosen == ""


def test_a_rule_is_added_and_allows_from_then_on(shared_owner: Administrator) -> None:
    assert shared_owner.act(scope="chat.history").status_code == 400
    review = shared_owner.submit(
        rule_page(shared_owner),
        RULE,
        rule_id="historians",
        who="these",
        who_users="alice",
        scopes_kind="only",
        scopes=["chat.history"],
    )
    assert "<ins>Wiki may read chat.history for alice.</ins>" in review.text
    saved = shared_owner.agree(review)
    assert saved.headers["location"] == f"{HERE}&done=saved"
    assert shared_owner.act(scope="chat.history").status_code == 200
    page = shared_owner.page(HERE).text
    assert "Added the rule" in page
    assert "it was asked for" in page


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(shared_owner: Administrator) -> None:
    typed = {
        "rule_id": "night",
        "who": "these",
        "who_users": "alice\nnobody-here",
        "scopes_kind": "only",
        "max_auth_age": "a while",
        "networks": "192.0.2.1/24",
        "hours_from": "8 o'clock",
    }
    again = shared_owner.submit(rule_page(shared_owner), RULE, **typed)
    assert again.status_code == 422
    for field in ("scopes", "max_auth_age", "networks", "hours_from", "hours_to", "hours_tz"):
        assert f'id="{field}-problem"' in again.text, field
    assert 'id="amr-problem"' not in again.text
    assert "Choose at least one." in again.text
    assert "write 192.0.2.0/24" in again.text
    for text in ('value="a while"', "192.0.2.1/24</textarea>", "alice\nnobody-here</textarea>"):
        assert text in again.text
    right: dict[str, Any] = {"scopes": ["chat.read"], "max_auth_age": "8h", "networks": "", "hours_from": ""}
    unknown = shared_owner.submit(again, RULE, **right)
    assert unknown.status_code == 422
    assert 'id="who_users-problem"' in unknown.text
    assert shared_owner.submit(unknown, RULE, who_users="alice").status_code == 200


def test_a_default_scope_that_the_rule_does_not_allow_is_refused_at_its_boxes(
    shared_owner: Administrator,
) -> None:
    typed: dict[str, Any] = {
        "rule_id": "x",
        "who": "everyone",
        "scopes_kind": "only",
        "scopes": ["chat.read"],
    }
    again = shared_owner.submit(rule_page(shared_owner), RULE, **typed, default_scopes=["chat.write"])
    assert again.status_code == 422
    assert 'id="default_scopes-problem"' in again.text
    assert shared_owner.submit(again, RULE, default_scopes=["chat.read"]).status_code == 200


def test_a_rule_for_nobody_is_refused_where_it_says_for_whom(shared_owner: Administrator) -> None:
    again = shared_owner.submit(rule_page(shared_owner), RULE, rule_id="x", who="these", scopes_kind="any")
    assert again.status_code == 422
    assert "Choose everyone, or name groups or people." in again.text


def test_a_second_rule_of_one_name_is_refused_at_the_name(shared_owner: Administrator) -> None:
    typed = {"who": "everyone", "scopes_kind": "any"}
    again = shared_owner.submit(rule_page(shared_owner), RULE, rule_id="all", **typed)
    assert again.status_code == 422
    assert 'id="rule_id-problem"' in again.text
    assert shared_owner.submit(again, RULE, rule_id="all-2").status_code == 200


def test_of_two_editors_the_second_sees_what_differs_and_loses_nothing(shared_owner: Administrator) -> None:
    """Attack case 193."""
    first, second = (shared_owner.page(f"{EDIT}?id={KEY}") for _ in range(2))
    assert shared_owner.agree(shared_owner.submit(first, EDIT, owner="it-2@acme.example")).status_code == 303
    late = shared_owner.submit(second, EDIT, what_for="another reason")
    assert late.status_code == 412
    assert "Somebody else has saved this connection" in late.text
    assert 'value="another reason"' in late.text
    assert "<td>it-2@acme.example</td><td>it@acme.example</td>" in late.text
    mine = shared_owner.submit(late, EDIT, owner="it-2@acme.example")
    assert shared_owner.agree(mine).status_code == 303
    page = shared_owner.page(HERE).text
    assert "it-2@acme.example" in page
    assert "another reason" in page


def test_of_two_who_agree_to_their_changes_the_second_changes_nothing_and_keeps_the_lines(
    shared_owner: Administrator,
) -> None:
    """Attack case 193."""
    form = shared_owner.page(f"{EDIT}?id={KEY}")
    first, second = (shared_owner.submit(form, EDIT, owner=f"it-{one}@acme.example") for one in (4, 5))
    assert shared_owner.agree(first).status_code == 303
    late = shared_owner.agree(second)
    assert late.status_code == 412
    assert "Nothing was changed" in late.text
    assert "owner: it-5@acme.example" in late.text
    assert "it-4@acme.example" in shared_owner.page(HERE).text


def test_a_rule_that_somebody_else_has_changed_is_not_overwritten_unseen(
    shared_owner: Administrator, shared_site: Site
) -> None:
    form = rule_page(shared_owner, "all")
    administer(shared_site, state({"id": "all", "who": {"users": ["bob"]}, "scopes": ["chat.read"]}))
    late = shared_owner.submit(form, RULE, lifetime="1m")
    assert late.status_code == 412
    assert "users: bob" in late.text
    assert shared_owner.submit(late, RULE, lifetime="1m").status_code == 200


def test_removing_a_rule_narrows_and_is_shown_first(shared_owner: Administrator) -> None:
    review = shared_owner.submit(rule_page(shared_owner, "all"), REMOVE)
    assert "<del>Wiki may use chat.read and chat.write for everyone.</del>" in review.text
    assert "today it is" in review.text
    assert shared_owner.act().status_code == 200
    assert shared_owner.agree(review).status_code == 303
    assert shared_owner.act().status_code == 400


def test_a_day_is_enough_to_say_when_it_ends(shared_owner: Administrator, shared_site: Site) -> None:
    form = shared_owner.page(f"{EDIT}?id={KEY}")
    assert shared_owner.agree(shared_owner.submit(form, EDIT, expires="2027-01-31")).status_code == 303
    form = shared_owner.page(f"{EDIT}?id={KEY}")
    assert 'value="2027-01-31"' in form.text
    wrong = shared_owner.submit(form, EDIT, expires="tomorrow")
    assert wrong.status_code == 422
    assert 'id="expires-problem"' in wrong.text
    assert 'value="tomorrow"' in wrong.text
    assert shared_owner.act().status_code == 200
    before, shared_site.clock.now = shared_site.clock.now, shared_site.clock.now + 30 * 86_400
    try:
        assert "Expired" in _fresh(shared_site)
    finally:
        shared_site.clock.now = before


def _fresh(site: Site) -> str:
    """The page as somebody sees it who has just come."""
    with Administrator(site) as alice:
        return alice.page(HERE).text


def test_what_a_file_manages_says_so_and_offers_the_lines_for_the_file(shared_owner: Administrator) -> None:
    form = shared_owner.page(f"{EDIT}?id={KEY}")
    assert "managed by file" in form.text
    review = shared_owner.submit(form, EDIT, owner="it-3@acme.example")
    assert "owner: it-3@acme.example" in review.text


def test_a_rule_that_is_not_there_is_not_here(shared_owner: Administrator) -> None:
    assert shared_owner.get(f"{RULE}?id={KEY}&rule=ghost").status_code == 404
    assert rule_page(shared_owner, "all").status_code == 200
