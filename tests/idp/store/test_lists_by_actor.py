"""The audit log by who did it: what plain Python finds in the whole log, on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from idjag.idp.store import schema
from idjag.idp.store.listing import Listing
from idjag.idp.store.lists import log
from idjag.idp.store.lists.asking import Asking
from idjag.idp.store.lists.indexes import EVERY, LATEST_NAMES
from idjag.ledger import trail
from tests.idp.databases import of_each_kind
from tests.idp.store import large
from tests.idp.store.large import DAY, NOW

US, THEM = "us", "them"
ACTORS: tuple[dict[str, Any] | None, ...] = (
    *({"kind": "person", "id": f"p{n}"} for n in range(3)),
    {"kind": "person", "id": "p10"},  # another one, whose id begins so
    *({"kind": "api_token", "id": f"p{n}"} for n in range(2)),  # the id of a person
    *({"kind": "operator", "id": one} for one in ("0@host", "1000@host", "1000@ho'st%_")),
    {"kind": "system", "id": "idjag"},
    {"kind": "app", "id": "p0"},
    {"kind": "resource_app", "id": "p0"},
    {"kind": "stranger", "id": "203.0.113.9"},
    {"kind": "person", "id": "p0", "name": "Ms. P."},
    None,
)
EVENTS = ("login.succeeded", "rule.updated", "audit.read", "hold.placed", "user.updated", "key.created")
OF_APPS = ("id_jag.issued", "id_jag.denied", "id_jag.redeemed", "token.refreshed", "token.revoked")
WORDS = ('a "word"', "back\\slash", "nul \0 here", '"actor":{"id":"p0","kind":"person"}', "ключ", "")
KINDS = ("person", "api_token", "operator", "system")
VALUES = (
    *("person:p0", "person:p1", "person:p10", "person:p", "api_token:p0", "api_token:p1", "operator"),
    *("operator:0@host", "operator:1000@host", "operator:1000@ho'st%_", "operator:nobody", "system"),
    *("system:idjag", "system:other"),
)
WINDOWS = ((None, None), (NOW - DAY, NOW), (NOW - 3 * DAY, NOW - DAY))


def _log(tenant: str) -> Iterator[dict[str, Any]]:
    """Many events, several in a second, whatever may stand in them."""
    chance = random.Random(tenant)  # noqa: S311 - made up, and the same each time
    yield large.event(OF_APPS[0], NOW - 4 * DAY, actor={"kind": "person", "id": "p9"})  # never in a real log
    for no in range(399):
        actor = chance.choice(ACTORS)
        of_app = actor is not None and actor["kind"] == "app"
        more: dict[str, Any] = {"acr": chance.choice(WORDS)} if chance.random() < 0.5 else {}
        if chance.random() < 0.5:
            more["after"] = {"actor": chance.choice(ACTORS), "name": chance.choice(WORDS)}
        at = NOW - 4 * DAY + no // 5 * 5 * 860
        yield large.event(chance.choice(OF_APPS if of_app else EVENTS), at, actor=actor, **more)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two tenants, in which people and tokens have the same ids."""
    made = of_each_kind(request, tmp_path_factory)
    for tenant in (US, THEM):
        large.fill(made, tenant, list(_log(tenant)), {})
    return made


@pytest.fixture(scope="module")
def ours(url: str) -> Iterator[Listing]:
    """What we look up."""
    with closing(Listing(url, US)) as listing:
        yield listing


def _did(event: Mapping[str, Any], value: str) -> bool:
    actor = event["actor"] or {}
    if value in ("operator", "system"):
        return actor.get("kind") == value
    return f"{actor.get('kind')}:{actor.get('id')}" == value


@pytest.mark.parametrize("value", VALUES)
def test_who_did_it_finds_what_plain_python_finds(ours: Listing, value: str) -> None:
    """By itself, within a time, and beside another filter; of one tenant alone."""
    events = [trail.event_of(row) for row in ours.log(after_no=0, limit=500)]
    assert len(events) == 400
    for since, until in WINDOWS:
        for more in ({}, {"event": "rule.updated"}):
            rows = ours.export(about={"actor": value, **more}, since=since, until=until)
            within = [one for one in events if (since or 0) <= int(str(one["time"])) < (until or NOW + DAY)]
            wanted = [one for one in within if _did(one, value) and more.items() <= one.items()]
            wanted.sort(key=lambda one: (one["time"], one["id"]), reverse=True)
            assert [trail.event_of(row) for row in rows] == wanted
    nobody = value in ("person:p", "operator:nobody", "system:other")
    assert any(_did(one, value) for one in events) is not nobody


@pytest.mark.parametrize("value", ["person:p0", "operator", "system:idjag"])
def test_pages_of_who_did_it_lose_and_repeat_nothing(ours: Listing, value: str) -> None:
    """Several rows are of one second, on both sides of where a page ends."""
    whole = [row["no"] for row in ours.export(about={"actor": value}, since=None, until=None)]
    seen: list[Any] = []
    before = None
    while page := ours.audit(about={"actor": value}, since=None, until=None, before_no=before, limit=3):
        assert len(seen) < 400
        seen += [row["no"] for row in page]
        before = seen[-1]
    assert seen == whole
    assert len(whole) > 9


def test_what_apps_did_is_in_no_entry_of_the_index(url: str, ours: Listing) -> None:
    """An exchange carries nothing for it, as its name tells; what people did is there."""
    with schema.writing(url) as connection:
        connection.exec_driver_sql("ANALYZE audit")
        if connection.dialect.name == "postgresql":
            entries = "SELECT reltuples::int FROM pg_class WHERE oid = 'audit_actor'::regclass"
        else:
            entries = "SELECT CAST(stat AS integer) FROM sqlite_stat1 WHERE idx = 'audit_actor'"
        found = connection.exec_driver_sql(entries).scalar_one()
    logs = [one for tenant in (US, THEM) for one in _log(tenant)]
    acted = [one for one in logs if (one["actor"] or {}).get("kind") in KINDS]
    assert found == len([one for one in acted if one["event"] not in OF_APPS]) == len(acted) - 2
    assert not list(ours.export(about={"actor": "person:p9"}, since=None, until=None))


class Explaining(Asking):
    """Asks how it would be answered."""

    def rows(self, question: str, **values: Any) -> list[dict[str, Any]]:
        """The plan."""
        how = "EXPLAIN QUERY PLAN" if self.dialect == "sqlite" else "EXPLAIN"
        return super().rows(f"{how} {question}", **values)


@pytest.mark.parametrize("value", ["person:p0", "operator", "operator:0@host", "system"])
def test_who_did_it_is_looked_up_in_the_index_by_time(url: str, value: str) -> None:
    """The question repeats the condition of the index word for word, or each row would be looked into."""
    with closing(Explaining(url)) as ask:
        about = {"actor": value}
        plan = log.audit(ask, US, about=about, since=NOW - DAY, until=NOW, before_no=None, limit=9)
    said = " ".join(str(line) for row in plan for line in row.values())
    assert "audit_actor" in said
    assert "audit_tenant_time" not in said


def test_the_index_is_one_of_those_that_the_schema_has() -> None:
    assert set(LATEST_NAMES) <= EVERY
