"""Keys and settings in the console."""

from __future__ import annotations

import re

import pytest

from idjag.idp.administration.roles import Role
from tests import plain_http
from tests.idp.console.desk import Administrator
from tests.idp.signin.seeds import TENANT
from tests.idp.signin.site import Site

KEYS, ROTATE, REVOKE, SETTINGS = "/admin/keys", "/admin/keys/rotate", "/admin/keys/revoke", "/admin/settings"


def published(site: Site) -> set[str]:
    """The kids of our JWK Set."""
    return {str(key["kid"]) for key in plain_http.get(f"{site.url}/jwks").json()["keys"]}


def test_the_next_keys_are_published_at_once(owner: Administrator, site: Site) -> None:
    before = published(site)
    rotated = owner.submit(owner.page(KEYS), ROTATE, alg=["ES256"])
    assert rotated.headers["location"] == f"{KEYS}?done=rotated"
    assert len(published(site) - before) == 1


@pytest.mark.parametrize("wrong", [{"alg": []}, {"ahead": "1s"}, {"ahead": "soon"}, {"ahead": "60d"}])
def test_keys_that_nobody_could_fetch_in_time_are_not_made(
    owner: Administrator, site: Site, wrong: dict[str, str | list[str]]
) -> None:
    before = published(site)
    assert owner.submit(owner.page(KEYS), ROTATE, **wrong).status_code == 422
    assert published(site) == before
    assert owner.submit(owner.page(KEYS), ROTATE).status_code == 303


def test_a_revoked_key_is_gone_and_another_signs(owner: Administrator, site: Site) -> None:
    kid = next(kid for kid in published(site) if kid in owner.page(KEYS).text)
    assert owner.submit(owner.page(KEYS), REVOKE, id=kid, reason="").status_code == 422
    revoked = owner.submit(owner.page(KEYS), REVOKE, id=kid, reason="it leaked")
    assert revoked.headers["location"] == f"{KEYS}?done=revoked"
    assert kid not in published(site)
    assert owner.submit(owner.page(KEYS), REVOKE, id="unknown", reason="x").status_code == 404


def test_keys_want_a_recent_sign_in(owner: Administrator, site: Site) -> None:
    page = owner.page(KEYS)
    site.clock.now += 601
    again = owner.submit(page, ROTATE)
    assert "/admin/enter" in again.headers["location"]


def test_an_app_admin_sees_keys_and_changes_none(site: Site, owner: Administrator) -> None:
    with Administrator(site, Role.APP_ADMIN, "bob") as bob:
        assert not bob.has(bob.page(KEYS), ROTATE)
        # by the role, and not by what the form lacks
        assert "Not for your role" in bob.post(ROTATE, data={"alg": "ES256"}).text
        assert "Not for your role" in bob.post(SETTINGS, data={"idle": "5m"}).text
    assert owner.has(owner.page(KEYS), ROTATE)


def test_settings_are_reviewed_then_in_force(owner: Administrator, site: Site) -> None:
    review = owner.submit(owner.page(SETTINGS), SETTINGS, idle="30m", second_factor="required")
    assert "30m" in review.text
    assert site.ledger.fresh(TENANT).sign_in.session_idle != 1800
    assert owner.agree(review).headers["location"] == f"{SETTINGS}?done=saved"
    assert site.ledger.fresh(TENANT).sign_in.session_idle == 1800
    assert 'value="30m"' in owner.page(SETTINGS).text


@pytest.mark.parametrize(
    ("field", "value"),
    [("idle", "1s"), ("absolute", "long"), ("remember_device", "1y"), ("min_length", "4")],
)
def test_a_setting_that_cannot_be_is_told_at_its_field(owner: Administrator, field: str, value: str) -> None:
    refused = owner.submit(owner.page(SETTINGS), SETTINGS, **{field: value})
    assert refused.status_code == 422
    assert f'id="{field}-problem"' in refused.text
    assert f'value="{value}"' in refused.text


def test_the_second_of_two_who_change_settings_is_told(owner: Administrator) -> None:
    first, second = owner.page(SETTINGS), owner.page(SETTINGS)
    assert owner.agree(owner.submit(first, SETTINGS, idle="30m")).status_code == 303
    late = owner.submit(second, SETTINGS, idle="45m")
    assert late.status_code == 422
    assert "Somebody else has changed it" in late.text
    assert re.search(r'value="45m"', late.text)


def test_a_link_cannot_put_words_on_a_page(owner: Administrator) -> None:
    assert "Well done" not in owner.page(KEYS, done="Well done").text
    assert "Published." in owner.page(KEYS, done="rotated").text
