"""The entrance of the console over HTTP: who gets in, with what, for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from idjag.idp.administration.appointments import end, give
from idjag.idp.administration.roles import MAY, Role
from idjag.idp.console import entrance
from idjag.idp.signin import browser as brought
from idjag.ledger.entry import Delete, Insert, Write
from tests.idp.console.gate import COOKIE, OPERATOR, SIGN_IN, enter, inside, inside_after, sign_in
from tests.idp.signin.factors import forms, next_page, seed_on, send, settings, with_app
from tests.idp.signin.seeds import PASSWORDS, hold, release, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, form_of


@pytest.fixture
def site(host: Host) -> Iterator[Site]:
    """In memory: nothing of the console but its entrance."""
    with running(host) as site:
        yield site


@pytest.fixture
def remote(host: Host) -> Iterator[Site]:
    """An issuer that is not this machine, so that a second factor is demanded."""
    with running(host, issuer="http://idp.acme.example") as site:
        yield site


@pytest.fixture
def alice(site: Site) -> Iterator[Browser]:
    """An owner, who has signed in."""
    give(site.services, "p-alice", Role.OWNER, by=OPERATOR)
    with Browser(site) as alice:
        sign_in(alice)
        yield alice


def test_an_owner_comes_in_by_an_entrance_of_its_own(site: Site) -> None:
    give(site.services, "p-alice", Role.OWNER, by=OPERATOR)
    with Browser(site) as alice:
        first = alice.get("/admin/enter?to=/admin/keys")
        assert first.headers["location"] == f"{site.issuer}/signin?page=admin&max_age=600&to=%2Fadmin%2Fkeys"
        page = alice.get(first.headers["location"].removeprefix(site.issuer))
        signed = alice.fill(page, username="alice", password=PASSWORDS["alice"])
        assert signed.headers["location"] == "/admin/enter?to=%2Fadmin%2Fkeys"
        assert inside(alice, value="x" * 43) is None
        shown = alice.get(signed.headers["location"])
        assert "Continue as" in shown.text
        done = alice.post("/admin/enter", data=form_of(shown))
        assert (done.status_code, done.headers["location"]) == (303, "/admin/keys")
        cookie = done.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
        who = inside(alice)
        assert who is not None
        assert (who.username, who.role, who.permissions) == ("alice", Role.OWNER, MAY[Role.OWNER])
        assert who.secret not in repr(who)
        event = site.last_event()
        assert (event["event"], event["actor"]) == ("admin.entered", {"kind": "person", "id": "p-alice"})
        assert who.secret not in repr(site.events() + site.rows("console_session"))


def test_the_cookie_of_the_sign_in_is_none_of_the_console(alice: Browser) -> None:
    enter(alice)
    session = alice.cookies.get("idjag_t1")
    assert session != alice.cookies.get(COOKIE)
    assert inside(alice, value=session) is None
    assert inside(alice) is not None


def test_it_leads_on_into_the_console_and_nowhere_else(alice: Browser) -> None:
    """OIDC-25: no open redirect."""
    for to in (
        *("https://evil.example/", "//evil.example", "/me", "/admin/../me", "/admin/%2e%2e/me", "/adminx"),
        *("/admin\\evil", "/admin//evil.example", "/admin/" + "x" * 500),
    ):
        page = alice.get("/admin/enter", params={"to": to})
        assert form_of(page)["to"] == "/admin", to
        assert alice.get("/signin", params={"page": "admin", "to": to}).status_code == 400, to
    good = alice.get("/admin/enter", params={"to": "/admin/audit?event=login.failed&since=1"})
    assert form_of(good)["to"] == "/admin/audit?event=login.failed&since=1"


def test_who_has_no_role_is_told_so_and_gets_nothing(site: Site, alice: Browser) -> None:
    with Browser(site) as bob:
        sign_in(bob, "bob")
        page = bob.get("/admin/enter")
        assert (page.status_code, "You are not an administrator" in page.text) == (403, True)
        token = brought.form_token(
            str(bob.cookies.get("idjag_t1")), purpose="console-enter", content="/admin"
        )
        sent = bob.post("/admin/enter", data={"form_token": token, "to": "/admin"})
        assert (sent.status_code, COOKIE in bob.cookies) == (403, False)
    enter(alice)
    assert COOKIE in alice.cookies


def test_the_sign_in_below_must_be_recent(site: Site, alice: Browser) -> None:
    page = alice.get("/admin/enter")
    site.clock.now += 600
    assert alice.get("/admin/enter").status_code == 200
    site.clock.now += 1
    for answer in (alice.get("/admin/enter"), alice.post("/admin/enter", data=form_of(page))):
        assert answer.headers["location"] == site.issuer + SIGN_IN
    assert COOKIE not in alice.cookies


def test_each_entry_has_a_new_value_and_ends_the_one_before(alice: Browser) -> None:
    values = []
    for _ in range(2):
        enter(alice)
        values.append(alice.cookies.get(COOKIE))
    assert values[0] != values[1]
    assert inside(alice, value=values[0]) is None
    assert inside(alice, value=values[1]) is not None


def test_it_ends_when_nobody_uses_it_and_after_hours_in_any_case(site: Site, alice: Browser) -> None:
    enter(alice)
    began = site.clock.now
    site.clock.now += entrance.IDLE - 1
    assert inside(alice) is not None
    site.clock.now += entrance.IDLE
    assert inside(alice) is None
    sign_in(alice)
    enter(alice)
    began = site.clock.now
    while site.clock.now < began + entrance.ABSOLUTE - entrance.IDLE:
        site.clock.now += entrance.IDLE - 1
        assert inside(alice) is not None
    site.clock.now = began + entrance.ABSOLUTE - 1
    assert inside(alice) is not None
    site.clock.now += 1
    assert inside(alice) is None


def test_using_it_keeps_the_sign_in_from_lying_idle(site: Site, alice: Browser) -> None:
    settings(site, session={"idle": 1200, "absolute": 43200})
    enter(alice)
    for _ in range(3):
        site.clock.now += 800
        assert inside(alice) is not None
    settings(site, session={"idle": 1200, "absolute": 2000})
    assert inside(alice) is None


def test_it_ends_with_what_it_stands_on_at_once(site: Site, alice: Browser) -> None:
    """Attack case 158; from the next request, on every node: it is read afresh."""
    enter(alice)
    person = "p-alice"
    session, console = (str(site.rows(table)[0]["id"]) for table in ("session", "console_session"))
    (role,), (row,) = site.rows("administrator"), site.rows("person", id=person)
    ends: dict[str, tuple[Write, Write]] = {
        "disabled": (update("person", person, status="disabled"), update("person", person, status="active")),
        "held": (hold("user", person), release("user")),
        "epoch": (update("person", person, epoch=9), update("person", person, epoch=0)),
        "session ended": (
            update("session", session, ended=1),
            update("session", session, ended=None),
        ),
        "revoked": (
            update("session", session, revoked=1),
            update("session", session, revoked=None),
        ),
        "elsewhere": (
            update("console_session", console, tenant_id="t2"),
            update("console_session", console, tenant_id="t1"),
        ),
        "deleted": (Delete("person", {"id": person}), Insert("person", row)),
        "role": (Delete("administrator", {"id": role["id"]}), Insert("administrator", role)),
    }
    for how, (stop, undo) in ends.items():
        assert inside(alice) is not None, how
        site.write(stop)
        assert inside(alice) is None, how
        site.write(undo)
    assert inside(alice) is not None
    # the sign-in goes on under the new epoch when a person changes the password; the console does not
    site.write(update("person", person, epoch=9), update("session", session, epoch=9))
    assert inside(alice) is None


def test_who_is_no_administrator_any_more_does_not_come_back_with_the_old_cookie(
    site: Site, alice: Browser
) -> None:
    give(site.services, "p-bob", Role.OWNER, by=OPERATOR)
    enter(alice)
    end(site.services, "p-alice", by=OPERATOR)
    assert inside(alice) is None
    give(site.services, "p-alice", Role.OWNER, by=OPERATOR)
    assert inside(alice) is None


def test_a_role_is_the_one_of_now(site: Site, alice: Browser) -> None:
    give(site.services, "p-bob", Role.OWNER, by=OPERATOR)
    enter(alice)
    give(site.services, "p-alice", Role.VIEWER, by=OPERATOR)
    who = inside(alice)
    assert who is not None
    assert (who.role, who.permissions) == (Role.VIEWER, MAY[Role.VIEWER])


def test_signing_out_ends_it_and_so_does_another_person(site: Site, alice: Browser) -> None:
    enter(alice)
    value = alice.cookies.get(COOKIE)
    page = alice.get("/signin?page=me&max_age=600")
    site.clock.now += 601
    page = alice.get("/signin?page=me&max_age=600")
    alice.fill(page, username="bob", password=PASSWORDS["bob"])
    assert inside(alice, value=value) is None


def test_leaving_ends_it_and_nothing_else(site: Site, alice: Browser) -> None:
    enter(alice)
    value = str(alice.cookies.get(COOKIE))
    token = brought.form_token(value, purpose="console", content="/admin/leave")
    for sent in ({"a": "b"}, {"form_token": token + "x"}, {"form_token": token[::-1]}):
        assert alice.post("/admin/leave", data=sent).status_code == 403
    elsewhere = {"origin": "https://evil.example"}
    assert alice.post("/admin/leave", data={"form_token": token}, headers=elsewhere).status_code == 403
    assert inside(alice, value=value) is not None
    done = alice.post("/admin/leave", data={"form_token": token})
    assert (done.status_code, done.headers["location"]) == (303, "/me")
    assert inside(alice, value=value) is None
    assert site.last_event()["event"] == "admin.left"
    assert alice.get("/me").status_code == 200


def test_no_other_site_and_no_other_session_enters(site: Site, alice: Browser) -> None:
    """Attack case 183: wrong Origin, wrong Sec-Fetch-Site, no token, the token of another session."""
    form = form_of(alice.get("/admin/enter"))
    other = brought.form_token("x" * 43, purpose="console-enter", content="/admin")
    wrong: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"origin": "https://evil.example"}, form),
        ({"origin": "null"}, form),
        ({"sec-fetch-site": "cross-site"}, form),
        ({"sec-fetch-site": "same-site"}, form),
        ({}, {"to": "/admin"}),
        ({}, {**form, "form_token": other}),
        ({}, {**form, "to": "/admin/keys"}),
    ]
    for headers, sent in wrong:
        assert alice.post("/admin/enter", data=sent, headers=headers).status_code == 403, (headers, sent)
    assert COOKIE not in alice.cookies
    assert alice.get("/admin/leave").status_code == 405
    assert alice.post("/admin/enter", data=form, headers={"origin": site.issuer}).status_code == 303


def test_on_this_machine_a_password_is_enough(site: Site, alice: Browser) -> None:
    who = inside_after(alice)
    assert (who.strong, entrance.may_change(who, site.services)) == (False, True)


def test_elsewhere_a_second_factor_is_shown_before_it(remote: Site) -> None:
    give(remote.services, "p-alice", Role.OWNER, by=OPERATOR)
    phone = with_app(remote)
    with Browser(remote) as far:
        step = next_page(far, sign_in(far))
        assert "Administration" in step.text
        entered = send(far, step, "totp", code=phone.code())
        assert entered.headers["location"] == "/admin/enter?to=%2Fadmin"
        who = inside_after(far)
        assert (who.strong, entrance.may_change(who, remote.services)) == (True, True)
        weak = replace(who, strong=False)
        assert not entrance.may_change(weak, remote.services)


def test_a_sign_in_without_it_is_asked_for_it_at_the_entrance(remote: Site) -> None:
    """A session with a password alone never gets in: it is stepped up, by setting a factor up if need be."""
    give(remote.services, "p-alice", Role.OWNER, by=OPERATOR)
    with Browser(remote) as far:
        page = far.get("/signin?page=me&max_age=600")
        assert far.fill(page, username="alice", password=PASSWORDS["alice"]).headers["location"] == "/me"
        first = far.get("/admin/enter")
        assert first.headers["location"] == remote.issuer + SIGN_IN
        step = next_page(far, far.get(SIGN_IN))
        if "totp" not in (form.does for form in forms(step)):
            step = far.get("/signin/step?use=totp")
        codes = send(far, step, "enrol_totp", code=seed_on(step, remote).code())
        on = send(far, codes, "go_on")
        assert on.headers["location"] == "/admin/enter?to=%2Fadmin"
        assert inside_after(far).strong


def test_recent_is_ten_minutes_from_the_sign_in_that_was_entered_with(site: Site, alice: Browser) -> None:
    """ADM-04, attack case 195: keys, secrets and roles."""
    who = inside_after(alice)
    assert entrance.recent(who, now=who.auth_time + 600)
    assert not entrance.recent(who, now=who.auth_time + 601)
    assert not entrance.recent(who, now=who.auth_time - 1)
