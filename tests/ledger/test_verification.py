"""Verifying a whole log: landmarks in it, checkpoints from outside, other processes, others who write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from idjag.ledger import checkpoint, landmarks
from idjag.ledger.chain import Break
from idjag.ledger.checkpoint import Checkpoint
from idjag.ledger.entry import Event, Head, Verdict
from idjag.ledger.landmarks import Start
from idjag.ledger.sqlite import SqliteLedger
from idjag.ledger.verification import Lost, verify
from tests.ledger.parts import KEY, NOW, Policy, T, entry, sql, sqlite_ledger

ACTOR = {"kind": "operator", "id": "1000@host"}


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger[Policy]]:
    with sqlite_ledger(path) as opened:
        yield opened


def record(ledger: SqliteLedger[Policy], *batches: int) -> None:
    """Batches of so many rows."""
    for batch in batches:
        events = [Event("id_jag.issued", {"decision_id": f"d-{n}", "ip": "192.0.2.7"}) for n in range(batch)]
        say(ledger, *events)


def say(ledger: SqliteLedger[Policy], *events: Event) -> None:
    ledger.commit(entry("d", lambda _policy, _facts: Verdict("ok", events)))


def checkpoint_of(ledger: SqliteLedger[Policy], *, key: bytes = KEY) -> Checkpoint:
    """As it comes back from outside."""
    text = checkpoint.line(ledger.head(T), tenant=T, now=NOW, key=key)
    (found,) = checkpoint.read([text], key=KEY)
    return found


@pytest.mark.parametrize("processes", [0, 1, 3])
@pytest.mark.parametrize("place", [1, 1000, 1001, 3500, None])
def test_pages_that_other_processes_verify_hide_nothing(
    ledger: SqliteLedger[Policy], path: Path, processes: int, place: int | None
) -> None:
    """Attack case 202."""
    record(ledger, 600, 1, 2000, 900)
    if place is not None:
        sql(path, "UPDATE audit SET reason = 'x' WHERE no = ?", place)
    found = verify(ledger, T, key=KEY, processes=processes).broken
    expected = None if place is None else Break(place, "its columns do not agree with its body")
    assert found == expected


@pytest.mark.parametrize("processes", [0, 2])
def test_the_first_of_several_breaks_is_named(
    ledger: SqliteLedger[Policy], path: Path, processes: int
) -> None:
    record(ledger, 3500)
    sql(path, "UPDATE audit SET reason = 'x' WHERE no IN (900, 2100)")
    sql(path, "DELETE FROM audit WHERE no = 2500")
    found = verify(ledger, T, key=KEY, processes=processes).broken
    assert found is not None
    assert found.no == 900


def test_rows_that_come_meanwhile_are_no_break(ledger: SqliteLedger[Policy]) -> None:
    record(ledger, 1000)

    class Growing:
        """Somebody writes between any two pages."""

        head, read = ledger.head, ledger.read

        def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[object]:
            if after_no < 3000:
                record(ledger, 500)
            return list(ledger.audit_rows(tenant, after_no=after_no, limit=limit))

    assert verify(Growing(), T, key=KEY).broken is None  # type: ignore[arg-type]


def test_an_older_table_restored_is_found_by_a_checkpoint_alone(
    ledger: SqliteLedger[Policy], path: Path
) -> None:
    record(ledger, 3, 2)
    old = ledger.head(T)
    record(ledger, 4)
    taken = checkpoint_of(ledger)
    assert verify(ledger, T, key=KEY, checkpoints=[taken]).compared == 1
    sql(path, "DELETE FROM audit WHERE no > 5")
    sql(path, "UPDATE ledger_head SET audit_no = 5, link = ?", old.link)
    assert verify(ledger, T, key=KEY).broken is None
    assert verify(ledger, T, key=KEY, checkpoints=[taken]).broken == Break(6, "rows are missing at the end")


def test_a_history_that_was_written_anew_with_the_key_is_found_by_a_checkpoint(
    ledger: SqliteLedger[Policy], path: Path
) -> None:
    record(ledger, 2, 2)
    taken = checkpoint_of(ledger)
    record(ledger, 1)
    assert verify(ledger, T, key=KEY, checkpoints=[taken]).broken is None
    other = Checkpoint(T, NOW, Head(taken.head.epoch, 0, 4, bytes(32)), genuine=True)
    assert verify(ledger, T, key=KEY, checkpoints=[other]).broken == Break(4, "the head has another link")


def test_a_forged_checkpoint_is_said_and_one_of_another_tenant_is_not_ours(
    ledger: SqliteLedger[Policy],
) -> None:
    record(ledger, 2)
    forged = verify(ledger, T, key=KEY, checkpoints=[checkpoint_of(ledger, key=bytes(32))]).broken
    assert forged is not None
    assert "not written with this database's key" in forged.why
    theirs = Checkpoint("other", NOW, Head("e", 0, 99, bytes(32)), genuine=False)
    assert verify(ledger, T, key=KEY, checkpoints=[theirs]).broken is None


def test_a_pruned_log_verifies_from_its_start_and_not_without_it(
    ledger: SqliteLedger[Policy], path: Path
) -> None:
    record(ledger, 3, 2)
    before = checkpoint_of(ledger)
    start = Start(ledger.head(T), NOW - 60)
    record(ledger, 2)
    say(ledger, landmarks.pruned(start, actor=ACTOR))
    whole = verify(ledger, T, key=KEY)
    assert (whole.broken, whole.first, whole.last) == (None, 6, 8)
    for gone in (2, 5):  # killed on the way, and done
        sql(path, "DELETE FROM audit WHERE no <= ?", gone)
        done = verify(ledger, T, key=KEY, checkpoints=[before])
        assert (done.broken, done.first, done.start) == (
            None,
            6,
            Start(Head("", 0, 5, start.head.link), NOW - 60),
        )
    sql(path, "DELETE FROM audit WHERE no = 6")
    assert verify(ledger, T, key=KEY).broken == Break(6, "this number is missing, or stands elsewhere")


def test_a_start_that_nobody_with_the_key_has_written_is_none(
    ledger: SqliteLedger[Policy], path: Path
) -> None:
    record(ledger, 5)
    say(ledger, landmarks.pruned(Start(ledger.head(T), NOW), actor=ACTOR))
    sql(path, "UPDATE audit SET body = replace(body, '\"no\":5', '\"no\":3') WHERE no = 6")
    assert landmarks.start_of(ledger, T, key=KEY) is None
    found = verify(ledger, T, key=KEY).broken
    assert found == Break(6, "its fields are not those that were hashed")


def test_what_a_restore_has_taken_is_said_and_is_no_break(ledger: SqliteLedger[Policy], path: Path) -> None:
    record(ledger, 3)
    kept = ledger.head(T)
    early = checkpoint_of(ledger)
    record(ledger, 4)
    late = checkpoint_of(ledger)
    sql(path, "DELETE FROM audit WHERE no > 3")
    sql(path, "UPDATE ledger_head SET audit_no = 3, link = ?, epoch = 'new'", kept.link)
    unsaid = verify(ledger, T, key=KEY, checkpoints=[early, late]).broken
    assert unsaid is not None
    say(ledger, landmarks.restored(3, before=kept.epoch, epochs=["once"], actor=ACTOR))
    done = verify(ledger, T, key=KEY, checkpoints=[early, late, checkpoint_of(ledger)])
    assert (done.broken, done.compared, done.lost) == (None, 2, (Lost(3, 7, NOW),))


def test_a_checkpoint_is_read_out_of_a_log_and_a_cut_one_is_passed_over(
    ledger: SqliteLedger[Policy], tmp_path: Path
) -> None:
    record(ledger, 2)
    text = checkpoint.line(ledger.head(T), tenant=T, now=NOW, key=KEY)
    file = tmp_path / "heads"
    checkpoint.append(file, f"Nov 21 idp[7]: {text}")
    checkpoint.append(file, text)
    with file.open("a", encoding="utf-8") as end:
        end.write(text[:60])
    assert file.stat().st_mode & 0o777 == 0o600
    found = checkpoint.of_file(file, key=KEY)
    assert [(each.genuine, each.head.audit_no) for each in found] == [(True, 2)] * 2
    edited = json.dumps({**json.loads(text), "audit_no": 1}, separators=(",", ":"))
    assert [each.genuine for each in checkpoint.read([edited, "[]", "{}"], key=KEY)] == [False]
