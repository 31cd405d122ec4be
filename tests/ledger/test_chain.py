"""The audit chain: what is hashed, and that every kind of tampering shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from idjag.ledger import chain
from idjag.ledger.entry import Event, Head
from idjag.protocol.jose.errors import JsonError
from idjag.protocol.jose.json import canonical

T = "acme"
KEY = bytes(range(32))
NOW = 1_800_000_000
SALT = b"sixteen octets.."

EVENT = Event(
    "id_jag.issued",
    {
        "decision_id": "d-1",
        "actor": {"kind": "app", "id": "wiki"},
        "subject": "u-1",
        "requesting_app": "wiki",
        "resource_app": "chat",
        "scopes_granted": ["chat.read"],
        "jti": "j-1",
        "ip": "192.0.2.7",
        "inputs": {"groups": ["g-1"], "amr": ["pwd", "mfa"], "key_bound": False, "now": NOW},
        "reason": None,
    },
)

Rows: TypeAlias = list[dict[str, Any]]


def make(event: Event = EVENT, *, no: int = 1, prev: bytes = chain.genesis(T)) -> dict[str, Any]:
    salts = dict.fromkeys(chain.personal_fields(event), SALT)
    ready = chain.ready(event, tenant=T, time=NOW, salts=salts)
    return chain.row(ready, no=no, prev=prev, key=KEY)


def log_of(*batches: int) -> tuple[Rows, Head]:
    """A log whose batches have these numbers of rows, and its head."""
    rows: Rows = []
    link = chain.genesis(T)
    for batch in batches:
        prev = link
        for _ in range(batch):
            event = Event(EVENT.name, {**EVENT.fields, "decision_id": f"d-{len(rows) + 1}"})
            rows.append(make(event, no=len(rows) + 1, prev=prev))
            prev = bytes.fromhex(rows[-1]["hash"])
        link = chain.link_after(link, prev)
    return rows, Head("e-1", 0, len(rows), link)


def find_break(
    rows: Rows, *, tenant: str = T, key: bytes = KEY, start: Head | None = None, head: Head | None = None
) -> chain.Break | None:
    """The first break in the rows; ``start`` and ``head`` are places that the log goes through."""
    walk = chain.Walk(tenant, start=start, heads=() if head is None else (head,))
    for each in rows:
        if found := walk.follow(each):
            return found
        if why := chain.fault(each, tenant=tenant, key=key):
            return chain.Break(walk.no, why)
    return walk.end()


def break_in(rows: Rows, head: Head | None = None) -> chain.Break | None:
    return find_break(rows, head=head)


def rewritten(row: dict[str, Any], **fields: object) -> dict[str, Any]:
    """The row with another body, and columns that agree with it."""
    body = {**json.loads(row["body"]), **fields}
    columns = {name: value for name, value in fields.items() if name in row}
    return {**row, **columns, "body": canonical(body).decode()}


def test_the_fields_are_those_of_the_contract_in_its_order() -> None:
    contract = (
        "id, time, event, tenant, decision_id, actor, subject, subject_token_type, profile, "
        "requesting_app, client_id_at_resource, resource_app, audience, resources, scopes_requested, "
        "scopes_granted, authorization_details, rule_ids, rule_versions, guardrail_ids, policy_seq, reason, "
        "inputs, jti, acr, amr, auth_time, cnf_jkt, actor_chain, ip, user_agent, before, after, prev_hash, "
        "hash"
    )
    assert ", ".join(chain.FIELDS) == contract


def test_a_row_has_its_columns_from_the_event() -> None:
    row = make()
    assert {name: row[name] for name in ("tenant", "no", "time", "event", "decision_id", "subject")} == {
        "tenant": T, "no": 1, "time": NOW, "event": "id_jag.issued", "decision_id": "d-1", "subject": "u-1",
    }  # fmt: skip
    assert (row["jti"], row["reason"], row["prev_hash"]) == ("j-1", None, chain.genesis(T).hex())


def test_the_hash_of_a_row_is_this_one_for_ever() -> None:
    """A change of this value makes every log in the world unverifiable."""
    assert make()["hash"] == "40ea14eb1ef630c4d13465b46519a3375e6280d0aa7aa551141462c829c7af9b"


@pytest.mark.parametrize("batches", [(), (1,), (1, 1, 1), (3,), (2, 1, 3)])
def test_what_was_written_verifies(batches: tuple[int, ...]) -> None:
    rows, head = log_of(*batches)
    assert find_break(rows) is None
    assert find_break(rows, head=head) is None


def test_the_end_of_a_log_verifies_from_a_head() -> None:
    rows, _ = log_of(2, 1, 3)
    _, middle = log_of(2, 1)
    _, head = log_of(2, 1, 3)
    assert find_break(rows[3:], start=middle, head=head) is None
    assert find_break(rows[3:]) == chain.Break(1, "this number is missing, or stands elsewhere")


def test_a_log_that_has_grown_verifies_against_an_older_head() -> None:
    rows, _ = log_of(2, 1, 3)
    _, middle = log_of(2, 1)
    assert break_in(rows, middle) is None


EDITS: list[Any] = [
    pytest.param(lambda row: rewritten(row, reason="x"), id="a field added"),
    pytest.param(lambda row: rewritten(row, jti="j-2"), id="a field edited"),
    pytest.param(lambda row: rewritten(row, scopes_granted=["chat.write"]), id="a field that is no column"),
    pytest.param(lambda row: rewritten(row, time=NOW + 1), id="the time"),
    pytest.param(lambda row: rewritten(row, event="id_jag.denied"), id="the name"),
    pytest.param(lambda row: rewritten(row, subject="u-2"), id="a personal field edited"),
    pytest.param(lambda row: rewritten(row, ip="192.0.2.8"), id="another personal field"),
    pytest.param(lambda row: {**row, "subject": "u-2"}, id="a column alone"),
    pytest.param(lambda row: {**row, "reason": "x"}, id="a column that was null"),
    pytest.param(lambda row: {**row, "body": row["body"].replace(":", ": ", 1)}, id="another spelling"),
    pytest.param(
        lambda row: {**row, "body": row["body"].replace('{"', '{"jti":"j-2","', 1)}, id="a member twice"
    ),
    pytest.param(lambda row: {**row, "body": "["}, id="a body that is no JSON"),
    pytest.param(lambda row: {**row, "body": "[]"}, id="a body that is no object"),
    pytest.param(lambda row: {**row, "salts": "{}"}, id="salts lost"),
    pytest.param(lambda row: {**row, "salts": '{"subject":7}'}, id="salts that are no text"),
    pytest.param(lambda row: {**row, "hash": "00" * 32}, id="the hash"),
    pytest.param(lambda row: {**row, "prev_hash": "00" * 32}, id="the hash before"),
    pytest.param(lambda row: rewritten(row, tenant="other"), id="the tenant"),
]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("place", [0, 1, 2, 5])
def test_an_edited_row_is_found(edit: Callable[[dict[str, Any]], dict[str, Any]], place: int) -> None:
    rows, _ = log_of(1, 2, 3)
    assert break_in(rows) is None
    rows[place] = edit(rows[place])
    found = break_in(rows)
    assert found is not None
    assert found.no == place + 1


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("renumbered", [False, True])
def test_a_deleted_row_is_found(place: int, *, renumbered: bool) -> None:
    rows, head = log_of(1, 2, 3)
    del rows[place]
    if renumbered:
        rows = [{**row, "no": no} for no, row in enumerate(rows, start=1)]
        head = Head(head.epoch, head.policy_seq, len(rows), head.link)
    assert break_in(rows, head) is not None


def test_a_truncated_log_is_found_by_its_head() -> None:
    rows, head = log_of(1, 2, 3)
    assert break_in(rows[:3], head) == chain.Break(4, "rows are missing at the end")
    assert break_in(rows, Head("e-1", 0, 6, bytes(32))) == chain.Break(6, "the head has another link")


def test_a_truncated_log_with_a_rewritten_head_is_found_by_a_checkpoint() -> None:
    rows, checkpoint = log_of(1, 2, 3)
    _, rewritten_head = log_of(1, 2)
    assert break_in(rows[:3], rewritten_head) is None
    assert break_in(rows[:3], checkpoint) is not None


def test_another_log_of_the_same_length_is_found_by_a_checkpoint() -> None:
    rows, _ = log_of(1, 1, 2)
    _, checkpoint = log_of(2)
    assert break_in(rows) is None
    assert break_in(rows, checkpoint) == chain.Break(2, "the head has another link")


@pytest.mark.parametrize("place", range(7))
def test_an_inserted_row_is_found(place: int) -> None:
    """Made by somebody who knows everything but the key."""
    rows, head = log_of(1, 2, 3)
    prev = bytes.fromhex(rows[place - 1]["hash"]) if place else chain.genesis(T)
    ready = chain.ready(Event("login.succeeded", {}), tenant=T, time=NOW, salts={})
    forged = chain.row(ready, no=0, prev=prev, key=bytes(32))
    rows = [{**row, "no": no} for no, row in enumerate([*rows[:place], forged, *rows[place:]], start=1)]
    assert break_in(rows) is not None
    assert break_in(rows, Head("e-1", 0, 7, head.link)) is not None


@pytest.mark.parametrize("renumbered", [False, True])
@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 2), (3, 4), (4, 5), (0, 5)])
def test_reordered_rows_are_found(first: int, second: int, *, renumbered: bool) -> None:
    rows, _ = log_of(1, 2, 3)
    rows[first], rows[second] = rows[second], rows[first]
    if renumbered:
        rows = [{**row, "no": no} for no, row in enumerate(rows, start=1)]
    assert break_in(rows) is not None


def test_a_deletion_that_is_linked_anew_is_found_by_the_keyed_hash() -> None:
    """The link has no key; whoever recomputes it all cannot recompute the hashes that cover it."""
    rows, _ = log_of(1, 1, 1)
    link = chain.link_after(chain.genesis(T), bytes.fromhex(rows[0]["hash"]))
    second = {**rows[2], "no": 2, "prev_hash": link.hex()}
    assert break_in([rows[0], second]) == chain.Break(2, "its fields are not those that were hashed")


def test_a_row_of_another_tenant_does_not_fit() -> None:
    """Even when it was hashed to follow."""
    rows, _ = log_of(1)
    assert find_break(rows, tenant="other", key=KEY) is not None
    ready = chain.ready(Event("x", {}), tenant="other", time=NOW, salts={})
    stray = chain.row(ready, no=1, prev=chain.genesis(T), key=KEY)
    assert break_in([stray]) == chain.Break(1, "it belongs to another tenant")


def test_another_key_verifies_nothing() -> None:
    rows, _ = log_of(1)
    assert find_break(rows, tenant=T, key=bytes(32)) is not None


def test_an_erased_personal_field_still_verifies() -> None:
    rows, head = log_of(1, 2)
    rows[1] = chain.erased(rows[1], ["subject", "ip", "inputs"])
    assert break_in(rows, head) is None
    assert rows[1]["subject"] is None
    assert not any(value in json.dumps(rows[1]) for value in ("u-1", "192.0.2.7", "g-1"))
    assert "actor" in json.loads(rows[1]["body"])
    assert chain.erased(rows[1], ["subject", "before"]) == rows[1]


def test_the_salt_of_an_erased_field_is_gone() -> None:
    """Whoever knows it could try all addresses against the digest."""
    row = chain.erased(make(), ["ip"])
    assert json.loads(make()["salts"])["ip"] == SALT.hex()
    assert SALT.hex() not in json.loads(str(row["salts"]))["ip"]


def test_an_erased_field_cannot_be_filled_again() -> None:
    row = chain.erased(make(), ["subject"])
    assert break_in([row]) is None
    assert break_in([rewritten(row, subject="u-2")]) is not None


def test_a_field_that_is_not_personal_cannot_be_erased() -> None:
    with pytest.raises(ValueError, match="reason is not a personal field"):
        chain.erased(make(), ["reason"])


@pytest.mark.parametrize("name", ["token", "id", "time", "event", "tenant", "prev_hash", "hash"])
def test_a_field_that_an_event_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"an event has no field {name}"):
        make(Event("id_jag.issued", {name: "x"}))


@pytest.mark.parametrize("value", [1.5, ("a",), b"x", {1: 2}, float("nan"), "\ud800", object()])
def test_a_value_that_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(JsonError):
        make(Event("id_jag.issued", {"inputs": value}))
    with pytest.raises(JsonError):
        make(Event("id_jag.issued", {"rule_ids": [value]}))


def test_a_column_holds_text() -> None:
    with pytest.raises(TypeError, match="jti of an event is text"):
        make(Event("id_jag.issued", {"jti": 7}))


def test_a_number_of_any_length_is_read_back() -> None:
    """A stranger's auth_time must not make the log look tampered with."""
    assert break_in([make(Event("id_jag.denied", {"auth_time": 10**300}))]) is None


def test_null_and_absent_are_the_same() -> None:
    assert make(Event("x", {"jti": None, "ip": None})) == make(Event("x", {}))
