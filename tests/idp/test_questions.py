"""A question from names: which facts it reads, and whose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idjag.idp.holds import find, place, release
from idjag.idp.questions import Ask, UnknownName, build
from idjag.ledger.entry import Insert, Update
from idjag.policy.decide import decide
from idjag.protocol.errors import Reason
from tests.idp.grants.acme import NOW, Acme, acme

ASK = Ask("alice", "wiki", "chat", scopes=("chat.read",))
OPERATOR = {"kind": "operator", "id": "0@host"}


def reason(idp: Acme, ask: Ask = ASK) -> Reason | None:
    """Why the question is denied; None when it is allowed."""
    asked = build(idp, ask)
    return decide(asked.policy, asked.question).reason


def test_the_facts_are_those_of_this_moment() -> None:
    """XCH-21: status, groups and holds are read for each question."""
    with acme() as idp:
        assert reason(idp) is None
        idp.write(Update("person", {"id": idp.person("alice")}, {"status": "disabled"}))
        assert reason(idp) is Reason.PERSON_DISABLED


def test_another_moment_can_be_asked_about() -> None:
    """Holds and expiry are looked at as of then; the sign-in is as old as then."""
    with acme() as idp:
        target = find(idp, "user", "alice")
        place(idp, target, actor=OPERATOR, reason="for an hour", until=NOW + 3600)
        assert reason(idp) is Reason.HELD
        later = build(idp, replace(ASK, at=NOW + 3600, auth_age=60)).question
        assert (later.now, later.sign_in.auth_time) == (NOW + 3600, NOW + 3540)
        assert reason(idp, replace(ASK, at=NOW + 3600)) is None
        assert [hold.until for hold in release(idp, target, actor=OPERATOR, reason="over")] == [NOW + 3600]


def test_somebody_of_another_tenant_is_not_known_here() -> None:
    """Attack case 75: the same user name elsewhere is another person."""
    with acme() as idp:
        row = idp.row("person", "username", "alice")
        idp.write(Insert("person", {**row, "id": "stranger", "tenant_id": "t2", "username": "mallory"}))
        with pytest.raises(UnknownName, match="unknown user: mallory"):
            build(idp, replace(ASK, user="mallory"))
        idp.write(Insert("person", {**row, "id": "twin", "tenant_id": "t2"}))
        person = build(idp, ASK).question.person
        assert person is not None
        assert person.id == row["id"]


def test_groups_and_people_of_the_rules_get_their_names() -> None:
    with acme() as idp:
        names = build(idp, ASK).names
        assert sorted(names.groups.values()) == ["engineering"]
        assert names.group(next(iter(names.groups))) == "engineering"
