"""Client secrets through the admin API: made once, listed without, ended, and told in the log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.idp.api.bureau import Bureau

WIKI = "/apps/wiki/secrets"


def made(office: Bureau, **body: Any) -> Any:
    return office("app_admin", "POST", WIKI, json=body)


def test_a_secret_is_made_seen_once_and_retired(office: Bureau) -> None:
    """CAU-15: two at a time, and who did it from where is in the log."""
    (old,) = office("viewer", "GET", WIKI).json()["items"]
    new = made(office, overlap="2h")
    assert (new.status_code, set(new.json())) == (201, {"secret", "id", "created", "expires", "beside"})
    value, now = new.json()["secret"], office.acme.clock()
    assert [each["expires"] for each in new.json()["beside"]] == [now + 7200]
    listed = office("viewer", "GET", WIKI)
    assert [each["id"] for each in listed.json()["items"]] == [old["id"], new.json()["id"]]
    assert value not in listed.text + repr(office.acme.events())
    third = made(office)
    assert (third.status_code, "two secrets already" in third.json()["detail"]) == (409, True)

    path = f"{WIKI}/{new.json()['id']}"
    assert office("app_admin", "DELETE", path).json()["over"] is True
    assert office("app_admin", "DELETE", path).status_code == 409
    events = office.acme.events("app.updated")[-2:]
    assert [each["after"]["secret"] for each in events] == ["added", "retired"]
    assert {(each["actor"]["kind"], each["ip"]) for each in events} == {("api_token", "198.51.100.7")}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"overlap": 5}, 400),
        ({"secret": "mine"}, 400),
        ({"expires": "2020-01-01T00:00:00Z"}, 422),
        ({"overlap": "1h"}, 201),
    ],
)
def test_a_body_is_read_strictly(office: Bureau, body: dict[str, Any], status: int) -> None:
    assert made(office, **body).status_code == status


def test_an_app_that_is_not_there_has_none(office: Bureau) -> None:
    assert office("viewer", "GET", "/apps/nothing/secrets").status_code == 404
    assert office("app_admin", "POST", "/apps/nothing/secrets", json={}).status_code == 404
    assert office("viewer", "POST", WIKI, json={}).status_code == 403
