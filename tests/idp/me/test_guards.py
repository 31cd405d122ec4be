"""What stands before every page of My access: a person, lately where it matters, with our own form."""

from __future__ import annotations

import httpx
import pytest

from idjag.idp.me.table import PLACES
from idjag.idp.signin.sessions import RECENT
from tests.idp.me.person import Person
from tests.idp.signin.seeds import update
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser

SHOWN = [path for path, place in PLACES.items() if place.show]
CHANGES = [path for path, place in PLACES.items() if place.change]
# What is only taken away needs no sign-in that is minutes old.
QUICK = {"/me/app/stop", "/me/sessions/end", "/me/sessions/end-others"}


def leads_to_the_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and "/signin?page=me" in answer.headers["location"]


def token(person: Person, path: str) -> str:
    """A form's token, as a page of this person's has it."""
    page = "/me/sign-in" if path.startswith("/me/sign-in") else "/me"
    tokens = {action: fields["form_token"] for action, fields in person.forms(person.get(page))}
    return tokens.get(path, "")


def test_a_page_is_for_somebody_who_is_signed_in(site: Site, alice: Person) -> None:
    with Browser(site) as stranger:
        assert [path for path in SHOWN if not leads_to_the_sign_in(stranger.get(path))] == []
    assert [path for path in SHOWN if leads_to_the_sign_in(alice.get(path))] == []


def test_a_change_is_for_somebody_who_is_signed_in(site: Site, alice: Person) -> None:
    """Attack case 183."""
    before = len(site.events())
    with Browser(site) as stranger:
        for path in CHANGES:
            assert leads_to_the_sign_in(stranger.post(path, data={"form_token": token(alice, path)}))
    assert len(site.events()) == before


@pytest.mark.parametrize("forged", ["missing", "made up", "of another form", "of another session"])
def test_a_change_without_the_form_of_this_session_changes_nothing(
    site: Site, alice: Person, forged: str
) -> None:
    """OIDC-25, attack case 183; each test of a change is a control."""
    # with two sessions each there are forms to end them
    with Person(site, "bob") as bob, Person(site, "bob"), Person(site):
        before = len(site.events())
        assert token(bob, "/me/sessions/end-others")
        for path in CHANGES:
            assert token(alice, other(path))
            tokens = {
                "missing": {},
                "made up": {"form_token": "x" * 43},
                "of another form": {"form_token": token(alice, other(path))},
                "of another session": {"form_token": token(bob, path) or "z" * 43},
            }
            answer = alice.post(path, data={"id": "x", **tokens[forged]})
            assert answer.status_code == 403, path
            assert "Nothing was changed." in answer.text
    assert len(site.events()) == before


def other(path: str) -> str:
    """A form of the same person that is not this one."""
    return "/me/sessions/end-others" if path != "/me/sessions/end-others" else "/me/sessions/end"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_form_of_another_site_changes_nothing(site: Site, alice: Person, headers: dict[str, str]) -> None:
    """Attack case 183."""
    with Person(site):
        before = len(site.events())
        for path in CHANGES:
            answer = alice.post(path, data={"form_token": token(alice, path), "id": "x"}, headers=headers)
            assert answer.status_code == 403, path
            assert "This form came from another site" in answer.text
    assert len(site.events()) == before


def test_how_i_sign_in_is_for_a_sign_in_of_the_last_minutes(site: Site, alice: Person) -> None:
    """Issue 6: recent sign-in for factors; what only stops something works all day."""
    demanding = {path for path, place in PLACES.items() if place.recent}
    assert demanding == {path for path in PLACES if path not in QUICK | {"/me", "/me/app"}}
    tokens = {path: token(alice, path) for path in CHANGES}
    site.clock.now += RECENT
    assert alice.get("/me/sign-in").status_code == 200
    site.clock.now += 1
    for path, place in PLACES.items():
        for answer in (
            *([alice.get(path)] if place.show else []),
            *([alice.post(path, data={"form_token": tokens[path]})] if place.change else []),
        ):
            assert leads_to_the_sign_in(answer) is place.recent, path
            if place.recent:
                assert "max_age=" in answer.headers["location"]


def test_other_methods_are_turned_away(alice: Person) -> None:
    """Attack case 10."""
    assert alice.get("/me/app/stop").status_code == 405
    assert alice.get("/me/app/stop").headers["allow"] == "OPTIONS, POST"
    assert alice.post("/me").status_code == 405
    assert alice.get("/me/nowhere").status_code == 404


def test_somebody_who_was_disabled_or_held_is_nobody_here(site: Site, alice: Person) -> None:
    assert alice.get("/me").status_code == 200
    site.write(update("person", "p-alice", status="disabled"))
    assert leads_to_the_sign_in(alice.get("/me"))


def test_a_page_says_nothing_to_other_sites_and_is_kept_by_nobody(alice: Person) -> None:
    """Attack cases 152, 188, 190."""
    page = alice.get("/me", headers={"origin": "https://evil.example"})
    assert page.headers["cache-control"] == "no-store"
    assert "script-src" not in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert not [name for name in page.headers if name.startswith("access-control")]


def test_a_sign_in_for_this_page_says_so_in_ones_own_language_and_names_no_app(site: Site) -> None:
    with Browser(site) as stranger:
        asked = stranger.get("/me").headers["location"]
        page = stranger.get(asked, headers={"accept-language": "de"}).text
    assert "weiter zu <strong><bdi>Ihren Zugriffen</bdi></strong>" in page
    assert 'class="footnote"' not in page
