"""``act``: RFC 8693 section 4.1, as far as we let it in (RAS-41, attack case 172)."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol.actor import Actor, chain_of, claim_of
from idjag.protocol.claims import ClaimError
from tests.protocol.parts import IDP

AGENT = {"sub": "agent-1"}


def nested(depth: int) -> dict[str, Any]:
    """So many actors, each of whom acted for the one inside."""
    act: dict[str, Any] = {"sub": f"agent-{depth}"}
    for number in range(depth - 1, 0, -1):
        act = {"sub": f"agent-{number}", "act": act}
    return act


def chain(act: Any) -> tuple[Actor, ...]:
    return chain_of({"iss": IDP, "sub": "alice", "act": act})


def test_without_the_claim_nobody_acts() -> None:
    assert chain_of({"iss": IDP, "sub": "alice"}) == ()
    assert chain_of({}) == ()


def test_an_actor_without_issuer_is_of_the_issuer_of_the_grant() -> None:
    """A token of ours says whose namespace it is: there ``sub`` alone would be one of ours."""
    [actor] = chain({"sub": "agent-1", "sub_profile": "ai_agent"})
    assert actor == Actor(IDP, "agent-1", "ai_agent")
    assert claim_of((actor,)) == {"iss": IDP, "sub": "agent-1", "sub_profile": "ai_agent"}


def test_a_chain_keeps_its_order_and_comes_back() -> None:
    """RFC 8693 section 4.1: the outermost one acts now."""
    actors = chain({"iss": "https://agents.example", "sub": "a", "act": {"sub": "b"}})
    assert [actor.sub for actor in actors] == ["a", "b"]
    assert chain(claim_of(actors)) == actors


def test_what_does_not_say_who_acts_is_left_behind() -> None:
    [actor] = chain({"sub": "agent-1", "exp": 1, "scope": "all", "email": "x@acme.example"})
    assert claim_of((actor,)) == {"iss": IDP, "sub": "agent-1"}


def test_five_actors_are_as_many_as_there_may_be() -> None:
    """Attack case 172."""
    assert len(chain(nested(5))) == 5
    with pytest.raises(ClaimError, match="too_deep"):
        chain(nested(6))


@pytest.mark.parametrize(
    "act",
    [
        pytest.param({"sub": "alice"}, id="the person acts for themselves"),
        pytest.param({"sub": "a", "act": {"sub": "a"}}, id="twice in a row"),
        pytest.param({"sub": "a", "act": {"sub": "b", "act": {"iss": IDP, "sub": "a"}}}, id="back again"),
    ],
)
def test_a_chain_that_comes_back_is_refused(act: dict[str, Any]) -> None:
    """Attack case 172."""
    with pytest.raises(ClaimError, match="cyclic"):
        chain(act)


def test_the_same_name_at_another_issuer_is_somebody_else() -> None:
    """The positive control of cycles."""
    assert len(chain({"iss": "https://agents.example", "sub": "alice", "act": {"sub": "a"}})) == 2


@pytest.mark.parametrize(
    "act",
    [
        None,
        "agent",
        [],
        [AGENT],
        {},
        {"sub": ""},
        {"sub": 1},
        {"sub": "a\x00"},
        {"sub": "a" * 256},
        {"sub": "a", "iss": 1},
        {"sub": "a", "iss": None},
        {"sub": "a", "sub_profile": ["x"]},
        {"sub": "a", "act": "b"},
        {"sub": "a", "act": None},
    ],
    ids=repr,
)
def test_a_malformed_actor_is_refused(act: Any) -> None:
    """RAS-41."""
    with pytest.raises(ClaimError):
        chain(act)
