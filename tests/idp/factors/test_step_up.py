"""What an exchange asks for is what a sign-in of that context gives: factors.acr and the policy agree."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp.factors.acr import MFA, PHR, SIGN_INS
from tests.idp.grants.acme import acme, connection, rule, state


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ({"amr": ["mfa"]}, MFA),
        ({"amr": ["pwd", "otp"]}, MFA),
        ({"acr": [MFA]}, MFA),
        ({"acr": [PHR, MFA]}, MFA),
        ({"acr": [PHR]}, PHR),
        ({"amr": ["pop"]}, PHR),
        ({"acr": [PHR], "amr": ["user", "mfa"]}, PHR),
    ],
)
def test_a_rule_that_a_better_sign_in_meets_asks_for_it(conditions: dict[str, Any], wanted: str) -> None:
    """XCH-59, XCH-60: and the retry with such a sign-in succeeds."""
    with acme(state(connections=[connection(rules=[rule(conditions=conditions)])])) as idp:
        refused = idp.exchange(idp.sign_in())
        assert (refused.status, refused.error) == (400, "insufficient_user_authentication")
        assert refused.json["acr_values"] == wanted
        better = idp.sign_in(acr=wanted, amr=sorted(SIGN_INS[wanted]))
        assert idp.exchange(better).status == 200


@pytest.mark.parametrize(
    "conditions",
    [{"amr": ["hwk"]}, {"amr": ["pwd", "pop"]}, {"acr": ["urn:other"]}, {"acr": [MFA], "amr": ["pop"]}],
)
def test_a_rule_that_no_sign_in_meets_for_certain_asks_for_none(conditions: dict[str, Any]) -> None:
    """XCH-60: nobody is sent round in a circle."""
    with acme(state(connections=[connection(rules=[rule(conditions=conditions)])])) as idp:
        refused = idp.exchange(idp.sign_in())
        assert (refused.status, refused.error) == (400, "access_denied")
        assert "acr_values" not in refused.json
