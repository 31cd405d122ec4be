"""The indexed policy: connections that are decoded only when somebody asks for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idjag.policy.decide import decide
from idjag.policy.index import Deferred, Policy
from idjag.policy.lint import Lint, lint
from idjag.policy.model import Connection, Person, Who
from idjag.protocol.errors import Reason
from tests.policy.parts import CHAT, CHAT_ID, NOW, WIKI, WIKI_ID, connection, question, rule


class Row:
    """A stored connection that counts how often it is decoded."""

    def __init__(self, stored: Connection) -> None:
        self.decoded = 0
        self._stored = stored

    def __call__(self) -> Connection:
        self.decoded += 1
        return self._stored


def test_a_connection_is_decoded_once_and_only_if_it_is_asked_for() -> None:
    """Architecture section 4: a process answers for a few connections and has thousands."""
    mine, other = Row(connection(rule())), Row(connection(rule()))
    stored = [Deferred("c1", WIKI_ID, CHAT_ID, mine), Deferred("c2", "app-9", CHAT_ID, other)]
    policy = Policy(apps=[WIKI], resource_apps=[CHAT], connections=stored)
    assert [decide(policy, question()).allowed for _ in range(3)] == [True] * 3
    assert (mine.decoded, other.decoded) == (1, 0)


def test_all_connections_are_there_for_those_who_look_at_the_whole() -> None:
    row = Row(connection(rule()))
    policy = Policy(connections=[Deferred("c1", WIKI_ID, CHAT_ID, row)])
    assert [one.key for one in policy.connections.values()] == ["wiki-chat"]
    assert policy.connection("app-9", CHAT_ID) is None
    assert row.decoded == 1


@pytest.mark.parametrize("deferred", [False, True])
def test_an_app_that_is_an_address_has_that_name_at_the_resource_app_too(*, deferred: bool) -> None:
    """JAG-09: the same https URL on both sides; JAG-08: any other app without a mapping gets nothing."""
    url = "https://wiki.example/app.json"
    unmapped = connection(rule(), client_id=None)
    stored = Deferred("c1", WIKI_ID, CHAT_ID, Row(unmapped)) if deferred else unmapped
    for app, reason, client_id in (
        (replace(WIKI, client_id=url, by_document=True), None, url),
        (replace(WIKI, client_id=url), Reason.NO_CLIENT_ID_MAPPING, None),
    ):
        policy = Policy(apps=[app], resource_apps=[CHAT], connections=[stored])
        decision = decide(policy, question())
        assert (decision.reason, decision.connection and decision.connection.client_id) == (reason, client_id)
        found = {one.lint for one in lint(policy, now=NOW, names={})}
        assert (Lint.MISSING_MAPPING in found) is (reason is not None)


def test_a_client_id_that_the_administrator_entered_is_the_one() -> None:
    """JAG-09: a resource app that knows the app by another name says so out of band."""
    app = replace(WIKI, client_id="https://wiki.example/app.json", by_document=True)
    policy = Policy(apps=[app], resource_apps=[CHAT], connections=[connection(rule(), client_id="own")])
    found = decide(policy, question()).connection
    assert found is not None
    assert found.client_id == "own"


def test_connections_are_found_by_whom_their_rules_mean() -> None:
    """A page about a group or a person decodes what may name them, and nothing else."""
    ann = Person("ann", frozenset({"g1", "g9"}))
    mine, other = Row(connection(rule(who=Who(groups=frozenset({"g1"}))))), Row(connection(rule()))
    both = [
        Deferred("c1", WIKI_ID, CHAT_ID, mine, names=lambda ids: "g1" in ids),
        Deferred("c2", "app-9", CHAT_ID, other, names=lambda ids: "g2" in ids),
        Deferred("c3", "app-8", CHAT_ID, Row(connection(rule(who=Who())))),
    ]
    policy = Policy(apps=[WIKI], resource_apps=[CHAT], connections=both)
    assert [one.rules[0].who.groups for one in policy.meaning(ann)] == [{"g1"}]
    assert policy.meaning(replace(ann, groups=frozenset())) == ()
    assert [one.key for one in policy.naming("g1")] == ["wiki-chat"]
    assert (mine.decoded, other.decoded) == (1, 0)
    # what may name a group is looked at: its rules decide
    assert (policy.naming("g2"), other.decoded) == ((), 1)


def test_who_is_excepted_is_named_and_not_meant() -> None:
    who = Who(everyone=True, except_groups=frozenset({"g1"}))
    policy = Policy(apps=[WIKI], resource_apps=[CHAT], connections=[connection(rule(who=who))])
    assert len(policy.naming("g1")) == 1
    assert policy.meaning(Person("ann", frozenset({"g1"}))) == ()
    assert len(policy.meaning(Person("ann", frozenset()))) == 1
