"""What people report about apps reaches administrators by letter, and never delays or breaks the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from idjag.idp.app import assemble
from idjag.idp.mail import Letter
from idjag.ledger.entry import Insert
from tests.idp.me.person import Person, administer, policy
from tests.idp.signin.letters import Letters
from tests.idp.signin.seeds import TENANT, update
from tests.idp.signin.site import Host, Site, running

BOB = "bob@acme.example"


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def site(host: Host, letters: Letters) -> Iterator[Site]:
    """Bob is an owner; there is mail."""
    with running(host, mail=letters) as site:
        administer(site, policy())
        site.write(update("person", "p-bob", email=BOB, email_verified=1))
        appoint(site, "p-bob", "owner")
        yield site


@pytest.fixture
def alice(site: Site) -> Iterator[Person]:
    with Person(site) as alice:
        yield alice


def appoint(site: Site, person_id: str, role: str) -> None:
    now = site.clock.now
    row = {"id": f"adm-{person_id}", "tenant_id": TENANT, "person_id": person_id, "role": role, "by": "root"}
    site.write(Insert("administrator", {**row, "created": now, "updated": now}))


def report(alice: Person, reason: str = "I did not ask for that") -> None:
    sent = alice.press(alice.app_page, "/me/app/stop", only="report", reason=reason)
    assert (sent.status_code, sent.headers["location"]) == (303, "/me?done=reported")


def test_a_report_goes_to_an_owner_with_who_what_and_where_to_look(
    site: Site, alice: Person, letters: Letters
) -> None:
    report(alice, "It  read {my} mail\u202e%s")
    (letter,) = letters.sent
    assert (letter.to, letter.subject) == (BOB, "alice has reported the app Wiki")
    assert "It read {my} mail" in letter.text
    event = site.last_event()
    assert event["event"] == "app.reported"
    assert f"(ref {event['decision_id']})" in letter.text


def test_what_somebody_says_as_they_stop_an_app_is_a_report_too(
    site: Site, alice: Person, letters: Letters
) -> None:
    """The page says that administrators read it; without words it is a stop and nobody is written to."""
    alice.press(alice.app_page, "/me/app/stop", reason="it wrote to everybody")
    (letter,) = letters.sent
    assert ("it wrote to everybody" in letter.text, "They have stopped it" in letter.text) == (True, True)
    assert [one["event"] for one in site.events()][-2:] == ["hold.placed", "app.reported"]
    alice.press(alice.app_page, "/me/app/release")
    alice.press(alice.app_page, "/me/app/stop")
    assert (len(letters.sent), len(site.rows("hold"))) == (1, 1)


@pytest.mark.parametrize(
    ("role", "told"),
    [("owner", True), ("auditor", True), ("viewer", False), ("rule_editor", False), ("app_admin", False)],
)
def test_whoever_may_read_the_audit_log_is_told(
    site: Site, alice: Person, letters: Letters, role: str, *, told: bool
) -> None:
    site.write(update("administrator", "adm-p-bob", role=role))
    report(alice)
    assert [letter.to for letter in letters.sent] == ([BOB] if told else [])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"email_verified": 0}, id="an address that nobody vouches for"),
        pytest.param({"email": None}, id="no address"),
        pytest.param({"status": "disabled"}, id="disabled"),
    ],
)
def test_an_administrator_who_cannot_be_written_to_is_not(
    site: Site, alice: Person, letters: Letters, change: dict[str, str | int | None]
) -> None:
    """The report stands in the log all the same."""
    site.write(update("person", "p-bob", **change))
    report(alice)
    assert (letters.sent, site.last_event()["event"]) == ([], "app.reported")


def test_an_operators_address_gets_it_instead(
    site: Site, host: Host, alice: Person, letters: Letters
) -> None:
    host.app = assemble(replace(site.services, reports_to="soc@acme.example"))
    report(alice)
    assert [letter.to for letter in letters.sent] == ["soc@acme.example"]


def test_without_mail_a_report_is_an_event(site: Site, host: Host, alice: Person, letters: Letters) -> None:
    host.app = assemble(replace(site.services, mail=None))
    report(alice)
    assert (letters.sent, site.last_event()["event"]) == ([], "app.reported")


def test_five_letters_a_day_are_written_about_the_reports_of_one_person(
    site: Site, alice: Person, letters: Letters
) -> None:
    """Every report is recorded; a letter box cannot be flooded."""
    for _ in range(7):
        report(alice)
    reported = [event for event in site.events() if event["event"] == "app.reported"]
    assert (len(reported), len(letters.sent)) == (7, 5)
    site.clock.now += 24 * 3600
    with Person(site) as again:
        report(again)
    assert len(letters.sent) == 6


def test_a_letter_shows_no_address_in_its_repr() -> None:
    assert "soc@" not in repr(Letter("soc@acme.example", "alice", "words"))
