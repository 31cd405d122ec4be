"""Passkeys that sign nobody in: counted per source like wrong passwords; no stranger fills the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from idjag.idp.app import assemble
from tests.authenticator import Authenticator, Lie
from tests.idp.signin.factors import forms, password, send, with_app, with_passkey
from tests.idp.signin.site import Host, Site
from tests.idp.signin.visit import Browser, answer_of

HERE, ELSEWHERE = "203.0.113.5", "198.51.100.9"
FORGED = Lie(signature=b"no signature of hers")


@pytest.fixture
def coming_from(named: Site, host: Host) -> Iterator[Callable[[str], Browser]]:
    """New browsers, from where they say."""
    host.app = assemble(named.services, trusted_proxies=["127.0.0.1"])
    with ExitStack() as stack:

        def browser(ip: str) -> Browser:
            made = stack.enter_context(Browser(named))
            made.headers["x-forwarded-for"] = ip
            return made

        yield browser


def tried(browser: Browser, device: Authenticator, lie: Lie = FORGED) -> httpx.Response:
    """One attempt with a passkey."""
    (form,) = [one for one in forms(browser.ask()) if one.options]
    assert form.options is not None
    credential = device.get(form.options, browser.site.issuer, lie)
    return browser.post("/signin", data={**form.fields, "credential": credential})


def refusals(site: Site) -> Counter[str]:
    """Which events there are of sign-ins that failed."""
    return Counter(one["event"] for one in site.events() if one["event"].startswith("login."))


def test_five_wrong_passkeys_are_recorded_and_the_next_ones_are_only_told_to_wait(
    named: Site, coming_from: Callable[[str], Browser]
) -> None:
    """OIDC-26, attack case 156; the controls: from elsewhere at once, and from here after the pause."""
    device = with_passkey(named)
    stranger = coming_from(HERE)
    said = [tried(stranger, device).status_code for _ in range(7)]
    assert said == [403] * 5 + [429] * 2
    assert refusals(named) == {"login.failed": 5, "login.locked": 1}
    waiting = tried(stranger, device, Lie())
    assert (waiting.status_code, waiting.headers["retry-after"]) == (429, "30")
    assert "code" in answer_of(tried(coming_from(ELSEWHERE), device, Lie()))
    named.clock.now += 30
    assert "code" in answer_of(tried(stranger, device, Lie()))


def test_passkeys_that_nobody_has_are_counted_and_stop_nobody_who_has_one(
    named: Site, coming_from: Callable[[str], Browser]
) -> None:
    device, unknown = with_passkey(named), Authenticator()
    with_passkey(named, "bob", device=unknown)
    unknown.residents[0].id = b"nobody has this one"
    stranger = coming_from(HERE)
    said = [tried(stranger, unknown, Lie()).status_code for _ in range(7)]
    assert said == [403] * 5 + [429] * 2
    assert refusals(named) == {"login.failed": 5, "login.locked": 1}
    assert "code" in answer_of(tried(coming_from(HERE), device, Lie()))


def test_an_answer_that_comes_again_and_again_is_counted_too(
    named: Site, coming_from: Callable[[str], Browser]
) -> None:
    device, browser = with_passkey(named), coming_from(HERE)
    (form,) = [one for one in forms(browser.ask()) if one.options]
    assert form.options is not None
    sent = {**form.fields, "credential": device.get(form.options, named.issuer)}
    again = coming_from(HERE)
    again.cookies.update(dict(browser.cookies))
    said = [client.post("/signin", data=sent).status_code for client in (browser, *[again] * 7)]
    assert said == [303] + [403] * 5 + [429] * 2
    assert refusals(named) == {"login.succeeded": 1, "login.failed": 5, "login.locked": 1}


def test_a_browser_that_its_owner_uses_is_not_stopped_by_others_at_its_network(
    named: Site, coming_from: Callable[[str], Browser]
) -> None:
    device, hers = with_passkey(named), coming_from(HERE)
    answer_of(tried(hers, device, Lie()))
    stranger = coming_from(HERE)
    for _ in range(6):
        tried(stranger, device)
    assert tried(stranger, device, Lie()).status_code == 429
    hers.cookies.delete("idjag_t1")
    assert "code" in answer_of(tried(hers, device, Lie()))


def test_a_right_passkey_forgets_what_was_wrong_at_its_network(
    named: Site, coming_from: Callable[[str], Browser]
) -> None:
    device, stranger = with_passkey(named), coming_from(HERE)
    before = [tried(stranger, device).status_code for _ in range(4)]
    answer_of(tried(coming_from(HERE), device, Lie()))
    after = [tried(stranger, device).status_code for _ in range(5)]
    assert before + after == [403] * 9
    assert tried(stranger, device).status_code == 429


def test_wrong_passkeys_do_not_stop_a_password_at_the_same_network(
    named: Site, coming_from: Callable[[str], Browser]
) -> None:
    """Each kind has counts of its own; the control: a passkey waits there."""
    device, stranger = with_passkey(named), coming_from(HERE)
    for _ in range(5):
        assert tried(stranger, device).status_code == 403
    assert tried(stranger, device, Lie()).status_code == 429
    assert coming_from(HERE).sign_in("alice").status_code == 303


@pytest.mark.soak
def test_wrong_passkeys_lock_neither_the_password_nor_the_codes(
    named: Site, coming_from: Callable[[str], Browser]
) -> None:
    """Whoever knows where a passkey is named must not be able to lock its owner out."""
    device, phone = with_passkey(named), with_app(named)
    stranger = coming_from(HERE)
    for number in range(21):
        stranger.headers["x-forwarded-for"] = f"192.0.2.{number}"
        assert tried(stranger, device).status_code == 403
    browser = coming_from(HERE)
    password(browser)
    page = browser.get("/signin/step?use=totp")
    assert "code" in answer_of(send(browser, page, "totp", code=phone.code()))
