"""Who acts for a person: ``act`` in grants, tokens and the audit log (RAS-40, RAS-41, attack case 172)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.test_actor import nested
from tests.ras.world import IDP, World, assert_refused, config, grant, token_claims, trusted

AGENT = {"sub": "agent-1", "sub_profile": "ai_agent"}
SHOWN = {"iss": IDP, "sub": "agent-1", "sub_profile": "ai_agent"}


@pytest.fixture
def asserting() -> World:
    """A server that lets its issuer say who acts."""
    return World(config=config(trusted_issuers=(trusted(may_assert_act=True),)))


def test_an_actor_is_copied_from_an_issuer_that_may_say_so(asserting: World) -> None:
    """RAS-41: into the token, where the issuer of the actor is said, and into the audit log."""
    assert token_claims(asserting.post({"assertion": grant(act=AGENT)}))["act"] == SHOWN
    assert asserting.event().fields["actor_chain"] == [SHOWN]


def test_a_chain_is_copied_as_it_is_nested(asserting: World) -> None:
    """RFC 8693 section 4.1."""
    token = token_claims(asserting.post({"assertion": grant(act=nested(5))}))
    depth, act = 0, token
    while "act" in act:
        depth, act = depth + 1, act["act"]
    assert (depth, act["sub"]) == (5, "agent-5")
    assert [actor["sub"][-1] for actor in asserting.event().fields["actor_chain"]] == list("12345")


def test_without_an_actor_nobody_is_said_to_act(asserting: World) -> None:
    assert "act" not in token_claims(asserting.post())
    assert "actor_chain" not in asserting.event().fields


MALFORMED = [
    pytest.param("agent-1", id="a string"),
    pytest.param({"sub_profile": "ai_agent"}, id="nobody"),
    pytest.param([AGENT], id="a list"),
    pytest.param(nested(6), id="six deep"),
    pytest.param({"sub": "a", "act": {"sub": "b", "act": {"sub": "a"}}}, id="cyclic"),
    pytest.param({"sub": "alice-at-acme"}, id="the person"),
]


@pytest.mark.parametrize("act", MALFORMED)
def test_an_actor_that_would_be_copied_must_be_right(asserting: World, act: Any) -> None:
    """RAS-41, attack case 172: refused, not copied."""
    reply = asserting.post({"assertion": grant(act=act)})
    assert_refused(asserting, reply, "invalid_grant", "claim_wrong")
    assert asserting.post({"assertion": grant(act=AGENT)}).status == 200


@pytest.mark.parametrize("act", [AGENT, *MALFORMED])
def test_an_actor_of_any_other_issuer_does_no_harm_and_counts_for_nothing(world: World, act: Any) -> None:
    """RAS-40, RAS-41: what Okta sends unasked."""
    assert "act" not in token_claims(world.post({"assertion": grant(act=act)}))
    assert "actor_chain" not in world.event().fields


def test_a_client_cannot_bring_an_actor_of_its_own(asserting: World) -> None:
    """Attack case 172: parameters are not claims."""
    reply = asserting.post({"assertion": grant(), "act": '{"sub":"agent-1"}', "actor_token": "x"})
    assert "act" not in token_claims(reply)
