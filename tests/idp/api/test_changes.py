"""Changing things through the admin API: the second editor, what a role may change, what is not meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.idp.api.bureau import Bureau
from tests.idp.grants.acme import SECRETS, state

CONNECTION = "/connections/wiki-chat"


def read(office: Bureau, path: str) -> tuple[dict[str, Any], str]:
    """An entry as it may be put again, and its ETag."""
    answer = office("viewer", "GET", path)
    assert answer.status_code == 200, answer.text
    entry = answer.json()
    del entry["managed_by"]
    return entry, answer.headers["etag"]


def put(office: Bureau, path: str, entry: Any, *, role: str = "owner", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return office(role, "PUT", path, json=entry, headers=named)


def test_of_two_editors_the_second_is_told(office: Bureau) -> None:
    """Attack case 193: 412, and the first edit stands."""
    entry, tag = read(office, CONNECTION)

    first = put(office, CONNECTION, {**entry, "reason": "first"}, If_Match=tag)
    second = put(office, CONNECTION, {**entry, "reason": "second"}, If_Match=tag)

    assert (first.status_code, second.status_code) == (200, 412)
    assert read(office, CONNECTION)[0]["reason"] == "first"
    assert first.headers["etag"] == read(office, CONNECTION)[1] != tag


def test_nobody_overwrites_what_he_has_not_seen(office: Bureau) -> None:
    entry, _ = read(office, CONNECTION)

    answer = put(office, CONNECTION, {**entry, "reason": "blind"})

    assert answer.status_code == 428
    assert put(office, CONNECTION, {**entry, "reason": "sure"}, If_Match="*").status_code == 200


def test_what_is_not_there_is_made_and_is_people_s(office: Bureau) -> None:
    answer = put(office, "/groups/pilots", {})

    assert answer.status_code == 200
    assert answer.json()["applied"]
    assert office("viewer", "GET", "/groups/pilots").json() == {"name": "pilots", "managed_by": "people"}
    assert office("viewer", "GET", "/groups/engineering").json()["managed_by"] == "file"
    assert put(office, "/groups/ghosts", {}, If_Match='"0"').status_code == 412


def test_a_dry_run_says_what_would_change_and_changes_nothing(office: Bureau) -> None:
    entry, tag = read(office, CONNECTION)
    office.token("owner")
    seen = len(office.acme.events())

    answer = office(
        "owner", "PUT", CONNECTION, json={**entry, "status": "paused"}, headers={"If-Match": tag},
        params={"dry_run": "true"},
    )  # fmt: skip

    (change,) = answer.json()["changes"]
    assert (change["noun"], change["before"], change["after"]) == (
        "connection",
        {"status": "active"},
        {"status": "paused"},
    )
    assert not answer.json()["applied"]
    assert read(office, CONNECTION) == (entry, tag)
    assert len(office.acme.events()) == seen


@pytest.mark.parametrize(
    ("role", "path", "change", "status"),
    [
        ("rule_editor", CONNECTION, {"status": "paused"}, 200),
        ("rule_editor", "/apps/wiki", {"name": "Other"}, 403),
        ("app_admin", "/apps/wiki", {"name": "Other"}, 200),
        ("app_admin", "/users/alice", {"name": "Other"}, 403),
        ("owner", "/users/alice", {"name": "Other"}, 200),
        ("viewer", CONNECTION, {"status": "paused"}, 403),
        ("auditor", CONNECTION, {"status": "paused"}, 403),
    ],
)
def test_a_role_changes_its_nouns_alone(
    office: Bureau, role: str, path: str, change: dict[str, str], status: int
) -> None:
    """Attack case 191, at the data: what the plan would change decides, whatever the route."""
    entry, tag = read(office, path)
    if path.startswith("/apps"):
        entry["auth"]["secret"] = None

    answer = put(office, path, {**entry, **change}, role=role, If_Match=tag)

    assert answer.status_code == status, answer.text
    name, value = next(iter(change.items()))
    assert (read(office, path)[0].get(name) == value) is (status == 200)


def test_a_state_file_is_applied_as_far_as_the_role_goes(office: Bureau) -> None:
    """Attack case 193: all or nothing."""
    text = state()
    text["groups"] = [*text["groups"], {"name": "pilots"}]
    text["connections"][0]["reason"] = "as the file says"

    refused = office("rule_editor", "POST", "/state", content=json.dumps(without_secrets(text)))
    assert refused.status_code == 403
    assert "group" in refused.json()["detail"]
    assert "reason" not in read(office, CONNECTION)[0]

    done = office("owner", "POST", "/state", content=json.dumps(without_secrets(text)))
    assert done.status_code == 200, done.text
    assert read(office, CONNECTION)[0]["reason"] == "as the file says"
    again = office("owner", "POST", "/state", content=json.dumps(without_secrets(text)))
    assert (again.json()["changes"], again.json()["applied"]) == ([], False)


def without_secrets(text: dict[str, Any]) -> dict[str, Any]:
    for app in text["apps"]:
        if "secret" in app["auth"]:
            app["auth"]["secret"] = None
    for user in text["users"]:
        user.pop("password", None)
    return text


def test_what_is_exported_can_be_applied_and_changes_nothing(office: Bureau) -> None:
    exported = office("viewer", "GET", "/state")

    assert exported.headers["content-type"].startswith("application/yaml")
    assert {app["id"] for app in yaml.safe_load(exported.text)["apps"]} >= {"wiki"}
    assert not any(secret in exported.text for secret in SECRETS.values())
    assert office("owner", "POST", "/state", content=exported.content).json()["changes"] == []


@pytest.mark.parametrize("reference", ["env:HOME", "file:/etc/hostname", "FILE:/etc/hostname", "Env:HOME"])
def test_a_reference_never_leads_to_a_place_on_our_side(office: Bureau, reference: str) -> None:
    entry, tag = read(office, "/apps/wiki")
    entry["auth"]["secret"] = reference

    answer = put(office, "/apps/wiki", entry, If_Match=tag)

    assert answer.status_code == 400
    assert "resolved where the file is" in answer.text
    assert "hostname" not in answer.text


def test_a_secret_that_is_sent_is_taken_and_shown_nowhere(office: Bureau) -> None:
    """Attack cases 187 and 199."""
    canary = "a-canary-that-nobody-may-see-0123456789"
    entry, tag = read(office, "/apps/wiki")
    entry["auth"]["secret"] = canary

    answer = put(office, "/apps/wiki", entry, If_Match=tag)

    assert answer.status_code == 200
    shown = [answer.text, repr(office.acme.events())]
    shown += [office("owner", "GET", path).text for path in ("/apps", "/apps/wiki", "/state", "/audit")]
    assert not any(canary in text for text in shown)
    assert office.acme.exchange(office.acme.sign_in()).error == "invalid_client"


@pytest.mark.parametrize(
    "extra",
    [{"is_admin": True}, {"tenant_id": "t2"}, {"id": "other"}, {"managed_by": "file"}, {"secrets": []}],
)
def test_members_that_nobody_asked_for_are_refused(office: Bureau, extra: dict[str, Any]) -> None:
    """Attack case 186: mass assignment."""
    entry, tag = read(office, CONNECTION)

    answer = put(office, CONNECTION, {**entry, **extra}, If_Match=tag)

    assert answer.status_code == 400
    assert read(office, CONNECTION) == (entry, tag)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"reason":"a","reason":"b"}', b"{" * 100, b"\xff"])
def test_what_is_no_object_is_refused(office: Bureau, body: bytes) -> None:
    answer = office("owner", "PUT", CONNECTION, content=body, headers={"If-Match": "*"})

    assert answer.status_code == 400
    assert read(office, CONNECTION)[0]["id"] == "wiki-chat"


def test_what_others_refer_to_cannot_be_deleted_and_what_nobody_does_can(office: Bureau) -> None:
    used = office("owner", "DELETE", "/groups/engineering", headers={"If-Match": "*"})
    assert used.status_code == 400
    assert "still refers" in used.text

    put(office, "/groups/pilots", {})
    _, tag = read(office, "/groups/pilots")
    assert office("owner", "DELETE", "/groups/pilots").status_code == 428
    assert office("owner", "DELETE", "/groups/pilots", headers={"If-Match": '"0"'}).status_code == 412
    assert office("owner", "DELETE", "/groups/pilots", headers={"If-Match": tag}).status_code == 200
    assert office("owner", "GET", "/groups/pilots").status_code == 404
    assert office("owner", "DELETE", "/groups/pilots", headers={"If-Match": tag}).status_code == 404


def test_what_is_under_a_hold_cannot_be_deleted(office: Bureau) -> None:
    """A thing that is made again would not be held."""
    held = office("owner", "POST", "/holds", json={"kind": "connection", "id": "wiki-chat", "reason": "r"})
    assert held.status_code == 201

    answer = office("owner", "DELETE", CONNECTION, headers={"If-Match": "*"})

    assert answer.status_code == 400
    assert "under a hold" in answer.text


def test_a_change_is_audited_with_the_token_that_made_it(office: Bureau) -> None:
    entry, tag = read(office, CONNECTION)
    put(office, CONNECTION, {**entry, "status": "paused"}, If_Match=tag)

    handle = office.acme.row("api_token", "name", "owner")["handle"]
    (event,) = office.acme.events("connection.paused")
    assert event["actor"] == {"kind": "api_token", "id": handle}
    assert (event["before"]["status"], event["after"]["status"]) == ("active", "paused")
    assert office.acme.exchange(office.acme.sign_in()).error == "access_denied"


def test_the_people_come_in_pages(office: Bureau) -> None:
    """Attack case 194: search and cursor with all that is special in LIKE."""
    names = [f"p{number:03d}" for number in range(450)] + ["p%x", "p_x"]
    text = {"version": 1, "users": [{"username": name} for name in names]}
    assert office("owner", "POST", "/state", content=json.dumps(text)).status_code == 200

    seen: list[str] = []
    after = ""
    while True:
        page = office("viewer", "GET", "/users", params={"begins": "p", "after": after}).json()
        seen += [entry["username"] for entry in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == sorted(names)
    assert [one["username"] for one in office("viewer", "GET", "/users?begins=p%25").json()["items"]] == [
        "p%x"
    ]
    assert [one["username"] for one in office("viewer", "GET", "/users?begins=p_").json()["items"]] == ["p_x"]


def test_connections_come_in_pages_too(office: Bureau) -> None:
    """Only those that are shown are read, each with the names of what it refers to."""
    every = [f"https://r{number:03d}.example/" for number in range(230)]
    targets = [{"id": f"r{number:03d}", "issuer": issuer} for number, issuer in enumerate(every)]
    rule = {"id": "one", "who": {"groups": ["engineering"], "users": ["alice"]}, "scopes": "any"}
    made = [{"id": f"wiki-{one['id']}", "from": "wiki", "to": one["id"], "rules": [rule]} for one in targets]
    text = {"version": 1, "resource_apps": targets, "connections": made}
    answer = office("owner", "POST", "/state", content=json.dumps(text))
    assert answer.status_code == 200, answer.text

    first = office("viewer", "GET", "/connections", params={"begins": "wiki-r"}).json()
    rest = office("viewer", "GET", "/connections", params={"begins": "wiki-r", "after": first["next"]}).json()
    assert [one["id"] for one in (*first["items"], *rest["items"])] == [one["id"] for one in made]
    assert (len(first["items"]), rest["next"]) == (200, None)
    assert rest["items"][-1]["rules"][0]["who"] == {"groups": ["engineering"], "users": ["alice"]}
    assert rest["items"][-1]["to"] == "r229"
