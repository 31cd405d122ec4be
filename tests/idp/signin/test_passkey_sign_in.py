"""Passkeys at sign-in: alone, and after a password."""

from __future__ import annotations

from tests import plain_http
from tests.authenticator import Authenticator
from tests.idp.signin.factors import (
    MFA,
    PHR,
    STEP,
    asks_for,
    form_that,
    forms,
    password,
    passwordless,
    send,
    session,
    touch,
    with_app,
    with_passkey,
)
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, answer_of, claims


def test_a_passkey_alone_signs_in(named: Site, visitor: Browser) -> None:
    """A passkey that has verified its user is two factors; nobody types a name."""
    device = with_passkey(named)
    response = passwordless(visitor, visitor.ask(), device)
    token = claims(named, visitor.redeem(answer_of(response)["code"]))
    assert (token["acr"], token["amr"]) == (PHR, ["pop", "user", "mfa"])
    assert named.rows("session")[0]["person_id"] == "p-alice"


def test_an_answer_of_a_passkey_is_good_once_and_in_one_browser(named: Site, visitor: Browser) -> None:
    device = with_passkey(named)
    page = visitor.ask()
    with Browser(named) as other:
        assert passwordless(other, other.ask(), device).status_code == 303
        crossed = passwordless(other, page, device)
        assert crossed.status_code == 403
    (form,) = [one for one in forms(page) if one.options]
    assert form.options is not None
    fields = {**form.fields, "credential": device.get(form.options, named.issuer)}
    cookies = dict(visitor.cookies)
    assert "code" in answer_of(visitor.post("/signin", data=fields))
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    replay = plain_http.post(
        f"{named.url}/signin", data=fields, headers={"cookie": header, "host": _host(named)}
    )
    assert replay.status_code == 403


def test_a_passkey_is_a_second_factor_too(named: Site, visitor: Browser) -> None:
    device = with_passkey(named)
    answer_of(touch(visitor, password(visitor), device))
    assert session(named)[:2] == (PHR, ["pwd", "pop", "user", "mfa"])


def test_the_passkey_of_somebody_else_is_wrong(named: Site, visitor: Browser) -> None:
    hers = with_passkey(named, "alice")
    his = with_passkey(named, "bob", device=Authenticator())
    page = password(visitor)
    form = form_that(page, "passkey")
    assert form.options is not None
    options = {name: value for name, value in form.options.items() if name != "allowCredentials"}
    credential = his.get(options, named.issuer)
    assert send(visitor, page, "passkey", credential=credential).status_code == 403
    assert "code" in answer_of(touch(visitor, visitor.get(STEP), hers))


def test_one_factor_can_be_exchanged_for_another(named: Site, visitor: Browser) -> None:
    device, phone = with_passkey(named), with_app(named)
    page = password(visitor)
    assert asks_for(page, "passkey")
    assert asks_for(visitor.get(STEP, params={"use": "totp"}), "totp")
    answer_of(send(visitor, visitor.get(STEP, params={"use": "totp"}), "totp", code=phone.code()))
    assert session(named)[0] == MFA
    assert device.residents


def _host(site: Site) -> str:
    return site.issuer.removeprefix("http://")
