"""How a person signs in: adding, naming and removing factors, recovery codes, remembered browsers."""

from __future__ import annotations

import re

import httpx
import pytest

from idjag.ledger.entry import Insert, Value
from tests.idp.me.person import Person
from tests.idp.signin.seeds import TENANT, update
from tests.idp.signin.site import Site

HERE = "/me/sign-in"


def factors(person: Person) -> list[str]:
    """The ids of what is listed."""
    return re.findall(r'href="/me/sign-in/factor\?id=([\w-]+)"', person.get(HERE).text)


def codes(page: httpx.Response) -> list[str]:
    return re.findall(r"<li>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})</li>", page.text)


def test_an_authenticator_app_is_added_by_its_first_code_and_never_shown_again(
    site: Site, alice: Person
) -> None:
    page = alice.get("/me/sign-in/totp")
    assert "<svg" in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    alice.add_totp(label="My <phone>")
    event = site.last_event()
    assert (event["event"], event["actor"]) == ("factor.added", {"kind": "person", "id": "p-alice"})
    listed = alice.get(f"{HERE}?done=totp").text
    assert "Your authenticator app is set up." in listed
    assert "My &lt;phone&gt;" in listed
    assert 'class="secret"' not in listed


def test_a_wrong_code_adds_nothing_and_the_same_picture_comes_again(site: Site, alice: Person) -> None:
    page = alice.get("/me/sign-in/totp")
    again = alice.press(page, "/me/sign-in/totp", code="12345", label="Phone")
    assert again.status_code == 400
    assert "That code is not right." in again.text
    assert 'value="Phone"' in again.text
    secrets = [re.findall(r'class="secret">(\w+)<', each.text) for each in (page, again)]
    assert secrets[0] == secrets[1] != []
    assert factors(alice) == []
    assert site.last_event()["event"] != "factor.added"


def test_a_page_that_was_open_too_long_begins_again(site: Site, alice: Person) -> None:
    page = alice.get("/me/sign-in/totp")
    site.clock.now += 599
    alice.fill(alice.get("/signin?page=me-sign-in&max_age=600"), username="alice", password="")
    site.clock.now += 2
    with Person(site) as later:
        fields = next(fields for action, fields in alice.forms(page) if action == "/me/sign-in/totp")
        (token,) = [
            each["form_token"]
            for action, each in later.forms(later.get("/me/sign-in/totp"))
            if action == "/me/sign-in/totp"
        ]
        sent = {**fields, "form_token": token, "code": "123456"}
        again = later.post("/me/sign-in/totp", data=sent)
    assert 'class="secret"' in again.text
    assert fields["pending"] not in again.text


def test_a_factor_is_renamed_and_removed(site: Site, alice: Person) -> None:
    alice.add_totp()
    (factor,) = factors(alice)
    page = alice.get(f"{HERE}/factor?id={factor}")
    renamed = alice.press(page, f"{HERE}/rename", label="Tablet")
    assert renamed.headers["location"] == f"{HERE}?done=renamed"
    assert site.last_event()["event"] == "factor.renamed"
    assert "Tablet" in alice.get(HERE).text
    removed = alice.press(page, f"{HERE}/remove")
    assert removed.headers["location"] == f"{HERE}?done=removed"
    assert (site.last_event()["event"], site.last_event()["actor"]["kind"]) == ("factor.removed", "person")
    assert factors(alice) == []


def test_the_last_factor_stays_where_one_is_required(site: Site, alice: Person) -> None:
    alice.add_totp()
    (factor,) = factors(alice)
    page = alice.get(f"{HERE}/factor?id={factor}")
    site.write(update("tenant", TENANT, sign_in='{"second_factor": "required"}'), policy=True)
    refused = alice.press(page, f"{HERE}/remove")
    assert refused.status_code == 400
    assert "Add another one first." in refused.text
    assert factors(alice) == [factor]


def test_nobody_sees_or_changes_the_factor_of_another_person(site: Site, alice: Person) -> None:
    """The control is in the test of renaming."""
    with Person(site, "bob") as bob:
        bob.add_totp(label="His phone")
        (his,) = factors(bob)
        alice.add_totp(label="Hers")
        (hers,) = factors(alice)
        assert alice.get(f"{HERE}/factor?id={his}").headers["location"] == HERE
        page = alice.get(f"{HERE}/factor?id={hers}")
        for action in ("rename", "remove"):
            answer = alice.press(page, f"{HERE}/{action}", id=his, label="Stolen")
            assert "His phone" not in answer.text
        assert factors(bob) == [his]
        assert "His phone" in bob.get(HERE).text


def test_recovery_codes_are_shown_once_and_new_ones_replace_old_ones(site: Site, alice: Person) -> None:
    alice.add_totp()
    first = codes(alice.press(alice.get(HERE), f"{HERE}/codes"))
    assert len(set(first)) == 10
    assert site.last_event()["event"] == "factor.codes_made"
    listed = alice.get(HERE)
    assert codes(listed) == []
    assert "Codes that are left: 10." in listed.text
    second = codes(alice.press(listed, f"{HERE}/codes"))
    assert not set(first) & set(second)
    stored = str(site.rows("credential"))
    assert [code for code in second if code in stored or code.replace("-", "") in stored] == []


def test_without_a_factor_there_are_no_codes_to_make(alice: Person) -> None:
    assert f"{HERE}/codes" not in alice.get(HERE).text


def test_where_the_issuer_is_an_address_no_passkey_is_offered(alice: Person) -> None:
    """WebAuthn belongs to names; tests/browser makes one on a name."""
    assert "/me/sign-in/passkey" not in alice.get(HERE).text
    page = alice.get("/me/sign-in/passkey")
    assert (page.status_code, "Passkeys do not work at this address" in page.text) == (400, True)


@pytest.mark.parametrize("change", ["one", "all"])
def test_a_remembered_browser_is_forgotten(site: Site, alice: Person, change: str) -> None:
    with Person(site, "bob") as bob:
        for person in (alice, bob):
            remember(site, person)
        page = alice.get(HERE)
        assert page.text.count("Remembered <time") == 2
        if change == "one":
            forgotten = alice.press(page, f"{HERE}/forget")
        else:
            forgotten = alice.press(page, f"{HERE}/forget-all")
        assert forgotten.headers["location"] == f"{HERE}?done=forgotten"
        assert site.last_event()["event"] == "device.forgotten"
        assert alice.get(HERE).text.count("Remembered <time") == (1 if change == "one" else 0)
        assert bob.get(HERE).text.count("Remembered <time") == 2


def remember(site: Site, person: Person) -> None:
    """Two browsers in which this person has shown a second factor."""
    person_id = "p-alice" if "alice" in person.get("/me").text.lower() else "p-bob"
    for number in (1, 2):
        row: dict[str, Value] = {
            "id": f"device-{person_id}-{number}",
            "tenant_id": TENANT,
            "person_id": person_id,
            "epoch": 0,
            "user_agent": "",
            "created": site.clock.now - number,
            "last_used": site.clock.now,
            "expires": site.clock.now + 86400,
        }
        site.write(Insert("device", row))
