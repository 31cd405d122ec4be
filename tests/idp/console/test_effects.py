"""Before a change is made its page says who gains and who loses what, by name and number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from idjag.idp import facts
from idjag.idp.me.access import actors
from idjag.idp.questions import find_person
from tests.idp.console.desk import Administrator, acme
from tests.idp.me.person import policy
from tests.idp.signin.site import Host, Site

PAGE = "/admin/connection"
ALICE = {
    "username": "alice",
    "name": "Alice Example",
    "email": "alice@acme.example",
    "groups": ["readers"],
}
_TAGS = re.compile(r"<[^>]+>|\s+")


@pytest.fixture(scope="module")
def site(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An Acme whose one rule is for readers, of whom alice is one."""
    folder: Path = tmp_path_factory.mktemp("effects")
    people = {"groups": [{"name": "readers"}], "users": [ALICE]}
    with acme(host, folder, {**policy(who={"groups": ["readers"]}), **people}) as made:
        yield made


@pytest.fixture(scope="module")
def owner(site: Site) -> Iterator[Administrator]:
    """Alice."""
    with Administrator(site) as alice:
        yield alice


def _text(page: httpx.Response) -> str:
    """What stands under What it does."""
    assert page.status_code == 200, page.text
    inside = page.text.partition('id="effect">')[2].partition("</section>")[0]
    return unescape(re.sub(r"\s+", " ", _TAGS.sub(" ", inside)))


def _rule(owner: Administrator, **fields: Any) -> httpx.Response:
    form = owner.page(f"{PAGE}/rule", id="wiki-chat", rule="all")
    return owner.submit(form, f"{PAGE}/rule", **fields)


def _may(site: Site, name: str) -> dict[str, tuple[str, ...]]:
    """What apps can reach as somebody, by the evaluator of the pages of people."""
    person_id = find_person(site.services, name)
    found = facts.person(site.services.ledger.read(facts.person_keys(person_id)), person_id)
    assert found is not None
    known = actors(site.services, found.person, now=site.clock.now)
    return {f"{one.app.key} {reach.resource_app.key}": reach.scopes for one in known for reach in one.reaches}


def test_a_rule_for_more_people_and_fewer_scopes_gives_to_some_and_takes_from_others(
    owner: Administrator,
) -> None:
    said = _text(_rule(owner, who="everyone", scopes_kind="only", scopes=["chat.read"]))
    assert "It reaches 2 people; today it is 1." in said
    assert "1 person gains chat.read Bob Example" in said
    assert "1 person loses chat.write Alice Example" in said
    assert "Carol" not in said


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_auth_age": "8h"}, "the same 1 person as today, with the same scopes"),
        (
            {"scopes": ["chat.read", "chat.write", "chat.history"]},
            "1 person gains chat.history Alice Example",
        ),
        ({"who_groups": None, "who_users": "carol"}, "1 person loses chat.read, chat.write Alice Example"),
    ],
)
def test_what_a_rule_changes_is_said_by_name(
    owner: Administrator, fields: dict[str, Any], expected: str
) -> None:
    said = _text(_rule(owner, **fields))
    assert expected in said
    assert ("gain" in said, "lose" in said) == ("gains" in expected, "loses" in expected)


def test_everybody_who_is_reached_is_listed_by_name(owner: Administrator) -> None:
    page = owner.page(PAGE, id="wiki-chat").text
    assert f'href="{PAGE}/people?id=wiki-chat"' in page
    everybody = owner.page(f"{PAGE}/people", id="wiki-chat").text
    assert re.findall(r'/admin/person\?id=([a-z]+)"', everybody) == ["alice"]
    assert "Nobody" in owner.page(f"{PAGE}/people", id="wiki-chat", after="alice").text
    assert owner.page(f"{PAGE}/people", 404, id="none").status_code == 404


def test_a_pause_takes_everything_from_everybody(owner: Administrator) -> None:
    page = owner.page(PAGE, id="wiki-chat")
    said = _text(owner.submit(page, f"{PAGE}/status"))
    assert "1 person loses chat.read, chat.write Alice Example" in said


def test_joining_a_group_gives_what_the_evaluator_gives(owner: Administrator, site: Site) -> None:
    assert _may(site, "bob") == {}
    group = "/admin/group"
    joining = owner.submit(owner.page(group, id="readers"), f"{group}/member", username="bob", leaves=None)
    said = _text(joining)
    assert "Wiki → to Chat" in said
    assert "1 person gains chat.read, chat.write Bob Example" in said
    assert owner.agree(joining).status_code == 303
    assert _may(site, "bob") == {"wiki chat": ("chat.read", "chat.write")}
    page = owner.page("/admin/person/edit", id="bob")
    leaving = owner.submit(page, "/admin/person/edit", groups=[])
    assert "1 person loses chat.read, chat.write Bob Example" in _text(leaving)
    renamed = owner.submit(page, "/admin/person/edit", name="Robert")
    assert "Nobody gains or loses anything" in _text(renamed)
    assert owner.agree(leaving).status_code == 303
    assert _may(site, "bob") == {}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"who": "everyone", "scopes": "chat.write"}, "1 person loses chat.write Alice Example"),
        ({"who": "everyone", "from": ["wiki"]}, "1 person loses chat.read, chat.write Alice Example"),
        ({"who": "these", "who_users": "bob"}, "Nobody gains or loses anything"),
        ({"who": "everyone", "from": ["notes"]}, "Nobody gains or loses anything"),
        ({"who": "everyone", "scopes": "chat.history"}, "Nobody gains or loses anything"),
    ],
)
def test_a_guardrail_says_from_whom_it_takes(
    owner: Administrator, fields: dict[str, Any], expected: str
) -> None:
    form = "/admin/guardrail/edit"
    assert expected in _text(owner.submit(owner.page(form), form, id="no-writing", **fields))


def test_a_review_says_that_what_is_held_stays_stopped(owner: Administrator) -> None:
    """Who gains is told as it is once the hold is released."""
    stopped = "Holds are not part of this"
    assert stopped not in _text(_rule(owner, who="everyone"))
    page = owner.page("/admin/app", id="wiki")
    owner.submit(page, "/admin/hold", reason="it misbehaves")
    said = _text(_rule(owner, who="everyone"))
    assert stopped in said
    assert "It reaches 2 people" in said
    owner.submit(owner.page("/admin/app", id="wiki"), "/admin/hold/release", reason="mended")
    assert stopped not in _text(_rule(owner, who="everyone"))
