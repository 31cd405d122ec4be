"""Verifying a log piece by piece: what is known of it afterwards, and what shows when somebody was there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from idjag.ledger import landmarks
from idjag.ledger.entry import Event, Head, Verdict
from idjag.ledger.landmarks import Start
from idjag.ledger.sqlite import SqliteLedger
from idjag.ledger.verification import verify
from idjag.ledger.verified import Known, advanced, of_text, text_of, whole
from tests.ledger.parts import KEY, NOW, Policy, T, entry, sql, sqlite_ledger


@dataclass
class Log:
    """A log, and what is known of it."""

    ledger: SqliteLedger[Policy]
    path: Path
    known: Known = field(default_factory=Known)
    now: int = NOW

    def record(self, *batches: int) -> None:
        """Batches of so many rows."""
        for batch in batches:
            events = [Event("id_jag.issued", {"decision_id": f"d-{n}"}) for n in range(batch)]
            self.ledger.commit(entry("d", lambda _policy, _facts, e=events: Verdict("ok", e)))  # type: ignore[misc]

    def look(self, *, again: bool = False, enough: Callable[[], bool] = lambda: False) -> Known:
        """Five minutes later."""
        self.now += 300
        self.known = advanced(
            self.ledger,
            T,
            key=KEY,
            known=self.known,
            again=again,
            enough=enough,
            now=self.now,
            by="a",
        )
        return self.known

    def sql(self, statement: str, *values: object) -> None:
        """What somebody with the file does."""
        sql(self.path, statement, *values)

    @property
    def broken(self) -> tuple[int, str]:
        return self.known.broken_no, self.known.broken_why


@pytest.fixture
def log(path: Path) -> Iterator[Log]:
    with sqlite_ledger(path) as opened:
        made = Log(opened, path)
        made.record(5, 1, 250, 3)
        yield made


def test_the_first_look_reads_everything_and_the_next_ones_what_is_new(log: Log) -> None:
    known = log.look()
    assert (known.no, known.whole_no, known.time, known.broken_no) == (259, 259, log.now, 0)
    assert known.link == log.ledger.head(T).link.hex()
    log.record(2, 130)
    log.sql("UPDATE audit SET reason = 'x' WHERE no = 7")  # what was read is not read again
    known = log.look()
    assert (known.no, known.whole_no, known.broken_no) == (391, 259, 0)
    assert known.link == log.ledger.head(T).link.hex()


@pytest.mark.parametrize("no", [260, 300, 391])
def test_an_edited_row_among_the_new_ones_is_named(log: Log, no: int) -> None:
    """Attack case 202."""
    log.look()
    log.record(2, 130)
    log.sql("UPDATE audit SET reason = 'x' WHERE no = ?", no)
    known = log.look()
    assert (known.broken_no, known.broken_time) == (no, log.now)
    assert known.broken_why == "its columns do not agree with its body"
    assert known.no < no


def test_an_edited_row_among_the_old_ones_shows_when_all_are_read_again(log: Log) -> None:
    """Attack case 202."""
    log.look()
    log.sql("UPDATE audit SET reason = 'x' WHERE no = 7")
    assert log.look().broken_no == 0
    known = log.look(again=True)
    assert (known.broken_no, known.whole_no, known.no) == (7, 259, 259)
    log.record(4)
    assert (log.look().no, log.known.broken_no) == (263, 7)


def test_a_row_that_is_as_it_was_again_is_broken_no_more(log: Log) -> None:
    log.look()
    log.sql("UPDATE audit SET reason = 'x' WHERE no = 7")
    first = log.look(again=True)
    later = log.look(again=True)
    assert (later.broken_no, later.broken_time) == (7, first.broken_time)
    log.sql("UPDATE audit SET reason = NULL WHERE no = 7")
    assert log.look().broken_no == 7  # it was not read
    assert log.look(again=True).broken_no == 0
    assert log.known.whole_time == log.now


@pytest.mark.parametrize(
    ("statement", "no"),
    [
        ("DELETE FROM audit WHERE no = 100", 100),
        ("DELETE FROM audit WHERE no > 257", 258),
        ("UPDATE audit SET no = 1000 WHERE no = 6", 6),
        ("UPDATE audit SET prev_hash = 'aa' WHERE no = 50", 50),
        ("UPDATE ledger_head SET link = x'00'", 259),
    ],
)
def test_rows_that_are_missing_or_elsewhere_are_named(log: Log, statement: str, no: int) -> None:
    """Attack case 202."""
    log.sql(statement)
    assert log.look().broken_no == no


def test_an_older_log_in_the_place_of_this_one_shows_by_what_was_known(log: Log) -> None:
    """Attack case 202: the head and the rows of before fit each other."""
    old = log.ledger.head(T)
    log.record(4)
    before = log.look()
    log.sql("DELETE FROM audit WHERE no > 259")
    log.sql("UPDATE ledger_head SET audit_no = 259, link = ?", old.link)
    assert verify(log.ledger, T, key=KEY).broken is None
    assert log.look().broken_no == 260
    done = verify(log.ledger, T, key=KEY)
    for known in (before, log.known):
        kept = whole(known, done, began=log.now + 1, now=log.now + 2, by="b")
        assert kept.broken_no == 260
    log.record(6)  # as long as before, and another one
    assert log.look().broken_no > 0


def test_a_reading_is_interrupted_and_goes_on_where_it_was(log: Log) -> None:
    log.record(*[30] * 20)
    log.look()
    log.now += 86_400
    steps = 0
    while log.known.whole_time < log.now or steps == 0:
        log.now -= 299  # the next look is a second later
        steps += 1
        assert log.look(again=True, enough=lambda: True).broken_no == 0
        assert steps < 20
    assert steps > 4
    assert (log.known.whole_no, log.known.reading_began) == (859, 0)
    assert log.known.whole_began < log.known.whole_time


def test_a_reading_that_somebody_has_asked_for_begins_at_the_first_row(log: Log) -> None:
    log.look()
    log.look(again=True, enough=lambda: True)
    assert 0 < log.known.reading_no < 259
    log.sql("UPDATE audit SET reason = 'x' WHERE no = 1")
    log.known = log.known.asking(now=log.now)
    assert log.known.wanted
    assert log.look(again=True).broken_no == 1
    log.sql("UPDATE audit SET reason = NULL WHERE no = 1")
    log.look(again=True)
    assert (log.known.broken_no, log.known.wanted) == (0, False)


def test_who_asks_is_answered_by_a_break_among_the_new_rows_too(log: Log) -> None:
    log.look()
    log.record(4)
    log.sql("UPDATE audit SET reason = 'x' WHERE no = 261")
    log.known = log.known.asking(now=log.now)
    assert (log.look(again=True).broken_no, log.known.wanted) == (261, False)


def test_what_was_pruned_is_not_missing(log: Log) -> None:
    log.look()
    log.look(again=True, enough=lambda: True)
    rows = log.ledger.audit_rows(T, after_no=255, limit=1)
    start = Start(Head("", 0, 256, bytes(32)), NOW)  # a batch ends there: 5 + 1 + 250
    (last,) = rows
    before = next(iter(log.ledger.audit_rows(T, after_no=256, limit=1)))
    start = replace(start, head=Head("", 0, 256, bytes.fromhex(str(before["prev_hash"]))))
    assert last["no"] == 256
    event = landmarks.pruned(start, actor={"kind": "system", "id": "idjag"})
    log.ledger.commit(entry("d", lambda _policy, _facts: Verdict("ok", (event,))))
    log.sql("DELETE FROM audit WHERE no <= 256")
    assert log.look(again=True).broken_no == 0
    assert log.known.whole_no == 260
    log.known = Known()
    assert log.look().broken_no == 0


def test_pruning_between_two_pages_is_no_break(log: Log) -> None:
    before = next(iter(log.ledger.audit_rows(T, after_no=256, limit=1)))
    start = Start(Head("", 0, 256, bytes.fromhex(str(before["prev_hash"]))), NOW)
    event = landmarks.pruned(start, actor={"kind": "system", "id": "idjag"})
    done: list[bool] = []

    def prune() -> bool:
        if not done:
            done.append(True)
            log.ledger.commit(entry("d", lambda _policy, _facts: Verdict("ok", (event,))))
            log.sql("DELETE FROM audit WHERE no <= 256")
        return False

    assert log.look(enough=prune).broken_no == 0
    assert done
    assert log.look().whole_no == 260


def test_a_batch_that_is_longer_than_a_page_is_read_to_its_end(log: Log) -> None:
    log.look()
    log.record(450, 1)
    assert log.look(enough=lambda: True).no == 259 + 450
    assert log.look(enough=lambda: True).no == 259 + 451


def test_an_empty_log_is_right(path: Path) -> None:
    with sqlite_ledger(path) as ledger:
        log = Log(ledger, path)
        assert (log.look().whole_time, log.known.no, log.known.broken_no) == (log.now, 0, 0)


def test_a_note_is_ours_alone(log: Log) -> None:
    """Whoever can write to the table and has not the key makes none."""
    text = text_of(log.look(), tenant=T, key=KEY)
    assert of_text(text, tenant=T, key=KEY) == log.known
    assert of_text(text, tenant="other", key=KEY) is None
    assert of_text(text, tenant=T, key=b"another key that is long enough.") is None
    forged = json.loads(text)
    forged["broken_no"] = 1
    assert of_text(json.dumps(forged), tenant=T, key=KEY) is None
    for text in ("", "{}", "[]", "null", '{"mac": "é"}', '{"mac": 1}'):
        assert of_text(text, tenant=T, key=KEY) is None


def test_what_somebody_asks_meanwhile_stays_asked() -> None:
    before = Known(whole_began=NOW).asking(now=NOW)
    assert before.wanted
    assert Known(no=3, whole_began=NOW - 1).over(before).asked == before.asked
    assert Known(no=3).over(before).no == 3


def test_a_verification_of_the_whole_by_somebody_else_counts(log: Log) -> None:
    head = log.ledger.head(T)
    done = verify(log.ledger, T, key=KEY)
    known = whole(Known(), done, began=NOW, now=NOW + 5, by="root")
    assert (known.no, known.link, known.whole_no, known.by) == (259, head.link.hex(), 259, "root")
    assert (known.whole_began, known.whole_time) == (NOW, NOW + 5)
    log.sql("UPDATE audit SET reason = 'x' WHERE no = 9")
    known = whole(known, verify(log.ledger, T, key=KEY), began=NOW, now=NOW + 9, by="root")
    assert (known.broken_no, known.whole_time) == (9, NOW + 5)


def test_one_that_began_before_the_latest_look_is_not_shorter(log: Log) -> None:
    """The command has read up to a head that others have passed meanwhile."""
    done = verify(log.ledger, T, key=KEY)
    log.record(5)
    log.look()
    known = whole(log.known, done, began=log.now - 1, now=log.now + 1, by="root")
    assert (known.broken_no, known.no, known.whole_no) == (0, 264, 259)
