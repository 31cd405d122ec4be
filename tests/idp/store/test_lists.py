"""The lists of the console: one tenant's rows, a page at a time, on both databases; two tenants share each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from idjag.idp.lookups import GroupLine, PairUse, Thing, Use
from idjag.idp.store import schema
from idjag.idp.store.listing import Listing
from idjag.idp.store.lists.asking import Asking
from idjag.ledger import trail
from idjag.policy.model import Who
from tests.cluster import Cluster
from tests.idp.store import large
from tests.idp.store.large import DAY, NOW, event

A, B = "acme", "beta"
TODAY = NOW - NOW % DAY
Numbers = Sequence[Any]


def log(t: str) -> Iterator[dict[str, Any]]:
    """What happened in a tenant, one after the other."""
    pair = {"requesting_app": f"{t}-wiki", "resource_app": f"{t}-chat"}
    other = {"requesting_app": f"{t}-wiki", "resource_app": f"{t}-files"}
    rules = {"rule_ids": [f"{t}-wiki-chat-readers"], "scopes_granted": ["chat.read"]}
    about = {"actor": {"kind": "user", "id": f"{t}-alice"}}
    made = {"row": f"{t}-wiki-chat", "key": "wiki-chat"}
    yield event("connection.created", NOW - 40 * DAY, **pair, **about, after=made)  # 1
    yield event("group.created", NOW - 40 * DAY, **about, after={"row": f"{t}-eng", "key": "eng"})  # 2
    yield event("id_jag.issued", NOW - 35 * DAY, **pair, **rules, subject=f"{t}-alice", jti=f"{t}-j1")  # 3
    for _ in range(25):  # 4 to 28
        yield event("id_jag.denied", NOW - 3600, **other, subject=f"{t}-bob", reason="not_allowed")
    yield event(
        "rule.updated", NOW - 1800, **pair, **about, before={"row": "r"}, after={"row": f"{t}-rule"}
    )  # 29
    yield event("user.updated", NOW - 900, **about, subject=f"{t}-bob", after={"row": f"{t}-bob"})  # 30
    yield event("hold.placed", NOW - 800, **about, subject=f"{t}-bob", after={"row": f"{t}-hold"})  # 31
    yield event("id_jag.issued", NOW - 60, **pair, **rules, subject=f"{t}-alice", jti=f"{t}-j2")  # 32
    yield event("id_jag.redeemed", NOW - 50, **pair, jti=f"{t}-j2", reason=None)  # 33
    yield event("id_jag.refused", NOW - 40, **pair, jti=f"{t}-j2", reason="replayed")  # 34
    yield event("login.succeeded", NOW - 30, subject=f"{t}-alice", user_agent='a "browser" 100%_')  # 35


def tables(t: str) -> dict[str, list[dict[str, Any]]]:
    """A small company."""
    everyone, eng, sales = large.who(everyone=True), large.who(f"{t}-eng"), large.who(f"{t}-sales")
    rules = {"readers": eng, "writers": large.who(f"{t}-eng", except_people=[f"{t}-alice"])}
    named = large.who(people=[f"{t}-bob", f"{t}-dave"])
    return {
        "person": list(large.people(t)),
        **large.groups(t, {"eng": ["alice", "bob", "dave"], "sales": ["carol", "erin"], "empty": []}),
        "app": [
            large.app(t, "wiki", "The 100%_ Wiki", everyone),
            large.app(t, "notes", "Notes", eng),
            large.app(t, "chat-rp", "Chat sign-in", sales),
        ],
        "resource_app": [
            large.target(t, "chat", "Chat"),
            large.target(t, "files", "Files"),
            large.target(t, "mail", "Mail", "chat-rp"),
        ],
        "connection": [
            large.connection(t, ("wiki", "chat"), rules, owner="IT@acme.example"),
            large.connection(t, ("wiki", "files"), {"all": everyone}, expires=NOW + 5 * DAY),
            large.connection(t, ("notes", "chat"), {"all": everyone}, expires=NOW - DAY, owner="it2"),
            large.connection(t, ("notes", "files"), {"named": named}, status="draft"),
            large.connection(t, ("wiki", "mail"), {"sales": sales, "eng": eng}, created=NOW - DAY),
            large.connection(t, ("notes", "mail"), {}, status="paused", expires=NOW + DAY),
        ],
        "hold": [
            _hold(t, "user", f"{t}-bob", None),
            _hold(t, "user", f"{t}-carol", NOW - 1),
            _hold(t, "connection", f"{t}-wiki-chat", None),
        ],
    }


def _hold(t: str, kind: str, target: str, until: int | None) -> dict[str, Any]:
    told = {"kind": kind, "target": target, "app": "", "reason": "because", "by": "user a", "since": 1}
    return {"id": f"hold-{target}", "tenant_id": t, "until": until, **told}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with both; nothing here changes it."""
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("lists")
        folder.chmod(0o700)
        made = f"sqlite:///{folder / 'idjag.db'}"
    else:
        postgres: Cluster = request.getfixturevalue("postgres")
        made = postgres.schema()
    schema.upgrade(made)
    for tenant in (A, B):
        large.fill(made, tenant, list(log(tenant)), tables(tenant))
    return made


@pytest.fixture(scope="module")
def lists(url: str) -> Iterator[Listing]:
    """What Acme looks up."""
    with closing(Listing(url, A)) as listing:
        yield listing


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
    "reached": lambda it: it.reached([Who(groups=frozenset({f"{A}-eng"}))]) or None,
}


@pytest.mark.parametrize("name", EVERY)
def test_nobody_sees_rows_of_another_tenant(url: str, lists: Listing, name: str) -> None:
    """Promise P9; the ids of Acme's things, in Beta's hands, lead nowhere."""
    ask = EVERY[name]
    of_acme = ask(lists)
    assert of_acme
    assert f"{B}-" not in repr(of_acme)
    with closing(Listing(url, B)) as others, closing(Listing(url, "nobody")) as nobody:
        assert f"{A}-" not in repr(ask(others))
        assert not ask(nobody)


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
    assert found(lists, **about) == numbers


def test_a_window_leaves_out_what_is_older(lists: Listing) -> None:
    assert found(lists, NOW - DAY, event="id_jag.issued") == [32]
    assert found(lists, NOW - 36 * DAY, event="id_jag.issued") == [32, 3]
    assert found(lists, None, event="id_jag.issued") == [32, 3]


def test_pages_follow_each_other_without_gap_or_repetition(lists: Listing) -> None:
    """Many rows of one second among them."""
    numbers: list[int] = []
    before = None
    while page := lists.audit(about={}, since=None, until=None, before_no=before, limit=4):
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


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["Erin", "alice", "bob", "carol", "dave"]),
        ("AL", ["alice"]),
        ("e", ["Erin"]),
        ("bob@acme", ["bob"]),
        ("carol ex", ["carol"]),
        ("%", []),
        ("_lice", []),
    ],
)
def test_people_are_found_by_how_they_begin(lists: Listing, text: str, names: list[str]) -> None:
    assert sorted(one.username for one in lists.find_people(text=text)) == names


def test_a_person_is_listed_with_status_hold_and_groups(lists: Listing) -> None:
    by_name = {one.username: one for one in lists.find_people(now=NOW)}
    assert [name for name, one in by_name.items() if one.held] == ["bob"]  # carol's is over
    assert [name for name, one in by_name.items() if one.status == "disabled"] == ["dave"]
    assert by_name["alice"].groups == 1
    assert by_name["alice"].email == "alice@acme.example"
    disabled = lists.find_people(status="disabled")
    assert [one.username for one in disabled] == ["dave"]


def test_pages_of_people_follow_each_other(lists: Listing) -> None:
    names: list[str] = []
    while page := lists.find_people(after=names[-1] if names else "", limit=2):
        names += [one.username for one in page]
    assert len(names) == len(set(names)) == 5


def test_groups_say_how_many_they_have(lists: Listing) -> None:
    assert lists.groups() == [
        GroupLine(f"{A}-empty", "empty", "local", 0, "file"),
        GroupLine(f"{A}-eng", "eng", "local", 3, "file"),
        GroupLine(f"{A}-sales", "sales", "local", 2, "file"),
    ]
    assert [one.name for one in lists.groups(text="E", after="empty")] == ["eng"]
    assert [one.username for one in lists.members(f"{A}-eng", text="a")] == ["alice"]
    assert [one.username for one in lists.members(f"{A}-eng", after="alice")] == ["bob", "dave"]
    assert [one.name for one in lists.groups_of(f"{A}-carol")] == ["sales"]


def keys(lists: Listing, **asked: Any) -> list[str]:
    """The keys of the connections that are found."""
    return [one.key for one in lists.connections(now=NOW, **asked)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            {},
            ["notes-chat", "notes-files", "notes-mail", "wiki-chat", "wiki-files", "wiki-mail"],
        ),
        ({"text": "100%_ wiki"}, ["wiki-chat", "wiki-files", "wiki-mail"]),
        ({"text": "MAIL"}, ["notes-mail", "wiki-mail"]),
        ({"text": "100__"}, []),
        ({"status": "active"}, ["wiki-chat", "wiki-files", "wiki-mail"]),
        ({"status": "expired"}, ["notes-chat"]),
        ({"status": "draft"}, ["notes-files"]),
        ({"status": "paused"}, ["notes-mail"]),
        ({"owner": "it@"}, ["wiki-chat"]),
        ({"owner": "it"}, ["notes-chat", "wiki-chat"]),
        ({"requesting_app": f"{A}-notes", "resource_app": f"{A}-mail"}, ["notes-mail"]),
        ({"after": "wiki-chat", "limit": 1}, ["wiki-files"]),
    ],
)
def test_connections_are_searched(lists: Listing, asked: dict[str, Any], expected: list[str]) -> None:
    assert keys(lists, **asked) == expected


def test_a_connection_is_listed_with_its_apps_and_its_use(lists: Listing) -> None:
    by_key = {one.key: one for one in lists.connections(now=NOW)}
    chat = by_key["wiki-chat"]
    assert (chat.requesting_app_name, chat.resource_app_key, chat.resource_app_name) == (
        "The 100%_ Wiki",
        "chat",
        "Chat",
    )
    assert (chat.last_used, chat.held, chat.owner) == (NOW - 60, True, "IT@acme.example")
    assert (by_key["wiki-files"].last_used, by_key["wiki-files"].expires) == (None, NOW + 5 * DAY)
    assert {key: one.people for key, one in by_key.items()} == {
        "wiki-chat": 2,  # alice and bob: dave is disabled
        "wiki-files": 4,
        "notes-chat": 2,  # everyone, but the app is assigned to eng
        "notes-files": 1,  # bob and dave by name
        "notes-mail": 0,  # no rules
        "wiki-mail": 2,  # sales alone may sign in to it
    }


def test_what_needs_a_look_is_found(lists: Listing) -> None:
    ends = [one.key for one in lists.expiring(now=NOW, until=NOW + 9 * DAY)]
    assert ends == ["wiki-files"]
    assert lists.expiring(now=NOW, until=NOW + 4 * DAY) == []
    assert [one.key for one in lists.unused(now=NOW, since=NOW - 2 * DAY)] == ["wiki-files"]
    assert [one.key for one in lists.unused(now=NOW, since=NOW)] == ["wiki-chat", "wiki-files", "wiki-mail"]
    (rule,) = lists.unused_rules(now=NOW, since=NOW - DAY)
    assert (rule.connection_key, rule.rule_key, rule.last) == ("wiki-chat", "writers", None)


@pytest.mark.parametrize(
    ("rules", "within", "people"),
    [
        ([Who(everyone=True)], [], 4),
        ([Who(everyone=True, except_groups=frozenset({f"{A}-eng"}))], [], 2),
        ([Who(groups=frozenset({f"{A}-eng"}))], [Who(everyone=True)], 2),
        ([Who(groups=frozenset({f"{A}-eng"}))], [Who(people=frozenset({f"{A}-bob"}))], 1),
        ([Who(groups=frozenset({f"{A}-eng"})), Who(people=frozenset({f"{A}-carol"}))], [], 3),
        ([Who(groups=frozenset({f"{A}-eng"}), except_people=frozenset({f"{A}-bob"}))], [], 1),
        ([Who(groups=frozenset({f"{A}-eng"}))], [Who()], 0),
        ([Who(groups=frozenset({f"{B}-eng"}), people=frozenset({f"{B}-bob"}))], [], 0),
        ([], [], 0),
    ],
)
def test_people_reached_are_counted(lists: Listing, rules: list[Who], within: list[Who], people: int) -> None:
    assert lists.reached(rules, within) == people


def test_a_question_that_takes_too_long_is_given_up(url: str) -> None:
    """A list is asked for again and again; one that never ends would take a connection each time."""
    from idjag.idp.lookups import TooMuch

    endless = (
        "WITH RECURSIVE more AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM more) SELECT sum(n) FROM more"
    )
    with closing(Asking(url, seconds=1)) as ask:
        assert ask.value("SELECT 1 AS n") == 1
        with pytest.raises(TooMuch):
            ask.rows(endless)
        assert ask.value("SELECT 2 AS n") == 2


def test_nothing_can_be_written_through_a_list(url: str) -> None:
    with closing(Asking(url)) as ask, pytest.raises(schema.SchemaRefused, match="read|only"):
        ask.rows("DELETE FROM person WHERE id = :id RETURNING id", id="x")
