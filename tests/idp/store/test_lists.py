"""The audit log and its counts, looked through: one tenant's rows, a page at a time, on both databases."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest

from idjag.idp.lookups import Audience, PairUse, Thing, TooMuch, Use
from idjag.idp.store import schema
from idjag.idp.store.listing import Listing
from idjag.idp.store.lists.asking import Asking
from idjag.ledger import trail
from idjag.policy.model import Who
from tests.idp.store.company import DAY, NOW, TODAY, A, B


def found(lists: Listing, since: int | None = NOW - DAY, text: str = "", **about: str) -> list[int]:
    """The numbers of the rows on the first page."""
    rows = lists.audit(about=about, since=since, until=NOW, before_no=None, limit=100, text=text)
    assert {row["tenant"] for row in rows} <= {A}
    return [int(str(row["no"])) for row in rows]


EVERY: dict[str, Callable[[Listing], object]] = {
    "audit": lambda it: it.audit(about={}, since=None, until=None, before_no=None, limit=500),
    "audit by jti": lambda it: it.audit(
        about={"jti": f"{A}-j2"}, since=None, until=None, before_no=None, limit=9
    ),
    "export": lambda it: list(it.export(about={}, since=None, until=None)),
    "rows by number": lambda it: it.log(after_no=0, limit=500),
    "the latest row": lambda it: it.last_no(),
    "thread": lambda it: it.thread(f"{A}-j2"),
    "history of a connection": lambda it: it.history(
        Thing("connection", f"{A}-wiki-chat", (f"{A}-wiki", f"{A}-chat"))
    ),
    "history of a group": lambda it: it.history(Thing("group", f"{A}-eng")),
    "counts": lambda it: it.counts(since=0, until=NOW, step="day"),
    "uses": lambda it: it.uses((f"{A}-wiki", f"{A}-chat"), since=0, until=NOW),
    "rules used": lambda it: it.rules_used((f"{A}-wiki", f"{A}-chat")),
    "pairs": lambda it: it.pair_uses(),
    "these pairs": lambda it: it.pair_uses([(f"{A}-wiki", f"{A}-chat")]),
    "first seen": lambda it: it.first_seen(since=0),
    "bursts": lambda it: it.bursts(now=NOW),
    "user names": lambda it: it.people(begins="", after="", limit=9),
    "people": lambda it: it.find_people(text="a"),
    "groups": lambda it: it.groups(),
    "members": lambda it: it.members(f"{A}-eng"),
    "groups of a person": lambda it: it.groups_of(f"{A}-alice"),
    "connections": lambda it: it.connections(now=NOW, text="wiki"),
    "expiring": lambda it: it.expiring(now=NOW, until=NOW + 9 * DAY),
    "unused": lambda it: it.unused(now=NOW, since=NOW - DAY),
    "unused rules": lambda it: it.unused_rules(now=NOW, since=NOW - DAY),
    "reached": lambda it: it.reached(Audience([Who(groups=frozenset({f"{A}-eng"}))])) or None,
}


@pytest.mark.parametrize("name", EVERY)
def test_nobody_sees_rows_of_another_tenant(two_tenants: str, lists: Listing, name: str) -> None:
    """Promise P9; the ids of Acme's things, in Beta's hands, lead nowhere."""
    ask = EVERY[name]
    of_acme = ask(lists)
    assert of_acme
    assert f"{B}-" not in repr(of_acme)
    with closing(Listing(two_tenants, B)) as others, closing(Listing(two_tenants, "nobody")) as nobody:
        assert f"{A}-" not in repr(ask(others))
        assert not ask(nobody)


def test_rows_come_by_their_numbers(lists: Listing) -> None:
    """What `audit export` through the admin API reads."""
    last = lists.last_no()
    numbers = [row["no"] for row in lists.log(after_no=last - 4, limit=3)]
    assert numbers == [last - 3, last - 2, last - 1]
    assert [row["no"] for row in lists.log(after_no=last - 1, limit=3)] == [last]
    assert lists.log(after_no=last, limit=3) == []


@pytest.mark.parametrize(
    ("about", "numbers"),
    [
        ({}, [35, 34, 33, 32, 31, 30, 29, *range(28, 3, -1)]),
        ({"event": "id_jag.issued"}, [32]),
        ({"event": "rule.updated"}, [29]),
        ({"subject": f"{A}-alice"}, [35, 32]),
        ({"resource_app": f"{A}-files"}, list(range(28, 3, -1))),
        ({"requesting_app": f"{A}-wiki", "event": "id_jag.refused"}, [34]),
        ({"reason": "replayed"}, [34]),
        ({"jti": f"{A}-j2"}, [34, 33, 32]),
        ({"event": "id_jag.issued", "subject": f"{A}-bob"}, []),
    ],
)
def test_the_log_is_filtered_by_what_it_is_about(
    lists: Listing, about: dict[str, str], numbers: list[int]
) -> None:
    assert found(lists, **about) == numbers  # type: ignore[arg-type]


def test_a_window_leaves_out_what_is_older(lists: Listing) -> None:
    assert found(lists, NOW - DAY, event="id_jag.issued") == [32]
    assert found(lists, NOW - 36 * DAY, event="id_jag.issued") == [32, 3]
    assert found(lists, None, event="id_jag.issued") == [32, 3]


def test_pages_follow_each_other_without_gap_or_repetition(lists: Listing) -> None:
    """Many rows of one second among them."""
    numbers: list[int] = []
    before = None
    while page := lists.audit(about={}, since=None, until=None, before_no=before, limit=4):
        assert len(numbers) < 36
        numbers += [int(str(row["no"])) for row in page]
        before = numbers[-1]
    assert numbers == list(range(35, 0, -1))


def test_a_page_after_a_row_that_is_gone_is_empty(lists: Listing) -> None:
    assert lists.audit(about={}, since=None, until=None, before_no=99, limit=4) == ()


@pytest.mark.parametrize(("text", "numbers"), [('"browser"', [35]), ("100%_", [35]), ("browsers", [])])
def test_a_text_is_found_as_it_stands_in_an_event(lists: Listing, text: str, numbers: list[int]) -> None:
    assert found(lists, text=text) == numbers


def test_a_text_wants_a_time_and_a_filter_a_column(lists: Listing) -> None:
    with pytest.raises(ValueError, match="within a time"):
        found(lists, None, text="browser")
    with pytest.raises(ValueError, match="not looked through by body"):
        found(lists, body="browser")


def test_an_export_has_everything_once(lists: Listing) -> None:
    exported = [trail.event_of(row)["id"] for row in lists.export(about={}, since=None, until=None)]
    assert exported == list(range(35, 0, -1))
    some = lists.export(about={"event": "id_jag.denied"}, since=None, until=None)
    assert len(list(some)) == 25


def test_the_thread_of_an_id_jag_is_told_from_its_beginning(lists: Listing) -> None:
    events = [row["event"] for row in lists.thread(f"{A}-j2")]
    assert events == ["id_jag.issued", "id_jag.redeemed", "id_jag.refused"]


@pytest.mark.parametrize(
    ("thing", "numbers"),
    [
        (Thing("connection", f"{A}-wiki-chat", (f"{A}-wiki", f"{A}-chat")), [29, 1]),
        (Thing("group", f"{A}-eng"), [2]),
        (Thing("rule", f"{A}-rule"), [29]),
        (Thing("user", f"{A}-bob"), [31, 30]),
        (Thing("app", f"{A}-wiki"), []),
        (Thing("group", "another"), []),
    ],
)
def test_the_history_of_a_thing_has_its_changes(lists: Listing, thing: Thing, numbers: list[int]) -> None:
    """And nothing of what happens every day."""
    assert [row["no"] for row in lists.history(thing)] == numbers
    if len(numbers) > 1:
        assert [row["no"] for row in lists.history(thing, before_no=numbers[0], limit=1)] == numbers[1:2]


def test_the_chart_counts_each_hour_and_each_day(lists: Listing) -> None:
    hours = lists.counts(since=NOW - DAY, until=NOW + 1, step="hour")
    assert {(one.at, one.event, one.reason, one.n) for one in hours if one.event.startswith("id_jag.")} == {
        (NOW - 3600, "id_jag.denied", "not_allowed", 25),
        (NOW - 3600, "id_jag.issued", "", 1),
        (NOW - 3600, "id_jag.redeemed", "", 1),
        (NOW - 3600, "id_jag.refused", "replayed", 1),
    }
    days = lists.counts(since=TODAY - 40 * DAY, until=NOW, step="day")
    assert [(one.at, one.n) for one in days if one.event == "id_jag.issued"] == [
        (TODAY - 35 * DAY, 1),
        (TODAY, 1),
    ]


def test_a_connection_is_used_by_day_by_scope_and_by_rule(lists: Listing) -> None:
    pair = f"{A}-wiki", f"{A}-chat"
    used = lists.uses(pair, since=TODAY, until=NOW)
    rule = f"{A}-wiki-chat-readers"
    assert used[0] == Use(TODAY, "id_jag.issued", "", ("chat.read",), (rule,), 1)
    assert [(one.event, one.reason) for one in used[1:]] == [
        ("id_jag.redeemed", ""),
        ("id_jag.refused", "replayed"),
    ]
    assert lists.rules_used(pair) == {rule: NOW - 60}
    assert lists.uses(pair, since=TODAY - 9 * DAY, until=TODAY) == []


def test_pairs_say_when_they_were_used(lists: Listing) -> None:
    expected = PairUse(f"{A}-wiki", f"{A}-chat", 2, NOW - 35 * DAY, NOW - 60, NOW - 50)
    assert lists.pair_uses() == [expected]
    assert lists.pair_uses([(f"{A}-wiki", f"{A}-chat"), (f"{A}-wiki", f"{A}-files")]) == [expected]
    assert lists.pair_uses([]) == ()
    assert lists.first_seen(since=NOW - 36 * DAY) == [expected]
    assert lists.first_seen(since=NOW - 34 * DAY) == []


def test_a_burst_of_denials_is_told_beside_what_is_usual(lists: Listing) -> None:
    (burst,) = lists.bursts(now=NOW)
    assert (burst.requesting_app, burst.resource_app, burst.n, burst.usual) == (
        f"{A}-wiki",
        f"{A}-files",
        25,
        0,
    )
    assert lists.bursts(now=NOW + DAY) == [burst]  # yesterday's
    assert lists.bursts(now=NOW + 2 * DAY) == []


def test_a_question_that_takes_too_long_is_given_up(two_tenants: str) -> None:
    """A list is asked for again and again; one that never ends would take a connection each time."""
    endless = (
        "WITH RECURSIVE more AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM more) SELECT sum(n) FROM more"
    )
    began = time.monotonic()
    with closing(Asking(two_tenants, seconds=1)) as ask:
        assert ask.value("SELECT 1 AS n") == 1
        with pytest.raises(TooMuch):
            ask.rows(endless)
        assert ask.value("SELECT 2 AS n") == 2
    assert time.monotonic() - began < 30


def test_nothing_can_be_written_through_a_list(two_tenants: str) -> None:
    with closing(Asking(two_tenants)) as ask, pytest.raises(schema.SchemaRefused, match=r"read|only"):
        ask.rows("DELETE FROM person WHERE id = :id RETURNING id", id="x")
