"""Every condition of a rule: met, not met, and the fact that is missing (contract section 4)."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from idjag.policy.conditions import unmet
from idjag.policy.model import NO_CONDITIONS, Hours
from idjag.protocol.errors import Reason
from tests.policy.parts import (
    MFA,
    NOW,
    PWD,
    ask,
    conditions,
    outcomes,
    policy,
    question,
    reason,
    rule,
    signed_in,
)

WEEKDAYS = frozenset(range(5))
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))


def hours(start: str, end: str, *, days: frozenset[int] = WEEKDAYS, zone: str = "Europe/Berlin") -> Hours:
    """A weekly window."""
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (start, end))
    return Hours(zone, ZoneInfo(zone), days, first, last)


def at(text: str, zone: ZoneInfo = BERLIN, *, fold: int = 0) -> int:
    """NumericDate of a local time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp())


def first_unmet(named: dict[str, Any], **changes: Any) -> str | None:
    """The first condition that the usual question, with one thing changed, does not meet."""
    return unmet(conditions(**named), question(**changes))


def test_a_rule_without_conditions_asks_for_nothing() -> None:
    """Positive control of everything below."""
    assert unmet(NO_CONDITIONS, question(sign_in=signed_in(acr=None, amr=None, auth_time=None))) is None
    assert first_unmet({}) is None


@pytest.mark.parametrize(
    ("acr", "expected"),
    [(PWD, None), (MFA, None), ("urn:example:MFA", "acr"), (f"{MFA}2", "acr"), ("", "acr"), (None, "acr")],
)
def test_acr_is_any_of_the_list_and_exact(acr: str | None, expected: str | None) -> None:
    """XCH-59, attack case 77: a missing acr meets nothing."""
    assert first_unmet({"acr": (PWD, MFA)}, sign_in=signed_in(acr=acr)) == expected


@pytest.mark.parametrize(
    ("amr", "expected"),
    [
        ({"pwd", "mfa"}, None),
        ({"pwd", "otp", "mfa"}, None),
        ({"mfa"}, "amr"),
        ({"pwd"}, "amr"),
        ({"PWD", "mfa"}, "amr"),
        (set(), "amr"),
        (None, "amr"),
    ],
)
def test_amr_is_all_of_the_list(amr: set[str] | None, expected: str | None) -> None:
    """XCH-59, attack case 77."""
    known = None if amr is None else frozenset(amr)
    assert first_unmet({"amr": frozenset({"pwd", "mfa"})}, sign_in=signed_in(amr=known)) == expected


@pytest.mark.parametrize(
    ("auth_time", "expected"),
    [
        pytest.param(NOW, None, id="now"),
        pytest.param(NOW - 600, None, id="exactly as old as allowed"),
        pytest.param(NOW - 601, "max_auth_age", id="a second too old"),
        pytest.param(NOW + 60, None, id="another node's clock"),
        pytest.param(NOW + 61, "max_auth_age", id="from the future"),
        pytest.param(None, "max_auth_age", id="missing"),
    ],
)
def test_a_sign_in_is_fresh_up_to_max_auth_age(auth_time: int | None, expected: str | None) -> None:
    """XCH-59, attack case 77: a missing auth_time is insufficient."""
    assert first_unmet({"max_auth_age": 600}, sign_in=signed_in(auth_time=auth_time)) == expected


NETWORKS = [
    pytest.param("192.0.2.77", True, id="inside"),
    pytest.param("192.0.3.1", False, id="outside"),
    pytest.param("2001:db8::1", True, id="IPv6 inside"),
    pytest.param("2001:db9::1", False, id="IPv6 outside"),
    pytest.param("::ffff:192.0.2.77", True, id="IPv4 mapped into IPv6, inside"),
    pytest.param("::ffff:192.0.3.1", False, id="IPv4 mapped into IPv6, outside"),
    pytest.param("::192.0.2.77", False, id="the old compatible form is no IPv4 address"),
    pytest.param(None, False, id="missing"),
]


@pytest.mark.parametrize(("address", "inside"), NETWORKS)
def test_networks_are_those_of_the_exchange(address: str | None, inside: bool) -> None:  # noqa: FBT001
    known = ip_address(address) if address else None
    elsewhere = signed_in(address=ip_address("192.0.2.1"))
    assert first_unmet({"networks": OFFICE}, address=known, sign_in=elsewhere) == (
        None if inside else "networks"
    )


@pytest.mark.parametrize(("address", "inside"), NETWORKS)
def test_signin_networks_are_those_of_the_sign_in(address: str | None, inside: bool) -> None:  # noqa: FBT001
    there = signed_in(address=ip_address(address) if address else None)
    expected = None if inside else "signin_networks"
    assert (
        first_unmet({"signin_networks": OFFICE}, address=ip_address("192.0.2.1"), sign_in=there) == expected
    )


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        pytest.param("2027-01-15T07:59:59", False, id="a second before"),
        pytest.param("2027-01-15T08:00:00", True, id="begins"),
        pytest.param("2027-01-15T17:59:59", True, id="last second"),
        pytest.param("2027-01-15T18:00:00", False, id="the end is outside"),
        pytest.param("2027-01-16T12:00:00", False, id="Saturday"),
        pytest.param("2027-07-16T08:00:00", True, id="summer time counts, not the offset"),
        pytest.param("2027-07-16T18:00:00", False, id="also in the evening"),
    ],
)
def test_hours_are_local_and_the_end_is_exclusive(now: str, open_: bool) -> None:  # noqa: FBT001
    assert first_unmet({"hours": hours("08:00", "18:00")}, now=at(now)) == (None if open_ else "hours")


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        pytest.param("2027-01-15T21:59:59", False, id="Friday, before"),
        pytest.param("2027-01-15T22:00:00", True, id="Friday, begins"),
        pytest.param("2027-01-16T05:59:59", True, id="Saturday morning is still Friday's night"),
        pytest.param("2027-01-16T06:00:00", False, id="it ends"),
        pytest.param("2027-01-16T22:00:00", False, id="no night begins on Saturday"),
        pytest.param("2027-01-17T03:00:00", False, id="nor goes on on Sunday"),
        pytest.param("2027-01-18T03:00:00", False, id="nor on Monday morning: that would be Sunday's night"),
        pytest.param("2027-01-18T22:30:00", True, id="Monday"),
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_began(now: str, open_: bool) -> None:  # noqa: FBT001
    assert first_unmet({"hours": hours("22:00", "06:00")}, now=at(now)) == (None if open_ else "hours")


def test_hours_when_the_clock_jumps_forward() -> None:
    """28 March 2027, 02:00 to 03:00 does not exist in Berlin: a window in it is not open that night."""
    window = {"hours": hours("02:00", "03:00", days=frozenset({6}))}
    jump = at("2027-03-28T03:00:00")
    assert [first_unmet(window, now=jump + offset) for offset in (-1, 0, 1)] == ["hours"] * 3
    assert first_unmet(window, now=at("2027-03-21T02:30:00")) is None


def test_hours_when_the_clock_goes_back() -> None:
    """31 October 2027, 02:00 to 03:00 happens twice in Berlin: the window is open in both."""
    window = {"hours": hours("02:00", "03:00", days=frozenset({6}))}
    first, second = at("2027-10-31T02:30:00"), at("2027-10-31T02:30:00", fold=1)
    assert second - first == 3600
    assert [first_unmet(window, now=now) for now in (first, second)] == [None, None]
    assert first_unmet(window, now=second + 1800) == "hours"


def test_hours_to_the_end_of_the_day() -> None:
    window = {"hours": hours("18:00", "24:00")}
    assert first_unmet(window, now=at("2027-01-15T23:59:59")) is None
    assert first_unmet(window, now=at("2027-01-16T00:00:00")) == "hours"


def test_hours_in_another_zone_are_another_time() -> None:
    window = {"hours": hours("08:00", "18:00", zone="Asia/Tokyo")}
    assert first_unmet(window, now=at("2027-01-15T09:00:00", ZoneInfo("Asia/Tokyo"))) is None
    assert first_unmet(window, now=at("2027-01-15T09:00:00")) is None
    assert first_unmet(window, now=at("2027-01-15T11:00:00")) == "hours"


def test_a_window_without_days_is_never_open() -> None:
    """What a zone name that this machine does not know becomes: the rule never matches."""
    window = {"hours": Hours("Gone/Zone", UTC, frozenset(), 0, 24 * 60)}
    assert {first_unmet(window, now=NOW + day * 86400) for day in range(7)} == {"hours"}


def test_key_bound_wants_a_proof_of_possession() -> None:
    assert first_unmet({"key_bound": True}) == "key_bound"
    assert first_unmet({"key_bound": True}, key_bound=True) is None
    assert first_unmet({"key_bound": False}, key_bound=False) is None


def test_all_conditions_must_be_met_and_the_first_unmet_is_named() -> None:
    """The trace names one condition; the others may be unmet as well."""
    named: dict[str, Any] = {
        "acr": (MFA,),
        "amr": frozenset({"mfa"}),
        "max_auth_age": 10,
        "networks": OFFICE,
        "signin_networks": OFFICE,
        "hours": hours("00:00", "00:01", days=frozenset({6})),
        "key_bound": True,
    }
    for name in list(named):
        assert first_unmet(named) == name
        del named[name]
    assert first_unmet(named) is None


def test_an_unmet_condition_denies_and_the_trace_names_it() -> None:
    """XCH-19: it cannot be met by signing in again, so it is a plain denial."""
    rules = policy(rule(conditions=conditions(networks=OFFICE)))
    decision = ask(rules)
    assert decision.reason is Reason.CONDITION_UNMET
    assert outcomes(decision, "rule") == {"engineers-read": "networks"}
    assert reason(rules, address=ip_address("192.0.2.1")) is None


def test_a_rule_whose_conditions_are_not_met_lends_nothing_to_another_rule() -> None:
    """Conditions belong to their rule: its pairs are not in the union."""
    rules = policy(rule(), rule("b", scopes=rule().scopes, conditions=conditions(networks=OFFICE)))
    assert [one.key for one in ask(rules).rules] == ["engineers-read"]
    inside = ask(rules, address=ip_address("192.0.2.1"))
    assert [one.key for one in inside.rules] == ["engineers-read", "b"]
