"""The law of review pages: who gains and who loses is what the one evaluator decides before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from idjag.idp.api.office import Office
from idjag.idp.console.alike import reach
from idjag.idp.console.effects import effects
from idjag.idp.console.proposals import Proposal, Wanted
from idjag.idp.console.visit import Desk
from idjag.idp.questions import Ask, build
from idjag.idp.signin.pages import Pages
from idjag.idp.store.listing import Listing
from idjag.policy.decide import decide
from tests.idp.grants.acme import API, FILES, ISSUER, TENANT, Acme, acme, app, chat, connection, state

PEOPLE = ("ada", "bea", "cem", "dov")
SCOPES = ("chat.read", "chat.write", "files.read")
PLACES = (API, FILES)
SECTION = {"connection": "connections", "guardrail": "guardrails", "user": "users"}

Moves = set[tuple[bool, str, str]]
"""Whether somebody gains it, who, which scope ("" where there are none)."""

WHO = st.sampled_from(
    [
        {"everyone": True},
        {"groups": ["engineering"]},
        {"groups": ["sales"], "except": {"groups": ["engineering"]}},
        {"users": ["ada", "dov"]},
        {"everyone": True, "except": {"users": ["bea"], "groups": ["sales"]}},
    ]
)
SOME_SCOPES = st.lists(st.sampled_from(SCOPES), min_size=1, max_size=2, unique=True)
SOME_PLACES = st.lists(st.sampled_from(PLACES), min_size=1, max_size=2, unique=True)


ODD: list[dict[str, Any]] = [{"status": "paused"}, {"client_id": None}, {"expires": "2020-01-01T00:00:00Z"}]
ODD_APPS = ["wiki", "notes", "chat"]


@st.composite
def connections(draw: st.DrawFn) -> dict[str, Any]:
    """Wiki to Chat, in one state or another."""
    rules = [
        {
            "id": f"r{number}",
            "who": draw(WHO),
            "scopes": draw(
                st.one_of(st.just("any"), SOME_SCOPES, SOME_SCOPES.map(lambda some: {"except": some}))
            ),
            "resources": draw(st.one_of(st.just("any"), SOME_PLACES)),
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    return connection(rules=rules, **draw(st.sampled_from([*([{}] * 9), *ODD])))


@st.composite
def guardrails(draw: st.DrawFn) -> dict[str, Any]:
    """What somebody never gets."""
    one: dict[str, Any] = {"id": "never", "who": draw(WHO)}
    for name, some in (
        ("scopes", SOME_SCOPES),
        ("resources", SOME_PLACES),
        ("from", st.sampled_from([["wiki"], ["notes"]])),
        ("to", st.just(["chat"])),
    ):
        if draw(st.integers(0, 2)) == 0:
            one[name] = draw(some)
    return one


@st.composite
def people(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Somebody."""
    groups = draw(st.lists(st.sampled_from(["engineering", "sales"]), unique=True))
    return {
        "username": name,
        "groups": groups,
        "status": draw(st.sampled_from(["active", "active", "active", "disabled"])),
    }


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """A company of four."""
    disabled = draw(st.sampled_from([*([None] * 6), *ODD_APPS]))
    status = {name: "disabled" if name == disabled else "active" for name in ODD_APPS}
    everyone = [{"everyone": True}] * 2
    assigned = {name: draw(st.one_of(st.sampled_from(everyone), WHO)) for name in ("wiki", "notes")}
    made: dict[str, Any] = {
        "apps": [app(name, assigned=assigned[name], status=status[name]) for name in assigned],
        "users": [draw(people(name)) for name in PEOPLE],
        "connections": [draw(connections())],
        "guardrails": draw(st.lists(guardrails(), max_size=1)),
    }
    target = chat(status=status["chat"], sso_app=draw(st.sampled_from([None, "notes"])))
    if draw(st.integers(0, 3)) == 0:
        target |= {"resources": [], "scopes": draw(st.sampled_from([list(SCOPES), None]))}
        for rule in made["connections"][0]["rules"]:
            rule["resources"] = "any"
    return state(resource_apps=[target], **made)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str, dict[str, Any] | None]:
    """Noun, name and entry of what somebody wants to be otherwise."""
    match draw(st.sampled_from(["connection", "guardrail", "user"])):
        case "connection":
            return "connection", "wiki-chat", draw(st.one_of(st.none(), connections(), connections()))
        case "guardrail":
            return "guardrail", "never", draw(guardrails())
        case _:
            name = draw(st.sampled_from(PEOPLE))
            return "user", name, draw(people(name))


@contextmanager
def company(text: dict[str, Any]) -> Iterator[tuple[Acme, Desk]]:
    """Running, with somebody at the desk."""
    with TemporaryDirectory() as folder:
        database = Path(folder, "idp.db")
        with (
            acme(text, database=database) as idp,
            closing(Listing(f"sqlite:///{database}", TENANT)) as listing,
        ):
            yield idp, Desk(Office(idp.services, listing), Pages(ISSUER))


def allowed(idp: Acme) -> set[tuple[str, str, str]]:
    """Person, scope and API of everything that is issued when it is asked for by itself."""
    policy = idp.snapshot.policy
    target = next(iter(policy.resource_apps.values()))
    found = set()
    for name in PEOPLE:
        for scope, place in policy.declared(target).pairs:
            asked = build(
                idp, Ask(name, "wiki", "chat", (scope,) if scope else None, (place,) if place else ())
            )
            if decide(asked.policy, asked.question).allowed:
                found.add((name, scope, place))
    return found


def moves(before: set[tuple[str, str, str]], after: set[tuple[str, str, str]]) -> Moves:
    """What somebody can after and could not before, or the other way round."""
    return {
        (gain, who, scope)
        for gain, some in ((True, after - before), (False, before - after))
        for who, scope, _ in some
    }


def said(desk: Desk, noun: str, key: str, entry: dict[str, Any] | None) -> Moves:
    """What the review of the change says."""
    found = effects(desk, Proposal.of(noun, key, entry, "", "/admin"))
    shifts = [
        *(found.connection.shifts if found.connection else ()),
        *(one for each in found.moved for one in each.shifts),
    ]
    assert all(shift.n == len(shift.people) for shift in shifts)
    return {
        (shift.gain, person.username, scope)
        for shift in shifts
        for person in shift.people
        for scope in (shift.scopes or ("",))
    }


EVERYBODY = {"id": "all", "who": {"everyone": True}, "scopes": "any", "resources": "any"}
SSO_DISABLED = state(
    apps=[app("wiki"), app("notes", status="disabled")],
    users=[{"username": name} for name in PEOPLE],
    resource_apps=[chat(sso_app="notes")],
    connections=[connection(rules=[EVERYBODY], status="paused")],
    guardrails=[],
)


@pytest.mark.slow
@example(SSO_DISABLED, ("connection", "wiki-chat", connection(rules=[EVERYBODY])))
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), changes())
def test_who_gains_and_who_loses_is_what_is_decided_before_and_after(
    text: dict[str, Any], change: tuple[str, str, dict[str, Any] | None]
) -> None:
    """Attack case 78, for the pages that review a change; without conditions and holds, as they say."""
    noun, key, entry = change
    if entry is not None and noun == "connection" and not text["resource_apps"][0]["resources"]:
        entry["rules"] = [{**rule, "resources": "any"} for rule in entry["rules"]]
    with company(text) as (idp, desk):
        before = allowed(idp)
        told = said(desk, noun, key, entry)
        section = SECTION[noun]
        others = [one for one in text[section] if one.get("id", one.get("username")) != key]
        idp.apply({"version": 1, section: [*others, *([entry] if entry else [])]}, prune=True)
        happened = moves(before, allowed(idp))
        event(f"{noun} {'moves' if happened else 'moves nothing'}")
        assert told == happened, json.dumps([text, change])


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        pytest.param({}, 4, id="nothing else"),
        pytest.param({"connections": {"expires": "2020-01-01T00:00:00Z"}}, 0, id="it has ended"),
        pytest.param({"connections": {"client_id": None}}, 0, id="it has no client ID"),
        pytest.param({"apps": {"status": "disabled"}}, 0, id="the app is disabled"),
        pytest.param({"guardrails": {"who": {"users": ["ada"]}}}, 3, id="a guardrail for one of them"),
        pytest.param({"guardrails": {"who": {"users": ["ada"]}, "resources": [API]}}, 4, id="for one API"),
    ],
)
def test_a_review_of_many_says_how_many_people_each_gives_something(
    changes: dict[str, dict[str, Any]], number: int
) -> None:
    """Attack case 78: nobody gains by a connection through which nothing is issued."""
    text = state(
        apps=[app("wiki", **changes.get("apps", {}))],
        users=[{"username": name} for name in PEOPLE],
        connections=[connection(rules=[EVERYBODY], status="paused", **changes.get("connections", {}))],
        guardrails=[{"id": "never", **changes["guardrails"]}] if "guardrails" in changes else [],
    )
    entry = {**text["connections"][0], "status": "active"}
    wanted = (Wanted("connection", "wiki-chat", entry, ""),)
    with company(text) as (idp, desk):
        assert reach(desk, Proposal(wanted, "/admin", {"status": "active"})) == {"wiki-chat": number}
        idp.apply({"version": 1, "connections": [entry]})
        assert len({who for who, _, _ in allowed(idp)}) == number
