"""The pages as browsers and people get them: headers, files, inert names, enough contrast."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import pairwise

import httpx
import pytest

from idjag.idp.signin import problems
from idjag.idp.signin.pages import Pages, Viewer
from idjag.protocol.errors import Reason
from tests.idp.signin.seeds import PASSWORDS, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, request

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
)
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
}


def every_page(browser: Browser) -> list[httpx.Response]:
    form = browser.ask()
    wrong = browser.fill(form, username="alice", password="wrong")
    denied = browser.sign_in("bob", client_id="notes", redirect_uri="https://notes.example/cb")
    return [
        form,
        wrong,
        denied,
        browser.ask(client_id="nobody"),
        browser.get("/nowhere"),
        browser.get("/signin"),
    ]


def test_every_page_has_every_header(browser: Browser) -> None:
    """OIDC-25; attack cases 146, 152, 188."""
    for page in every_page(browser):
        assert {name: page.headers[name] for name in HEADERS} == HEADERS
        assert page.headers["content-security-policy"].startswith(POLICY)
        assert "strict-transport-security" not in page.headers


def test_on_https_every_page_demands_https(host: Host) -> None:
    """Attack case 188."""
    with running(host, issuer="https://idp.example") as site, Browser(site) as browser:
        for page in (browser.ask(), browser.ask(client_id="nobody"), browser.get("/nowhere")):
            assert page.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({}, "form-action 'self' https:"),
        (
            {"client_id": "desk", "redirect_uri": "com.example.desk:/cb"},
            "form-action 'self' com.example.desk:",
        ),
        ({"client_id": "nobody"}, "form-action 'none'"),
    ],
)
def test_forms_go_to_us_and_on_to_the_app_only(
    browser: Browser, changes: dict[str, str], action: str
) -> None:
    """Decision 0021."""
    assert browser.ask(**changes).headers["content-security-policy"] == POLICY + action


def test_a_page_names_the_tenant_and_the_app_and_loads_nothing_from_elsewhere(browser: Browser) -> None:
    """OIDC-25, attack case 188: no script, no style attribute, no third party."""
    page = browser.ask().text
    assert "<bdi>Acme Corporation</bdi>" in page
    assert "to continue to <strong><bdi>Wiki</bdi></strong>" in page
    assert '<html lang="en">' in page
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert not re.search(r"<script|style=|javascript:| on[a-z]+=", page)
    assert not re.findall(r'(?:src|href)="(?!/static/|/language|/password/reset)', page)


def test_the_files_that_a_page_names_are_there_and_may_be_kept(browser: Browser) -> None:
    links = re.findall(r'href="(/static/[^"]+)"', browser.ask().text)
    types = {browser.get(link).headers["content-type"] for link in links}
    assert types == {"text/css; charset=utf-8", "image/svg+xml"}
    assert {browser.get(link).headers["cache-control"] for link in links} == {
        "public, max-age=31536000, immutable"
    }


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "TRACE"])
def test_other_methods_are_turned_away(browser: Browser, method: str) -> None:
    """Attack case 10."""
    response = browser.request(method, "/authorize", params=request())
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


def test_no_cross_origin_request_is_let_in(browser: Browser) -> None:
    """Attack case 190."""
    response = browser.options("/authorize", headers={"origin": "https://evil.example"})
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_an_issuer_with_a_path_has_its_pages_below_it(host: Host) -> None:
    """Contract section 6: {base}/t/{tenant}."""
    with running(host, issuer=f"{host.url}/t/acme") as site, Browser(site) as browser:
        page = browser.get("/t/acme/authorize", params=request())
        assert 'action="/t/acme/signin"' in page.text
        assert 'href="/t/acme/static/idjag.css' in page.text
        assert browser.get("/t/acme/static/idjag.css").status_code == 200
        assert browser.get("/authorize", params=request()).status_code == 404


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", '" onfocus="alert(1)', "\u202egnp.exe", "\U0001f4a9" * 50, "{{ 7*7 }}"],
)
def test_a_hostile_name_is_inert(site: Site, browser: Browser, name: str) -> None:
    """Attack case 189: escaped, and isolated from the direction of the text around it."""
    site.write(update("tenant", "t1", name=name))
    page = browser.ask(login_hint=name).text
    assert "<script" not in page
    assert 'onfocus="' not in page
    assert "49" not in re.sub(r'value="[^"]*"|v=[0-9a-f]+', "", page)
    assert page.count("<bdi>") == page.count("</bdi>") == 3


def test_a_fault_of_ours_is_a_page_that_says_nothing(
    site: Site, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Architecture section 5: a 500 with an id, logged once, nothing of the request in either."""
    site.write(update("credential", "c-alice", secret=7))
    response = browser.sign_in()
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text
    (record,) = [r for r in caplog.records if r.name == "idjag.idp.signin" and r.levelname == "ERROR"]
    reference = re.findall(r"ref=(\S+)", record.getMessage())[0]
    assert f"<dd>{reference}</dd>" in response.text
    assert "TypeError at=" in record.getMessage()
    assert PASSWORDS["alice"] not in caplog.text


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_page_that_says_what_to_do(reason: Reason) -> None:
    for shown in (problems.problem(reason), problems.denied(reason)):
        assert 400 <= shown.status < 600
        assert shown.title
        assert shown.text.endswith(".")
        assert shown.advice.endswith(".")


def test_a_tenant_without_a_name_of_its_own_is_shown_as_its_host() -> None:
    page = Pages("https://idp.acme.example").problem(
        problems.NOT_FOUND, viewer=Viewer((), "default"), reference=""
    )
    assert b"<bdi>idp.acme.example</bdi>" in page.body


def _tokens(scheme: str) -> dict[str, str]:
    css = files("idjag.admin_ui").joinpath("static", "idjag.css").read_text("utf-8")
    blocks = css.split("@media screen and (prefers-color-scheme: dark)")
    light = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", blocks[0]))
    return (
        light if scheme == "light" else light | dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", blocks[1]))
    )


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


TEXTS = ["text", "text-soft", "accent", "danger"]
GROUNDS = ["surface", "background", "background-glow", "surface-sunken"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_edges_have_enough_contrast(scheme: str) -> None:
    """WCAG 2.2 AA, 1.4.3 and 1.4.11: 4.5 for text, 3 for the edges of controls and the focus ring."""
    tokens = _tokens(scheme)
    pairs = [(text, ground, 4.5) for text in TEXTS for ground in GROUNDS]
    pairs += [
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-strong", 4.5),
        ("danger", "danger-surface", 4.5),
    ]
    pairs += [
        (edge, ground, 3) for edge in ("line-strong", "focus") for ground in ("surface", "surface-sunken")
    ]
    low = [(a, b) for a, b, least in pairs if _contrast(tokens[a], tokens[b]) < least]
    assert low == []


def test_black_on_white_has_the_most_contrast_there_is() -> None:
    """Positive control of the test above."""
    assert [round(_contrast(a, b), 2) for a, b in pairwise(("#000000", "#ffffff", "#ffffff"))] == [21.0, 1.0]
