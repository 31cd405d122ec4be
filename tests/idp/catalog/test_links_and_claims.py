"""Links between apps (XCH-38) and mapped claims (JAG-27), as administrators write them."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from idjag.idp import catalog
from idjag.idp.state.export import export
from idjag.idp.state.plan import Problems, plan
from idjag.idp.state.show import plan_lines
from idjag.protocol.custom_claims import RESERVED
from tests.idp.catalog.parts import APP, REFS, RESOURCE_APP
from tests.idp.state.parts import NOW, example, in_memory, source

CLAIMS = {"department": {"attribute": "dept"}, "https://chat.example/rank": {"attribute": "rank"}}


def app(**change: Any) -> catalog.AppEntry:
    return catalog.AppEntry.model_validate({**APP, **change})


def resource_app(**change: Any) -> catalog.ResourceAppEntry:
    return catalog.ResourceAppEntry.model_validate({**RESOURCE_APP, **change})


def test_a_link_is_kept_by_id_and_shown_by_name() -> None:
    """XCH-38: a new app under an old name inherits no link."""
    row = catalog.app_columns(app(subject_tokens_from=["chat-rp"]), REFS)
    assert "a-chat" in row["spec"]
    assert "chat-rp" not in row["spec"]
    assert catalog.app_entry(row, REFS)["subject_tokens_from"] == ["chat-rp"]
    assert "subject_tokens_from" not in catalog.app_entry(catalog.app_columns(app(), REFS), REFS)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"subject_tokens_from": ["wiki"]}, "names the app itself", id="itself"),
        pytest.param({"subject_tokens_from": ["a", "a"]}, "listed twice", id="twice"),
        pytest.param({"subject_tokens_from": [f"a{n}" for n in range(33)]}, "at most 32", id="many"),
        pytest.param(
            {"subject_tokens_from": ["chat-rp"], "grants": ["authorization_code"]},
            "for apps with the grant token_exchange",
            id="one that may not exchange",
        ),
        pytest.param({"subject_tokens_from": "chat-rp"}, "list", id="no list"),
    ],
)
def test_a_link_that_cannot_be_meant_is_refused(change: dict[str, Any], why: str) -> None:
    """XCH-38."""
    with pytest.raises(pydantic.ValidationError, match=why):
        app(**change)
    app(subject_tokens_from=["chat-rp"])


def test_a_link_to_nobody_is_a_problem() -> None:
    found = list(catalog.app_problems(app(subject_tokens_from=["chat-rp", "gone"]), REFS))
    assert found == [(("subject_tokens_from", 1), "unknown app: gone")]


def test_mapped_claims_come_back_as_they_were_written() -> None:
    """JAG-27."""
    row = {"id": "r", **catalog.resource_app_columns(resource_app(claims=CLAIMS), REFS)}
    assert catalog.resource_app_entry(row, REFS)["claims"] == CLAIMS
    model = catalog.resource_app_model(row)
    assert model.claims == (("department", "dept"), ("https://chat.example/rank", "rank"))
    plain = {"id": "r", **catalog.resource_app_columns(resource_app(), REFS)}
    assert "claims" not in catalog.resource_app_entry(plain, REFS)


@pytest.mark.parametrize("name", [*sorted(RESERVED), "Sub", "CNF", "idJag_use", "_x", "", "x" * 129])
def test_a_name_that_means_something_is_refused(name: str) -> None:
    """JAG-27, A-06."""
    with pytest.raises(pydantic.ValidationError, match="claim"):
        resource_app(claims={name: {"attribute": "dept"}})


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({f"c{n}": {"attribute": "dept"} for n in range(17)}, id="seventeen"),
        pytest.param({"department": "dept"}, id="no source"),
        pytest.param({"department": {"value": "sales"}}, id="a fixed value"),
        pytest.param({"department": {"attribute": "a b"}}, id="no attribute"),
        pytest.param(["department"], id="a list"),
    ],
)
def test_claims_in_another_shape_are_refused(claims: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        resource_app(claims=claims)


def linked() -> dict[str, Any]:
    """The example with both."""
    text = example()
    first, *others = text["apps"]
    broker = {**first, "id": "gateway", "client_id": "gateway"}
    text["apps"] = [{**first, "subject_tokens_from": ["gateway"]}, *others, broker]
    target, *rest = text["resource_apps"]
    text["resource_apps"] = [{**target, "claims": CLAIMS}, *rest]
    return text


def test_what_is_exported_can_be_applied_again_and_changes_nothing() -> None:
    """XCH-38, JAG-27; contract section 4."""
    with in_memory() as acme:
        acme.apply(linked())
        current = acme.current()
        text = export(current)
        again = plan(current, source(text).state, now=NOW, new_id=acme.new_id)
    assert again.changes == ()
    assert "subject_tokens_from: [gateway]" in text
    assert "department: {attribute: dept}" in text


def test_the_plan_shows_both_by_name() -> None:
    with in_memory() as acme:
        acme.apply(example())
        current = acme.current()
        lines = "\n".join(plan_lines(plan(current, source(linked()).state, now=NOW, new_id=acme.new_id)))
    assert 'subject_tokens_from: (none) -> ["gateway"]' in lines
    assert 'claims: (none) -> {"department": {"attribute": "dept"}' in lines


def test_a_broker_that_is_named_cannot_be_removed() -> None:
    """Attack case 161."""
    text = linked()
    with in_memory() as acme:
        acme.apply(text)
        current = acme.current()
        gone = {**text, "apps": [one for one in text["apps"] if one["id"] != "gateway"]}
        with pytest.raises(Problems, match="unknown app: gateway"):
            plan(current, source(gone).state, now=NOW, new_id=acme.new_id, prune=True)
