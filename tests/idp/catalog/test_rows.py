"""From an entry to a row and back, and from a row to the policy's value."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from idjag.idp import catalog
from idjag.idp.catalog.narrowing import scopes_model
from idjag.policy.model import (
    ANY,
    App,
    Conditions,
    Connection,
    Guardrail,
    Hours,
    Narrowing,
    Resource,
    ResourceApp,
    Rule,
    Who,
)
from tests.idp.catalog.parts import APP, CONNECTION, GUARDRAIL, REFS, RESOURCE_APP, RULE, USER, ids

ROW: dict[str, Any] = {"id": "row-1", "tenant_id": "t", "managed_by": "file", "created": 1, "updated": 1}
FULL_RULE: dict[str, Any] = {
    "id": "r",
    "who": {
        "groups": ["engineering", "contractors"],
        "users": ["alice"],
        "except": {"groups": ["contractors"], "users": ["bob"]},
    },
    "scopes": {"except": ["chat.write"]},
    "default_scopes": ["chat.read"],
    "resources": ["https://API.chat.example"],
    "conditions": {
        "acr": ["urn:b", "urn:a"],
        "amr": ["mfa", "hwk"],
        "max_auth_age": "8h",
        "networks": ["192.0.2.0/24", "2001:db8::/32"],
        "signin_networks": ["10.0.0.0/8"],
        "hours": {"tz": "Europe/Berlin", "days": ["fri", "mon"], "from": "08:00", "to": "24:00"},
        "key_bound": True,
    },
    "lifetime": "90s",
}


def app_row(**change: Any) -> dict[str, Any]:
    return {**ROW, **catalog.app_columns(catalog.AppEntry.model_validate({**APP, **change}), REFS)}


def resource_app_row(**change: Any) -> dict[str, Any]:
    entry = catalog.ResourceAppEntry.model_validate({**RESOURCE_APP, **change})
    return {**ROW, **catalog.resource_app_columns(entry, REFS)}


def connection_row(**change: Any) -> dict[str, Any]:
    entry = catalog.ConnectionEntry.model_validate({**CONNECTION, **change})
    return {**ROW, **catalog.connection_columns(entry, REFS, before=None, new_id=ids())}


def guardrail_row(**change: Any) -> dict[str, Any]:
    entry = catalog.GuardrailEntry.model_validate({**GUARDRAIL, **change})
    return {**ROW, **catalog.guardrail_columns(entry, REFS, before=None)}


def test_an_app_becomes_the_policys_value() -> None:
    assert catalog.app_model(app_row(assigned={"groups": ["engineering"]})) == App(
        id="row-1",
        key="wiki",
        name="Wiki",
        client_id="wiki",
        assigned=Who(groups=frozenset({"g-eng"})),
    )


def test_an_app_without_name_and_client_id_is_called_by_its_id() -> None:
    app = catalog.app_model(app_row(name=None, client_id=None))
    assert (app.name, app.client_id) == ("wiki", "wiki")


def test_an_app_to_which_nobody_is_assigned_is_for_nobody() -> None:
    """Deny by default."""
    assert catalog.app_model(app_row(assigned=None)).assigned == Who()


def test_a_pairwise_app_has_the_sector_of_its_host() -> None:
    assert catalog.app_model(app_row(subject_type="pairwise")).sector == "wiki.example"


def test_a_secret_is_nowhere_in_a_row() -> None:
    """References are resolved elsewhere; not even they are stored."""
    assert "WIKI_SECRET" not in json.dumps(app_row())


def test_a_resource_app_becomes_the_policys_value() -> None:
    assert catalog.resource_app_model(resource_app_row()) == ResourceApp(
        id="row-1",
        key="chat",
        name="Chat",
        issuer="https://acme.chat.example/",
        resources=(Resource("https://api.chat.example/", frozenset({"chat.read", "chat.history"})),),
        aliases=("urn:acme:chat",),
        sso_app="a-chat",
        release=("email", "name"),
        aud_sub="chat_id",
    )


def test_a_rule_becomes_the_policys_value() -> None:
    connection = catalog.connection_model(connection_row(rules=[FULL_RULE]))
    assert connection.rules == (
        Rule(
            id="id-0",
            key="r",
            who=Who(
                groups=frozenset({"g-eng", "g-con"}),
                people=frozenset({"p-alice"}),
                except_groups=frozenset({"g-con"}),
                except_people=frozenset({"p-bob"}),
            ),
            scopes=Narrowing("except", frozenset({"chat.write"})),
            resources=Narrowing("only", frozenset({"https://api.chat.example/"})),
            default_scopes=frozenset({"chat.read"}),
            conditions=Conditions(
                acr=("urn:a", "urn:b"),
                amr=frozenset({"mfa", "hwk"}),
                max_auth_age=28800,
                networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
                signin_networks=(ip_network("10.0.0.0/8"),),
                hours=Hours("Europe/Berlin", ZoneInfo("Europe/Berlin"), frozenset({0, 4}), 480, 1440),
                key_bound=True,
            ),
            lifetime=90,
        ),
    )


def test_a_connection_becomes_the_policys_value() -> None:
    assert catalog.connection_model(connection_row(rules=[])) == Connection(
        id="row-1",
        key="wiki-chat",
        app="a-wiki",
        resource_app="r-chat",
        client_id="f53f191f9311af35",
        expires=1814313600,
        owner="it@acme.example",
        reason="Wiki shows chat threads",
    )


def test_a_guardrail_becomes_the_policys_value() -> None:
    row = guardrail_row(scopes=["pay"], resources=["https://API.finance.example"], **{"from": ["wiki"]})
    assert catalog.guardrail_model(row) == Guardrail(
        id="row-1",
        key="contractors-never-finance",
        who=Who(groups=frozenset({"g-con"})),
        apps=frozenset({"a-wiki"}),
        resource_apps=frozenset({"r-fin"}),
        scopes=frozenset({"pay"}),
        resources=frozenset({"https://api.finance.example/"}),
        reason="audit finding 17",
    )


def test_an_absent_part_of_a_guardrail_is_any() -> None:
    guardrail = catalog.guardrail_model(guardrail_row(to=None))
    assert (guardrail.apps, guardrail.resource_apps, guardrail.scopes, guardrail.resources) == (None,) * 4


@pytest.mark.parametrize("scopes", ["any", ["a", "b"], {"except": ["a"]}])
@pytest.mark.parametrize("resources", ["any", ["https://a.example/"], {"except": ["https://a.example/"]}])
def test_a_rule_comes_back_as_it_was_written(scopes: object, resources: object) -> None:
    rule = {"id": "r", "who": {"everyone": True}, "scopes": scopes, "resources": resources}
    entry = catalog.connection_entry(connection_row(rules=[rule]), REFS)
    assert entry["rules"] == [rule]


def test_every_field_comes_back() -> None:
    rule = {
        **FULL_RULE,
        "who": {**FULL_RULE["who"], "groups": ["contractors", "engineering"]},
        "conditions": {
            **FULL_RULE["conditions"],
            "acr": ["urn:a", "urn:b"],
            "amr": ["hwk", "mfa"],
            "hours": {"tz": "Europe/Berlin", "days": ["mon", "fri"], "from": "08:00", "to": "24:00"},
        },
    }
    connection = {**CONNECTION, "profile": "id-jag", "rules": [rule]}
    assert catalog.connection_entry(connection_row(rules=[FULL_RULE]), REFS) == connection
    assert catalog.guardrail_entry(guardrail_row(), REFS) == GUARDRAIL
    app = catalog.app_entry(app_row(), REFS)
    assert app == {
        **APP,
        "auth": {"method": "client_secret", "secret": None},
        "scopes": ["email", "openid", "profile"],
        "subject_type": "public",
        "id_token_alg": "RS256",
        "status": "active",
    }
    target = catalog.resource_app_entry(resource_app_row(), REFS)
    resources = [{"uri": "https://api.chat.example/", "scopes": ["chat.history", "chat.read"]}]
    assert target == {**RESOURCE_APP, "resources": resources, "id_jag_alg": "ES256", "status": "active"}
    columns = catalog.user_columns(catalog.UserEntry.model_validate(USER))
    assert catalog.user_entry(
        {**ROW, **columns}, subs={"": "s", "a.example": "p"}, groups=["engineering"]
    ) == {
        **USER,
        "sub": "s",
        "pairwise_subs": {"a.example": "p"},
    }


def test_the_order_of_anything_makes_no_other_row() -> None:
    """Order never matters: a second apply of a reordered file has no changes."""
    one, two = {**RULE, "id": "one"}, {**RULE, "id": "two", "scopes": ["chat.history", "chat.read"]}
    spec = json.loads(connection_row(rules=[one, two])["spec"])
    other = json.loads(connection_row(rules=[two, one])["spec"])
    assert [rule["key"] for rule in spec["rules"]] == [rule["key"] for rule in other["rules"]]
    assert (
        spec["rules"][1]["scopes"] == other["rules"][1]["scopes"] == {"only": ["chat.history", "chat.read"]}
    )


def test_a_changed_rule_keeps_its_id_and_gets_the_next_version() -> None:
    new_id = ids()
    entry = catalog.ConnectionEntry.model_validate(CONNECTION)
    first = catalog.connection_columns(entry, REFS, before=None, new_id=new_id)
    same = catalog.connection_columns(entry, REFS, before=first, new_id=new_id)
    assert same == first
    changed = catalog.ConnectionEntry.model_validate({**CONNECTION, "rules": [{**RULE, "lifetime": "1m"}]})
    second = json.loads(catalog.connection_columns(changed, REFS, before=first, new_id=new_id)["spec"])
    assert [(rule["id"], rule["version"]) for rule in second["rules"]] == [("id-0", 2)]


def test_a_rule_of_another_name_is_another_rule() -> None:
    new_id = ids()
    entry = catalog.ConnectionEntry.model_validate(CONNECTION)
    first = catalog.connection_columns(entry, REFS, before=None, new_id=new_id)
    renamed = catalog.ConnectionEntry.model_validate({**CONNECTION, "rules": [{**RULE, "id": "new"}]})
    second = json.loads(catalog.connection_columns(renamed, REFS, before=first, new_id=new_id)["spec"])
    assert [(rule["id"], rule["version"]) for rule in second["rules"]] == [("id-1", 1)]


def test_a_changed_guardrail_gets_the_next_version() -> None:
    first = guardrail_row()
    entry = catalog.GuardrailEntry.model_validate({**GUARDRAIL, "reason": "finding 18"})
    second = {**first, **catalog.guardrail_columns(entry, REFS, before=first)}
    assert [catalog.guardrail_model(row).version for row in (first, second)] == [1, 2]
    third = catalog.guardrail_columns(entry, REFS, before=second)
    assert third["spec"] == second["spec"]


def test_a_stored_narrowing_that_we_do_not_know_is_never_any() -> None:
    assert scopes_model({}) == ANY
    with pytest.raises(ValueError, match="unknown narrowing"):
        scopes_model({"prefix": ["a"]})


def test_a_time_zone_that_this_machine_lacks_closes_the_rule() -> None:
    row = connection_row(rules=[{**FULL_RULE}])
    moved = {**row, "spec": row["spec"].replace("Europe/Berlin", "Europe/Atlantis")}
    hours = catalog.connection_model(moved).rules[0].conditions.hours
    assert hours is not None
    assert hours.days == frozenset()


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        (
            lambda: catalog.connection_problems(
                catalog.ConnectionEntry.model_validate(
                    {**CONNECTION, "from": "x", "to": "y", "rules": [{**RULE, "who": {"groups": ["z"]}}]}
                ),
                REFS,
            ),
            [
                (("from",), "unknown app: x"),
                (("to",), "unknown resource app: y"),
                (("rules", 0, "who", "groups", 0), "unknown group: z"),
            ],
        ),
        (
            lambda: catalog.guardrail_problems(
                catalog.GuardrailEntry.model_validate(
                    {**GUARDRAIL, "from": ["wiki", "x"], "to": ["y"], "who": {"users": ["z"]}}
                ),
                REFS,
            ),
            [
                (("who", "users", 0), "unknown user: z"),
                (("from", 1), "unknown app: x"),
                (("to", 0), "unknown resource app: y"),
            ],
        ),
        (
            lambda: catalog.app_problems(
                catalog.AppEntry.model_validate(
                    {**APP, "assigned": {"everyone": True, "except": {"groups": ["x"], "users": ["y"]}}}
                ),
                REFS,
            ),
            [
                (("assigned", "except", "groups", 0), "unknown group: x"),
                (("assigned", "except", "users", 0), "unknown user: y"),
            ],
        ),
        (
            lambda: catalog.resource_app_problems(
                catalog.ResourceAppEntry.model_validate({**RESOURCE_APP, "sso_app": "x"}), REFS
            ),
            [(("sso_app",), "unknown app: x")],
        ),
        (
            lambda: catalog.user_problems(
                catalog.UserEntry.model_validate({**USER, "groups": ["engineering", "x"]}), REFS
            ),
            [(("groups", 1), "unknown group: x")],
        ),
        (lambda: catalog.app_problems(catalog.AppEntry.model_validate({**APP, "assigned": None}), REFS), []),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_with_its_place(problems: Any, expected: Any) -> None:
    assert list(problems()) == expected
