"""Who makes administrators, and what nobody can do to anybody, themselves included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idjag.idp.administration import tokens
from idjag.idp.administration.administrators import By, Listed, find, listed, operator
from idjag.idp.administration.appointments import Denied, LastOwner, NoSuch, Stale, end, give
from idjag.idp.administration.roles import MAY, Permission, Role
from idjag.ledger.entry import Insert, Key, Row
from tests.idp.administration.meeting import together
from tests.idp.factors.acme import ALICE, BOB, NOW, TENANT, Acme
from tests.idp.signin.seeds import hold, release, update

OPERATOR = operator({"kind": "operator", "id": "1000@host"})


def person(person_id: str, role: Role = Role.OWNER) -> By:
    """An administrator as the console knows them; what they say of themselves may be over."""
    return By({"kind": "person", "id": person_id}, MAY[role], person_id)


def roles(here: Acme) -> dict[str, Role]:
    return {one.person_id: one.role for one in listed(here)}


def last(here: Acme) -> dict[str, Any]:
    return here.events()[-1]


def test_the_operator_makes_an_owner_who_makes_others(here: Acme) -> None:
    assert give(here, ALICE, Role.OWNER, by=OPERATOR)
    assert give(here, BOB, Role.RULE_EDITOR, by=person(ALICE))
    assert listed(here) == [
        Listed(ALICE, "alice", "Alice Example", Role.OWNER, "operator 1000@host", NOW, NOW, able=True),
        Listed(BOB, "bob", "Bob Example", Role.RULE_EDITOR, f"person {ALICE}", NOW, NOW, able=True),
    ]


def test_each_change_is_one_event_with_before_and_after(here: Acme) -> None:
    """ADM-04."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    before = len(here.events())
    here.now += 5
    give(here, BOB, Role.VIEWER, by=person(ALICE))
    give(here, BOB, Role.AUDITOR, by=person(ALICE))
    end(here, BOB, by=person(ALICE))

    actor, about = {"kind": "person", "id": ALICE}, {"row": BOB, "key": "bob"}
    events = here.events(after=before)
    assert [(each["event"], each.get("before"), each.get("after")) for each in events] == [
        ("admin.created", None, {**about, "role": "viewer"}),
        ("admin.updated", {**about, "role": "viewer"}, {**about, "role": "auditor"}),
        ("admin.deleted", {**about, "role": "auditor"}, None),
    ]
    assert all((each["actor"], each["subject"]) == (actor, BOB) for each in events)
    assert roles(here) == {ALICE: Role.OWNER}


def test_the_same_role_again_changes_nothing_and_says_so(here: Acme) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    before = len(here.events())

    assert not give(here, ALICE, Role.OWNER, by=OPERATOR)
    assert len(here.events()) == before


def test_nobody_changes_their_own_role(here: Acme) -> None:
    """Not up, and not by detours: the second row is the same row."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    give(here, BOB, Role.OWNER, by=OPERATOR)

    for role in (Role.VIEWER, Role.OWNER):
        with pytest.raises(Denied, match="own role"):
            give(here, ALICE, role, by=person(ALICE))
    assert give(here, ALICE, Role.VIEWER, by=person(BOB))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
def test_only_owners_give_roles_and_end_them(here: Acme, role: Role) -> None:
    """Whatever a page or a token says that they may: their row says what they may now."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    give(here, BOB, role, by=OPERATOR)

    for act in (
        lambda by: give(here, ALICE, Role.VIEWER, by=by),
        lambda by: end(here, ALICE, by=by),
    ):
        for claims in (role, Role.OWNER):
            with pytest.raises(Denied):
                act(person(BOB, claims))
    assert roles(here) == {ALICE: Role.OWNER, BOB: role}


def test_nobody_gives_more_than_they_have(here: Acme) -> None:
    """A token of an owner that was made for less gives no more than that."""
    less = By({"kind": "api_token", "id": "h"}, frozenset({Permission.ADMINISTRATORS, Permission.READ}))

    for role in (Role.RULE_EDITOR, Role.OWNER):
        with pytest.raises(Denied, match="more than they have"):
            give(here, ALICE, role, by=less)
    assert give(here, ALICE, Role.VIEWER, by=less)


@pytest.mark.parametrize("stop", [update("person", ALICE, status="disabled"), hold("user", ALICE)])
def test_who_is_disabled_or_held_gives_nothing_from_now_on(here: Acme, stop: Any) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    give(here, BOB, Role.OWNER, by=OPERATOR)
    here.write(stop)

    with pytest.raises(Denied):
        give(here, BOB, Role.VIEWER, by=person(ALICE))
    assert [one.able for one in listed(here)] == [False, True]
    here.write(update("person", ALICE, status="active"), release("user"))
    assert give(here, BOB, Role.VIEWER, by=person(ALICE))


def test_who_could_not_sign_in_becomes_no_administrator(here: Acme) -> None:
    here.write(update("person", BOB, status="disabled"))
    for nobody in (BOB, "p-nobody"):
        with pytest.raises(NoSuch):
            give(here, nobody, Role.VIEWER, by=OPERATOR)
    assert give(here, ALICE, Role.VIEWER, by=OPERATOR)


def test_the_last_owner_who_can_sign_in_stays(here: Acme) -> None:
    """Attack case 195."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    for act in (
        lambda: end(here, ALICE, by=OPERATOR),
        lambda: give(here, ALICE, Role.VIEWER, by=OPERATOR),
        lambda: end(here, ALICE, by=person(ALICE)),
    ):
        with pytest.raises(LastOwner):
            act()
    give(here, BOB, Role.OWNER, by=OPERATOR)
    here.write(update("person", BOB, status="disabled"))
    with pytest.raises(LastOwner):
        end(here, ALICE, by=person(ALICE))
    here.write(update("person", BOB, status="active"))
    end(here, ALICE, by=person(ALICE))
    assert roles(here) == {BOB: Role.OWNER}


def test_what_was_planned_on_the_owners_of_before_is_planned_again(here: Acme) -> None:
    """A plan holds on to the policy that it was made on (apply, a user who is disabled)."""

    def seq() -> int:
        return here.ledger.fresh(TENANT).policy.seq

    seen = [seq()]
    for act in (
        lambda: give(here, ALICE, Role.OWNER, by=OPERATOR),
        lambda: give(here, BOB, Role.OWNER, by=OPERATOR),
        lambda: give(here, BOB, Role.VIEWER, by=OPERATOR),
        lambda: end(here, BOB, by=OPERATOR),
    ):
        act()
        seen.append(seq())
    assert seen == [*range(seen[0], seen[0] + 5)]


def test_of_two_who_decide_at_once_the_second_is_told(here: Acme) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    give(here, BOB, Role.VIEWER, by=OPERATOR, seen=None)

    for act in (
        lambda: give(here, BOB, Role.AUDITOR, by=OPERATOR, seen=Role.RULE_EDITOR),
        lambda: give(here, BOB, Role.AUDITOR, by=OPERATOR, seen=None),
        lambda: end(here, BOB, by=OPERATOR, seen=Role.AUDITOR),
    ):
        with pytest.raises(Stale):
            act()
    assert give(here, BOB, Role.AUDITOR, by=OPERATOR, seen=Role.VIEWER)


def test_whoever_is_none_is_not_ended(here: Acme) -> None:
    with pytest.raises(NoSuch):
        end(here, BOB, by=OPERATOR)
    give(here, BOB, Role.VIEWER, by=OPERATOR)
    end(here, BOB, by=OPERATOR)
    assert find(here, BOB) is None


def test_tokens_end_with_their_administrator_and_do_not_come_back(here: Acme) -> None:
    give(here, BOB, Role.VIEWER, by=OPERATOR)
    theirs, other = (
        tokens.create(here, name=n, role=Role.VIEWER, lifetime=60, actor=OPERATOR.actor, creator=c)
        for n, c in (("bob's", BOB), ("the host's", ""))
    )
    assert tokens.caller(here, theirs.value, now=here.now) is not None
    end(here, BOB, by=OPERATOR)
    give(here, BOB, Role.OWNER, by=OPERATOR)
    assert tokens.caller(here, theirs.value, now=here.now) is None
    assert tokens.caller(here, other.value, now=here.now) is not None


def test_a_row_of_another_tenant_or_of_nobody_counts_for_nothing(here: Acme) -> None:
    """Attack case 165."""
    row: Row = {"person_id": ALICE, "role": "owner", "by": "x", "created": 1, "updated": 1}
    gone: Row = {**row, "person_id": "p-gone", "id": "a2", "tenant_id": TENANT}
    here.write(Insert("administrator", {**row, "id": "a1", "tenant_id": "t2"}), Insert("administrator", gone))
    assert listed(here) == []
    with pytest.raises(Denied):
        give(here, BOB, Role.VIEWER, by=person(ALICE))
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    with pytest.raises(LastOwner):
        end(here, ALICE, by=OPERATOR)
    key = Key("administrator", "person_id", ALICE)
    assert len(here.read(key)(key)) == 2


def outcome(act: Callable[[Acme], object]) -> Callable[[Acme], str]:
    def tried(node: Acme) -> str:
        try:
            act(node)
        except (Denied, LastOwner) as refused:
            return type(refused).__name__
        return "done"

    return tried


def test_of_two_owners_who_end_each_other_at_once_one_stays(nodes: tuple[Acme, Acme]) -> None:
    """Two nodes, two connections, the same facts: an owner is left who can come in."""
    give(nodes[0], ALICE, Role.OWNER, by=OPERATOR)
    give(nodes[0], BOB, Role.OWNER, by=OPERATOR)
    done = together(
        nodes,
        outcome(lambda node: end(node, BOB, by=person(ALICE))),
        outcome(lambda node: end(node, ALICE, by=person(BOB))),
    )
    assert sorted(done) == ["Denied", "done"]
    assert len(roles(nodes[1])) == 1


def test_of_two_owners_who_go_at_once_one_stays(nodes: tuple[Acme, Acme]) -> None:
    """One leaves, the other gets another role."""
    give(nodes[0], ALICE, Role.OWNER, by=OPERATOR)
    give(nodes[0], BOB, Role.OWNER, by=OPERATOR)
    done = together(
        nodes,
        outcome(lambda node: give(node, ALICE, Role.VIEWER, by=OPERATOR)),
        outcome(lambda node: give(node, BOB, Role.VIEWER, by=OPERATOR)),
    )
    assert sorted(done) == ["LastOwner", "done"]
    assert sorted(roles(nodes[1]).values()) == [Role.OWNER, Role.VIEWER]
