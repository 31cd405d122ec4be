"""Administrators, their tokens and people's sessions through the admin API."""

from __future__ import annotations

from typing import Any, get_args

from idjag.idp.administration import tokens
from idjag.idp.administration.administrators import operator
from idjag.idp.administration.appointments import give
from idjag.idp.administration.roles import Permission, Role
from idjag.idp.api.bodies import RoleName
from idjag.ledger.entry import Insert, Key, Update
from tests.idp.api.bureau import OPERATOR, Bureau
from tests.idp.grants.acme import TENANT

ALICE = "/administrators/alice"
BOB = "/administrators/bob"
MATCH = {"If-Match": "*"}


def token_of(office: Bureau, username: str, role: Role) -> str:
    """An administrator of this role, and a token of theirs: what to call the API with."""
    person = office.acme.person(username)
    give(office.acme, person, role, by=operator(OPERATOR))
    made = tokens.create(office.acme, name=username, role=role, lifetime=3600, actor=OPERATOR, creator=person)
    office.values[username] = made.value
    return username


def created(office: Bureau, who: str, **body: Any) -> Any:
    return office(who, "POST", "/tokens", json={"name": "ci", "role": "viewer", **body})


def test_an_administrator_is_made_changed_and_ended(office: Bureau) -> None:
    alice = token_of(office, "alice", Role.OWNER)
    made = office(alice, "PUT", BOB, json={"role": "viewer"})
    assert (made.status_code, made.json()["role"], made.json()["able"]) == (200, "viewer", True)
    assert made.headers["etag"] == office(alice, "GET", BOB).headers["etag"]
    listed = office(alice, "GET", "/administrators").json()["items"]
    assert [(one["username"], one["role"]) for one in listed] == [("alice", "owner"), ("bob", "viewer")]
    assert "person_id" not in listed[0]

    changed = office(alice, "PUT", BOB, json={"role": "auditor"}, headers={"If-Match": made.headers["etag"]})
    assert changed.json()["role"] == "auditor"
    event = office.acme.events()[-1]
    assert (event["event"], event["before"]["role"], event["after"]["role"]) == (
        "admin.updated", "viewer", "auditor",
    )  # fmt: skip
    assert (event["actor"]["kind"], event["ip"]) == ("api_token", "198.51.100.7")
    assert office(alice, "DELETE", BOB, headers=MATCH).status_code == 204
    assert office(alice, "GET", BOB).status_code == 404
    assert office(alice, "GET", "/administrators/nobody").status_code == 404


def test_the_second_of_two_editors_is_told(office: Bureau) -> None:
    """Attack case 193."""
    alice = token_of(office, "alice", Role.OWNER)
    first = office(alice, "PUT", BOB, json={"role": "viewer"}).headers["etag"]
    assert office(alice, "PUT", BOB, json={"role": "auditor"}).status_code == 428
    assert office(alice, "DELETE", BOB).status_code == 428
    office.acme.clock.now += 1
    assert office(alice, "PUT", BOB, json={"role": "auditor"}, headers={"If-Match": first}).status_code == 200
    assert office(alice, "PUT", BOB, json={"role": "owner"}, headers={"If-Match": first}).status_code == 412
    assert office(alice, "DELETE", BOB, headers={"If-Match": first}).status_code == 412


def test_no_token_widens_its_own_rights(office: Bureau) -> None:
    """Attack case 195: not through a token, not through a role of one's own; the last owner stays."""
    alice = token_of(office, "alice", Role.OWNER)
    for role in ("owner", "viewer"):
        assert office(alice, "PUT", ALICE, json={"role": role}, headers=MATCH).status_code == 403
    assert office(alice, "DELETE", ALICE, headers=MATCH).status_code == 409
    assert office("owner", "PUT", ALICE, json={"role": "viewer"}, headers=MATCH).status_code == 409
    gone = office(alice, "DELETE", "/users/alice", headers=MATCH)
    assert (gone.status_code, "last owner" in gone.json()["detail"]) == (409, True)
    user = {k: v for k, v in office(alice, "GET", "/users/alice").json().items() if k != "managed_by"}
    stopped = office(alice, "PUT", "/users/alice", json={**user, "status": "disabled"}, headers=MATCH)
    assert stopped.status_code == 409

    token_of(office, "bob", Role.OWNER)
    assert office("bob", "PUT", ALICE, json={"role": "viewer"}, headers=MATCH).status_code == 200
    assert office(alice, "PUT", BOB, json={"role": "viewer"}, headers=MATCH).status_code == 403
    assert office(alice, "GET", "/administrators").status_code == 403


def test_bodies_are_read_strictly(office: Bureau) -> None:
    """Attack case 186: no member that nobody knows, no role that is none."""
    for body in (
        {"role": "operator"}, {"role": "OWNER"}, {"role": ["owner"]}, {}, {"role": None},
        {"role": "viewer", "tenant_id": "t2"}, {"role": "viewer", "person_id": "p"},
    ):  # fmt: skip
        assert office("owner", "PUT", ALICE, json=body).status_code == 400, body
    for more in ({"role": "operator"}, {"creator": ""}, {"lifetime": "367d"}, {"lifetime": 5}, {"name": ""}):
        assert created(office, "owner", **more).status_code == 400, more
    assert office("owner", "PUT", ALICE, json={"role": "viewer"}).status_code == 200
    assert set(get_args(RoleName)) == set(Role)


def test_a_token_that_another_one_made_is_its_child(office: Bureau) -> None:
    """Not more than its maker, no longer than its maker, no children, and gone with it."""
    alice = token_of(office, "alice", Role.OWNER)
    made = created(office, alice, role="owner", lifetime="30m")
    assert (made.status_code, made.json()["value"][:6]) == (201, "idjag_")
    office.values["child"] = made.json()["value"]
    assert office("child", "GET", "/me").json()["permissions"] == sorted(Permission)
    assert created(office, "child", lifetime="1m").status_code == 403
    assert created(office, alice, lifetime="1m").status_code == 201
    assert created(office, alice, lifetime="61m").status_code == 403
    assert office("child", "PUT", ALICE, json={"role": "owner"}, headers=MATCH).status_code == 403
    assert made.json()["value"] not in office("owner", "GET", "/tokens").text

    parent = tokens.caller(office.acme, office.values[alice], now=office.acme.clock())
    assert parent is not None
    office.acme.write(Update("api_token", {"handle": parent.actor["id"]}, {"role": "viewer"}))
    assert office("child", "GET", "/me").json()["permissions"] == ["read"]
    office.acme.write(Update("api_token", {"handle": parent.actor["id"]}, {"role": "owner"}))
    assert tokens.revoke(office.acme, parent.actor["id"], actor=OPERATOR)
    assert office("child", "GET", "/me").status_code == 401


def test_a_child_ends_with_the_person_behind_it(office: Bureau) -> None:
    alice = token_of(office, "alice", Role.OWNER)
    token_of(office, "bob", Role.OWNER)
    office.values["child"] = created(office, alice, role="owner", lifetime="30m").json()["value"]
    assert office("child", "GET", "/me").status_code == 200
    assert office("bob", "PUT", ALICE, json={"role": "auditor"}, headers=MATCH).status_code == 200
    assert office("child", "GET", "/me").json()["permissions"] == ["audit", "read"]
    assert office("bob", "DELETE", ALICE, headers=MATCH).status_code == 204
    assert office("child", "GET", "/me").status_code == 401


def test_nobody_but_an_owner_makes_tokens(office: Bureau) -> None:
    for role in ("viewer", "rule_editor", "app_admin", "auditor"):
        assert created(office, role).status_code == 403
        assert created(office, "owner", role=role, lifetime="30m").status_code == 201


def test_who_is_deleted_leaves_no_role_behind(office: Bureau) -> None:
    """A user who is made again under the name has none, nor has anybody with the row."""
    alice = token_of(office, "alice", Role.OWNER)
    token_of(office, "bob", Role.OWNER)
    person = office.acme.person("bob")
    assert office("bob", "GET", "/me").status_code == 200
    assert office(alice, "DELETE", "/users/bob", headers=MATCH).status_code == 200
    assert office("bob", "GET", "/me").status_code == 401
    key = Key("administrator", "person_id", person)
    assert office.acme.ledger.read((key,))(key) == ()
    assert office(alice, "PUT", "/users/bob", json={}).status_code == 200
    assert office(alice, "GET", BOB).status_code == 404


def session(office: Bureau, row_id: str, username: str = "alice", **changes: Any) -> None:
    person, now = office.acme.person(username), office.acme.clock()
    epoch = office.acme.row("person", "id", person)["epoch"]
    row = {
        "id": row_id, "tenant_id": TENANT, "cookie": f"c-{row_id}", "person_id": person, "epoch": epoch,
        "auth_time": now, "acr": "urn:idjag:acr:pwd", "amr": '["pwd"]', "created": now, "expires": now + 3600,
        "seen": now, "ip": "192.0.2.9", "user_agent": "Firefox", "ended": None, "revoked": None,
    }  # fmt: skip
    office.acme.write(Insert("session", row | changes))


def test_sessions_of_a_user_are_listed_and_ended(office: Bureau) -> None:
    """Attack cases 158, 165: another user's is none of this one's."""
    path = "/users/alice/sessions"
    session(office, "s1")
    session(office, "s2", seen=office.acme.clock() + 1)
    session(office, "s3", "bob")
    session(office, "s4", ended=1)
    items = office("owner", "GET", path).json()["items"]
    assert [one["id"] for one in items] == ["s2", "s1"]
    assert (items[1]["ip"], items[1]["amr"]) == ("192.0.2.9", ["pwd"])
    assert "c-s1" not in str(items)
    for other in ("s3", "s4", "nothing"):
        assert office("owner", "DELETE", f"{path}/{other}").status_code == 404
    assert office("owner", "DELETE", f"{path}/s1").status_code == 204
    assert office.acme.row("session", "id", "s1")["revoked"] is not None
    assert office.acme.events()[-1]["event"] == "session.revoked"
    assert office("owner", "DELETE", path).json() == {"ended": 1}
    assert office("owner", "GET", path).json() == {"items": []}
    assert [one["id"] for one in office("owner", "GET", "/users/bob/sessions").json()["items"]] == ["s3"]
    assert office("owner", "GET", "/users/nobody/sessions").status_code == 404
    assert office("viewer", "GET", path).status_code == 403


def test_the_description_knows_the_bodies(office: Bureau) -> None:
    paths = office("viewer", "GET", "/admin/api/openapi.json").json()["paths"]
    found = {path.partition("/v1")[2]: operations for path, operations in paths.items()}
    assert "requestBody" in found["/administrators/{username}"]["put"]
    assert "requestBody" in found["/tokens"]["post"]
    assert "delete" in found["/users/{key}/sessions/{session}"]
