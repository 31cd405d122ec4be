"""What is read before a file is planned: little for a little change, and never too little."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from idjag.idp.state.current import load
from idjag.idp.state.named import named_connections
from idjag.idp.state.plan import Problems
from idjag.idp.state.read import read
from idjag.yaml_file import read as read_yaml
from tests.idp.grants.acme import TENANT, Acme, acme, app, connection, state

TARGETS = ("chat", "files", "mail")


@pytest.fixture
def running() -> Iterator[Acme]:
    """An Acme where wiki reaches three resource apps, and notes two of them."""
    with acme() as made:
        chat = state()["resource_apps"][0]
        made.apply(
            state(
                apps=[app("wiki"), app("notes")],
                resource_apps=[
                    chat,
                    *({"id": one, "issuer": f"https://{one}.example/"} for one in TARGETS[1:]),
                ],
                connections=[
                    connection(id=f"{one}-{target}", to=target, **{"from": one})
                    for one, targets in (("wiki", TARGETS), ("notes", TARGETS[:2]))
                    for target in targets
                ],
            )
        )
        yield made


def said(**sections: Any) -> Any:
    """A state file with these sections alone."""
    return read(read_yaml(json.dumps({"version": 1, **sections}), source="state.yaml")).state


def test_a_change_of_one_connection_names_it_and_its_requesting_app() -> None:
    assert named_connections(said(connections=[connection()]), {}) == [("wiki-chat", "wiki")]
    assert named_connections(said(), {"connection": ["wiki-chat"]}) == [("wiki-chat", "")]
    assert named_connections(said(groups=[{"name": "sales"}]), {}) == []


@pytest.mark.parametrize("noun", ["app", "resource_app", "group", "user"])
def test_what_is_removed_may_be_referred_to_by_any_connection(noun: str) -> None:
    assert named_connections(said(), {noun: ["x"]}) is None
    assert named_connections(said(), {noun: []}) == []


def test_tests_and_long_files_are_about_everything() -> None:
    ask = {
        "name": "t",
        "ask": {"user": "alice", "from": "wiki", "to": "chat"},
        "expect": {"decision": "deny"},
    }
    assert named_connections(said(tests=[ask]), {}) is None
    many = [connection(id=f"c-{number}") for number in range(21)]
    assert named_connections(said(connections=many), {}) is None
    assert len(named_connections(said(connections=many[1:]), {}) or ()) == 20


def test_only_the_named_connections_and_those_of_their_apps_are_read(running: Acme) -> None:
    one = load(running.ledger, TENANT, everyone=False, connections=[("new", "notes")])
    assert set(one.connections) == {"notes-chat", "notes-files"}
    gone = load(running.ledger, TENANT, everyone=False, connections=[("wiki-mail", "")])
    assert set(gone.connections) == {"wiki-mail"}
    assert len(load(running.ledger, TENANT, everyone=False).connections) == 5
    assert set(one.apps) == {"wiki", "notes"}


def test_a_second_connection_of_two_apps_is_refused_whatever_its_name(running: Acme) -> None:
    with pytest.raises(Problems, match="connection notes-files has the same from and to"):
        running.apply(
            {"version": 1, "connections": [connection(id="other", to="files", **{"from": "notes"})]}
        )
    running.apply({"version": 1, "connections": [connection(id="other", to="mail", **{"from": "notes"})]})
    assert running.row("connection", "key", "other")["status"] == "active"
