"""Guessing at codes, which ends, and trying passkeys, which locks nothing; rules alone, no HTTP."""

from __future__ import annotations

import pytest

from idjag.idp.signin.guesses import Kind, forgotten
from tests.idp.signin.guessing import BROWSER, ELSEWHERE, Rows, addresses


@pytest.fixture
def rows() -> Rows:
    return Rows()


def codes_wrong(rows: Rows, times: int, browser: str | None = None) -> list[str]:
    """Wrong codes so far apart that no pause stops them; what was said of each."""
    said = []
    for _ in range(times):
        rows.now += 3601
        said.append(rows.wrong(rows.attempt(kind=Kind.SECOND_FACTOR, browser=browser)))
    return said


def test_after_a_hundred_wrong_codes_in_a_row_no_code_is_accepted(rows: Rows) -> None:
    """NIST SP 800-63B-4 section 3.2.2, decision 0039: from nowhere, in no browser, a year long."""
    rows.right(rows.attempt(browser=BROWSER))
    assert codes_wrong(rows, 101) == ["wrong"] * 100 + ["ended"]
    for factor in (
        rows.attempt(kind=Kind.SECOND_FACTOR, ip=ELSEWHERE, browser=browser) for browser in (None, BROWSER)
    ):
        assert rows.right(factor) == "ended"
    assert rows.right(rows.attempt()) == "in"
    rows.now += 30 * 86_400
    assert rows.right(rows.attempt(kind=Kind.SECOND_FACTOR)) == "ended"
    (event,) = [one for one in rows.events if one.fields["inputs"]["count"] == "in_a_row"]  # type: ignore[index]
    assert (event.name, event.fields["subject"]) == ("login.locked", "p-alice")


def test_a_right_code_begins_the_row_anew(rows: Rows) -> None:
    codes_wrong(rows, 99)
    rows.now += 3601
    assert rows.right(rows.attempt(kind=Kind.SECOND_FACTOR)) == "in"
    assert codes_wrong(rows, 100) == ["wrong"] * 100


def test_codes_that_a_known_browser_gets_wrong_are_of_the_row(rows: Rows) -> None:
    """Whoever has stolen the browser's cookie and the password guesses no longer than others."""
    rows.right(rows.attempt(browser=BROWSER))
    assert codes_wrong(rows, 101, BROWSER)[-1] == "ended"


def test_codes_that_nobody_has_looked_at_are_not_of_the_row(rows: Rows) -> None:
    """Who is kept waiting has learnt nothing, and does not shorten the owner's row."""
    for ip in addresses(120):
        rows.wrong(rows.attempt(ip=ip, kind=Kind.SECOND_FACTOR))
    rows.now += 86_400
    assert rows.right(rows.attempt(kind=Kind.SECOND_FACTOR)) == "in"


def test_wrong_passwords_and_passkeys_end_nothing(rows: Rows) -> None:
    """Decision 0038: everybody who knows a name could do that."""
    for kind in (Kind.PASSWORD, Kind.PASSKEY):
        for _ in range(120):
            rows.now += 3601
            assert rows.wrong(rows.attempt(kind=kind)) == "wrong"
    assert rows.right(rows.attempt(kind=Kind.SECOND_FACTOR)) == "in"


def test_a_new_password_opens_what_wrong_codes_have_ended(rows: Rows) -> None:
    codes_wrong(rows, 100)
    rows.carry_out([forgotten("t1", "bob")])
    assert rows.right(rows.attempt(kind=Kind.SECOND_FACTOR)) == "ended"
    rows.carry_out([forgotten("t1", "alice")])
    assert rows.right(rows.attempt(kind=Kind.SECOND_FACTOR)) == "in"


def test_wrong_passkeys_from_everywhere_are_no_lock_of_an_account(rows: Rows) -> None:
    """A signature cannot be guessed: nobody is told of a lock that there is not."""
    for ip in addresses(30):
        assert rows.wrong(rows.attempt(ip=ip, kind=Kind.PASSKEY)) == "wrong"
    assert rows.events == []
    assert rows.right(rows.attempt(ip=ELSEWHERE, kind=Kind.PASSKEY)) == "in"


def test_passkeys_of_many_are_a_flood_with_the_passwords_of_that_network(rows: Rows) -> None:
    """One count of a network for all that is tried there; a right passkey is let in before it is a flood."""
    for number in range(99):
        rows.wrong(rows.attempt(f"user-{number}", kind=Kind.PASSKEY if number % 2 else Kind.PASSWORD))
    assert rows.right(rows.attempt(kind=Kind.PASSKEY)) == "in"
    rows.wrong(rows.attempt("", kind=Kind.PASSKEY), None)
    assert rows.right(rows.attempt("carol", kind=Kind.PASSKEY)) == "stopped"
    assert rows.right(rows.attempt("carol", ip=ELSEWHERE, kind=Kind.PASSKEY)) == "in"
