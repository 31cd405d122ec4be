"""Many entries in one transaction: the outcome is that of a serial order, and nobody pays for a neighbour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idjag.ledger.batch import Failed, Outcome
from idjag.ledger.entry import (
    Conflict,
    Delete,
    Entry,
    Facts,
    Insert,
    Key,
    OneTime,
    Row,
    Update,
    Upsert,
    Verdict,
    Write,
)
from idjag.ledger.memory import MemoryLedger, MemoryStore, MemoryTransaction
from idjag.ledger.run import Law, Snapshots
from idjag.ledger.sqlite import SqliteStore
from idjag.ledger.transaction import Store
from tests.ledger.parts import (
    KEY,
    NOW,
    Policy,
    T,
    already,
    code,
    entry,
    event,
    jti,
    load,
    make_tables,
    no,
    sqlite_ledger,
    used,
    yes,
)

PEOPLE, TEAMS, SOME_IDS = (
    ("alice", "bob"),
    ("red", "blue"),
    ((),) * 6 + (("x",), ("y",), ("x", "y"), ("y", "x")),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry: whom it reads, what it does with them, which ids it wants."""

    person: str
    by_team: str | None
    change: str
    fate: str
    always: tuple[str, ...]
    on_success: tuple[str, ...]
    holder: int
    expected: int | None


STEPS = st.lists(
    st.builds(
        Step,
        person=st.sampled_from(PEOPLE),
        by_team=st.sampled_from((None, *TEAMS)),
        change=st.sampled_from(
            (
                "nothing",
                "nothing",
                "nothing",
                "count",
                "join red",
                "leave",
                "hire",
                "fire",
                "insert",
                "recruit",
                "merge",
                "rule",
            )
        ),
        fate=st.sampled_from(("yes",) * 8 + ("no", "error", "conflict", "bad write")),
        always=st.sampled_from(SOME_IDS),
        on_success=st.sampled_from((*SOME_IDS, ("x", "x"))),
        holder=st.integers(0, 2),
        expected=st.sampled_from((None,) * 8 + (0, 1)),
    ),
    min_size=4,
    max_size=10,
)


def as_entry(n: int, step: Step) -> Entry[Policy, str]:
    by_id = Key("people", "id", step.person)
    by_team = Key("people", "team", step.by_team) if step.by_team else None
    reads = (by_id, *((by_team,) if by_team else ()))

    def decide(policy: Policy, facts: Facts) -> Verdict[str]:
        if step.fate == "error":
            raise KeyError(step.person)
        if step.fate == "conflict":
            raise Conflict("start over")
        team = sorted(str(row["id"]) for row in facts(by_team)) if by_team else []
        seen = {"policy": policy.seq, "rules": sorted(policy.scopes), "team": team}
        person = present(next(iter(facts(by_id)), {}))
        writes = list(changes(step, person, n))
        if step.fate == "bad write":
            writes.append(Insert("people", {"id": "carol", "status": "twice"}))
        reply = "yes" if step.fate != "no" else "no"
        events = [event(f"d-{n}", inputs={**seen, "person": person})]
        return Verdict(reply, events, writes, succeeded=reply == "yes", policy_changed=step.change == "rule")

    def lost(one_time: OneTime) -> Verdict[str]:
        writes = [Update("people", {"id": step.person}, {"status": f"lost {one_time.value}"})]
        return Verdict(f"lost {one_time.value}", [event(f"d-{n}", "id_jag.denied")], writes, succeeded=False)

    return Entry(
        tenant=T,
        holder=f"h-{step.holder}",
        now=NOW,
        decide=decide,
        lost=lost,
        reads=reads,
        consume_always=tuple(map(code, step.always)),
        consume_on_success=tuple(map(code, step.on_success)),
        expect_policy_seq=step.expected,
    )


def changes(step: Step, person: Row, n: int) -> Iterator[Write]:
    """The writes of a step; what they hold depends on what was read."""
    id_, epoch = step.person, person.get("epoch")
    count = epoch + 1 if isinstance(epoch, int) else 1
    match step.change:
        case "count":
            yield Update("people", {"id": id_}, {"epoch": count})
        case "join red":
            yield Update("people", {"id": id_}, {"team": "red"})
        case "leave":
            yield Update("people", {"team": "red"}, {"team": "blue"})
        case "hire":
            yield Upsert("people", {"id": id_, "status": f"hired {n}", "epoch": count, "team": "blue"})
        case "fire":
            yield Delete("people", {"id": id_})
        case "insert" if not person:
            yield Insert("people", {"id": id_, "status": f"new {n}", "epoch": 1, "team": "red"})
        case "recruit":
            yield Insert("people", {**CAROL.row, "id": f"p-{n}"})
        case "merge":
            yield Upsert("people", {"id": id_, "team": step.by_team})
        case "rule":
            yield Upsert("rules", {"id": f"r-{n}", "scope": f"s-{count}"})


CAROL = Insert("people", {"id": "carol", "status": "active", "epoch": 1, "team": "red"})


def present(row: Row) -> dict[str, Any]:
    """In memory a column that nobody wrote is not there, in a file it is null."""
    return {name: value for name, value in row.items() if value is not None}


def told(outcome: Outcome) -> str:
    return type(outcome.error).__name__ if isinstance(outcome, Failed) else outcome.value


def run(store: Store, groups: Sequence[Sequence[Entry[Policy, Any]]]) -> list[str]:
    law = Law(Snapshots(load), KEY)
    return [told(outcome) for group in groups for outcome in law.settle(group, store)]


def kept(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Everything that is stored, but for salts, hashes and the epoch, which are random."""
    transaction = store.begin()
    assert hasattr(transaction, "rows")
    hidden: Row = dict.fromkeys(("salts", "hash", "prev_hash", "link"))
    tables = {}
    for table in ("people", "rules", "one_time", "audit", "ledger_head"):
        rows = [present({**row, **hidden}) for row in transaction.rows(table)]
        tables[table] = sorted(rows, key=lambda row: repr(sorted(row.items())))
    transaction.rollback()
    for row in tables["ledger_head"]:
        del row["epoch"]
    return tables


def memory_store() -> MemoryStore:
    ledger = MemoryLedger(load, chain_key=KEY)
    ledger.open_tenant(T)
    return ledger._store


@contextmanager
def sqlite_store() -> Iterator[SqliteStore]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "idjag.db"
        make_tables(path)
        sqlite_ledger(path).open_tenant(T)
        with closing(SqliteStore(path)) as store:
            yield store


def batch_is_serial(store: Store, steps: Sequence[Step]) -> None:
    entries = [as_entry(n, step) for n, step in enumerate(steps)]
    staff = [Insert("people", {**CAROL.row, "id": id_}) for id_ in ("carol", *PEOPLE)]
    first = entry("first", already(yes("first", writes=staff)))
    alone = memory_store()
    expected = run(alone, [[first], *([each] for each in entries)])
    assert run(store, [[first], entries]) == expected
    assert kept(store) == kept(alone)


@given(STEPS)
@settings(max_examples=400)
def test_a_batch_in_memory_is_like_its_entries_one_by_one(steps: list[Step]) -> None:
    """Architecture section 4.3: whatever shares a transaction, the outcome is that of a serial order."""
    batch_is_serial(memory_store(), steps)


@given(STEPS)
@settings(max_examples=50)
def test_a_batch_in_a_file_is_like_its_entries_one_by_one(steps: list[Step]) -> None:
    """The same through SQLite, whose writes fail in their own ways."""
    with sqlite_store() as store:
        batch_is_serial(store, steps)


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
