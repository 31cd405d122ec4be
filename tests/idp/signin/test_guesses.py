"""Guessing at sign-in: who is slowed down, who is not, and what is said of it; rules alone, no HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idjag.idp.limits import Count, Limit, account_key
from idjag.idp.signin.guesses import KNOWN, Kind
from idjag.ledger.entry import Delete
from tests.idp.signin.guessing import BROWSER, ELSEWHERE, HERE, NOW, Rows, addresses


@pytest.fixture
def rows() -> Rows:
    return Rows()


def test_five_mistakes_are_borne_and_the_sixth_waits(rows: Rows) -> None:
    """OIDC-26, attack case 156."""
    assert [rows.wrong(rows.attempt()) for _ in range(6)] == ["wrong"] * 5 + ["stopped"]
    assert rows.attempt().stopped(rows) == 30
    assert rows.attempt().locked(rows) is False


def test_four_mistakes_keep_nobody_out(rows: Rows) -> None:
    for _ in range(4):
        rows.wrong(rows.attempt())
    assert rows.right(rows.attempt()) == "in"


def test_each_further_mistake_doubles_the_pause_up_to_an_hour(rows: Rows) -> None:
    """NIST SP 800-63B-4 section 3.2.2: the delay grows."""
    waits = []
    for _ in range(5):
        rows.wrong(rows.attempt())
    for _ in range(9):
        wait = rows.attempt().stopped(rows) or 0
        waits.append(wait)
        rows.now += wait
        assert rows.wrong(rows.attempt()) == "wrong"
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_pause_ends_for_the_right_password_and_mistakes_are_forgotten(rows: Rows) -> None:
    """Attack case 156: the lock expires."""
    for _ in range(5):
        rows.wrong(rows.attempt())
    rows.now += 29
    before = rows.right(rows.attempt())
    rows.now += 1
    assert (before, rows.right(rows.attempt())) == ("stopped", "in")
    assert [rows.wrong(rows.attempt()) for _ in range(5)] == ["wrong"] * 5


def test_another_account_at_the_same_network_is_not_stopped(rows: Rows) -> None:
    for _ in range(6):
        rows.wrong(rows.attempt())
    assert rows.right(rows.attempt("bob")) == "in"


def test_the_right_password_from_elsewhere_still_works(rows: Rows) -> None:
    """Attack case 156: whoever guesses from one network locks nobody out elsewhere."""
    for _ in range(40):
        rows.wrong(rows.attempt())
    assert rows.right(rows.attempt(ip=ELSEWHERE)) == "in"


def test_many_networks_together_lock_the_account_for_strangers(rows: Rows) -> None:
    """OIDC-26: a guesser with many addresses is slowed down too, and not let in at all."""
    said = [rows.wrong(rows.attempt(ip=ip)) for ip in addresses(25)]
    assert said == ["wrong"] * 20 + ["locked"] * 5
    assert rows.right(rows.attempt(ip=ELSEWHERE)) == "locked"


def test_a_network_where_the_person_signed_in_before_passes_that_lock(rows: Rows) -> None:
    """Attack case 156: lockout is no denial of service."""
    rows.right(rows.attempt(ip=ELSEWHERE))
    for ip in addresses(25):
        rows.wrong(rows.attempt(ip=ip))
    assert rows.right(rows.attempt(ip=HERE)) == "locked"
    assert rows.right(rows.attempt(ip=ELSEWHERE)) == "in"


def test_a_browser_that_signed_in_before_passes_every_lock_of_strangers(rows: Rows) -> None:
    """Attack case 156: from a new address, and from one at which somebody guesses."""
    rows.right(rows.attempt(browser=BROWSER))
    for ip in addresses(25):
        rows.wrong(rows.attempt(ip=ip))
    for _ in range(6):
        rows.wrong(rows.attempt(ip=ELSEWHERE))
    assert rows.right(rows.attempt(ip=ELSEWHERE)) == "stopped"
    assert rows.right(rows.attempt(ip=ELSEWHERE, browser=BROWSER)) == "in"


def test_a_known_browser_has_a_count_of_its_own(rows: Rows) -> None:
    """Whoever steals the cookie may guess as slowly as anybody."""
    rows.right(rows.attempt(browser=BROWSER))
    said = [rows.wrong(rows.attempt(browser=BROWSER, ip=ip)) for ip in addresses(6)]
    assert said == ["wrong"] * 5 + ["stopped"]
    assert rows.right(rows.attempt(ip=ELSEWHERE)) == "in"


def test_a_browser_known_to_one_account_is_a_stranger_to_another(rows: Rows) -> None:
    rows.right(rows.attempt("mallory", browser=BROWSER))
    for ip in addresses(25):
        rows.wrong(rows.attempt(ip=ip))
    assert rows.right(rows.attempt(ip=ELSEWHERE, browser=BROWSER)) == "locked"


def test_a_browser_is_known_for_ninety_days(rows: Rows) -> None:
    rows.right(rows.attempt(browser=BROWSER))
    rows.now += KNOWN - 1
    for ip in addresses(25):
        rows.wrong(rows.attempt(ip=ip))
    assert rows.right(replace(rows.attempt(ip=ELSEWHERE, browser=BROWSER))) == "in"
    rows.now += KNOWN + 1
    for ip in addresses(25):
        rows.wrong(rows.attempt(ip=ip))
    assert rows.right(rows.attempt(ip=ELSEWHERE, browser=BROWSER)) == "locked"


def test_the_lock_of_an_account_expires_though_refused_attempts_go_on(rows: Rows) -> None:
    """Attack case 156: what was refused because of a pause does not prolong it."""
    for ip in addresses(20):
        rows.wrong(rows.attempt(ip=ip))
    for number, ip in enumerate(addresses(59)):
        rows.now = NOW + number
        assert rows.wrong(rows.attempt(ip=ip)) == "locked"
    rows.now = NOW + 60
    assert rows.right(rows.attempt(ip=ELSEWHERE)) == "in"


def test_one_password_for_two_hundred_people_from_one_network_is_stopped(rows: Rows) -> None:
    """Attack case 156: nobody whose turn comes after the thirtieth is let in there, right or wrong."""
    said = [rows.wrong(rows.attempt(f"user-{number}")) for number in range(200)]
    assert said == ["wrong"] * 30 + ["locked"] * 70 + ["stopped"] * 100
    (alarm,) = [event for event in rows.events if event.fields["inputs"]["count"] == "network"]  # type: ignore[index]
    assert (alarm.name, alarm.fields["ip"], alarm.fields["subject"]) == ("login.sprayed", HERE, None)
    assert rows.right(rows.attempt("user-7", ip=ELSEWHERE)) == "in"


def test_spraying_stops_people_of_that_network_only_until_the_window_ends(rows: Rows) -> None:
    rows.right(rows.attempt("carol"))
    for number in range(40):
        rows.wrong(rows.attempt(f"user-{number}"))
    assert rows.right(rows.attempt("dave")) == "locked"
    assert rows.right(rows.attempt("carol")) == "in"
    rows.now += 600
    assert rows.right(rows.attempt("dave")) == "in"


def test_one_password_for_two_hundred_people_from_as_many_networks_raises_an_alarm(rows: Rows) -> None:
    """Attack case 156: once in its window, for the whole tenant; nobody is stopped by it."""
    for number, ip in enumerate(addresses(200)):
        assert rows.wrong(rows.attempt(f"user-{number}", ip=ip)) == "wrong"
    assert [event.name for event in rows.events] == ["login.sprayed"]
    assert rows.events[0].fields["inputs"] == {
        "count": "tenant", "failures": 100, "wait": 600, "kind": "password",
    }  # fmt: skip
    assert rows.right(rows.attempt(ip=ELSEWHERE)) == "in"


def test_a_network_of_ipv6_is_one_network(rows: Rows) -> None:
    said = [rows.wrong(rows.attempt(ip=f"2001:db8::{number}")) for number in range(1, 7)]
    assert said == ["wrong"] * 5 + ["stopped"]
    assert rows.attempt(ip="2001:db8:0:1::1").stopped(rows) is None


def test_mistakes_with_the_second_factor_are_counted_apart_and_known_networks_do_not_pass(rows: Rows) -> None:
    """Whoever knows the password sits, often enough, in the person's own network."""
    rows.right(rows.attempt(browser=BROWSER))
    said = [rows.wrong(rows.attempt(ip=ip, kind=Kind.SECOND_FACTOR)) for ip in addresses(22)]
    assert said == ["wrong"] * 20 + ["locked"] * 2
    assert rows.right(rows.attempt(kind=Kind.SECOND_FACTOR)) == "locked"
    assert rows.right(rows.attempt(kind=Kind.SECOND_FACTOR, browser=BROWSER)) == "in"
    assert rows.right(rows.attempt(ip=ELSEWHERE)) == "in"


def test_a_stolen_password_makes_no_browser_known(rows: Rows) -> None:
    """Second factors cannot be tried in one browser after the other, each of which passes the lock."""
    said = []
    for number in range(24):
        browser = f"{number:043}"
        assert rows.right(rows.attempt(browser=browser, ip=f"192.0.2.{number}"), finished=False) == "in"
        factor = rows.attempt(browser=browser, ip=f"192.0.2.{number}", kind=Kind.SECOND_FACTOR)
        said.append(rows.wrong(factor))
    assert said == ["wrong"] * 20 + ["locked"] * 4


def test_a_lock_is_recorded_where_each_pause_begins(rows: Rows) -> None:
    """Contract section 9: login.locked, with whose account it is and no name as it was typed."""
    for _ in range(6):
        rows.wrong(rows.attempt())
    (event,) = rows.events
    assert (event.name, event.fields["subject"]) == ("login.locked", "p-alice")
    assert event.fields["inputs"] == {"count": "here", "failures": 5, "wait": 30, "kind": "password"}
    assert "alice" not in repr({**event.fields, "subject": None})


def test_names_that_nobody_has_are_counted_like_all_others(rows: Rows) -> None:
    """Attack case 154: being stopped tells nobody which names exist."""
    known = [rows.wrong(rows.attempt("alice")) for _ in range(7)]
    unknown = [rows.wrong(rows.attempt("nobody"), None) for _ in range(7)]
    assert known == unknown


def test_unlocking_forgets_every_count_of_one_account_and_none_of_another(rows: Rows) -> None:
    """Attack case 156: what `idjag users unlock` removes."""
    for ip in (*addresses(25), *[HERE] * 6):
        rows.wrong(rows.attempt("alice", ip))
        rows.wrong(rows.attempt("bob", ip))
    key = account_key("t1", "alice")
    rows.carry_out([Delete("throttle", {key.column: key.value})])
    assert rows.right(rows.attempt("alice", ip=ELSEWHERE)) == "in"
    assert rows.right(rows.attempt("bob", ip=ELSEWHERE)) == "locked"
    assert rows(key) == ()


def test_the_rows_name_neither_accounts_nor_networks_nor_browsers(rows: Rows) -> None:
    rows.right(rows.attempt(browser=BROWSER))
    rows.wrong(rows.attempt(ip=ELSEWHERE))
    shown = repr(rows.rows)
    assert rows.rows
    assert not any(text in shown for text in ("alice", HERE, ELSEWHERE, BROWSER))
    assert BROWSER not in repr(rows.attempt(browser=BROWSER))


def test_a_clock_that_ran_ahead_stops_nobody(rows: Rows) -> None:
    """Attack case 210."""
    rows.now += 30 * 86_400
    for _ in range(6):
        rows.wrong(rows.attempt())
    rows.now = NOW
    assert rows.right(rows.attempt()) == "in"


@pytest.mark.parametrize(
    ("failures", "until", "wait"),
    [
        pytest.param(2, NOW + 60, 0, id="fewer than the limit"),
        pytest.param(3, NOW + 60, 10, id="the limit, just now"),
        pytest.param(3, NOW + 51, 1, id="nine seconds ago"),
        pytest.param(3, NOW + 50, 0, id="the pause is over"),
        pytest.param(4, NOW + 60, 20, id="one more"),
        pytest.param(300, NOW + 60, 40, id="the longest pause"),
        pytest.param(3, NOW + 61, 0, id="an end further away than the memory"),
    ],
)
def test_a_limit_waits_as_long_as_it_says(failures: int, until: int, wait: int) -> None:
    limit = Limit(3, memory=60, pause=10, longest=40)
    assert limit.wait(Count(failures, until), now=NOW) == wait
