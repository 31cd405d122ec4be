"""Whatever entries share a transaction, the outcome is that of the same entries one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

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
from idjag.ledger.sqlite import SqliteStore
from idjag.ledger.transaction import Store
from tests.ledger.batches import CAROL, kept, memory_store, present, run
from tests.ledger.parts import (
    NOW,
    Policy,
    T,
    already,
    code,
    entry,
    event,
    make_tables,
    sqlite_ledger,
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
