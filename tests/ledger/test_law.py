"""What happens to one entry, in both ledgers alike."""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Barrier, Thread
from typing import cast

import pytest

from idjag.ledger.entry import (
    Conflict,
    Delete,
    Event,
    Facts,
    Insert,
    Key,
    OneTime,
    Unavailable,
    Update,
    Upsert,
    Verdict,
    Write,
)
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.trail import check
from tests.ledger.parts import (
    KEY,
    AnyLedger,
    Policy,
    T,
    audit,
    code,
    decision_ids,
    entry,
    jti,
    load,
    no,
    used,
    yes,
)

ALICE = Key("people", "id", "alice")


def add(ledger: AnyLedger, *writes: Write, decision_id: str = "d-0", policy_changed: bool = False) -> None:
    """A change of the owner's tables."""
    verdict = yes(decision_id, writes=writes, policy_changed=policy_changed)
    assert ledger.commit(entry(decision_id, lambda _policy, _facts: verdict)) == "yes"


def person(**columns: str | int | None) -> Upsert:
    return Upsert("people", {"id": "alice", "status": "active", "epoch": 1, "team": None, **columns})


def people(ledger: AnyLedger, column: str = "id", value: str = "alice") -> list[dict[str, object]]:
    key = Key("people", column, value)
    return [dict(row) for row in ledger.read([key])(key)]


def test_a_reply_has_its_audit_row(ledger: AnyLedger) -> None:
    """XCH-62."""
    assert ledger.commit(entry("d-1")) == "yes"
    assert decision_ids(ledger) == ["d-1"]
    assert ledger.head(T).audit_no == 1


def test_a_refusal_is_recorded_too(ledger: AnyLedger) -> None:
    """XCH-62."""
    assert ledger.commit(entry("d-1", lambda _policy, _facts: no("d-1", reason="not_allowed"))) == "no"
    assert [row["reason"] for row in audit(ledger)] == ["not_allowed"]


def test_an_entry_may_have_no_event_and_several(ledger: AnyLedger) -> None:
    ledger.commit(entry("d-1", lambda _policy, _facts: Verdict("quiet", [])))
    assert ledger.head(T).audit_no == 0
    events = [Event("login.failed", {"reason": str(n)}) for n in range(3)]
    ledger.commit(entry("d-2", lambda _policy, _facts: Verdict("loud", events)))
    assert [(row["no"], row["reason"]) for row in audit(ledger)] == [(1, "0"), (2, "1"), (3, "2")]
    assert check(ledger, T, key=KEY) is None


def test_facts_are_those_of_the_keys_that_the_entry_reads(ledger: AnyLedger) -> None:
    add(ledger, person(), Upsert("people", {"id": "bob", "status": "disabled", "epoch": 1, "team": "red"}))

    def decide(_policy: Policy, facts: Facts) -> Verdict[str]:
        (row,) = facts(ALICE)
        return yes("d-1", reason=row["status"])

    ledger.commit(entry("d-1", decide, reads=(ALICE,)))
    assert audit(ledger)[-1]["reason"] == "active"


def test_a_key_that_is_not_read_is_not_there(ledger: AnyLedger) -> None:
    facts = ledger.read([Key("people", "id", "nobody")])
    assert facts(Key("people", "id", "nobody")) == ()
    with pytest.raises(LookupError, match=r"does not read people\.id"):
        facts(ALICE)


def test_a_one_time_id_serves_one_entry(ledger: AnyLedger) -> None:
    """RAS-19, RAS-20."""
    assert ledger.commit(entry("d-1", on_success=(jti("a"),))) == "yes"
    assert ledger.commit(entry("d-2", on_success=(jti("a"),))) == "lost"
    assert ledger.commit(entry("d-3", on_success=(jti("b"),))) == "yes"


def test_equal_values_of_different_origin_are_different_ids(ledger: AnyLedger) -> None:
    """RAS-19: the pair (iss, jti)."""
    assert ledger.commit(entry("d-1", on_success=(jti("a"),))) == "yes"
    assert ledger.commit(entry("d-2", on_success=(jti("a", scope="https://other.example"),))) == "yes"


def test_even_its_own_holder_does_not_win_an_id_twice(ledger: AnyLedger) -> None:
    assert ledger.commit(entry("d-1", on_success=(jti("a"),))) == "yes"
    assert ledger.commit(entry("d-1", on_success=(jti("a"),))) == "lost"


def test_an_id_named_twice_in_one_entry_is_won_once(ledger: AnyLedger) -> None:
    assert ledger.commit(entry("d-1", always=(jti("a"),), on_success=(jti("a"), jti("a")))) == "yes"


def test_an_id_that_is_consumed_in_both_ways_stays_consumed(ledger: AnyLedger) -> None:
    ledger.commit(entry("d-1", on_success=(jti("b"),)))
    both = entry("d-2", always=(jti("a"),), on_success=(jti("a"), jti("b")))
    assert ledger.commit(both) == "lost"
    assert ledger.commit(entry("d-3", always=(jti("a"),))) == "lost"


def test_a_refusal_burns_what_is_always_consumed(ledger: AnyLedger) -> None:
    """OIDC-06."""
    refused = entry("d-1", lambda _policy, _facts: no("d-1"), always=(code("c"),))
    assert ledger.commit(refused) == "no"
    assert ledger.commit(entry("d-2", always=(code("c"),))) == "lost"


def test_a_refusal_burns_nothing_that_is_consumed_on_success(ledger: AnyLedger) -> None:
    """RAS-20."""
    refused = entry("d-1", lambda _policy, _facts: no("d-1"), on_success=(jti("a"),))
    assert ledger.commit(refused) == "no"
    assert ledger.commit(entry("d-2", on_success=(jti("a"),))) == "yes"


def test_a_lost_id_takes_the_place_of_the_decision(ledger: AnyLedger) -> None:
    """OIDC-06: what the first use gave is revoked; the decision's own writes are not applied."""
    add(ledger, person())
    ledger.commit(entry("d-1", on_success=(jti("a"),)))
    seen: list[OneTime] = []

    def lost(one_time: OneTime) -> Verdict[str]:
        seen.append(one_time)
        return used("d-2", writes=[Update("people", {"id": "alice"}, {"epoch": 2})])

    promoted = yes("d-2", writes=[Update("people", {"id": "alice"}, {"status": "admin"})])
    second = entry("d-2", lambda _policy, _facts: promoted, on_success=(jti("b"), jti("a")), lost=lost)
    assert ledger.commit(second) == "lost"
    assert seen == [jti("a")]
    assert people(ledger) == [{"id": "alice", "status": "active", "epoch": 2, "team": None}]
    assert [row["reason"] for row in audit(ledger)][-1] == "replay"
    assert ledger.commit(entry("d-3", on_success=(jti("b"),))) == "yes"


def test_a_lost_id_that_is_always_consumed_leaves_nothing_to_decide(ledger: AnyLedger) -> None:
    ledger.commit(entry("d-1", always=(code("c"),)))
    decided: list[Policy] = []

    def decide(policy: Policy, _facts: Facts) -> Verdict[str]:
        decided.append(policy)
        return yes("d-2")

    assert ledger.commit(entry("d-2", decide, always=(code("c"), code("e")))) == "lost"
    assert decided == []
    assert ledger.commit(entry("d-3", always=(code("e"),))) == "lost"


def test_fifty_threads_and_one_id_make_one_winner(ledger: AnyLedger) -> None:
    """RAS-20; promise P4."""
    together = Barrier(50)
    outcomes: list[str] = []

    def redeem(n: int) -> None:
        together.wait()
        outcomes.append(ledger.commit(entry(f"d-{n}", on_success=(jti("a"),))))

    threads = [Thread(target=redeem, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost"] * 49 + ["yes"]
    assert check(ledger, T, key=KEY) is None


def test_a_policy_change_is_in_the_snapshot_of_the_next_entry(ledger: AnyLedger) -> None:
    before = ledger.snapshot(T)
    add(ledger, Insert("rules", {"id": "r-1", "scope": "chat.read"}), policy_changed=True)
    seen: list[Policy] = []

    def decide(policy: Policy, _facts: Facts) -> Verdict[str]:
        seen.append(policy)
        return yes("d-1")

    ledger.commit(entry("d-1", decide))
    assert before == Policy(0, frozenset())
    assert seen == [Policy(1, frozenset({"chat.read"}))]
    assert ledger.snapshot(T) is ledger.fresh(T) is seen[0]


def test_a_snapshot_is_loaded_once_while_the_policy_stands_still(ledger: AnyLedger) -> None:
    first = ledger.snapshot(T)
    ledger.commit(entry("d-1"))
    assert ledger.snapshot(T) is first


def test_a_change_computed_on_another_state_is_a_conflict(ledger: AnyLedger) -> None:
    add(ledger, Insert("rules", {"id": "r-1", "scope": "chat.read"}), policy_changed=True)
    stale = entry("d-1", expect_policy_seq=0, always=(code("c"),))
    with pytest.raises(Conflict):
        ledger.commit(stale)
    with pytest.raises(Conflict):
        ledger.submit(stale).result()
    assert decision_ids(ledger) == ["d-0"]
    assert ledger.commit(entry("d-2", expect_policy_seq=1, always=(code("c"),))) == "yes"


def test_an_error_in_a_decision_leaves_nothing_and_ends_nothing(
    ledger: AnyLedger, caplog: pytest.LogCaptureFixture
) -> None:
    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        raise KeyError("alice@acme.example")

    before = ledger.head(T)
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as refused:
        ledger.commit(entry("d-1", decide, always=(code("c"),)))
    assert isinstance(refused.value.__cause__, KeyError)
    assert (audit(ledger), ledger.head(T)) == ([], before)
    assert ledger.commit(entry("d-2", always=(code("c"),))) == "yes"
    assert len(caplog.records) == 1
    assert "KeyError at test_law.py:" in caplog.text
    assert "alice" not in caplog.text


def test_an_event_with_a_field_of_its_own_is_an_error(ledger: AnyLedger) -> None:
    with pytest.raises(Unavailable):
        ledger.commit(entry("d-1", lambda _policy, _facts: yes("d-1", token="eyJ")))
    assert audit(ledger) == []


def test_an_unknown_tenant_is_an_error(ledger: AnyLedger) -> None:
    with pytest.raises(LookupError):
        ledger.snapshot("nobody")
    with pytest.raises(LookupError):
        ledger.head("nobody")


def test_to_open_a_tenant_again_changes_nothing(ledger: AnyLedger) -> None:
    ledger.commit(entry("d-1"))
    before = ledger.head(T)
    ledger.open_tenant(T)
    assert ledger.head(T) == before


def test_tenants_have_a_chain_each(ledger: AnyLedger) -> None:
    ledger.commit(entry("d-1"))
    ledger.open_tenant("other")
    assert ledger.head("other").audit_no == 0
    assert ledger.head("other").epoch != ledger.head(T).epoch
    assert ledger.audit_rows("other", after_no=0, limit=10) == []


def test_an_insert_fails_when_the_row_is_there(ledger: AnyLedger) -> None:
    rule = Insert("rules", {"id": "r-1", "scope": "chat.read"})
    add(ledger, rule)
    with pytest.raises(Unavailable):
        add(ledger, person(), rule, decision_id="d-1")
    assert (people(ledger), decision_ids(ledger)) == ([], ["d-0"])


def test_an_upsert_takes_the_place_of_the_row(ledger: AnyLedger) -> None:
    add(ledger, person())
    add(ledger, person(status="disabled", epoch=2))
    assert people(ledger) == [{"id": "alice", "status": "disabled", "epoch": 2, "team": None}]
    add(ledger, Upsert("rules", {"id": "r-1"}), Upsert("rules", {"id": "r-1"}))


def test_update_and_delete_reach_the_rows_that_equal_where(ledger: AnyLedger) -> None:
    add(ledger, person(), person(id="bob", team="red"), person(id="carol", team="red"))
    add(ledger, Update("people", {"team": "red", "status": "active"}, {"epoch": 7, "team": None}))
    assert people(ledger, "id", "bob") == [{"id": "bob", "status": "active", "epoch": 7, "team": None}]
    add(ledger, Delete("people", {"team": None, "epoch": 7}))
    assert [row["id"] for row in people(ledger, "status", "active")] == ["alice"]


def test_null_is_found_by_null_alone(ledger: AnyLedger) -> None:
    add(ledger, person(), person(id="bob", team="red"))
    add(ledger, Update("people", {"team": None}, {"status": "x"}))
    assert [row["id"] for row in people(ledger, "status", "x")] == ["alice"]


def test_facts_cannot_change_the_tables(ledger: AnyLedger) -> None:
    add(ledger, person())
    (row,) = ledger.read([ALICE])(ALICE)
    with suppress(TypeError):  # refused in memory, where the row is the table's own
        cast("dict[str, object]", row)["status"] = "admin"
    assert people(ledger)[0]["status"] == "active"


WRONG_WRITES = [
    pytest.param(Delete("audit", {"tenant": T}), id="the ledger's own table"),
    pytest.param(Insert("One_Time", {"id": "x"}), id="the same in other letters"),
    pytest.param(Delete("people", {}), id="delete everything"),
    pytest.param(Update("people", {}, {"status": "x"}), id="update everything"),
    pytest.param(Update("people", {"id": "alice"}, {}), id="update nothing"),
    pytest.param(Update("people", {"id": "alice"}, {"id": "bob"}), id="another id"),
    pytest.param(Insert("people", {"status": "active"}), id="no id"),
    pytest.param(Upsert("people", {"id": 7}), id="an id that is no text"),
]


@pytest.mark.parametrize("write", WRONG_WRITES)
def test_a_write_that_nobody_can_mean_is_refused(ledger: AnyLedger, write: Write) -> None:
    add(ledger, person())
    with pytest.raises(Unavailable):
        add(ledger, write, decision_id="d-1")
    assert decision_ids(ledger) == ["d-0"]
    assert people(ledger)[0]["status"] == "active"


def test_a_short_chain_key_is_refused_at_construction() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        MemoryLedger(load, chain_key=KEY[:31])
    assert MemoryLedger(load, chain_key=KEY[:32]).ready


def test_a_closed_ledger_takes_no_entry(ledger: AnyLedger) -> None:
    assert ledger.commit(entry("d-0")) == "yes"
    ledger.close()
    assert not ledger.ready
    with pytest.raises(Unavailable):
        ledger.commit(entry("d-1"))
    with pytest.raises(Unavailable):
        ledger.submit(entry("d-1")).result()
