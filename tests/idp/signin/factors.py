"""People with second factors, and a browser that answers the pages which ask for them."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx

from idjag.idp.audit import Source
from idjag.idp.factors import passkeys, recovery, responses, totp
from idjag.idp.factors.ceremony import Ceremony
from idjag.idp.factors.enrolled import Enrolment, NewFactor
from idjag.idp.factors.relying_party import relying_party
from tests.authenticator import Authenticator
from tests.idp.signin.seeds import TENANT, update
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser

PWD, MFA, PHR = (f"urn:idjag:acr:{name}" for name in ("pwd", "mfa", "phr"))
STEP = "/signin/step"
STEP_COOKIE = "idjag_t1_step"
SESSION_COOKIE = "idjag_t1"


def settings(site: Site, **spec: Any) -> None:
    """What an administrator decides about signing in."""
    site.write(update("tenant", TENANT, sign_in=json.dumps(spec)), policy=True)


@dataclass
class Phone:
    """An authenticator app with one seed."""

    site: Site
    seed: bytes

    def code(self, *, ahead: int = 0) -> str:
        return totp.code_at(self.seed, self.site.clock.now // totp.STEP + ahead)


def with_app(site: Site, name: str = "alice") -> Phone:
    """The person has an authenticator app, and its first code lies behind."""
    person_id, now = f"p-{name}", site.clock.now
    pending = totp.begin(
        site.services.sealer,
        tenant=TENANT,
        person_id=person_id,
        organisation="Acme",
        username=name,
        now=now,
    )
    seed = base64.b32decode(pending.secret)
    made = totp.enrolment(
        site.services.sealer, pending.token, totp.code_at(seed, now // totp.STEP), new=_new(site, person_id)
    )
    _store(site, made)
    return Phone(site, seed)


def with_passkey(site: Site, name: str = "alice", *, device: Authenticator | None = None) -> Authenticator:
    """The person has a passkey."""
    person_id, device = f"p-{name}", device or Authenticator()
    rp = relying_party(site.issuer, "Acme")
    assert rp is not None
    ceremony = Ceremony(rp, "c" * 43, "seed")
    challenge = ceremony.challenge(now=site.clock.now, nonce=secrets.token_urlsafe(16))
    options = passkeys.creation_options(
        ceremony,
        challenge=challenge,
        tenant=TENANT,
        person_id=person_id,
        username=name,
        name="",
        found=lambda _key: (),
    )
    attestation = responses.attestation(device.create(options, site.issuer))
    _store(site, passkeys.enrolment(attestation, ceremony=ceremony, new=_new(site, person_id)))
    return device


def with_recovery_codes(site: Site, name: str = "alice") -> tuple[str, ...]:
    """The person has recovery codes."""
    codes = recovery.make()
    ids = [secrets.token_urlsafe(16) for _ in codes]
    site.write(*recovery.replace(f"p-{name}", codes, tenant=TENANT, ids=ids, now=site.clock.now))
    return codes


def _new(site: Site, person_id: str) -> NewFactor:
    source = Source(secrets.token_urlsafe(16), site.clock.now, "192.0.2.1", "test")
    return NewFactor(secrets.token_urlsafe(16), TENANT, person_id, "mine", source)


def _store(site: Site, made: object) -> None:
    assert isinstance(made, Enrolment), made
    site.write(made.row)
    # the code of the enrolment is used: everybody comes back later
    site.clock.now += 60


@dataclass
class PageForm:
    """One form on a page."""

    action: str
    options: dict[str, Any] | None
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def does(self) -> str:
        return self.fields.get("do", "")


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            options = json.loads(found["data-options"]) if "data-options" in found else None
            self.forms.append(PageForm(found.get("action", ""), options))
        if tag == "input" and self.forms and "name" in found and found.get("type") != "checkbox":
            self.forms[-1].fields[found["name"]] = found.get("value", "")


def forms(page: httpx.Response) -> list[PageForm]:
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


def form_that(page: httpx.Response, does: str) -> PageForm:
    """The form of a page that does this."""
    found = [one for one in forms(page) if one.does == does]
    assert found, f"no form does {does}: {[one.does for one in forms(page)]} {page.status_code}\n{page.text}"
    return found[0]


def next_page(browser: Browser, response: httpx.Response) -> httpx.Response:
    """Follow a redirect to the next page of the sign-in."""
    assert response.status_code == 303, response.text
    assert urlsplit(response.headers["location"]).path == STEP, response.headers["location"]
    return browser.get(STEP)


def password(browser: Browser, username: str = "alice", **changes: str | None) -> httpx.Response:
    """Come from the app, and send the password: the page after it."""
    return next_page(browser, browser.sign_in(username, **changes))


def send(browser: Browser, page: httpx.Response, does: str, **fields: str) -> httpx.Response:
    """Send the form of a page that does this."""
    return browser.post(STEP, data={**form_that(page, does).fields, **fields})


def touch(browser: Browser, page: httpx.Response, device: Authenticator, **fields: str) -> httpx.Response:
    """Use a passkey where a later page asks for one."""
    form = form_that(page, "passkey")
    assert form.options is not None
    credential = device.get(form.options, browser.site.issuer)
    return send(browser, page, "passkey", credential=credential, **fields)


def passwordless(browser: Browser, page: httpx.Response, device: Authenticator) -> httpx.Response:
    """Use a passkey on the first page."""
    (form,) = [one for one in forms(page) if one.options]
    assert form.options is not None
    credential = device.get(form.options, browser.site.issuer)
    return browser.post("/signin", data={**form.fields, "credential": credential})


def seed_on(page: httpx.Response, site: Site, name: str = "alice") -> Phone:
    """The authenticator app that has scanned what is on the page; its key stands there for typing, too."""
    pending = totp.reopen(
        site.services.sealer,
        form_that(page, "enrol_totp").fields["pending"],
        tenant=TENANT,
        person_id=f"p-{name}",
        organisation="",
        username=name,
        now=site.clock.now,
    )
    assert pending is not None
    assert pending.secret in page.text
    return Phone(site, base64.b32decode(pending.secret))


def asks_for(page: httpx.Response, does: str) -> bool:
    """Whether a form of the page does this."""
    return any(one.does == does for one in forms(page))


def session(site: Site) -> tuple[str, list[str], int]:
    (row,) = site.rows("session")
    auth_time = row["auth_time"]
    assert isinstance(auth_time, int)
    return str(row["acr"]), json.loads(str(row["amr"])), auth_time


def wrong(code: str) -> str:
    """Another code: no digit is the same."""
    return "".join(str((int(digit) + 5) % 10) for digit in code)
