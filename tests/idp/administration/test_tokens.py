"""Tokens that somebody makes in the console or through the API: never more than they are themselves."""

from __future__ import annotations

import pytest

from idjag.idp.administration import tokens
from idjag.idp.administration.administrators import operator
from idjag.idp.administration.appointments import give
from idjag.idp.administration.roles import MAY, Permission, Role
from idjag.idp.administration.tokens import Caller, Made, TokenDenied, issue
from idjag.ledger.entry import Delete, Update
from tests.idp.factors.acme import ALICE, Acme

OPERATOR = operator({"kind": "operator", "id": "1000@host"})


def console(role: Role = Role.OWNER) -> Caller:
    """Alice, in the console."""
    return Caller({"kind": "person", "id": ALICE}, "Alice", role, MAY[role])


def parent(here: Acme, *, creator: str = "", role: Role = Role.OWNER) -> tuple[Made, Caller]:
    """A token that lives an hour, and who calls with it."""
    made = tokens.create(here, name="p", role=role, lifetime=3600, actor=OPERATOR.actor, creator=creator)
    found = calls(here, made)
    assert found is not None
    return made, found


def calls(here: Acme, made: Made) -> Caller | None:
    return tokens.caller(here, made.value, now=here.now)


def make(here: Acme, by: Caller, role: Role = Role.VIEWER, lifetime: int = 60) -> Made:
    return issue(here, by, name="ci", role=role, lifetime=lifetime)


def test_a_token_of_the_console_is_its_makers_and_ends_with_them(here: Acme) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    made = make(here, console(), Role.OWNER, lifetime=tokens.LONGEST)
    caller = calls(here, made)
    assert caller is not None
    assert (caller.by.person_id, caller.made_by_token, made.token.by) == (ALICE, False, f"person {ALICE}")
    here.write(Update("administrator", {"person_id": ALICE}, {"role": "viewer"}))
    caller = calls(here, made)
    assert caller is not None
    assert caller.permissions == MAY[Role.VIEWER]
    here.write(Update("person", {"id": ALICE}, {"status": "disabled"}))
    assert calls(here, made) is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
def test_only_an_owner_makes_tokens(here: Acme, role: Role) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    with pytest.raises(TokenDenied, match="only an owner"):
        make(here, console(role))
    assert make(here, console()).token.role is Role.VIEWER


def test_nobody_gives_a_token_more_than_they_have(here: Acme) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    less = Caller({"kind": "person", "id": ALICE}, "Alice", Role.OWNER, MAY[Role.VIEWER] | NEEDED)
    for role in (Role.OWNER, Role.RULE_EDITOR):
        with pytest.raises(TokenDenied, match="more than they have"):
            make(here, less, role)
    assert make(here, less, Role.VIEWER).token.role is Role.VIEWER


NEEDED = frozenset({Permission.ADMINISTRATORS})


def test_a_token_makes_one_that_it_can_answer_for(here: Acme) -> None:
    """Not longer than itself, not for ever with itself ended, and no grandchildren."""
    made, by = parent(here)
    with pytest.raises(TokenDenied, match="outlives"):
        make(here, by, lifetime=3601)
    child = make(here, by, Role.OWNER, lifetime=3600)
    caller = calls(here, child)
    assert caller is not None
    assert (caller.permissions, caller.by.person_id) == (MAY[Role.OWNER], "")
    with pytest.raises(TokenDenied, match="another token made"):
        make(here, caller)
    here.write(Update("api_token", {"handle": made.token.handle}, {"role": "viewer"}))
    caller = calls(here, child)
    assert caller is not None
    assert caller.permissions == MAY[Role.VIEWER]
    assert tokens.revoke(here, made.token.handle, actor=OPERATOR.actor)
    assert calls(here, child) is None


def test_a_lifetime_that_is_none_is_no_tokens(here: Acme) -> None:
    for lifetime in (0, -1, tokens.LONGEST + 1):
        with pytest.raises(ValueError, match="lives"):
            make(here, console(), lifetime=lifetime)


def test_whoever_was_ended_a_moment_ago_leaves_no_token_to_come_back_with(here: Acme) -> None:
    """Attack case 184: let in before the end, they ask after it; a new appointment would wake the token."""
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    let_in = console()
    assert calls(here, make(here, let_in)) is not None
    here.write(Delete("administrator", {"person_id": ALICE}))
    with pytest.raises(TokenDenied, match="no administrator any more"):
        make(here, let_in)
    assert len(tokens.listed(here)) == 1
