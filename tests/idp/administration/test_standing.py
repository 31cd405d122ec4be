"""Whoever is an administrator is stopped and disabled by owners alone, and the last owner by nobody."""

from __future__ import annotations

import pytest

from idjag.idp import accounts
from idjag.idp.administration.appointments import Denied, LastOwner, end, give
from idjag.idp.administration.roles import MAY, Role
from idjag.idp.administration.standing import keep_an_owner, wants_recent_sign_in
from idjag.idp.holds import Target, place, release
from idjag.idp.state.changes import Change
from idjag.policy.model import HoldKind
from tests.idp.administration.meeting import together
from tests.idp.administration.test_appointments import OPERATOR, outcome, person
from tests.idp.factors.acme import ALICE, BOB, TENANT, Acme

ROOT = {"kind": "operator", "id": "1000@host"}
EDITOR = {"kind": "person", "id": "p-editor"}


def whole(person_id: str) -> Target:
    return Target(HoldKind.USER, person_id, person_id, about={"subject": person_id})


def stop(here: Acme, person_id: str, role: Role = Role.OWNER) -> object:
    return place(here, whole(person_id), actor=EDITOR, reason="a test", may=MAY[role])


@pytest.mark.parametrize("role", [Role.RULE_EDITOR, Role.APP_ADMIN])
def test_a_lesser_role_stops_people_and_no_administrator(here: Acme, role: Role) -> None:
    """Attack case 195: whoever may stop things does not lock out those who may more."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    give(here, BOB, Role.VIEWER, by=OPERATOR)
    for administrator in (ALICE, BOB):
        with pytest.raises(Denied):
            stop(here, administrator, role)
    end(here, BOB, by=OPERATOR)
    assert stop(here, BOB, role)


def test_a_lesser_role_lets_no_administrator_in_again(here: Acme) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    give(here, BOB, Role.APP_ADMIN, by=OPERATOR)
    assert stop(here, BOB)
    with pytest.raises(Denied):
        release(here, whole(BOB), actor=EDITOR, reason="a test", may=MAY[Role.RULE_EDITOR])
    assert len(release(here, whole(BOB), actor=EDITOR, reason="a test", may=MAY[Role.OWNER])) == 1


def test_an_administrator_is_stopped_in_one_app_like_everybody(here: Acme) -> None:
    """The person themselves does that at My access, the last owner too."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    within = Target(HoldKind.USER_IN_APP, ALICE, "alice", "wiki", "wiki")
    assert place(here, within, actor={"kind": "person", "id": ALICE}, reason="a test", may=frozenset()).id
    assert len(release(here, within, actor=EDITOR, reason="a test", may=MAY[Role.RULE_EDITOR])) == 1


def test_nobody_stops_the_last_owner_but_the_operator(here: Acme) -> None:
    """Attack case 195: by a hold, whoever places it; the host's operator has the kill switch for it."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    give(here, BOB, Role.OWNER, by=OPERATOR)
    assert stop(here, BOB)
    with pytest.raises(LastOwner):
        stop(here, ALICE)
    with pytest.raises(LastOwner):
        place(here, whole(ALICE), actor={"kind": "api_token", "id": "t"}, reason="a test")
    assert place(here, whole(ALICE), actor=ROOT, reason="a test").target == ALICE


def test_the_last_owner_is_not_disabled(here: Acme) -> None:
    """Attack case 195: not by the host's operator either, whose commands may stand in a script."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    with pytest.raises(LastOwner):
        accounts.set_status(here, ALICE, "disabled", actor=ROOT)
    assert here.person().person.active
    assert accounts.set_status(here, BOB, "disabled", actor=ROOT)
    assert accounts.set_status(here, BOB, "active", actor=ROOT)
    give(here, BOB, Role.OWNER, by=OPERATOR)
    assert accounts.set_status(here, ALICE, "disabled", actor=ROOT)
    assert not accounts.set_status(here, ALICE, "disabled", actor=ROOT)


def test_a_plan_never_takes_the_last_owner_away(here: Acme) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    gone = [
        Change("user", "alice", ALICE, "delete", "deleted", before={"username": "alice"}),
        Change("user", "alice", ALICE, "change", "paused", after={"status": "disabled"}),
    ]
    for change in gone:
        with pytest.raises(LastOwner):
            keep_an_owner(here, [change])
    keep_an_owner(here, [Change("user", "alice", ALICE, "change", "updated", after={"name": "A"})])
    give(here, BOB, Role.OWNER, by=OPERATOR)
    keep_an_owner(here, gone)


def test_what_was_planned_before_an_owner_was_stopped_is_planned_again(here: Acme) -> None:
    """A plan holds on to the policy that it was made on; a hold on an owner moves it on, no other does."""

    def seq() -> int:
        return here.ledger.fresh(TENANT).policy.seq

    give(here, ALICE, Role.OWNER, by=OPERATOR)
    give(here, BOB, Role.OWNER, by=OPERATOR)
    before = seq()
    stop(here, BOB)
    assert seq() == before + 1
    release(here, whole(BOB), actor=ROOT, reason="a test")
    accounts.set_status(here, BOB, "disabled", actor=ROOT)
    assert seq() == before + 2
    place(here, Target(HoldKind.USER_IN_APP, ALICE, "alice", "wiki", "wiki"), actor=ROOT, reason="a test")
    assert seq() == before + 2


def test_of_two_owners_who_are_stopped_at_once_one_stays(nodes: tuple[Acme, Acme]) -> None:
    """Two nodes, two connections: one is held, the other disabled, at the same moment."""
    give(nodes[0], ALICE, Role.OWNER, by=OPERATOR)
    give(nodes[0], BOB, Role.OWNER, by=OPERATOR)
    done = together(
        nodes,
        outcome(lambda node: stop(node, ALICE)),
        outcome(lambda node: accounts.set_status(node, BOB, "disabled", actor=ROOT)),
    )
    assert sorted(done) == ["LastOwner", "done"]


def test_an_owner_who_ends_while_the_other_is_stopped_stays(nodes: tuple[Acme, Acme]) -> None:
    give(nodes[0], ALICE, Role.OWNER, by=OPERATOR)
    give(nodes[0], BOB, Role.OWNER, by=OPERATOR)
    done = together(
        nodes,
        outcome(lambda node: end(node, ALICE, by=person(ALICE))),
        outcome(lambda node: stop(node, BOB)),
    )
    assert sorted(done) == ["LastOwner", "done"]


def test_what_wants_a_recent_sign_in(here: Acme) -> None:
    """Attack case 195: secrets, roles and whatever leads to them, by whichever form it comes."""
    give(here, ALICE, Role.VIEWER, by=OPERATOR)
    sensitive = [
        Change("tenant", "", TENANT, "change", "updated", after={"second_factor": "optional"}),
        Change("app", "wiki", "wiki", "change", "updated", after={"auth": {"method": "private_key_jwt"}}),
        Change("app", "wiki", "wiki", "change", "updated", after={"secret": "changed"}),
        Change("user", "alice", ALICE, "change", "updated", after={"email": "mallory@evil.example"}),
        Change("user", "alice", ALICE, "delete", "deleted"),
    ]
    plain = [
        Change("app", "new", "new", "create", "created", after={"auth": {"method": "client_secret"}}),
        Change("app", "wiki", "wiki", "change", "updated", after={"name": "W"}),
        Change("user", "bob", BOB, "change", "updated", after={"email": "bob@acme.example"}),
        Change("connection", "wiki-chat", "c", "change", "updated", after={"status": "active"}),
    ]
    assert [wants_recent_sign_in(here, [one]) for one in sensitive] == [True] * len(sensitive)
    assert not wants_recent_sign_in(here, plain)
    assert wants_recent_sign_in(here, [*plain, sensitive[1]])
