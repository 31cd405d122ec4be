"""What pages are looked at with: apps that act for people, a person with factors, a way to each page."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from idjag.idp.audit import Source
from idjag.idp.factors.totp import STEP, code_at
from idjag.idp.passwords.links import LinkKind, new_link
from idjag.idp.signin.guesses import Attempt, Kind, forgotten
from idjag.idp.state.apply import How, apply
from idjag.idp.state.credentials import Credentials
from idjag.idp.state.read import read as read_state
from idjag.ledger.entry import Delete
from idjag.protocol import names
from idjag.yaml_file import read as read_yaml
from tests import plain_http
from tests.browser.looking import Visitor
from tests.idp.signin.seeds import TENANT, WIKI_SECRET
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser

__all__ = ["PAGES", "World", "my_access"]

Way: TypeAlias = "Callable[[Visitor, World], None]"

_API = "https://api.chat.example/"
_STATE: Mapping[str, Any] = {
    "version": 1,
    "apps": [
        {
            "id": "robin",
            "name": "Robin",
            "kind": "ai_agent",
            "redirect_uris": ["https://robin.example/cb"],
            "auth": {"method": "client_secret", "secret": "env:ROBIN"},
            "grants": ["authorization_code", "token_exchange"],
            "assigned": {"everyone": True},
        }
    ],
    "resource_apps": [
        {
            "id": "chat",
            "name": "Chat",
            "issuer": "https://acme.chat.example/",
            "resources": [{"uri": _API, "scopes": ["chat.read", "chat.history", "chat.write"]}],
        },
        {"id": "desk-rs", "name": "Tickets", "issuer": "https://desk.example/", "scopes": ["tickets.read"]},
    ],
    "connections": [
        {
            "id": f"{app}-{target}",
            "from": app,
            "to": target,
            "client_id": f"{app}-at-{target}",
            "status": "active",
            "owner": "it@acme.example",
            "reason": "shown at My access",
            "rules": [{"id": "all", "who": {"everyone": True}, "scopes": "any", **more}],
        }
        for app, target, more in (
            ("wiki", "chat", {"scopes": ["chat.read", "chat.history"]}),
            ("robin", "chat", {"conditions": {"amr": ["mfa"]}}),
            ("robin", "desk-rs", {}),
        )
    ],
}  # fmt: skip


class World:
    """One site with something to see; ``seed`` is bob's authenticator app, once he has one."""

    def __init__(self, site: Site) -> None:
        self.site, self.seed = site, b""
        source = read_state(read_yaml(json.dumps(_STATE), source="state.yaml"))
        credentials = Credentials(lambda _ref: "robin-secret-0123456789", lambda _ref: "hash")
        actor = {"kind": "operator", "id": "root"}
        apply(site.services, source.state, credentials, actor=actor, digest="0" * 64, how=How())
        self._act_as("alice")

    def _act_as(self, name: str) -> None:
        """The wiki acts as somebody at the chat."""
        with Browser(self.site) as browser:
            id_token = browser.redeem(browser.code(name)).json()["id_token"]
            answer = plain_http.post(
                f"{self.site.url}/token",
                data={
                    "grant_type": names.TOKEN_EXCHANGE,
                    "requested_token_type": names.ID_JAG_TOKEN,
                    "subject_token": id_token,
                    "subject_token_type": names.ID_TOKEN,
                    "audience": "https://acme.chat.example/",
                    "scope": "chat.read",
                },
                auth=("wiki", WIKI_SECRET),
            )
            assert answer.status_code == 200, answer.text

    @property
    def code(self) -> str:
        """A code of bob's app that nobody has used: time goes on by a step."""
        self.site.clock.now += STEP
        return code_at(self.seed, self.site.clock.now // STEP)

    def enrol(self, visitor: Visitor) -> None:
        """Bob sets up an authenticator app and gets recovery codes, by the pages alone."""
        my_access(visitor, self, "bob")
        visitor.go("/me/sign-in/totp")
        visitor.page.locator("summary").click()
        self.seed = seed_of(visitor.page.inner_text(".secret"))
        visitor.page.fill("#code", self.code)
        visitor.page.fill("#label", "Phone")
        visitor.page.press("#label", "Enter")
        visitor.page.get_by_role("button", name="Make new recovery codes").click()
        assert visitor.page.locator(".codes li").count() == 10


def seed_of(secret: str) -> bytes:
    """The seed that a page shows as text."""
    return base64.b32decode(secret + "=" * (-len(secret) % 8))


def my_access(visitor: Visitor, world: World, name: str = "alice") -> None:
    """Sign in to My access."""
    visitor.go("/signin?page=me&max_age=600")
    visitor.sign_in(name)
    if world.seed and name == "bob":
        visitor.page.fill("#code", world.code)
        visitor.page.press("#code", "Enter")
        visitor.page.wait_for_url("**/me")


def _sign_in(visitor: Visitor, _world: World) -> None:
    visitor.come()


def _wrong(visitor: Visitor, _world: World) -> None:
    visitor.come()
    visitor.sign_in(password="not the password")


def _denied(visitor: Visitor, world: World) -> None:
    visitor.come(client_id="notes", redirect_uri="https://notes.example/cb")
    visitor.sign_in("bob")
    visitor.page.fill("#code", world.code)
    visitor.page.press("#code", "Enter")
    visitor.page.wait_for_load_state()


def _second(visitor: Visitor, _world: World) -> None:
    visitor.come()
    visitor.sign_in("bob")


def _second_wrong(visitor: Visitor, world: World) -> None:
    _second(visitor, world)
    visitor.page.fill("#code", "000000")
    visitor.page.press("#code", "Enter")
    visitor.page.wait_for_load_state()


def _no_code_is_good(visitor: Visitor, world: World) -> None:
    """Somebody has guessed at bob's codes for days; then he has a new password, so to speak."""
    site = world.site
    for ago in range(100, 0, -1):
        source = Source("d", site.clock.now - ago * 3601, "198.51.100.9", "curl")
        attempt = Attempt(TENANT, "bob", source, None, Kind.SECOND_FACTOR)
        site.write(*attempt.failed(site.ledger.read(attempt.reads), "p-bob").writes)
    _second_wrong(visitor, world)
    visitor.page.wait_for_selector('a.button[href$="/password/reset"]')
    site.write(forgotten(TENANT, "bob"))


def _asked_for_mfa(visitor: Visitor, _world: World) -> None:
    visitor.come(acr_values="urn:idjag:acr:mfa")
    visitor.sign_in("alice")


def _me(path: str) -> Way:
    def go(visitor: Visitor, world: World) -> None:
        my_access(visitor, world)
        visitor.go(path)

    return go


def _bob(path: str) -> Way:
    def go(visitor: Visitor, world: World) -> None:
        my_access(visitor, world, "bob")
        visitor.go(path)

    return go


def _app(visitor: Visitor, world: World) -> None:
    my_access(visitor, world)
    visitor.page.goto(visitor.page.locator('a[href*="/me/app?id="]').first.evaluate("e => e.href"))


def _factor(visitor: Visitor, world: World) -> None:
    _bob("/me/sign-in")(visitor, world)
    visitor.page.goto(visitor.page.locator('a[href*="/me/sign-in/factor"]').first.evaluate("e => e.href"))


def _stopped(visitor: Visitor, world: World) -> None:
    """Bob stops an app the first time, and sees that later."""
    _bob("/me")(visitor, world)
    visitor.page.goto(visitor.page.locator('a[href*="/me/app?id="]').first.evaluate("e => e.href"))
    if visitor.page.locator('form[action$="/me/app/release"]').count() == 0:
        visitor.page.locator('form[action$="/me/app/stop"] button').first.click()
        visitor.page.goto(visitor.page.locator('a[href*="/me/app?id="]').first.evaluate("e => e.href"))


def _signed_out(visitor: Visitor, world: World) -> None:
    my_access(visitor, world)
    visitor.go("/logout")
    visitor.page.locator('form[action$="/logout/confirm"] button').click()
    visitor.page.wait_for_load_state()


def _link(visitor: Visitor, world: World) -> None:
    """A link that an administrator has made."""
    now, new_id = world.site.clock.now, world.site.services.new_id
    value, row = new_link("p-alice", LinkKind.SET, epoch=0, tenant=TENANT, now=now, new_id=new_id)
    world.site.write(row)
    visitor.go(f"/password/set/{value}")


def _after_a_stranger(visitor: Visitor, world: World) -> None:
    """The codes of somebody who enrols on the way to an app, and who is new each time."""
    _then(_asked_for_mfa, "/signin/step?use=totp")(visitor, world)
    visitor.page.locator("summary").click()
    seed = seed_of(visitor.page.inner_text(".secret"))
    visitor.page.fill("#code", code_at(seed, world.site.clock.now // STEP))
    visitor.page.press("#code", "Enter")
    visitor.page.wait_for_selector(".codes")
    world.site.write(Delete("credential", {"person_id": "p-alice", "kind": "totp"}))
    world.site.write(Delete("credential", {"person_id": "p-alice", "kind": "recovery"}))


def _codes(visitor: Visitor, world: World) -> None:
    _bob("/me/sign-in")(visitor, world)
    visitor.page.locator('form[action$="/me/sign-in/codes"] button').click()


def _then(first: Way, path: str) -> Way:
    def go(visitor: Visitor, world: World) -> None:
        first(visitor, world)
        visitor.go(path)

    return go


def _by_path(path: str) -> Way:
    return lambda visitor, _world: visitor.go(path)


PAGES: Final[Mapping[str, Way]] = {
    "sign in": _sign_in,
    "sign in, wrong": _wrong,
    "sign in to my access": _by_path("/me"),
    "no access": _denied,
    "unknown app": lambda visitor, _world: visitor.come(client_id="nobody"),
    "nothing here": _by_path("/nowhere"),
    "second factor": _second,
    "second factor, wrong": _second_wrong,
    "recovery code": _then(_second, "/signin/step?use=recovery"),
    "enrol": _asked_for_mfa,
    "enrol an app": _then(_asked_for_mfa, "/signin/step?use=totp"),
    "recovery codes of a sign-in": _after_a_stranger,
    "sign out": _me("/logout"),
    "signed out": _signed_out,
    "set a password": _link,
    "password set": _by_path("/password/done"),
    "change the password": _me("/password"),
    "forgot the password": _by_path("/password/reset"),
    "link sent": _by_path("/password/sent"),
    "dead link": _by_path("/password/set/" + "x" * 43),
    "my access": _me("/me"),
    "my access, an app": _app,
    "my access, a stopped app": _stopped,
    "my access, nothing yet": _bob("/me"),
    "how I sign in": _me("/me/sign-in"),
    "how I sign in, with factors": _bob("/me/sign-in"),
    "my authenticator app": _me("/me/sign-in/totp"),
    "my passkey": _me("/me/sign-in/passkey"),
    "my factor": _factor,
    "my recovery codes": _codes,
    "second factor, no code is good": _no_code_is_good,
}  # fmt: skip
"""Every page, by what it is, and the way there in a fresh browser."""
