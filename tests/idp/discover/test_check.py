"""The check of a connection: each thing that has to be right, broken once, beside the one that works."""

from __future__ import annotations

from typing import Any

from idjag.ledger.entry import Delete
from tests.idp.discover.conftest import Desk
from tests.idp.discover.web import CHAT_PAGES, INSERTED, SERVER
from tests.idp.grants.acme import API, CHAT, app, chat, connection, rule, state
from tests.idp.grants.published import KEY, KEYS_URL, URL, document, key_set, registered

CHAT_PLACE = "https://api.chat.example/.well-known/oauth-protected-resource"
JWKS = "https://acme.chat.example/jwks"
GOOD: dict[str, Any] = SERVER | {"issuer": CHAT}
API_DOCUMENT = {"resource": API, "authorization_servers": [CHAT]}
INDICATOR = f"resource indicator {API}"
RAS_KEYS = "keys of the resource authorization server"
CLIENT_ID = "client ID at the resource app"


def test_a_connection_that_works_is_ok_in_everything(desk: Desk) -> None:
    """Issue 7.4: the positive control of all below."""
    answer = desk.check(user="alice", scopes=["chat.read"]).json()

    assert {one["standing"] for one in answer["findings"]} == {"ok"}
    assert answer["standing"] == "ok"
    assert [one["about"] for one in answer["findings"]] == [
        "connection",
        "authentication",
        CLIENT_ID,
        "metadata",
        "grants",
        INDICATOR,
        "resource indicator https://files.chat.example/v1",
        "our keys",
        RAS_KEYS,
        "for alice",
    ]
    assert all(one["todo"] is None for one in answer["findings"])
    assert {one["outcome"] for one in answer["asked"]} == {"found"}
    assert answer["answer"]["decision"] == "allow"


HERE: list[tuple[dict[str, Any], str, str, str]] = [
    ({"connections": [connection(status="paused")]}, "connection", "failing", "is Paused"),
    ({"connections": [connection(status="draft")]}, "connection", "failing", "is Draft"),
    ({"connections": [connection(rules=[])]}, "connection", "failing", "no rule"),
    ({"connections": [connection(client_id=None)]}, CLIENT_ID, "failing", "not known which client"),
    (
        {"connections": [connection(expires="2027-01-20T00:00:00Z")]},
        "connection",
        "warning",
        "within two weeks",
    ),
    ({"connections": [connection(expires="2026-12-31T00:00:00Z")]}, "connection", "failing", "expired"),
    ({"resource_apps": [chat(status="disabled")]}, "connection", "failing", "Chat is disabled"),
    ({"apps": [app("wiki", status="disabled")]}, "requesting app", "failing", "wiki is disabled"),
    (
        {"apps": [app("wiki", grants=["authorization_code"])]},
        "requesting app",
        "failing",
        "may not exchange tokens",
    ),
    (
        {"apps": [app("wiki", auth={"method": "none"}, grants=["authorization_code"], kind="spa")]},
        "authentication",
        "failing",
        "does not authenticate",
    ),
    (
        {"resource_apps": [chat(resources=[{"uri": API, "scopes": ["chat.read", "chat.history"]}])]},
        "authentication",
        "ok",
        "with a secret",
    ),
]


def test_what_is_wrong_here_is_found(desk: Desk) -> None:
    for changed, about, standing, said in HERE:
        desk.office.acme.apply(state(**changed))
        found = [one for one in desk.checked() if one["about"] == about]
        assert any(one["standing"] == standing and said in one["text"] for one in found), (changed, found)
        assert all(one["todo"] for one in found if one["standing"] != "ok")


OUT_THERE: list[tuple[dict[str, Any], str, str, str]] = [
    ({INSERTED: None}, "metadata", "failing", "it answered 404"),
    ({INSERTED: b"<html>"}, "metadata", "failing", "is not JSON"),
    ({INSERTED: GOOD | {"issuer": CHAT[:-1]}}, "metadata", "failing", "differ in a final slash"),
    ({INSERTED: GOOD | {"issuer": "https://x.example"}}, "metadata", "failing", "another issuer"),
    ({INSERTED: GOOD | {"grant_types_supported": []}}, "grants", "warning", "does not list"),
    (
        {INSERTED: GOOD | {"authorization_grant_profiles_supported": []}},
        "grants",
        "warning",
        "does not say",
    ),
    ({INSERTED: GOOD | {"token_endpoint": None}}, "token endpoint", "failing", "no token endpoint"),
    (
        {INSERTED: GOOD | {"token_endpoint": "https://x.example/t"}},
        "token endpoint",
        "warning",
        "another host",
    ),
    ({CHAT_PLACE: None}, INDICATOR, "warning", "answered 404"),
    ({CHAT_PLACE: {}}, INDICATOR, "warning", "names no resource"),
    ({CHAT_PLACE: API_DOCUMENT | {"resource": API[:-1]}}, INDICATOR, "failing", "a final slash"),
    (
        {CHAT_PLACE: API_DOCUMENT | {"authorization_servers": ["https://x.example"]}},
        INDICATOR,
        "failing",
        f"tokens of https://x.example, not of {CHAT}",
    ),
    ({CHAT_PLACE: API_DOCUMENT | {"authorization_servers": []}}, INDICATOR, "failing", "of nobody"),
    (
        {CHAT_PLACE: API_DOCUMENT | {"scopes_supported": ["chat.read", "chat.write"]}},
        INDICATOR,
        "warning",
        "chat.history",
    ),
    ({JWKS: {"keys": []}}, RAS_KEYS, "warning", "has no usable key"),
    ({JWKS: {}}, RAS_KEYS, "warning", "is not a JWK Set"),
]


def test_what_is_wrong_out_there_is_found(desk: Desk) -> None:
    for pages, about, standing, said in OUT_THERE:
        desk.pages |= CHAT_PAGES | pages
        found = desk.findings()
        assert found[about][0] == standing, (pages, found)
        assert said in found[about][1]


def test_a_hold_is_found_and_ends_with_it(desk: Desk) -> None:
    for kind, key in (("app", "wiki"), ("resource-app", "chat"), ("connection", "wiki-chat")):
        target = {"kind": kind, "id": key, "reason": "r"}
        desk.office("owner", "POST", "/holds", json=target)
        assert "A hold stops it now." in {one["text"] for one in desk.check().json()["findings"]}
        desk.office("owner", "POST", "/holds/release", json=target)
        assert desk.check().json()["standing"] == "ok"


def test_what_the_requesting_app_publishes_is_looked_at(desk: Desk) -> None:
    """CAU-10: as the token endpoint will."""
    by_keys = app("wiki", auth={"method": "private_key_jwt", "jwks_uri": KEYS_URL})
    desk.office.acme.apply(state(apps=[by_keys]))
    assert desk.findings()["authentication"][0] == "failing"
    desk.pages[KEYS_URL] = key_set(KEY)
    assert desk.findings()["authentication"][0] == "ok"

    desk.office.acme.apply(state(apps=[registered()], connections=[connection(client_id=None)]))
    assert desk.findings()["authentication"] == (
        "failing",
        "What wiki publishes to authenticate with answered 404.",
    )
    for wrong in ({"client_id": URL + "x"}, {"client_secret": "x"}):
        desk.pages[URL] = document(**wrong)
        assert "may be believed" in desk.findings()["authentication"][1]
    desk.pages[URL] = document(token_endpoint_auth_method="none", jwks=None)
    assert "does not authenticate" in desk.findings()["authentication"][1]
    desk.pages[URL] = document()
    found = desk.findings()
    assert found["authentication"][0] == "ok"
    assert found[CLIENT_ID] == ("ok", f"wiki is {URL} at Chat.")


def test_for_a_person_it_is_the_one_evaluators_answer_with_the_smallest_change(desk: Desk) -> None:
    """ADM-01: the sentence, and what would turn it."""
    allowed = desk.check(user="alice").json()
    denied = desk.check(user="bob").json()

    assert (allowed["standing"], denied["standing"]) == ("ok", "failing")
    (finding,) = (one for one in denied["findings"] if one["about"] == "for bob")
    asked = {"user": "bob", "from": "wiki", "to": "chat", "acr": "urn:idjag:acr:pwd", "amr": ["pwd"]}
    said = desk.office("viewer", "POST", "/ask", json=asked).json()
    assert finding["text"] == f"{said['headline'].removesuffix('.')}."
    assert finding["todo"] == "; ".join(change["text"] for change in said["options"][0])


def test_somebody_who_would_have_to_sign_in_better_is_a_warning(desk: Desk) -> None:
    strong = rule(conditions={"amr": ["mfa"]})
    desk.office.acme.apply(state(connections=[connection(rules=[strong])]))

    assert desk.findings(user="alice")["for alice"][0] == "warning"
    better = {"acr": "urn:idjag:acr:mfa", "amr": ["pwd", "otp", "mfa"]}
    assert desk.findings(user="alice", **better)["for alice"][0] == "ok"


def test_each_check_is_one_event(desk: Desk) -> None:
    desk.check(user="bob")

    (event,) = desk.office.acme.events("connection.checked")
    assert (event["after"]["key"], event["after"]["standing"]) == ("wiki-chat", "failing")
    assert event["after"]["user"] == "bob"
    assert event["requesting_app"] == desk.office.acme.app_id("wiki")


def test_nothing_is_exchanged_and_no_secret_is_shown(desk: Desk) -> None:
    """Attack case 187."""
    before = len(desk.office.acme.events())

    text = desk.check(user="alice").text

    assert (
        len(desk.office.acme.events()) == before + 2
    )  # the token that was made for this test, and the check
    stored = desk.office.acme.row("app", "key", "wiki")["secrets"]
    assert stored not in text
    assert "secret-0123456789" not in text


def test_what_is_not_there_is_said_to_be_so(desk: Desk) -> None:
    unknown = desk.check("wiki-chad")
    nobody = desk.check(user="nobody")

    assert unknown.status_code == 404
    assert "wiki-chat" in unknown.json()["detail"]
    assert (nobody.status_code, nobody.json()["detail"]) == (422, "unknown user: nobody.")
    for wrong in ({"scopes": ["chat.read"]}, {"user": ""}, {"user": "alice", "save": True}):
        assert desk.check(**wrong).status_code == 400


def test_without_a_key_to_sign_with_nothing_can_be_issued(desk: Desk) -> None:
    """JAG-02."""
    listed = desk.office("owner", "GET", "/keys").json()["items"]
    (kid,) = (row["kid"] for row in listed if row["alg"] == "Ed25519")
    desk.office.acme.apply(state(resource_apps=[chat(id_jag_alg="Ed25519")]))
    assert desk.findings()["our keys"][0] == "ok"

    desk.office.acme.write(Delete("signing_key", {"id": kid}))

    assert desk.findings()["our keys"] == ("failing", "There is no Ed25519 key of ours to sign with.")
