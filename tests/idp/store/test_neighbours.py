"""Whoever is beside a change: looked for by name, in both databases, and never in another tenant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from idjag.idp.store.listing import Listing
from tests.idp.databases import of_each_kind
from tests.idp.store import large
from tests.idp.store.company import A, B

FOREIGN = ("Straße", "ſam", "Ödön")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def listing(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listing]:
    """People with strange names and attributes, in two tenants."""
    url = of_each_kind(request, tmp_path_factory)
    for tenant in (A, B):
        large.fill(url, tenant, list(_log(tenant)), _tables(tenant))
    with closing(Listing(url, A)) as made:
        yield made


def _log(t: str) -> Iterator[dict[str, Any]]:
    """The wiki has gone to the chat for long, by another rule today; to t01 it went for the first time."""
    for target, days, rule in (("chat", 40, "old"), ("chat", 1, "all"), ("t01", 1, "a")):
        pair = {"requesting_app": f"{t}-wiki", "resource_app": f"{t}-{target}"}
        rules = {"rule_ids": [f"r-{target}-{rule}"], "scopes_granted": [rule]}
        yield large.event("id_jag.issued", large.NOW - days * large.DAY, **pair, **rules)


def _tables(t: str) -> dict[str, list[dict[str, Any]]]:
    attributes = {
        "alice": {"badge": "7", "team": "red"},
        "bob": {"badge": "8", "team": "red"},
        "carol": {"note": '"badge":"7"'},
        "dave": {"badge": "70"},
    }
    people = list(large.people(t))
    people += [{**people[0], "id": f"{t}-f{number}", "username": name} for number, name in enumerate(FOREIGN)]
    for person in people:
        said = attributes.get(person["username"], {})
        person["attributes"] = json.dumps(said, sort_keys=True, separators=(",", ":"))
    rules = {"all": large.who(f"{t}-eng", people=[f"{t}-alice"])}
    many = [
        large.connection(t, ("notes", f"t{number:02d}"), dict.fromkeys("ab", large.who(f"{t}-eng")))
        for number in range(60)
    ]
    made = [
        large.connection(t, ("wiki", "chat"), rules),
        large.connection(t, ("wiki", "t01"), {"a": large.who(f"{t}-eng"), "b": large.who(f"{t}-crew")}),
        *many,
    ]
    return {
        "person": people,
        **large.groups(t, {"eng": ["alice"], "sales": [], "crew": ["alice", "bob", "dave"]}),
        "app": [large.app(t, key, key, large.who(everyone=True)) for key in ("wiki", "notes")],
        "resource_app": [
            large.target(t, key, key) for key in ("chat", *(f"t{number:02d}" for number in range(60)))
        ],
        "connection": [_ruled(t, one) for one in made],
    }


def _ruled(t: str, row: dict[str, Any]) -> dict[str, Any]:
    """With ids of rules in which no id of an app stands."""
    spec = row["spec"].replace(f'"{t}-wiki-', '"r-').replace(f'"{t}-notes-', '"r-')
    return {**row, "spec": spec}


@pytest.mark.parametrize(
    ("username", "expected"),
    [
        ("ALICE", ["alice"]),
        ("alice", ["alice"]),
        ("erin", ["Erin"]),
        ("STRASSE", ["Straße"]),
        ("sam", ["ſam"]),
        ("öDÖN", ["Ödön"]),
        ("alic", []),
    ],
)
def test_names_that_differ_in_case_alone_are_found_as_we_fold_them(
    listing: Listing, username: str, expected: list[str]
) -> None:
    """No database folds letters beyond ASCII as Python does: those names are read, and they are few."""
    assert listing.alike([username]) == expected
    assert listing.alike([]) == ()


def test_people_are_found_by_the_value_of_an_attribute(listing: Listing) -> None:
    """A part of a value, and a text that looks like an attribute, are none."""
    assert sorted(listing.having([("badge", "7")])) == ["alice"]
    assert sorted(listing.having([("badge", "7"), ("badge", "8")])) == ["alice", "bob"]
    assert listing.having([("team", "blue")]) == []
    assert listing.having([]) == ()


def test_people_who_share_a_value_are_found(listing: Listing) -> None:
    assert listing.sharing(["badge"]) == []
    assert listing.sharing(["team", "badge"]) == ["alice", "bob"]


@pytest.mark.parametrize(
    ("noun", "name", "expected"),
    [
        ("app", "wiki", ["wiki-chat", "wiki-t01"]),
        ("resource_app", "t07", ["notes-t07"]),
        ("user", "alice", ["wiki-chat"]),
        ("user", "bob", []),
        ("group", "sales", []),
        ("group", "nothing of the kind", []),
    ],
)
def test_connections_are_found_by_what_they_refer_to(
    listing: Listing, noun: str, name: str, expected: list[str]
) -> None:
    assert sorted(listing.referring({noun: [name]})) == expected


def test_everything_that_a_connection_refers_to_counts(listing: Listing) -> None:
    assert len(listing.referring({"group": ["eng"]})) == 62
    assert len(listing.referring({"group": ["sales"], "app": ["wiki"], "user": []})) == 2
    assert listing.referring({}) == ()


def test_connections_come_by_name_in_pages(listing: Listing) -> None:
    first = listing.connection_names(begins="notes-", after="", limit=50)
    second = listing.connection_names(begins="notes-", after=first[-1], limit=50)
    assert [*first, *second] == [f"notes-t{number:02d}" for number in range(60)]
    assert listing.connection_names(begins="notes_", after="", limit=50) == []


def test_whoever_is_in_two_groups_is_counted_once(listing: Listing) -> None:
    """Alice is in both, and Dave is disabled; connections with other groups stand on the same page."""
    people = {one.key: one.people for one in listing.connections(now=large.NOW, limit=100)}
    assert (people["wiki-t01"], people["notes-t01"], len(people)) == (2, 1, 62)


def test_what_is_used_is_told_from_what_is_not(listing: Listing) -> None:
    """The one rule is found although its connection is on the second page that is looked through."""
    asked = {"now": large.NOW, "since": large.NOW - 7 * large.DAY}
    assert [(one.connection_key, one.rule_key) for one in listing.unused_rules(**asked)] == [
        ("wiki-t01", "b")
    ]
    assert len(listing.unused(**asked, limit=100)) == 60


def test_a_pair_that_another_rule_allows_now_is_not_new(listing: Listing) -> None:
    seen = listing.first_seen(since=large.NOW - 7 * large.DAY)
    assert [one.resource_app for one in seen] == [f"{A}-t01"]
    both = listing.first_seen(since=large.NOW - 41 * large.DAY)
    assert {one.resource_app: one.n for one in both} == {f"{A}-t01": 1, f"{A}-chat": 2}
