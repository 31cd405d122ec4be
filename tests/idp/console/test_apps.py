"""Apps in the console: registered, seen, changed, held, removed, and their secrets."""

from __future__ import annotations

import re

import httpx

from idjag.idp.administration.roles import Role
from tests import plain_http
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Site

LIST, PAGE, EDIT, REMOVE = "/admin/apps", "/admin/app", "/admin/app/edit", "/admin/app/remove"
_SECRET = re.compile(r'class="secret">([A-Za-z0-9]{43})<')


def registered(owner: Administrator, **fields: str | list[str] | None) -> httpx.Response:
    """The page that shows what would be, after the form was filled in."""
    given: dict[str, str | list[str] | None] = {"id": "mail", "redirect_uris": "https://mail.example/cb"}
    return owner.submit(owner.page(EDIT), EDIT, **{**given, **fields})


def works(site: Site, client_id: str, secret: str) -> bool:
    """Whether the token endpoint knows the app by that secret."""
    form = {"grant_type": "authorization_code", "code": "x" * 43, "redirect_uri": "https://mail.example/cb"}
    answer = plain_http.post(f"{site.url}/token", data=form, auth=(client_id, secret))
    return bool(answer.json()["error"] != "invalid_client")


def test_an_app_is_registered_with_a_secret_that_is_shown_once_and_works(
    owner: Administrator, site: Site
) -> None:
    review = registered(owner)
    (secret,) = _SECRET.findall(review.text)
    assert not works(site, "mail", secret)
    saved = owner.agree(review)
    assert saved.headers["location"] == f"{PAGE}?id=mail&done=saved"
    assert works(site, "mail", secret)
    assert not works(site, "mail", secret[::-1])
    assert secret not in owner.get(saved.headers["location"]).text
    assert secret not in str(site.events())


def test_what_the_form_does_not_show_is_kept(owner: Administrator) -> None:
    before = owner.page(EDIT, id="wiki")
    assert owner.agree(owner.submit(before, EDIT, name="The wiki")).status_code == 303
    assert "The wiki" in owner.page(PAGE, id="wiki").text
    assert owner.act().status_code == 200


def test_a_redirect_uri_that_cannot_be_one_is_refused_at_its_field(owner: Administrator) -> None:
    refused = registered(owner, redirect_uris="mail.example/cb")
    assert refused.status_code == 422
    assert 'id="redirect_uris-problem"' in refused.text
    assert "mail.example/cb" in refused.text
    assert registered(owner).status_code == 200


def test_a_new_secret_counts_beside_the_old_one_until_that_is_ended(owner: Administrator, site: Site) -> None:
    owner.agree(review := registered(owner))
    (old,) = _SECRET.findall(review.text)
    made = owner.submit(owner.page(PAGE, id="mail"), "/admin/app/secret/new")
    (new,) = _SECRET.findall(made.text)
    assert works(site, "mail", old)
    assert works(site, "mail", new)
    owner.submit(owner.page(PAGE, id="mail"), "/admin/app/secret/retire")
    assert [works(site, "mail", each) for each in (old, new)].count(True) == 1


def test_a_secret_wants_a_recent_sign_in(owner: Administrator, site: Site) -> None:
    owner.agree(registered(owner))
    page = owner.page(PAGE, id="mail")
    site.clock.now += 601
    sent = owner.submit(page, "/admin/app/secret/new")
    assert sent.status_code == 303
    assert "/admin/enter" in sent.headers["location"]


def test_an_app_is_held_and_released_with_reasons(owner: Administrator) -> None:
    page = owner.page(PAGE, id="wiki")
    assert owner.submit(page, "/admin/hold", reason="").status_code == 422
    held = owner.submit(page, "/admin/hold", reason="it misbehaves")
    assert held.headers["location"] == f"{PAGE}?id=wiki&done=held"
    page = owner.page(PAGE, id="wiki")
    assert "it misbehaves" in page.text
    assert "it misbehaves" in owner.page("/admin/holds").text
    released = owner.submit(page, "/admin/hold/release", reason="mended")
    assert released.headers["location"] == f"{PAGE}?id=wiki&done=released"
    assert owner.act().status_code == 200


def test_an_app_that_a_connection_names_is_not_removed(owner: Administrator) -> None:
    refused = owner.submit(owner.page(PAGE, id="wiki"), REMOVE)
    assert refused.status_code == 400
    assert "wiki" in refused.text
    owner.agree(registered(owner))
    removed = owner.agree(owner.submit(owner.page(PAGE, id="mail"), REMOVE))
    assert removed.headers["location"] == f"{LIST}?done=saved"
    assert owner.get(f"{PAGE}?id=mail").status_code == 404


def test_the_history_says_who_changed_what_and_why(owner: Administrator) -> None:
    review = owner.submit(owner.page(EDIT, id="wiki"), EDIT, name="The wiki")
    owner.agree(review, reason="people call it so")
    page = owner.page(PAGE, id="wiki").text
    assert "Changed it" in page
    assert "people call it so" in page
    assert "alice" in page


def test_a_rule_editor_sees_apps_and_changes_none(site: Site, owner: Administrator) -> None:
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        page = bob.page(PAGE, id="wiki")
        assert not bob.has(page, REMOVE)
        assert bob.get(EDIT).status_code == 403
        assert bob.has(page, "/admin/hold")
        stolen = owner.submit(owner.page(PAGE, id="wiki"), REMOVE)
        assert stolen.status_code == 400
        token = {"form_token": "x" * 43, "id": "wiki"}
        assert bob.post(REMOVE, data=token).status_code == 403


def test_apps_are_searched_and_paged(owner: Administrator) -> None:
    assert "wiki" in owner.page(LIST, q="wik").text
    assert "/admin/app?id=wiki" not in owner.page(LIST, q="nothing").text
    assert "/admin/app?id=wiki" not in owner.page(LIST, after="wiki").text


def test_an_app_may_be_registered_by_its_certificate(owner: Administrator) -> None:
    """CAU-08: a name that no certificate could have is refused at its field."""
    name = "tls_client_auth_subject_dn"
    refused = registered(owner, method="tls_client_auth", **{name: "Mail"})
    assert refused.status_code == 422
    assert f'id="{name}-problem"' in refused.text
    review = registered(owner, method="tls_client_auth", **{name: "CN=mail,O=Acme"})
    assert not _SECRET.search(review.text)
    owner.agree(review)
    assert 'value="CN=mail,O=Acme"' in owner.page(EDIT, id="mail").text


def test_how_an_app_authenticates_stays_when_something_else_changes(owner: Administrator) -> None:
    """CAU-08, CAU-09: the form knows every method, or saving it would choose another one."""
    subject = {"tls_client_auth_san_dns": "mail.example"}
    certified = {"method": "tls_client_auth", **subject}
    for number, auth in enumerate((certified, {"method": "client_secret_basic"})):
        owner.agree(registered(owner, id=f"mail-{number}", **auth))
        owner.agree(owner.submit(owner.page(EDIT, id=f"mail-{number}"), EDIT, name="Letters"))
        page = owner.page(EDIT, id=f"mail-{number}").text
        assert f'value="{auth["method"]}" selected' in page
        assert ('value="mail.example"' in page) == (auth is certified)


def test_what_belongs_to_another_method_goes_with_it(owner: Administrator) -> None:
    """CAU-09: nothing that is not compared stays in the row."""
    owner.agree(registered(owner, method="tls_client_auth", tls_client_auth_san_dns="mail.example"))
    page = owner.page(EDIT, id="mail")
    keys = {"method": "self_signed_tls_client_auth", "jwks_uri": "https://mail.example/jwks"}
    owner.agree(owner.submit(page, EDIT, **keys))
    text = owner.page(EDIT, id="mail").text
    assert 'value="https://mail.example/jwks"' in text
    assert 'value="mail.example"' not in text
