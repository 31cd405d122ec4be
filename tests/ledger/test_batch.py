"""Many entries in one transaction: the outcome is that of a serial order, and nobody pays for a neighbour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idjag.ledger.entry import (
    Entry,
    Facts,
    Insert,
    Key,
    Row,
    Update,
    Upsert,
    Verdict,
)
from idjag.ledger.memory import MemoryStore, MemoryTransaction
from tests.ledger.batches import CAROL, kept, memory_store, run
from tests.ledger.parts import (
    NOW,
    Policy,
    already,
    entry,
    jti,
    no,
    used,
    yes,
)


class Counting(MemoryStore):
    """Counts transactions that were committed."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = memory_store().tables
        self.commits = 0

    def begin(self) -> MemoryTransaction:
        return CountingTransaction(self)


class CountingTransaction(MemoryTransaction):
    def __init__(self, store: Counting) -> None:
        super().__init__(store)
        self._counting = store

    def commit(self) -> None:
        super().commit()
        self._counting.commits += 1


def test_what_an_entry_spares_is_there_for_its_neighbour_in_the_batch() -> None:
    """Attack case 38: and the next one keeps it."""
    entries = [
        entry("d-1", already(replace(no("d-1"), spares=True)), always=(jti("a"), jti("b"))),
        entry("d-2", always=(jti("a"),)),
        entry("d-3", already(replace(no("d-3"), spares=True)), always=(jti("a"),)),
        entry("d-4", already(no("d-4")), always=(jti("b"),)),
        entry("d-5", always=(jti("b"),)),
    ]
    assert run(Counting(), [entries]) == ["no", "yes", "lost", "no", "lost"]


def test_entries_that_do_not_meet_share_a_transaction() -> None:
    store = Counting()
    people = [Insert("people", {"id": f"p-{n}", "status": "active", "epoch": 1}) for n in range(64)]
    entries = [
        entry(f"d-{n}", already(yes(f"d-{n}", writes=[row])), reads=(Key("people", "id", f"p-{n}"),))
        for n, row in enumerate(people)
    ]
    assert run(store, [entries]) == ["yes"] * 64
    assert store.commits == 1


def test_an_entry_that_reads_what_a_neighbour_wrote_reads_it_again() -> None:
    """A hold placed, a family revoked, a session ended a moment ago in the same batch."""
    store, alice = Counting(), Key("people", "id", "alice")
    row: Row = {"id": "alice", "status": "active", "epoch": 1, "team": None}

    def decide(_policy: Policy, facts: Facts) -> Verdict[str]:
        return no("ask", reason=facts(alice)[0]["status"])

    revoked = Update("people", {"id": "alice"}, {"status": "disabled"})
    entries = [
        entry("a", already(yes("a", writes=[Upsert("people", row)]))),
        entry("b", already(yes("b", writes=[revoked]))),
        entry("ask", decide, reads=(alice,)),
        entry("c"),
    ]
    assert run(store, [entries]) == ["yes", "yes", "no", "yes"]
    assert store.commits == 2
    assert [row["reason"] for row in kept(store)["audit"] if row["decision_id"] == "ask"] == ["disabled"]


def test_entries_after_a_change_of_the_policy_see_it() -> None:
    store, seen = Counting(), list[Policy]()

    def decide(policy: Policy, _facts: Facts) -> Verdict[str]:
        seen.append(policy)
        return yes("after")

    rule = Insert("rules", {"id": "r", "scope": "chat.read"})
    change = entry("change", already(yes("change", writes=[rule], policy_changed=True)))
    stale = entry("stale", expect_policy_seq=0)
    assert run(store, [[entry("a"), change, entry("after", decide), stale]]) == [
        *("yes", "yes", "yes"),
        "Conflict",
    ]
    assert (seen, store.commits) == ([Policy(1, frozenset({"chat.read"}))], 2)


def test_an_entry_that_fails_costs_its_neighbours_no_transaction() -> None:
    store = Counting()
    entries = [entry(f"d-{n}", on_success=(jti(str(n)),)) for n in range(20)]
    entries[7] = entry("d-7", already(yes("d-7", token="eyJ")), on_success=(jti("7"),))  # no such field
    assert run(store, [entries]) == [*["yes"] * 7, "Unavailable", *["yes"] * 12]
    assert store.commits == 1
    assert run(store, [[entry("again", on_success=(jti("7"),))]]) == ["yes"]


def test_a_write_that_the_database_refuses_costs_its_neighbours_nothing() -> None:
    store = Counting()
    entries = [entry(f"d-{n}", on_success=(jti(str(n)),)) for n in range(64)]
    for n in (7, 40):
        entries[n] = entry(f"d-{n}", already(yes(f"d-{n}", writes=[CAROL])), on_success=(jti(str(n)),))
    assert run(store, [[entry("first", already(yes("first", writes=[CAROL])))], entries]) == [
        "yes",
        *("Unavailable" if n in {7, 40} else "yes" for n in range(64)),
    ]
    assert store.commits < 16
    assert run(store, [[entry("again", on_success=(jti("7"), jti("40")))]]) == ["yes"]


def test_of_two_in_one_batch_the_first_wins_an_id() -> None:
    """RAS-20; promise P4."""
    store = Counting()
    race = [entry(f"d-{n}", on_success=(jti("a"),)) for n in range(3)]
    assert run(store, [race]) == ["yes", "lost", "lost"]
    assert store.commits == 1
    assert [row["holder"] for row in kept(store)["one_time"]] == ["d-0"]


def test_the_same_holder_does_not_win_an_id_twice_in_one_batch() -> None:
    store = Counting()
    assert run(store, [[entry("d", on_success=(jti("a"),)), entry("d", on_success=(jti("a"),))]]) == [
        "yes",
        "lost",
    ]


@pytest.mark.parametrize("first", [no("d-0"), yes("d-0", token="eyJ"), used("d-0")])
def test_an_id_that_the_first_did_not_use_goes_to_the_next(first: Verdict[str]) -> None:
    """A failing request burns nobody's id, and who holds it then is written down."""
    store, refused = Counting(), entry("d-0", already(first), on_success=(jti("a"),))
    assert run(store, [[refused, entry("d-1", on_success=(jti("a"),))]])[1] == "yes"
    assert [row["holder"] for row in kept(store)["one_time"]] == ["d-1"]
    assert run(store, [[entry("d-2", on_success=(jti("a"),))]]) == ["lost"]


def test_a_batch_that_grows_too_large_goes_on_in_another() -> None:
    """256 KiB: a commit must stay short."""
    store, large = Counting(), "x" * 100_000
    entries = [entry(f"d-{n}", already(yes(f"d-{n}", after=large))) for n in range(4)]
    assert run(store, [entries]) == ["yes"] * 4
    assert store.commits == 2


def test_an_unknown_tenant_costs_its_own_entry_alone() -> None:
    store, lost = Counting(), entry("d-1")
    strange: Entry[Policy, str] = Entry("nobody", "d-1", NOW, lost.decide, lost.lost)
    assert run(store, [[entry("d-0"), strange, entry("d-2")]]) == ["yes", "Unavailable", "yes"]


@pytest.mark.parametrize("value", ["a\0b", "a\ud800b"])
def test_a_text_that_not_every_database_can_hold_is_refused(value: str) -> None:
    store = Counting()
    wrong = Upsert("people", {"id": "alice", "status": value})
    right = Upsert("people", {"id": "alice", "status": "a\U0001f600b"})
    entries = [entry(name, already(yes(name, writes=[row]))) for name, row in (("a", wrong), ("b", right))]
    assert run(store, [entries]) == ["Unavailable", "yes"]
