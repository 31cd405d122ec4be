"""Asking for a link to a new password: who gets a letter, and that nobody else learns who did."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from idjag.ledger.entry import Delete
from tests.idp.signin.letters import NEW, Letters, another, ask, follow, rows, signs_in
from tests.idp.signin.seeds import PASSWORDS, hold, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, form_of


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def site(host: Host, letters: Letters) -> Iterator[Site]:
    with running(host, mail=letters) as site:
        yield site


def test_a_link_that_came_by_mail_sets_the_password(site: Site, browser: Browser, letters: Letters) -> None:
    """OIDC-26: the old password is nobody's any more."""
    assert ask(browser).headers["location"] == "/password/sent"
    assert browser.get("/password/sent").status_code == 200
    assert [letter.to for letter in letters.sent] == ["alice@acme.example"]
    done = follow(browser, letters.link)
    assert (done.status_code, done.headers["location"]) == (303, "/password/done")
    assert browser.get("/password/done").status_code == 200
    assert (signs_in(site, NEW), signs_in(site, PASSWORDS["alice"])) == (True, False)


@pytest.mark.parametrize(
    "said",
    [
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"},
        {"forwarded": "for=192.0.2.1;host=evil.example;proto=https"},
        {"x-forwarded-prefix": "/evil", "x-original-url": "/evil"},
    ],
)
def test_a_letter_leads_to_the_issuer_whatever_a_request_says_of_its_way(
    site: Site, browser: Browser, letters: Letters, said: dict[str, str]
) -> None:
    """Attack case 211: a link with another host would bring somebody else the password."""
    browser.headers.update(said)
    ask(browser)
    assert f"{site.issuer}/password/set/" in letters.sent[-1].text
    assert "evil" not in letters.sent[-1].text


def test_the_address_does_as_well_as_the_user_name(site: Site, browser: Browser, letters: Letters) -> None:
    ask(browser, "bob@acme.example")
    assert [letter.to for letter in letters.sent] == ["bob@acme.example"]


def test_an_address_that_two_people_have_reaches_neither(
    site: Site, browser: Browser, letters: Letters
) -> None:
    site.write(update("person", "p-bob", email="alice@acme.example"))
    ask(browser, "alice@acme.example")
    assert letters.sent == []
    ask(browser, "alice")
    assert len(letters.sent) == 1


@pytest.mark.parametrize(
    "stopped",
    [
        pytest.param(update("person", "p-alice", status="disabled"), id="disabled"),
        pytest.param(update("person", "p-alice", email_verified=0), id="an address that nobody vouches for"),
        pytest.param(update("person", "p-alice", email=None), id="no address"),
        pytest.param(hold("user", "p-alice"), id="held"),
        pytest.param(Delete("credential", {"id": "c-alice"}), id="no password"),
    ],
)
def test_who_may_not_sign_in_by_password_or_cannot_be_reached_gets_no_letter(
    site: Site, browser: Browser, letters: Letters, stopped: Delete
) -> None:
    ask(browser)
    site.write(stopped)
    assert ask(browser).headers["location"] == "/password/sent"
    assert len(letters.sent) == 1


def shape(response: httpx.Response) -> tuple[object, ...]:
    """What a stranger can see of an answer, but random values."""
    cookies = sorted(re.sub(r"=[^;]*", "=", one, count=1) for one in response.headers.get_list("set-cookie"))
    headers = {name: value for name, value in response.headers.items() if name not in ("date", "set-cookie")}
    text = re.sub(r"[A-Za-z0-9_-]{22,}", "X", response.text)
    return response.status_code, headers, cookies, text


def test_asking_is_answered_alike_with_the_same_work_whoever_is_meant(site: Site, letters: Letters) -> None:
    """Attack case 154: same status, headers, cookies, text and size; same reads, writes, hashes."""
    site.write(Delete("credential", {"id": "c-bob"}))
    seen, work = [], []
    for name in ("alice", "carol", "bob", "nobody", "alice@acme.example", "nobody@acme.example", "x" * 256):
        with another(site) as browser:
            page = browser.get("/password/reset")
            counted = Counted(site)
            answer = browser.post("/password/reset", data={**form_of(page), "username": name})
            work.append(counted.since())
            seen.append((shape(page), shape(answer), shape(browser.get("/password/sent"))))
    assert len(letters.sent) == 2
    assert all(one == seen[0] for one in seen)
    assert all(one == work[0] for one in work), work
    assert work[0]["link"] == 1


class Counted:
    """Work as counts: rows that were written, hashes that were made, events that were recorded."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.before = self._now()

    def since(self) -> dict[str, int]:
        return {name: value - self.before[name] for name, value in self._now().items()}

    def _now(self) -> dict[str, int]:
        tables = {table: len(rows(self.site, table)) for table in ("link", "credential", "session")}
        return {**tables, "hashes": self.site.hasher.verified, "events": len(self.site.events())}


def test_a_person_gets_three_letters_an_hour_and_nobody_reads_that(
    site: Site, browser: Browser, letters: Letters
) -> None:
    answers = [ask(browser) for _ in range(5)]
    assert {answer.headers["location"] for answer in answers} == {"/password/sent"}
    assert len(letters.sent) == 3
    site.clock.now += 3600
    ask(browser)
    assert len(letters.sent) == 4


def test_a_network_that_asks_for_everybody_is_stopped(site: Site, browser: Browser, letters: Letters) -> None:
    """OIDC-26: twenty in ten minutes; the answer depends on what the network did, not on who is meant."""
    assert {ask(browser, f"nobody-{number}").status_code for number in range(20)} == {303}
    stopped = ask(browser)
    assert (stopped.status_code, letters.sent) == (429, [])
    assert stopped.headers["retry-after"]
    site.clock.now += 600
    assert ask(browser).status_code == 303
    assert len(letters.sent) == 1


def test_a_request_for_a_link_is_recorded_with_its_reason_and_without_what_was_typed(
    site: Site, browser: Browser
) -> None:
    ask(browser)
    ask(browser, "my-password-typed-here")
    sent, refused = site.events()[-2:]
    assert (sent["event"], sent["subject"]) == ("password.link_sent", "p-alice")
    assert (refused["event"], refused.get("subject")) == ("password.link_refused", None)
    assert refused["reason"] == "subject_unknown"
    assert "my-password-typed-here" not in repr(site.events())


def test_where_no_letters_are_sent_people_are_told_whom_to_ask(host: Host) -> None:
    with running(host) as site, Browser(site) as browser:
        page = browser.get("/password/reset")
        assert (page.status_code, "form" in form_of(page)) == (200, False)
        assert "Ask your administrator" in page.text
        assert rows(site, "link") == []


def test_a_form_of_another_site_asks_for_no_link(site: Site, browser: Browser, letters: Letters) -> None:
    fields = {**form_of(browser.get("/password/reset")), "username": "alice"}
    elsewhere = browser.post("/password/reset", data=fields, headers={"origin": "https://evil.example"})
    without = browser.post("/password/reset", data={**fields, "form_token": "x" * 43})
    assert (elsewhere.status_code, without.status_code, letters.sent) == (403, 403, [])
    assert browser.post("/password/reset", data=fields).status_code == 303
