"""A change of one person, group or app is planned on few rows, and finds what it clashes with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from idjag.idp.state.apply import How, apply
from idjag.idp.state.credentials import Credentials
from idjag.idp.state.current import Current
from idjag.idp.state.loading import rows_for
from idjag.idp.state.plan import Problems
from idjag.idp.state.read import read
from idjag.idp.store.listing import Listing
from idjag.yaml_file import FileErrors
from idjag.yaml_file import read as read_yaml
from tests.idp.grants.acme import TENANT, Acme, acme, app, connection, state

ANN = {"username": "ann", "sub": "sub-of-ann", "groups": ["crew"], "attributes": {"badge": "7"}}
BEN = {"username": "ben", "attributes": {"badge": "8", "desk": "3"}}


class Firm:
    """An Acme in a file, where whatever is beside a change is looked for."""

    def __init__(self, running: Acme, listing: Listing) -> None:
        self.running, self.listing = running, listing

    def rows(self, text: Mapping[str, Any], **how: Any) -> Current:
        """What is read before this is planned."""
        given: dict[str, Any] = {"prune": False, "unwanted": {}, "near": self.listing, **how}
        return rows_for(self.running, _state(text), **given)

    def apply(self, text: Mapping[str, Any], **how: Any) -> None:
        """As the console and the admin API do."""
        credentials = Credentials(lambda _ref: "", lambda _ref: "hash")
        apply(
            self.running,
            _state(text),
            credentials,
            actor={"kind": "operator", "id": "root"},
            digest="0" * 64,
            how=How(**how),
            near=self.listing,
        )


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    """With some people more, and a connection that names the crew."""
    database = tmp_path / "idp.db"
    rule = {"id": "crew", "who": {"groups": ["crew"]}, "scopes": ["chat.read"]}
    with acme(database=database) as running, closing(Listing(f"sqlite:///{database}", TENANT)) as listing:
        people = [*state()["users"], ANN, BEN, {"username": "Straße"}]
        apps = [*state()["apps"], app("memos", auth={"method": "client_secret", "secret": "env:notes"})]
        made = [*state()["connections"], connection(id="memos-chat", rules=[rule], **{"from": "memos"})]
        groups = [*state()["groups"], {"name": "crew"}, {"name": "nobody"}]
        running.apply(state(users=people, groups=groups, apps=apps, connections=made))
        yield Firm(running, listing)


def _state(text: Mapping[str, Any]) -> Any:
    return read(read_yaml(json.dumps({"version": 1, **text}), source="state.yaml")).state


def test_a_change_of_one_person_reads_that_one_alone(firm: Firm) -> None:
    few = firm.rows({"users": [{**BEN, "name": "Ben"}]})
    assert set(few.people) == {"ben"}
    assert few.connections == {}
    every = firm.rows({"users": [BEN]}, near=None)
    assert {"alice", "ann", "ben"} <= set(every.people)
    assert set(firm.rows({"users": [BEN]}, prune=True).people) == set(every.people)


def test_many_people_are_as_quickly_read_together(firm: Firm) -> None:
    many = [{"username": f"new{number}"} for number in range(1001)]
    assert "alice" in firm.rows({"users": many}).people
    assert "alice" not in firm.rows({"users": many[1:]}).people


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"username": "ANN"}, "differs from user ann only in upper and lower case"),
        ({"username": "STRASSE"}, "only in upper and lower case"),
        ({"username": "\uff41nn"}, "differs from user ann only in how the same characters are encoded"),
        ({"username": "new", "sub": "sub-of-ann"}, "user ann has this sub"),
    ],
)
def test_somebody_new_is_told_apart_from_everybody(firm: Firm, user: dict[str, Any], message: str) -> None:
    with pytest.raises(Problems, match=message):
        firm.apply({"users": [user]})
    firm.apply({"users": [{**user, "username": "somebody.else", "sub": "another"}]})
    assert firm.running.row("person", "username", "somebody.else")["status"] == "active"


@pytest.mark.parametrize("unseen", ["\u200b", "\u200d", "\u2060", "\u00ad", "\U000e0061"])
def test_a_user_name_has_nothing_in_it_that_nobody_sees(firm: Firm, unseen: str) -> None:
    """Attack case 189: two people whom no reader can tell apart."""
    with pytest.raises(FileErrors, match="a user name is"):
        firm.apply({"users": [{"username": f"ann{unseen}"}]})
    firm.apply({"users": [{"username": "anne"}]})


def test_a_value_by_which_a_resource_app_knows_people_is_one_persons(firm: Firm) -> None:
    """JAG-20, whichever comes second: the person, or what the resource app says of itself."""
    chat = {**state()["resource_apps"][0], "aud_sub": {"attribute": "badge"}}
    firm.apply({"users": [{**BEN, "attributes": {"badge": "7"}}]})
    with pytest.raises(Problems, match="would take them for one person"):
        firm.apply({"resource_apps": [chat]})
    firm.apply({"users": [BEN]})
    firm.apply({"resource_apps": [chat]})
    with pytest.raises(Problems, match="would take them for one person"):
        firm.apply({"users": [{**BEN, "attributes": {"badge": "7"}}]})
    firm.apply({"users": [{**BEN, "attributes": {"badge": "9", "desk": "7"}}]})


@pytest.mark.parametrize(
    ("noun", "name", "free"), [("group", "crew", "nobody"), ("app", "memos", ""), ("user", "alice", "ben")]
)
def test_what_a_connection_refers_to_is_not_removed(firm: Firm, noun: str, name: str, free: str) -> None:
    rule = {"id": "alice", "who": {"users": ["alice"]}, "scopes": ["chat.read"]}
    firm.apply({"connections": [connection(rules=[rule])]})
    with pytest.raises(Problems, match="still refers to"):
        firm.apply({}, unwanted={noun: {name}})
    if free:
        firm.apply({}, unwanted={noun: {free}})
    assert set(firm.rows({}, unwanted={"group": {"crew"}}).connections) == {"memos-chat"}


def test_groups_and_subs_of_whoever_is_changed_stay(firm: Firm) -> None:
    """Positive control: what was read is enough to say what changes, and nothing else does."""
    before = firm.running.row("subject", "sub", "sub-of-ann")
    firm.apply({"users": [{**ANN, "name": "Ann"}]})
    assert firm.running.row("person", "username", "ann")["name"] == "Ann"
    assert firm.running.row("subject", "sub", "sub-of-ann") == before
    (event,) = firm.running.events("user.updated")
    assert (event["before"].get("name"), event["after"]["name"]) == (None, "Ann")
    assert "groups" not in event["after"]
