"""What does not work yet is refused with the words `not built`, and nothing in the table is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pydantic
import pytest

from idjag.idp.catalog import (
    NOT_BUILT,
    AppEntry,
    AuthEntry,
    ConnectionEntry,
    GuardrailEntry,
    ResourceAppEntry,
    RuleEntry,
)
from idjag.idp.catalog.not_built import Every, reserved
from idjag.idp.state.file import StateFile
from tests.idp.catalog.parts import APP, CONNECTION, GUARDRAIL, RESOURCE_APP, RULE, refusal

ENTRIES: dict[str, tuple[type[pydantic.BaseModel], dict[str, Any]]] = {
    "file": (StateFile, {"version": 1}),
    "app": (AppEntry, APP),
    "auth": (AuthEntry, {"secret": "env:WIKI_SECRET"}),
    "resource_app": (ResourceAppEntry, RESOURCE_APP),
    "connection": (ConnectionEntry, CONNECTION),
    "rule": (RuleEntry, RULE),
    "guardrail": (GuardrailEntry, GUARDRAIL),
}
# Values for the rows about whole fields, where the field has a type.
VALUES: dict[tuple[str, str], object] = {
    ("file", "tenant"): "acme",
}
# Fields in which the row's value is one member of a list, or the beginning of a text.
LISTS = {
    ("app", "scopes"): ["openid"],
    ("resource_app", "release"): [],
}


def cases() -> Iterator[Any]:
    for noun, field, value in NOT_BUILT:
        yield pytest.param(noun, field, value, id=f"{noun}.{field}={'...' if value is Every else value}")


@pytest.mark.parametrize(("noun", "field", "value"), list(cases()))
def test_what_is_not_built_is_refused_in_these_words(noun: str, field: str, value: object) -> None:
    """Contract section 4: a field that is accepted works."""
    given = VALUES.get((noun, field), {"any": "thing"}) if value is Every else value
    if (noun, field) in LISTS:
        given = [*LISTS[noun, field], value]
    change: dict[str, Any] = {field: given}
    if noun == "resource":
        noun, change = "resource_app", {"resources": [{"uri": "https://a.example/", "prefix": True}]}
    model, entry = ENTRIES[noun]
    problem = refusal(model, {**entry, **change})
    assert "not built: " in problem
    assert field in problem.partition(": ")[0]


@pytest.mark.parametrize(
    ("noun", "field"),
    [("resource_app", "redeem_as"), ("rule", "authorization_details")],
)
def test_a_reserved_field_may_be_written_as_null(noun: str, field: str) -> None:
    """As the contract's own example does."""
    model, entry = ENTRIES[noun]
    model.model_validate({**entry, field: None})


def test_a_field_is_reserved_by_the_table_alone() -> None:
    with pytest.raises(LookupError, match=r"app\.colour is not in the table"):
        reserved("app", "colour")
