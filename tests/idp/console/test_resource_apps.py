"""Resource apps in the console: registered, looked up, changed, held, removed."""

from __future__ import annotations

import httpx

from tests.idp.console.desk import Administrator

LIST, PAGE, EDIT = "/admin/resource-apps", "/admin/resource-app", "/admin/resource-app/edit"
REMOVE = "/admin/resource-app/remove"


def registered(owner: Administrator, **fields: str | list[str] | None) -> httpx.Response:
    """The page that shows what would be."""
    given: dict[str, str | list[str] | None] = {
        "id": "mail",
        "issuer": "https://mail.example/",
        "resources": "https://api.mail.example/ mail.read mail.send",
    }
    return owner.submit(owner.page(EDIT), EDIT, **{**given, **fields})


def test_a_resource_app_is_registered_with_its_apis(owner: Administrator) -> None:
    """ADM-02: issuer, resources with their scopes; how people are known there is beside it."""
    saved = owner.agree(registered(owner))
    assert saved.headers["location"] == f"{PAGE}?id=mail&done=saved"
    page = owner.get(saved.headers["location"]).text
    assert "https://api.mail.example/" in page
    assert "mail.send" in page
    assert "mail.send" in owner.page(EDIT, id="mail").text


def test_an_issuer_that_cannot_be_one_is_refused_at_its_field(owner: Administrator) -> None:
    refused = registered(owner, issuer="mail.example")
    assert refused.status_code == 422
    assert 'id="issuer-problem"' in refused.text
    assert "https://api.mail.example/ mail.read mail.send" in refused.text


def test_looking_up_where_nothing_may_be_fetched_fills_in_nothing_and_loses_nothing(
    owner: Administrator,
) -> None:
    looked = registered(owner, typed="https://mail.example/", look="yes")
    assert looked.status_code == 422
    assert 'id="typed-problem"' in looked.text
    assert 'value="mail"' in looked.text
    assert "mail" not in owner.page(LIST).text.replace("E-mail", "")


def test_what_is_not_on_the_form_is_kept_and_what_is_emptied_goes(owner: Administrator) -> None:
    owner.agree(registered(owner, aliases="https://old.mail.example/", claims="dept department"))
    page = owner.page(EDIT, id="mail")
    assert "dept department" in page.text
    owner.agree(owner.submit(page, EDIT, aliases=""))
    again = owner.page(EDIT, id="mail").text
    assert "old.mail" not in again
    assert "dept department" in again


def test_holding_a_resource_app_stops_every_app_there(owner: Administrator) -> None:
    assert owner.act().status_code == 200
    owner.submit(owner.page(PAGE, id="chat"), "/admin/hold", reason="it leaks")
    assert owner.act().status_code == 400
    owner.submit(owner.page(PAGE, id="chat"), "/admin/hold/release", reason="mended")
    assert owner.act().status_code == 200


def test_one_that_a_connection_leads_to_is_not_removed(owner: Administrator) -> None:
    assert owner.submit(owner.page(PAGE, id="chat"), REMOVE).status_code == 400
    owner.agree(registered(owner))
    assert owner.agree(owner.submit(owner.page(PAGE, id="mail"), REMOVE)).status_code == 303
    assert owner.get(f"{PAGE}?id=mail").status_code == 404


def test_a_viewer_sees_all_of_it_and_changes_nothing(viewer: Administrator) -> None:
    page = viewer.page(PAGE, id="chat")
    assert not viewer.has(page, REMOVE)
    assert not viewer.has(page, "/admin/hold")
    assert viewer.get(EDIT).status_code == 403
    assert "chat" in viewer.page(LIST).text
