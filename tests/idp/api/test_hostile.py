"""The admin API against people who mean ill: group L of the attack cases, each beside what must work."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.idp.administration import tokens
from idjag.idp.administration.roles import Role
from idjag.ledger.entry import Insert, Key
from tests.idp.api.bureau import OPERATOR, Bureau
from tests.idp.api.test_door import administrator, application, filled, routes
from tests.idp.grants.acme import TENANT

EVIL = "https://evil.example"


def test_a_cookie_a_form_and_a_foreign_page_open_nothing(office: Bureau) -> None:
    """Attack cases 183 and 190: what a browser brings along counts for nothing, and no origin may read."""
    form = {"content-type": "application/x-www-form-urlencoded", "origin": EVIL}
    cookies = {"cookie": f"__Host-idjag_{TENANT}_admin={office.token('owner')}"}
    body = b"kind=app&id=wiki&reason=x"
    assert office(None, "POST", "/holds", content=body, headers=form | cookies).status_code == 401
    for method in ("OPTIONS", "GET", "POST"):
        asked = {"origin": EVIL, "access-control-request-method": "POST"}
        answer = office("owner", method, "/holds", headers=asked, content=b"{}")
        assert not [name for name in answer.headers if name.startswith("access-control")]
    held = {"kind": "app", "id": "wiki", "reason": "a test"}
    assert office("owner", "POST", "/holds", json=held).status_code == 201


def test_what_is_refused_is_in_the_log_with_who_tried(office: Bureau) -> None:
    """Global oracle (d): a token beyond its role, each time; whoever has none, once a minute."""
    office.token("viewer")
    before = len(office.acme.events())
    for _ in range(3):
        assert office(None, "GET", "/me", headers={"authorization": "Bearer idjag_x"}).status_code == 401
    refused = office("viewer", "POST", "/holds", json={})
    assert refused.status_code == 403
    guardrail = {"who": {"everyone": True}, "scopes": ["chat.read"], "reason": "a test"}
    assert office("viewer", "PUT", "/guardrails/quiet", json=guardrail).status_code == 403
    assert office("viewer", "GET", "/me").status_code == 200

    events = office.acme.events()[before:]
    assert [(each["event"], each["reason"]) for each in events] == [
        ("refused.before_authentication", "token_invalid"),
        ("admin.refused", "role_insufficient"),
        ("admin.refused", "role_insufficient"),
    ]
    assert events[0]["ip"] == "198.51.100.7"
    assert events[1]["decision_id"] == refused.json()["decision_id"]
    assert events[1]["actor"]["kind"] == "api_token"
    assert events[2]["inputs"] == {"method": "PUT", "path": "/admin/api/v1/guardrails/quiet"}


@pytest.mark.parametrize("role", ["rule_editor", "app_admin"])
def test_a_lesser_token_stops_no_administrator_and_none_the_last_owner(office: Bureau, role: str) -> None:
    """Attack case 195, at the door of the API."""
    held: dict[str, Any] = {"kind": "user", "id": "alice", "reason": "a test"}
    assert office(role, "POST", "/holds", json=held).status_code == 201
    assert office(role, "POST", "/holds/release", json=held).status_code == 200
    administrator(office, "owner")
    assert office(role, "POST", "/holds", json=held).status_code == 403
    assert office(role, "POST", "/holds/release", json=held).status_code == 403
    last = office("owner", "POST", "/holds", json=held)
    assert (last.status_code, "last owner" in last.json()["detail"]) == (409, True)
    within = {**held, "app": "wiki"}
    assert office(role, "POST", "/holds", json=within).status_code == 201


def test_no_state_file_takes_the_last_owner_away(office: Bureau) -> None:
    """Attack case 195: a file that disables, one that leaves out; nothing of it happens."""
    administrator(office, "owner")
    alice = office("owner", "GET", "/users/alice").json()
    entry = {name: value for name, value in alice.items() if name != "managed_by"}
    file = {"version": 1, "users": [{**entry, "status": "disabled"}, {"username": "bob", "name": "Robert"}]}
    refused = office("owner", "POST", "/state", content=json.dumps(file))
    assert (refused.status_code, "last owner" in refused.json()["detail"]) == (409, True)
    assert office("owner", "GET", "/users/alice").json()["status"] == "active"
    assert office("owner", "GET", "/users/bob").json().get("name") != "Robert"
    file["users"] = [{"username": "bob", "name": "Robert"}]
    assert office("owner", "POST", "/state", content=json.dumps(file)).status_code == 200
    etag = office("owner", "GET", "/users/alice").headers["etag"]
    gone = office("owner", "DELETE", "/users/alice", headers={"if-match": etag})
    assert gone.status_code == 409


@pytest.mark.parametrize("if_match", [None, "", '"x"', "W/", "*, *", "\x7f", '"' + "a" * 4000 + '"'])
def test_nothing_but_what_was_seen_is_overwritten(office: Bureau, if_match: str | None) -> None:
    """Attack case 193: no If-Match, an empty one, one that only looks like ours."""
    entry = office("owner", "GET", "/connections/wiki-chat")
    body = {name: value for name, value in entry.json().items() if name != "managed_by"}
    headers = {} if if_match is None else {"if-match": if_match.encode("latin-1")}
    changed = {**body, "reason": "another"}
    answer = office("owner", "PUT", "/connections/wiki-chat", json=changed, headers=headers)
    assert answer.status_code in (412, 428)
    good = {"if-match": entry.headers["etag"]}
    assert office("owner", "PUT", "/connections/wiki-chat", json=changed, headers=good).status_code == 200
    assert office("owner", "PUT", "/connections/wiki-chat", json=body, headers=good).status_code == 412


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 12_000 + b"1" + b"}" * 12_000,
        b'{"name":"\\ud800"}',
        b'{"name":"a","name":"b"}',
        b'{"name":NaN}',
        b'{"name":1e400}',
        b'{"name":' + b"1" * 5_000 + b"}",
        b'{"name":"a\\u0000b"}',
        b'\xff\xfe{"name":"a"}',
        b'{"name":["a"]}',
        b'{"name":{"a":1}}',
        b"x" * (64 * 1024 + 1),
    ],
)
def test_a_body_is_read_strictly_and_never_fails_us(office: Bureau, body: bytes) -> None:
    """Attack cases 126, 134 and 186: depth, numbers, surrogates, members twice, kinds, length."""
    for path in ("/users/bob", "/groups/new", "/apps/new", "/guardrails/new"):
        answer = office("owner", "PUT", path, content=body)
        assert answer.status_code in (400, 413), (path, answer.text)
    assert office("owner", "POST", "/state", content=body).status_code in (400, 413)
    assert office("owner", "PUT", "/groups/new", content=b'{"name":"new"}').status_code == 200


def test_a_file_that_swells_is_refused_before_it_does(office: Bureau) -> None:
    """Attack case 132 for YAML: aliases that stand for aliases; and what only looks like an object."""
    swelling = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    for text in (swelling, "!!python/object/apply:os.system [id]", "version: 1\n<<: {users: []}\n"):
        assert office("owner", "POST", "/state", content=text.encode()).status_code == 400
    assert office("owner", "POST", "/state", content=b"version: 1\n").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        *("?after=%25&begins=%25", "?begins=_", "?begins='--", "?after=%00", "?begins=%F0%9F%98%80"),
        *("?begins=" + "a" * 4000, "?before=-1", "?limit=1000000000", "?limit=1e3", "?text=%25", "?text=('"),
        *("?since=99999999999999999999999", "?event='%20OR%201=1--", "?file=html", "?dry_run=maybe"),
    ],
)
def test_cursors_and_patterns_are_bounded_text(office: Bureau, query: str) -> None:
    """Attack case 194: wildcards match nothing but themselves, numbers have bounds."""
    for path in ("/users", "/connections", "/audit", "/audit/export", "/groups"):
        assert office("owner", "GET", path + query).status_code < 500, path
    found = office("owner", "GET", "/users?begins=%25lic").json()["items"]
    assert found == []
    assert [one["username"] for one in office("owner", "GET", "/users?begins=alic").json()["items"]] == [
        "alice"
    ]


def test_no_answer_has_a_secret_in_it(office: Bureau) -> None:
    """Attack case 187: canaries over every GET, the export, the description and the log."""
    acme = office.acme
    secret = {"id": "c1", "tenant_id": TENANT, "person_id": acme.person("alice"), "kind": "totp"}
    acme.write(Insert("credential", {**secret, "secret": "canary-of-a-seed", "created": 1}))
    canaries = ["canary-of-a-seed", *(office.token(role) for role in ("owner", "viewer"))]
    for table, column in (("signing_key", "sealed"), ("app", "secrets"), ("api_token", "id")):
        key = Key(table, "tenant_id", TENANT)
        canaries += [str(row[column]) for row in acme.ledger.read((key,))(key) if row[column] != "[]"]
    assert len(canaries) > 6
    gets = [path for method, path, _ in routes(application(office)) if method == "GET"]
    assert len(gets) > 15
    for path in gets:
        for about in ("unknown", "alice", "wiki", "chat", "wiki-chat"):
            answer = office("owner", "GET", filled(path).replace("unknown", about))
            assert [canary for canary in canaries if canary in answer.text] == [], path
    assert "alice" in office("owner", "GET", "/state").text


def test_a_token_of_an_administrator_who_was_ended_reads_and_changes_nothing(office: Bureau) -> None:
    """Attack case 184, for the tokens that there are: gone with the role, and not back with a new one."""
    person = administrator(office, "owner")
    made = tokens.create(
        office.acme, name="hers", role=Role.OWNER, lifetime=600, actor=OPERATOR, creator=person
    )
    hers = {"authorization": f"Bearer {made.value}"}
    assert office(None, "GET", "/state", headers=hers).status_code == 200
    assert office("owner", "PUT", "/administrators/bob", json={"role": "owner"}).status_code == 200
    etag = office("owner", "GET", "/administrators/alice").headers["etag"]
    ended = office("owner", "DELETE", "/administrators/alice", headers={"if-match": etag})
    assert ended.status_code == 204
    assert office("owner", "PUT", "/administrators/alice", json={"role": "owner"}).status_code == 200
    for method, path in (("GET", "/state"), ("POST", "/tokens"), ("POST", "/holds/release")):
        assert office(None, method, path, headers=hers, content=b"{}").status_code == 401


def test_what_a_path_does_not_have_it_does_not_answer(office: Bureau) -> None:
    """Attack cases 10 and 191: the matrix has every method, and no other one slips past the door."""
    app = application(office)
    had: dict[str, set[str]] = {}
    for method, path, _ in routes(app):
        had.setdefault(path, set()).add(method)
    for path, methods in had.items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods:
            assert office("owner", method, filled(path)).status_code == 405, (method, path)
        asked = office(None, "OPTIONS", filled(path))
        assert asked.status_code in (204, 401, 405)
        assert not asked.content or asked.status_code != 204


def test_what_is_done_is_recorded_with_where_it_came_from(office: Bureau) -> None:
    """ADM-04: a stolen token shows by its address; holds, tokens and sessions like everything else."""
    headers = {"user-agent": "curl/8"}
    held = {"kind": "app", "id": "wiki", "reason": "a test"}
    before = len(office.acme.events())
    wanted = {"name": "x", "role": "viewer", "lifetime": "1m"}
    handle = office("owner", "POST", "/tokens", json=wanted, headers=headers).json()["handle"]
    for method, path, body in (
        ("POST", "/holds", held),
        ("POST", "/holds/release", held),
        ("DELETE", f"/tokens/{handle}", None),
        ("PUT", "/groups/new", {"name": "new"}),
        ("DELETE", "/users/alice/sessions", None),
    ):
        assert office("owner", method, path, json=body, headers=headers).status_code < 300, path
    events = [each for each in office.acme.events()[before:] if each["actor"]["kind"] == "api_token"]
    assert [each["event"] for each in events] == [
        *("api_token.created", "hold.placed", "hold.released", "api_token.revoked"),
        *("group.created", "state.applied", "session.ended"),
    ]
    assert {(each["ip"], each["user_agent"]) for each in events} == {("198.51.100.7", "curl/8")}
