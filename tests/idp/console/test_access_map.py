"""The access map is narrowed by person, apps, scope and agents, each on top of the others."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from idjag.idp import facts
from idjag.idp.administration.roles import Role
from idjag.idp.console.connections_effect import meant
from idjag.idp.console.effects import scopes_of
from idjag.idp.me.access import actors
from idjag.idp.questions import find_person
from idjag.policy.model import ConnectionStatus
from tests.browser.console_world import STATE
from tests.idp.console.desk import Administrator, acme
from tests.idp.me.person import administer, policy
from tests.idp.signin.site import Host, Site

MAP = "/admin/map"


@pytest.fixture(scope="module")
def site(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An organisation with agents and other apps."""
    with acme(host, tmp_path_factory.mktemp("map"), policy()) as made:
        administer(made, STATE)
        yield made


@pytest.fixture(scope="module")
def viewer(site: Site) -> Iterator[Administrator]:
    """Bob, who may look."""
    with Administrator(site, Role.VIEWER, "bob") as bob:
        yield bob


def _drawn(viewer: Administrator, status: int = 200, /, **query: str) -> set[str]:
    page = viewer.page(MAP, status, **query).text
    return set(re.findall(r'href="[^"]*/admin/connection\?id=([a-z-]+)" aria-label', page))


@pytest.mark.parametrize(
    ("query", "drawn"),
    [
        ({"app": "robin"}, {"robin-mail", "robin-drive", "robin-chat"}),
        ({"to": "mail"}, {"robin-mail", "planner-mail"}),
        ({"app": "robin", "to": "mail"}, {"robin-mail"}),
        ({"scope": "invoices.read"}, {"scout-ledger", "reports-ledger"}),
        ({"scope": "invoices.read", "agents": "yes"}, {"scout-ledger"}),
        ({"user": "elif.demir"}, {"robin-mail", "robin-chat", "planner-mail", "reports-ledger", "wiki-chat"}),
        ({"user": "elif.demir", "agents": "yes"}, {"robin-mail", "robin-chat"}),
        ({"user": "elif.demir", "agents": "yes", "scope": "mail.read"}, {"robin-mail"}),
        ({"user": "elif.demir", "to": "drive"}, set()),
        ({"group": "finance"}, {"reports-ledger", "wiki-chat"}),
        ({"group": "engineering", "agents": "yes"}, {"robin-drive", "scout-code"}),
        ({"group": "engineering", "app": "robin"}, {"robin-drive"}),
    ],
)
def test_filters_narrow_one_another(viewer: Administrator, query: dict[str, str], drawn: set[str]) -> None:
    assert _drawn(viewer, **query) == drawn
    assert _drawn(viewer) > drawn


def test_what_agents_can_reach_as_somebody_is_said_by_their_name(viewer: Administrator) -> None:
    page = viewer.page(MAP, user="elif.demir", agents="yes").text
    assert "What apps can reach as Elif Demir" in page
    assert "mail.read" in page
    assert "Ask why" in viewer.page(MAP, user="elif.demir", to="drive").text


def test_a_group_that_is_unknown_or_beside_a_person_draws_nothing(viewer: Administrator) -> None:
    assert _drawn(viewer, 422, group="nobodies") == set()
    assert _drawn(viewer, 422, group="finance", user="elif.demir") == set()
    assert "What apps can reach for people in finance" in viewer.page(MAP, group="finance").text


def test_a_name_that_leads_nowhere_is_said_at_its_field(viewer: Administrator) -> None:
    page = viewer.page(MAP, 422, user="nobody", agents="yes").text
    assert 'id="user-problem"' in page
    assert 'value="nobody"' in page
    assert _drawn(viewer, 422, app="wikki") == set()


def test_who_gains_is_worked_out_as_the_evaluator_decides(site: Site) -> None:
    """Every person at every connection: what a review would say, and what the pages of people say."""
    policy = site.services.ledger.fresh(site.services.tenant).policy
    names = [user["username"] for user in STATE["users"]]
    compared = 0
    for name in (*names, "alice", "bob"):
        person_id = find_person(site.services, name)
        found = facts.person(site.services.ledger.read(facts.person_keys(person_id)), person_id)
        assert found is not None
        decided = {
            (actor.app.id, reach.resource_app.id): frozenset(reach.scopes)
            for actor in actors(site.services, found.person, now=site.clock.now)
            for reach in actor.reaches
        }
        for one in policy.connections.values():
            if one.status is ConnectionStatus.ACTIVE:
                said = scopes_of(meant(policy, one), found.person)
                assert said == decided.get((one.app, one.resource_app), frozenset()), (name, one.key)
                compared += bool(said)
    assert compared > 20


@pytest.mark.parametrize("name", ["user", "username", "id"])
def test_whoever_may_be_meant_is_suggested_while_a_name_is_typed(viewer: Administrator, name: str) -> None:
    found = viewer.page("/admin/people/names", **{name: "eli"}).text
    assert re.findall(r'<option value="([^"]*)">([^<]*)<', found) == [("elif.demir", "Elif Demir")]
    assert "<html" not in found
    assert "<option" not in viewer.page("/admin/people/names", **{name: "nobody"}).text
