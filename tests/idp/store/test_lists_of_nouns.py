"""People, groups and connections in lists: one tenant's rows, a page at a time, on both databases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from idjag.idp.lookups import Audience, GroupLine
from idjag.idp.store import schema
from idjag.idp.store.listing import Listing
from idjag.policy.model import Who
from tests.idp.store import large
from tests.idp.store.company import DAY, NOW, A, B, log, tables


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
    assert lists.reached(Audience(rules, within)) == people


def _eng(**more: Any) -> Who:
    return Who(groups=frozenset({f"{A}-eng"}), **more)


@pytest.mark.parametrize(
    ("meant", "but", "people"),
    [
        (Audience([_eng()]), Audience([]), ["alice", "bob"]),
        (Audience([_eng()]), Audience([Who(people=frozenset({f"{A}-bob"}))]), ["alice"]),
        (Audience([_eng()]), Audience([Who(everyone=True)]), []),
        (Audience([Who(everyone=True)]), Audience([_eng()], [Who(people=frozenset({f"{A}-bob"}))]), 3),
        (Audience([_eng()], never=[Who(people=frozenset({f"{A}-alice"}))]), Audience([]), ["bob"]),
        (Audience([_eng()]), Audience([_eng()], never=[Who(people=frozenset({f"{A}-alice"}))]), ["alice"]),
        (Audience([]), Audience([]), []),
    ],
)
def test_who_gains_is_counted_and_named(
    lists: Listing, meant: Audience, but: Audience, people: list[str] | int
) -> None:
    """Whoever is meant afterwards and was not before, a guardrail taking away on both sides."""
    named = [one.username for one in lists.reached_people(meant, but=but)]
    assert lists.reached(meant, but=but) == len(named)
    assert (len(named) if isinstance(people, int) else named) == people
    assert [one.username for one in lists.reached_people(meant, but=but, after="alice", limit=1)] == [
        name for name in named if name > "alice"
    ][:1]


def test_how_many_are_reached_is_asked_again_after_a_change(tmp_path: Path) -> None:
    """Who is counted for a page is kept only as long as the log has no new change."""
    tmp_path.chmod(0o700)
    url = f"sqlite:///{tmp_path / 'idjag.db'}"
    schema.upgrade(url)
    large.fill(url, A, list(log(A)), tables(A))

    def run(statement: str) -> None:
        with schema.writing(url) as connection:
            connection.execute(text(statement))

    with closing(Listing(url, A)) as listing:

        def people() -> int | None:
            return next(one.people for one in listing.connections(now=NOW) if one.key == "wiki-chat")

        assert people() == 2
        run("DELETE FROM membership WHERE person_id = 'acme-bob'")
        assert people() == 2
        run("UPDATE audit SET no = 99, event = 'user.updated' WHERE no = 35")
        assert people() == 1
