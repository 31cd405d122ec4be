"""The indexed policy: connections that are decoded only when somebody asks for them."""

from __future__ import annotations

from idjag.policy.decide import decide
from idjag.policy.index import Deferred, Policy
from idjag.policy.model import Connection
from tests.policy.parts import CHAT, CHAT_ID, WIKI, WIKI_ID, connection, question, rule


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
