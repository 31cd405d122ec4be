"""Claims of a grant that we know nothing about: they decide nothing, and a host may ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.ras import SubjectRules, TrustedIssuer
from tests.ras.world import CLIENT, IDP, World, config, grant, token_claims, trusted

DEEP: Any = {"a": [{"b": {"c": [None, True, 1.5, "x" * 2000]}}]}


@pytest.mark.parametrize(
    "unknown",
    [
        pytest.param({"department": "sales"}, id="a text"),
        pytest.param({"https://chat.example/rank": 7}, id="a number under an address"),
        pytest.param({"extra": DEEP}, id="a tree"),
        pytest.param({"extra": []}, id="an empty list"),
        pytest.param({"roles": ["admin"], "groups": ["owners"]}, id="what others use"),
        pytest.param({"scp": "chat.write", "permissions": ["chat.write"]}, id="what looks like a scope"),
        pytest.param({"Sub": "u-eve", "SUB": "u-eve", "user_id": "u-eve"}, id="what looks like a person"),
        pytest.param({f"c{number}": "x" for number in range(200)}, id="two hundred"),
    ],
)
def test_what_nobody_here_knows_changes_nothing(unknown: dict[str, Any]) -> None:
    """JAG-27: the token is the one that the grant without them gives."""
    world = World()
    plain, mapped = (world.post({"assertion": grant(**more)}) for more in ({}, unknown))
    differ = {"jti"}
    without, with_them = (
        {name: value for name, value in token_claims(reply).items() if name not in differ}
        for reply in (plain, mapped)
    )
    assert with_them == without
    assert not any(str(name) in repr(world.event().fields) for name in unknown)


def test_a_host_sees_what_it_asked_for() -> None:
    """JAG-27: by name and issuer, after everything was verified; not in the repr, which gets logged."""
    asked = trusted(claims=frozenset({"department", "missing"}))
    world = World(config=config(trusted_issuers=(asked,)))
    mapped = {"department": "sales of Acme", "cost_centre": "4711"}
    done = world.ras.redeem(grant(**mapped), client_id=CLIENT)
    assert done.claims == {"department": "sales of Acme"}
    assert "sales" not in repr(done)
    assert World().ras.redeem(grant(**mapped), client_id=CLIENT).claims == {}


@pytest.mark.parametrize("name", ["sub", "Scope", "act", "cnf", "aud_sub", ""])
def test_a_host_cannot_ask_for_what_we_judge_by(name: str) -> None:
    with pytest.raises(ValueError, match=f"claims of {IDP}"):
        TrustedIssuer(IDP, subject=SubjectRules(), claims=frozenset({name}))
    TrustedIssuer(IDP, subject=SubjectRules(), claims=frozenset({"department"}))
