"""Administrators and API tokens in the console."""

from __future__ import annotations

import re

import httpx
import pytest

from idjag.idp.administration.roles import Role
from tests import plain_http
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Site

HERE = "/admin/administrators"
GIVE, END, TOKEN, END_TOKEN = f"{HERE}/give", f"{HERE}/end", "/admin/tokens/new", "/admin/tokens/end"
_VALUE = re.compile(r'class="secret">(idjag_[\w-]+)<')


def appointed(owner: Administrator, role: str = "viewer") -> httpx.Response:
    """Bob, by the form for somebody new."""
    return owner.submit(owner.page(HERE), GIVE, id="bob", role=role, seen="")


def bobs_row(owner: Administrator) -> str:
    page = owner.page(HERE).text
    return page[page.index(">bob<") if ">bob<" in page else page.index("bob") :].partition("</tr>")[0]


def test_somebody_is_made_an_administrator_and_comes_in(owner: Administrator, site: Site) -> None:
    assert appointed(owner).headers["location"] == f"{HERE}?done=saved"
    assert "Viewer" in bobs_row(owner)
    event = next(event for event in reversed(site.events()) if str(event["event"]).startswith("admin."))
    assert event["after"]["role"] == "viewer"


def test_a_role_is_changed_from_what_was_seen(owner: Administrator) -> None:
    appointed(owner)
    page = owner.page(HERE)
    token = re.findall(r'name="form_token" value="([^"]+)"', page.text.partition(GIVE)[2])[0]
    form = {"form_token": token, "id": "bob", "role": "auditor"}
    assert owner.post(GIVE, data={**form, "seen": "owner"}).status_code == 412
    again = owner.post(GIVE, data={**form, "seen": ""})
    assert again.status_code == 422
    assert 'id="id-problem">bob is an administrator already' in again.text
    assert owner.post(GIVE, data={**form, "seen": "viewer"}).status_code == 303
    assert "Auditor" in bobs_row(owner)


def test_nobody_changes_their_own_role_and_the_last_owner_stays(owner: Administrator) -> None:
    page = owner.page(HERE)
    assert "This is you." in page.text
    token = re.findall(r'name="form_token" value="([^"]+)"', page.text.partition(GIVE)[2])[0]
    form = {"form_token": token, "id": "alice", "role": "viewer", "seen": "owner"}
    assert owner.post(GIVE, data=form).status_code == 403
    appointed(owner)
    again = owner.page(HERE).text
    end = re.findall(r'name="form_token" value="([^"]+)"', again.partition(END)[2])[0]
    assert owner.post(END, data={"form_token": end, "id": "alice"}).status_code == 409
    assert owner.post(END, data={"form_token": end, "id": "bob"}).status_code == 303


def test_a_role_that_ended_opens_nothing_from_the_next_request_on(owner: Administrator, site: Site) -> None:
    with Administrator(site, Role.AUDITOR, "bob") as bob:
        assert bob.get("/admin/audit").status_code == 200
        owner.submit(owner.page(HERE), END)
        assert bob.get("/admin/audit").status_code == 303


def test_a_token_is_made_works_and_is_ended(owner: Administrator, site: Site) -> None:
    made = owner.submit(owner.page(HERE), TOKEN, name="nightly report", token_role="auditor", lifetime="1d")
    (value,) = _VALUE.findall(made.text)
    me = f"{site.url}/admin/api/v1/me"
    headers = {"authorization": f"Bearer {value}"}
    assert plain_http.get(me, headers=headers).json()["role"] == "auditor"
    page = owner.page(HERE)
    assert "nightly report" in page.text
    assert value not in page.text
    assert value not in str(site.events())
    assert owner.submit(page, END_TOKEN).headers["location"] == f"{HERE}?done=retired"
    assert plain_http.get(me, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"lifetime": "1h30m"}, {"lifetime": "400d"}, {"token_role": "king"}]
)
def test_a_token_that_cannot_be_is_not_made(owner: Administrator, wrong: dict[str, str]) -> None:
    good = {"name": "x", "token_role": "viewer", "lifetime": "1d"}
    assert owner.submit(owner.page(HERE), TOKEN, **{**good, **wrong}).status_code == 422
    assert owner.submit(owner.page(HERE), TOKEN, **good).status_code == 200


def test_roles_want_a_recent_sign_in(owner: Administrator, site: Site) -> None:
    page = owner.page(HERE)
    site.clock.now += 601
    sent = owner.submit(page, GIVE, id="bob", role="viewer", seen="")
    assert "/admin/enter" in sent.headers["location"]


def test_an_unknown_person_is_told_what_to_do(owner: Administrator) -> None:
    told = owner.submit(owner.page(HERE), GIVE, id="nobody", role="viewer", seen="")
    assert told.status_code == 422
    assert "People" in told.text
