"""An entry that is read by its name is the one that a whole load gives: their ETags must agree."""

from __future__ import annotations

import pytest

from idjag.idp.api.entries import entry_now, entry_of, rows_of
from idjag.idp.api.office import Office
from idjag.idp.api.problem import Problem
from idjag.idp.state.current import load
from idjag.idp.state.file import SECTIONS
from tests.idp.api.bureau import Bureau
from tests.idp.grants.acme import app, connection, rule, state


def test_an_entry_by_its_name_is_the_same_as_among_all(office: Bureau) -> None:
    guardrail = {"id": "g", "who": {"groups": ["sales"], "users": ["bob"]}, "to": ["chat"], "from": ["wiki"]}
    named = rule(who={"groups": ["engineering"], "except": {"users": ["bob"], "groups": ["sales"]}})
    office.acme.apply(
        state(
            guardrails=[guardrail],
            connections=[connection(rules=[named])],
            apps=[app("wiki", subject_tokens_from=["notes"], assigned={"groups": ["sales"]}), app("notes")],
        )
    )
    services = office.acme.services
    here = Office(services, lookups=None)  # type: ignore[arg-type]  # nothing is listed
    current = load(services.ledger, services.tenant, everyone=True)
    compared = [
        (section.name, key)
        for section in SECTIONS
        for key in rows_of(section, current)
        if entry_now(here, section, key) == entry_of(section, current, key)
    ]
    assert len(compared) == 9
    assert {name for name, _ in compared} == {section.name for section in SECTIONS}


def test_an_entry_that_is_not_there_is_not_found(office: Bureau) -> None:
    here = Office(office.acme.services, lookups=None)  # type: ignore[arg-type]  # nothing is listed
    for section in SECTIONS:
        with pytest.raises(Problem) as refused:
            entry_now(here, section, "no-such")
        assert refused.value.status == 404, section.name
