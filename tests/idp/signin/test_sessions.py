"""How long a session lasts, that its use is noted, what lists say of it, and how it is ended."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.signin import session_ends, sessions
from idjag.protocol.http import TokenRequest
from tests import plain_http
from tests.idp.signin.factors import (
    MFA,
    SESSION_COOKIE,
    form_that,
    forms,
    next_page,
    send,
    settings,
    with_app,
)
from tests.idp.signin.seeds import NOW, PASSWORDS, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, answer_of, claims

HOUR = 3600
ADMIN = {"kind": "admin", "id": "a-1"}


def alive(browser: Browser) -> bool:
    return "code" in answer_of(browser.ask(prompt="none"))


def row(site: Site) -> dict[str, Any]:
    (found,) = site.rows("session")
    return dict(found)


def listed(site: Site, name: str = "alice") -> tuple[session_ends.Listed, ...]:
    found = site.ledger.read(session_ends.listed_keys(f"p-{name}"))
    policy = site.services.snapshot.sign_in
    return session_ends.listed(found, f"p-{name}", policy=policy, now=site.clock.now)


def source(site: Site) -> Source:
    return Source(site.services.new_id(), site.clock.now, "192.0.2.9", "console")


def here(browser: Browser, site: Site) -> sessions.SignedIn | None:
    header = f"{SESSION_COOKIE}={browser.cookies[SESSION_COOKIE]}".encode()
    request = TokenRequest("GET", b"", ((b"cookie", header),))
    return sessions.signed_in(request, site.services, now=site.clock.now)


@pytest.mark.parametrize(("after", "lives"), [(2 * HOUR - 1, True), (2 * HOUR, False)])
def test_a_session_that_lies_idle_ends(site: Site, browser: Browser, after: int, lives: bool) -> None:  # noqa: FBT001
    """NIST SP 800-63B-4 section 2.2.3."""
    answer_of(browser.sign_in())
    site.clock.now += after
    assert alive(browser) is lives


def test_both_limits_are_the_tenants(site: Site, browser: Browser) -> None:
    settings(site, session={"idle": HOUR, "absolute": 3 * HOUR})
    answer_of(browser.sign_in())
    for _ in range(5):
        site.clock.now += 1799
        assert alive(browser)
    site.clock.now = NOW + 3 * HOUR
    assert not alive(browser)


@pytest.mark.parametrize("which", ["idle", "absolute"])
def test_a_limit_that_is_made_shorter_holds_for_the_sessions_that_there_are(
    site: Site, browser: Browser, which: str
) -> None:
    answer_of(browser.sign_in())
    site.clock.now += HOUR
    assert alive(browser)
    site.clock.now += HOUR
    settings(site, session={which: HOUR})
    assert not alive(browser)


def test_a_shorter_limit_is_told_to_apps(site: Site, browser: Browser) -> None:
    """OIDC-13: session_expiry is true, also of a session that began under a longer limit."""
    answer_of(browser.sign_in())
    settings(site, session={"absolute": HOUR})
    site.clock.now += 60
    token = claims(site, browser.redeem(answer_of(browser.ask())["code"]))
    assert token["session_expiry"] == NOW + HOUR == row(site)["expires"]


def test_a_use_is_written_down_once_a_minute(site: Site, browser: Browser) -> None:
    answer_of(browser.sign_in())
    assert row(site)["seen"] == NOW
    for after, seen in ((59, NOW), (1, NOW + 60), (30, NOW + 60)):
        site.clock.now += after
        assert alive(browser)
        assert row(site)["seen"] == seen


def test_a_page_of_ours_notes_its_use(site: Site, browser: Browser) -> None:
    answer_of(browser.sign_in())
    session = here(browser, site)
    assert session is not None
    sessions.touch(session, site.services, now=NOW + 59)
    assert row(site)["seen"] == NOW
    sessions.touch(session, site.services, now=NOW + 60)
    assert row(site)["seen"] == NOW + 60


def test_a_sign_in_is_recent_for_ten_minutes(site: Site, browser: Browser) -> None:
    answer_of(browser.sign_in())
    session = here(browser, site)
    assert session is not None
    assert sessions.recent(session, now=NOW + 600)
    assert not sessions.recent(session, now=NOW + 601)


def test_a_list_has_the_living_sessions_of_one_person(site: Site, browser: Browser) -> None:
    answer_of(browser.sign_in())
    site.clock.now += 60
    with Browser(site) as second, Browser(site) as bobs:
        answer_of(second.sign_in())
        answer_of(bobs.sign_in("bob"))
        ids = [one.id for one in listed(site)]
        assert (len(ids), len(listed(site, "bob"))) == (2, 1)
        assert [one.seen for one in listed(site)] == [NOW + 60, NOW]
        site.clock.now += 2 * HOUR - 60
        assert len(listed(site)) == 1
        site.write(update("person", "p-alice", epoch=1))
        assert listed(site) == ()


@pytest.mark.parametrize(("revoked", "event"), [(False, "session.ended"), (True, "session.revoked")])
def test_an_ended_session_is_over_at_the_next_request(
    site: Site,
    browser: Browser,
    revoked: bool,  # noqa: FBT001
    event: str,
) -> None:
    """Attack case 152; decision 0025: what is revoked ends offline access too."""
    answer_of(browser.sign_in())
    with Browser(site) as other:
        answer_of(other.sign_in())
        mine = here(browser, site)
        assert mine is not None
        ended = session_ends.end_some(
            site.services,
            "p-alice",
            lambda some: [one for one in some if one.id == mine.id],
            actor=ADMIN,
            source=source(site),
            revoked=revoked,
        )
        assert (ended, alive(browser), alive(other)) == (1, False, True)
    (gone,) = [one for one in site.rows("session") if one["id"] == mine.id]
    assert (gone["ended"], gone["revoked"]) == (NOW, NOW if revoked else None)
    told = [one for one in site.events() if one["event"] == event]
    assert [(one["actor"], one["subject"], one["before"]) for one in told] == [
        (ADMIN, "p-alice", {"row": mine.id})
    ]
    assert len(site.rows("logout_notice")) == 1


def test_a_cookie_that_was_read_before_the_session_was_raised_is_dead_in_the_decision(
    site: Site, browser: Browser
) -> None:
    """OIDC-26: the look at the cookie is one moment, the decision a later one."""
    answer_of(browser.sign_in())
    before = here(browser, site)
    phone = with_app(site)
    answer_of(send(browser, next_page(browser, browser.ask(acr_values=MFA)), "totp", code=phone.code()))
    after = here(browser, site)
    assert before is not None
    assert after is not None
    assert (current(before, site), current(after, site)) == (False, True)


def current(session: sessions.SignedIn, site: Site) -> bool:
    """Whether a decision of now takes it for a session."""
    found = site.ledger.read((*session.reads, *facts.person_keys("p-alice"), *facts.hold_keys("p-alice")))
    person, policy = facts.person(found, "p-alice"), site.services.snapshot.sign_in
    return session.current(found, person, policy=policy, now=site.clock.now) is not None


def test_nobody_ends_a_session_of_somebody_else(site: Site, browser: Browser) -> None:
    answer_of(browser.sign_in())
    hers = here(browser, site)
    assert hers is not None
    ended = session_ends.end_some(
        site.services,
        "p-bob",
        lambda some: [one for one in some if one.id == hers.id],
        actor={"kind": "person", "id": "p-bob"},
        source=source(site),
    )
    assert (ended, alive(browser)) == (0, True)
    writes, _ = session_ends.end(hers.id, "p-bob", tenant="t1", actor=ADMIN, source=source(site))
    site.write(*writes)
    assert alive(browser)


def test_a_session_of_another_tenant_is_none_here(site: Site, browser: Browser) -> None:
    """Attack case 165."""
    browser.sign_in()
    (row,) = site.rows("session")
    site.write(update("session", str(row["id"]), tenant_id="t2"))
    assert answer_of(browser.ask(prompt="none"))["error"] == "login_required"
    site.write(update("session", str(row["id"]), tenant_id=str(row["tenant_id"])))
    assert "code" in answer_of(browser.ask(prompt="none"))


def test_another_person_in_the_same_browser_ends_the_session_before(site: Site, browser: Browser) -> None:
    """Its apps are told, and so is the audit log."""
    answer_of(browser.sign_in("alice"))
    page = browser.ask(prompt="login")
    answer_of(browser.fill(page, username="bob", password="staple gun and paper"))
    ended = {one["person_id"]: one["ended"] for one in site.rows("session")}
    assert ended == {"p-alice": NOW, "p-bob": None}
    assert "session.ended" in {event["event"] for event in site.events()}
    assert len(site.rows("logout_notice")) == 1


def test_every_cookie_of_the_later_pages_is_host_bound_and_secure_on_https(host: Host) -> None:
    """OIDC-26, attack case 152."""
    with running(host, issuer="https://idp.example") as site, Browser(site) as browser:
        settings(site, remember_device=86400)
        phone = with_app(site)
        page = browser.ask()
        jar = cookies_of(page)
        headers = {"origin": site.issuer, "host": "idp.example"}
        (form,) = [one for one in forms(page) if "request" in one.fields and not one.options]
        sent = {**form.fields, "username": "alice", "password": PASSWORDS["alice"]}
        step = plain_http.post(f"{site.url}/signin", data=sent, headers={**headers, "cookie": jar})
        jar = cookies_of(step)
        page = plain_http.get(f"{site.url}/signin/step", headers={**headers, "cookie": jar})
        sent = {**form_that(page, "totp").fields, "code": phone.code(), "remember": "1"}
        done = plain_http.post(f"{site.url}/signin/step", data=sent, headers={**headers, "cookie": jar})
        set_ = [*step.headers.get_list("set-cookie"), *done.headers.get_list("set-cookie")]
        names = {one.partition("=")[0].removeprefix("__Host-idjag_t1") for one in set_}
        assert names == {"_step", "", "_form", "_device", "_known"}
        for one in set_:
            assert one.startswith("__Host-idjag_t1")
            assert one.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


def cookies_of(response: httpx.Response) -> str:
    return "; ".join(one.partition(";")[0] for one in response.headers.get_list("set-cookie"))
