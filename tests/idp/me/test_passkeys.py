"""A passkey made at My access belongs to the session whose page asked for it (browsers: tests/browser)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.authenticator import Authenticator
from tests.idp.me.person import Person
from tests.idp.signin.factors import forms
from tests.idp.signin.site import Site

PAGE = "/me/sign-in/passkey"


@pytest.fixture
def alice(named: Site) -> Iterator[Person]:
    with Person(named) as alice:
        yield alice


def made(person: Person, page: httpx.Response, asked_by: httpx.Response) -> httpx.Response:
    """Send the form of a page with what an authenticator made for the options of ``asked_by``."""
    (options,) = [one.options for one in forms(asked_by) if one.options]
    credential = Authenticator().create(options, person.site.issuer)
    return person.press(page, PAGE, credential=credential, label="Laptop")


def passkeys(site: Site) -> int:
    return [row["kind"] for row in site.rows("credential", person_id="p-alice")].count("passkey")


def test_a_passkey_that_the_page_asked_for_is_added(named: Site, alice: Person) -> None:
    page = alice.get(PAGE)
    answer = made(alice, page, page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/sign-in?done=passkey")
    assert passkeys(named) == 1


def test_a_passkey_that_another_session_asked_for_is_not(named: Site, alice: Person) -> None:
    """Of the same person, at the same moment: what was made for one page is not sent to the other."""
    with Person(named) as elsewhere:
        answer = made(alice, alice.get(PAGE), elsewhere.get(PAGE))
    assert answer.status_code == 400
    assert passkeys(named) == 0
