"""The pages in the languages of those who read them: which one, and that no text is missing."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from idjag.idp.signin.pages import LANGUAGES, viewer_of
from idjag.idp.signin.pages.languages import Texts, catalogue
from idjag.idp.signin.pages.times import when
from idjag.protocol.http import TokenRequest
from tests.idp.signin.seeds import NOW
from tests.idp.signin.texts import every_text
from tests.idp.signin.visit import Browser

_PLACE = re.compile(r"%\((\w+)\)s")
OTHERS = [language for language in LANGUAGES if language != "en"]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_every_page_is_translated_and_none_is_left_over(root: Path, language: str) -> None:
    said, known = every_text(root), catalogue(language)
    assert {english: place for english, place in said.items() if english not in known} == {}
    assert [english for english in known if english not in said] == []


def test_the_texts_are_found_where_they_are_written(root: Path) -> None:
    """Positive control of the test above: one from a template, a Problem, a default, a name, and a mark."""
    said = every_text(root)
    assert said["Sign in"] == "admin_ui/templates/signin/sign_in.html"
    assert said["This app is not known here"] == "idjag/idp/signin/problems.py"
    assert "Go back to the app and sign in again." in said
    assert "Ask your administrator, and give them the reference below." in said
    assert said["Your passkey is set up."] == "idjag/idp/me/factors.py"


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_places_of_its_text(language: str) -> None:
    """One that names a value that is not there would be a fault of ours on the page."""
    wrong = {
        english: said
        for english, said in catalogue(language).items()
        if sorted(_PLACE.findall(english)) != sorted(_PLACE.findall(said)) or not said.strip()
    }
    assert wrong == {}


def test_values_are_escaped_and_texts_are_too() -> None:
    texts = Texts("en")
    assert texts("to continue to %(app)s", app="<b>") == "to continue to &lt;b&gt;"
    assert texts("a <b> and 100 %") == "a &lt;b&gt; and 100 %"


@pytest.mark.parametrize(
    ("header", "ui_locales", "cookie", "language"),
    [
        ("", "", "", "en"),
        ("de", "", "", "de"),
        ("de-CH,de;q=0.9,en;q=0.8", "", "", "de"),
        ("fr, ja;q=0.5, de;q=0.7", "", "", "de"),
        ("en;q=0.1, ja", "", "", "ja"),
        ("ja;q=0, de", "", "", "de"),
        ("*", "", "", "en"),
        ("de;q=2, ja;q=x, \x00", "", "", "en"),
        ("de", "ja", "", "ja"),
        ("de", "fr", "", "de"),
        ("de", "ja", "idjag_language=en", "en"),
        ("de", "", "idjag_language=fr", "de"),
        ("de", "", "other=1; idjag_language=ja", "ja"),
    ],
)
def test_what_was_chosen_goes_before_what_the_app_asks_and_that_before_the_browser(
    header: str, ui_locales: str, cookie: str, language: str
) -> None:
    """OIDC Core section 3.1.2.1, ui_locales; RFC 9110 section 12.5.4."""
    headers = ((b"accept-language", header.encode()), (b"cookie", cookie.encode()))
    asked = TokenRequest("GET", headers=headers)
    assert viewer_of(asked, "", ui_locales=ui_locales).language == language


def test_a_header_of_a_thousand_languages_costs_little() -> None:
    asked = TokenRequest("GET", headers=((b"accept-language", b"fr," * 1000 + b"de"),))
    assert viewer_of(asked, "").language == "en"


def test_a_page_is_in_the_language_that_the_app_asks_for(browser: Browser) -> None:
    page = browser.ask(ui_locales="de")
    assert '<html lang="de">' in page.text
    assert "<h1>Anmelden</h1>" in page.text
    assert "accept-language" in page.headers["vary"]


def test_a_problem_is_in_the_language_of_the_browser(browser: Browser) -> None:
    page = browser.get("/nowhere", headers={"accept-language": "ja"})
    assert '<html lang="ja">' in page.text
    assert "ページがありません" in page.text


def test_a_choice_is_a_link_that_brings_the_same_page_and_stays(browser: Browser) -> None:
    page = browser.ask(state="a&b=/%")
    (link,) = re.findall(r'hreflang="ja" href="([^"]+)"', page.text)
    chosen = browser.get(link.replace("&amp;", "&"))
    assert chosen.status_code == 303
    assert "Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax" in chosen.headers["set-cookie"]
    again = browser.get(chosen.headers["location"])
    assert '<html lang="ja">' in again.text
    assert browser.fill(again, username="alice", password="wrong").text.count('<html lang="ja">') == 1
    answered = browser.sign_in(state="a&b=/%")
    assert "state=a%26b%3D%2F%25" in answered.headers["location"]


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "evil",
        "",
        "/a\r\nset-cookie: x=1",
        "/ü",
    ],
)
def test_a_choice_leads_nowhere_but_to_our_own_pages(browser: Browser, back: str) -> None:
    """OIDC-25: an open redirector would lend our name to anybody."""
    assert browser.get(f"/language?to=de&back={quote('/authorize?x=1')}").status_code == 303
    refused = browser.get(f"/language?to=de&back={quote(back)}")
    assert refused.status_code == 404
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize("query", ["to=fr&back=/", "to=de", "back=/", "to=&back=/"])
def test_a_choice_of_what_there_is_not_is_no_choice(browser: Browser, query: str) -> None:
    refused = browser.get(f"/language?{query}")
    assert refused.status_code in (400, 404)
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (119, "1 minute ago"),
        (120, "2 minutes ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (7200, "2 hours ago"),
        (86400, "yesterday"),
        (172800, "2 days ago"),
        (60 * 86400, "2026-11-16"),
        (-5, "2027-01-15 08:00 UTC"),
    ],
)
def test_times_are_said_as_people_say_them_and_exactly(age: int, said: str) -> None:
    shown = when(Texts("en"), NOW - age, now=NOW)
    assert shown.endswith(f">{said}</time>")
    assert re.search(r'datetime="20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ" title="20\d\d-', shown)
