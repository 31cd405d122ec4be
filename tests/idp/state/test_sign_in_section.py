"""The section ``sign_in:`` of the state file: strict, planned, exported, and its loosening told."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp.catalog import SignInPolicy, sign_in_policy
from idjag.idp.state.export import export
from idjag.idp.state.show import plan_lines
from idjag.ledger.entry import Insert, Key
from idjag.yaml_file import FileError, FileErrors
from idjag.yaml_file import read as read_yaml
from tests.idp.state.parts import ISSUER, NOW, TENANT, Acme, source

STRICT: dict[str, Any] = {
    "second_factor": "required",
    "session": {"idle": "30m", "absolute": "8h"},
    "remember_device": "14d",
    "password": {"min_length": 12},
}


@pytest.fixture
def here(acme: Acme) -> Acme:
    row: dict[str, Any] = {"id": TENANT, "name": "Acme", "issuer": ISSUER, "created": NOW, "sign_in": "{}"}
    acme.write(Insert("tenant", row), policy_changed=True)
    return acme


def policy(acme: Acme) -> SignInPolicy:
    key = Key("tenant", "id", TENANT)
    return sign_in_policy(acme.ledger.read((key,))(key)[0])


def file(**section: Any) -> dict[str, Any]:
    return {"version": 1, "sign_in": section}


def test_what_nobody_has_said_is_what_an_enterprise_expects(here: Acme) -> None:
    assert policy(here) == SignInPolicy("optional", 7200, 43200, 0, 15)


def test_a_section_is_applied_and_moves_the_policy(here: Acme) -> None:
    outcome = here.apply(file(**STRICT))
    assert (outcome.applied, outcome.policy_seq) == (True, 2)
    assert policy(here) == SignInPolicy("required", 1800, 28800, 14 * 86400, 12)
    assert not here.apply(file(**STRICT)).applied


def test_an_absent_section_is_not_managed_and_an_empty_one_is_the_default(here: Acme) -> None:
    here.apply(file(**STRICT))
    assert not here.apply({"version": 1}).applied
    here.apply(file())
    assert policy(here) == SignInPolicy()


def test_the_plan_says_what_changes(here: Acme) -> None:
    lines = list(plan_lines(here.apply(file(second_factor="required")).plan))
    assert lines[:2] == ["~ tenant sign_in", "    second_factor: optional -> required"]


def test_the_audit_log_names_what_lets_more_through(here: Acme) -> None:
    here.apply(file(**STRICT))
    here.apply(file(**{**STRICT, "second_factor": "optional", "session": {"idle": "1h", "absolute": "8h"}}))
    tightened, loosened = [event for event in here.events() if event["event"] == "tenant.updated"]
    assert tightened["inputs"] == {"loosened": ["password.min_length", "remember_device"]}
    assert loosened["inputs"] == {"loosened": ["second_factor", "session.idle"]}
    assert loosened["before"]["second_factor"] == "required"
    assert loosened["after"]["second_factor"] == "optional"


def test_an_export_applies_to_the_same(here: Acme) -> None:
    here.apply(file(**STRICT))
    text = export(here.current())
    assert read_yaml(text, source="export").value["sign_in"] == STRICT  # type: ignore[index,call-overload]
    assert not here.apply(text).applied


def test_a_required_second_factor_lets_passwords_be_shorter(here: Acme) -> None:
    """NIST SP 800-63B-4 section 3.1.1.2: 15 alone, 8 beside a second factor; what is said holds."""
    here.apply(file(second_factor="required"))
    assert policy(here).password_min_length == 8
    here.apply(file(second_factor="required", password={"min_length": 20}))
    assert policy(here).password_min_length == 20


def test_an_idle_limit_is_no_longer_than_the_absolute_one(here: Acme) -> None:
    here.apply(file(session={"absolute": "1h"}))
    assert (policy(here).session_idle, policy(here).session_absolute) == (3600, 3600)


@pytest.mark.parametrize(
    "section",
    [
        pytest.param({"second_factor": "sometimes"}, id="no such word"),
        pytest.param({"second_factor": None}, id="null"),
        pytest.param({"factors": ["totp"]}, id="an unknown field"),
        pytest.param({"session": {"idle": "4m"}}, id="too short"),
        pytest.param({"session": {"absolute": "31d"}}, id="too long"),
        pytest.param({"session": {"absolute": 3600}}, id="a number"),
        pytest.param({"session": {"sliding": "1h"}}, id="an unknown field of the session"),
        pytest.param({"remember_device": "91d"}, id="remembered too long"),
        pytest.param({"remember_device": "forever"}, id="for ever"),
        pytest.param({"remember_device": 0}, id="zero"),
        pytest.param({"password": {"min_length": 7}}, id="a short password"),
        pytest.param({"password": {"min_length": 65}}, id="a long password"),
        pytest.param({"password": {"min_length": True}}, id="a boolean"),
    ],
)
def test_what_is_not_a_setting_is_refused_where_it_stands(section: dict[str, Any]) -> None:
    with pytest.raises((FileError, FileErrors)) as caught:
        source(file(**section))
    assert "sign_in" in str(caught.value)
    assert source(file(**STRICT)).state.sign_in is not None


def test_a_section_without_anything_is_not_taken_for_the_default() -> None:
    with pytest.raises((FileError, FileErrors), match=r"write \{\} for what holds by default"):
        source("version: 1\nsign_in:\n")
