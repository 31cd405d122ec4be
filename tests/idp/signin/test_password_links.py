"""Setting a password by a link that works once: over real HTTP, with letters caught on their way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from idjag.idp import accounts
from idjag.idp.signin import password_links
from idjag.idp.signin.pages import Pages
from idjag.idp.signin.password_forms import Forms
from idjag.idp.snapshot import Loader
from idjag.ledger.entry import Delete, Insert
from idjag.ledger.sqlite import SqliteLedger
from idjag.protocol.http import TokenRequest
from idjag.seal import KekSealer
from tests import plain_http
from tests.idp.settling import LONG
from tests.idp.signin.letters import NEW, Letters, another, ask, follow, rows, signs_in
from tests.idp.signin.seeds import PASSWORDS, hold, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, answer_of, form_of, is_refused

OPERATOR = {"kind": "operator", "id": "0@host"}


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def site(host: Host, letters: Letters) -> Iterator[Site]:
    with running(host, mail=letters) as site:
        yield site


def test_opening_a_link_uses_nothing_up(site: Site, browser: Browser, letters: Letters) -> None:
    """Mail scanners open links, and look at the page behind."""
    ask(browser)
    for _ in range(3):
        with another(site) as scanner:
            scanner.get(letters.link)
            assert scanner.get("/password/set").status_code == 200
    assert follow(browser, letters.link).status_code == 303


def test_a_link_works_once(site: Site, browser: Browser, letters: Letters) -> None:
    ask(browser)
    link = letters.link
    follow(browser, link)
    again = browser.get(link)
    assert (again.status_code, "does not work any more" in again.text) == (410, True)
    assert browser.get("/password/set").status_code == 410


@pytest.mark.parametrize("ledger", ["memory", "sqlite"])
def test_of_two_uses_at_once_one_sets_the_password(
    host: Host, letters: Letters, tmp_path: Path, ledger: str
) -> None:
    database = tmp_path / "idjag.db" if ledger == "sqlite" else None
    with running(host, mail=letters, database=database) as site, Browser(site) as browser:
        ask(browser)
        browser.get(letters.link)
        fields = form_of(browser.get("/password/set"))
        cookies = dict(browser.cookies)

        def use(number: int) -> int:
            new = f"{NEW} {number}"
            data = {**fields, "new_password": new, "again": new}
            answer = plain_http.post(f"{site.url}/password/set", data=data, cookies=cookies)
            return answer.status_code

        with ThreadPoolExecutor(6) as pool:
            statuses = sorted(pool.map(use, range(6)))
        assert statuses == [303, 410, 410, 410, 410, 410]
        assert len(site.rows("credential", person_id="p-alice")) == 1
        assert len([event for event in site.events() if event["event"] == "password.changed"]) == 1


def test_of_two_uses_at_once_on_two_nodes_one_sets_the_password(
    host: Host, letters: Letters, tmp_path: Path
) -> None:
    """The row is read by both; the one-time id has one holder."""
    database = tmp_path / "idjag.db"
    with (
        running(host, mail=letters, database=database) as site,
        Browser(site) as browser,
        SqliteLedger(
            database,
            load=Loader(KekSealer(b"k" * 32)),
            chain_key=b"c" * 32,
            patience=LONG,
            deadline=LONG,
        ) as second,
    ):
        ask(browser)
        browser.get(letters.link)
        fields = form_of(browser.get("/password/set"))
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        nodes = [
            Forms(replace(site.services, ledger=ledger), Pages(site.issuer))
            for ledger in (site.ledger, second)
        ]
        start = threading.Barrier(4)

        def use(number: int) -> int:
            form = {**fields, "new_password": f"{NEW} {number}", "again": f"{NEW} {number}"}
            headers = (
                (b"cookie", cookies.encode()),
                (b"content-type", b"application/x-www-form-urlencoded"),
            )
            sent = TokenRequest("POST", b"", headers, urlencode(form).encode(), "203.0.113.5")
            start.wait(60)
            return password_links.set_password(nodes[number % 2], sent).status

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(use, range(4))) == [303, 410, 410, 410]
        assert len(site.rows("credential", person_id="p-alice")) == 1


def test_a_link_is_good_for_thirty_minutes(site: Site, browser: Browser, letters: Letters) -> None:
    ask(browser)
    link = letters.link
    site.clock.now += 1799
    assert browser.get(link).status_code == 303
    page = browser.get("/password/set")
    site.clock.now += 1
    late = browser.post("/password/set", data={**form_of(page), "new_password": NEW, "again": NEW})
    assert (late.status_code, browser.get(link).status_code) == (410, 410)
    assert signs_in(site, PASSWORDS["alice"])


@pytest.mark.parametrize(
    "happened",
    [
        pytest.param(update("person", "p-alice", epoch=1), id="a new epoch"),
        pytest.param(update("person", "p-alice", status="disabled"), id="disabled"),
        pytest.param(hold("user", "p-alice"), id="held"),
    ],
)
def test_a_link_is_dead_once_the_person_is_another(
    site: Site, browser: Browser, letters: Letters, happened: Delete
) -> None:
    """OIDC-26: also when its page was open already."""
    ask(browser)
    browser.get(letters.link)
    page = browser.get("/password/set")
    site.write(happened)
    late = browser.post("/password/set", data={**form_of(page), "new_password": NEW, "again": NEW})
    assert (late.status_code, browser.get(letters.link).status_code) == (410, 410)


def test_a_new_password_ends_every_other_link(site: Site, browser: Browser, letters: Letters) -> None:
    ask(browser)
    first = letters.link
    ask(browser)
    follow(browser, letters.link)
    assert browser.get(first).status_code == 410
    assert [row for row in rows(site, "link") if row["person_id"] == "p-alice"] == []


@pytest.mark.parametrize("value", ["x", "x" * 43, "x" * 4096, "..%2F..", "%0d%0aset-cookie:x"])
def test_what_is_no_link_leads_nowhere(site: Site, browser: Browser, value: str) -> None:
    answer = browser.get(f"/password/set/{value}")
    assert answer.status_code in {404, 410}
    assert browser.get("/password/set").status_code == 410


@pytest.mark.parametrize(
    ("new", "words"),
    [
        pytest.param("k7#vQw2x", "too short", id="short"),
        pytest.param("passwordpassword", "one of the first that are tried", id="common"),
        pytest.param("Alice Example 2026", "made of your name", id="the name"),
        pytest.param("Acme Corporation 1", "made of your name", id="the organisation"),
    ],
)
def test_a_weak_password_is_refused_and_the_link_lives_on(
    site: Site, browser: Browser, letters: Letters, new: str, words: str
) -> None:
    ask(browser)
    refused = follow(browser, letters.link, new)
    assert (refused.status_code, words in refused.text, new in refused.text) == (400, True, False)
    assert follow(browser, letters.link).status_code == 303


def test_two_passwords_that_differ_are_refused(site: Site, browser: Browser, letters: Letters) -> None:
    ask(browser)
    assert follow(browser, letters.link, again=NEW + "x").status_code == 400
    assert signs_in(site, PASSWORDS["alice"])


def test_a_link_is_no_secret_that_we_keep(site: Site, browser: Browser, letters: Letters) -> None:
    """Attack case 199: 256 bits, of which the digest is stored; in no header, page or event."""
    ask(browser)
    value = letters.link.rpartition("/")[2]
    assert len(value) >= 43
    assert value not in repr([*rows(site, "link"), *site.events()])
    browser.get(letters.link)
    page = browser.get("/password/set")
    assert value not in page.text + repr(page.headers)
    follow(browser, letters.link)
    assert value not in repr([*rows(site, "one_time"), *site.events()])


def test_a_link_sends_no_referrer_and_is_kept_by_nobody(
    site: Site, browser: Browser, letters: Letters
) -> None:
    ask(browser)
    opened = browser.get(letters.link)
    assert opened.headers["referrer-policy"] == "no-referrer"
    assert opened.headers["cache-control"] == "no-store"
    assert "HttpOnly; SameSite=Lax" in opened.headers["set-cookie"]


def test_a_password_set_by_a_link_ends_everything_and_lets_the_person_in_again(
    site: Site, browser: Browser, letters: Letters
) -> None:
    """OIDC-26, attack case 149: sessions and codes end; what strangers have failed at is forgotten."""
    code = answer_of(browser.sign_in())["code"]
    with another(site) as guesser:
        page = guesser.ask()
        guesses = [guesser.fill(page, username="alice", password="guess").status_code for _ in range(6)]
    assert guesses == [403] * 5 + [429]
    with another(site) as fresh:
        ask(fresh)
        follow(fresh, letters.link)
    assert is_refused(browser.redeem(code))
    assert browser.ask().status_code == 200
    assert signs_in(site, NEW)


def test_second_factors_stay_when_a_password_is_set(site: Site, browser: Browser, letters: Letters) -> None:
    factor = {"id": "f-1", "tenant_id": "t1", "person_id": "p-alice", "kind": "totp", "secret": "x"}
    site.write(Insert("credential", {**factor, "created": 1, "label": "", "spec": "{}", "handle": None}))
    ask(browser)
    follow(browser, letters.link)
    assert sorted(str(row["kind"]) for row in site.rows("credential", person_id="p-alice")) == [
        "password",
        "totp",
    ]


def test_a_new_password_is_told_by_letter_and_recorded(
    site: Site, browser: Browser, letters: Letters
) -> None:
    ask(browser)
    follow(browser, letters.link)
    assert [letter.subject for letter in letters.sent] == ["Set a new password", "Your password was changed"]
    event = site.last_event()
    assert (event["event"], event["actor"], event["subject"]) == (
        "password.changed", {"kind": "person", "id": "p-alice"}, "p-alice",
    )  # fmt: skip
    assert event["inputs"] == {"by": "password_reset"}


def test_the_letter_is_in_the_language_of_whoever_asked(
    site: Site, browser: Browser, letters: Letters
) -> None:
    browser.headers["accept-language"] = "ja"
    ask(browser)
    assert letters.sent[0].subject == "新しいパスワードの設定"


def test_the_link_of_an_administrator_is_good_for_an_hour_and_for_a_first_password(
    site: Site, browser: Browser
) -> None:
    """`idjag users set-password-link`."""
    site.write(Delete("credential", {"id": "c-alice"}))
    link = accounts.password_link(site.services, "p-alice", actor=OPERATOR)
    assert link.expires == site.clock.now + 3600
    path = link.url.removeprefix(site.issuer)
    site.clock.now += 3599
    assert follow(browser, path).status_code == 303
    assert signs_in(site, NEW)
    assert site.last_event()["event"] == "login.succeeded"
