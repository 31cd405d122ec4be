"""ID tokens for several audiences: whose they are, and who may present them (XCH-38)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol import id_token
from idjag.protocol.errors import Reason
from idjag.protocol.id_token import IdToken
from tests.protocol.parts import IDP, KEYS, NOW, OUT, changed, refusal, signed
from tests.protocol.test_id_token import APP, TOKEN

BROKERED = replace(TOKEN, aud="gateway", beside=(APP, "crm"))


def brokered(*brokers: str, client_id: str = APP, **changes: Any) -> IdToken:
    """A token of the gateway, which names the app and another one too."""
    token = signed(changed(id_token.claims(BROKERED), changes))
    return id_token.subject_token(
        token, keys=KEYS, issuer=IDP, client_id=client_id, now=NOW, brokers=frozenset(brokers)
    )


def test_a_token_of_several_audiences_says_whose_it_is() -> None:
    """XCH-38, A-05: ``azp``, OpenID Connect Core section 2."""
    claims = id_token.claims(BROKERED)
    assert (claims["aud"], claims["azp"]) == (["gateway", APP, "crm"], "gateway")


@pytest.mark.parametrize("presenter", [APP, "crm", "gateway"])
def test_a_brokers_token_is_taken_from_those_who_are_linked_to_it(presenter: str) -> None:
    """XCH-38: also from the broker itself, which has no other."""
    assert brokered("gateway", client_id=presenter) == BROKERED


@pytest.mark.parametrize(
    ("brokers", "changes"),
    [
        pytest.param((), {}, id="no link"),
        pytest.param(("crm",), {}, id="a link to another audience"),
        pytest.param((APP,), {}, id="only others may present its own"),
        pytest.param(("gateway",), {"aud": ["gateway", "crm"]}, id="the client is not named"),
        pytest.param(("gateway",), {"aud": "gateway"}, id="the token is the broker's alone"),
        pytest.param(("gateway",), {"aud": APP}, id="the broker is not named"),
        pytest.param(("gateway",), {"azp": OUT}, id="nobody says whose it is"),
        pytest.param(("gateway",), {"azp": ["gateway"]}, id="azp is a list"),
        pytest.param(("gateway",), {"azp": "crm"}, id="azp is another audience"),
        pytest.param(("gateway", "evil"), {"azp": "evil"}, id="azp is no audience"),
        pytest.param(("gateway",), {"aud": ["gateway", APP, APP]}, id="an audience twice"),
        pytest.param(("gateway",), {"aud": ["gateway", APP, 1]}, id="an audience that is no text"),
    ],
)
def test_a_brokers_token_is_refused_without_a_link_or_in_another_shape(
    brokers: tuple[str, ...], changes: dict[str, Any]
) -> None:
    """XCH-37, XCH-38, A-05; positive control above."""
    refused = refusal(lambda: brokered(*brokers, **changes))
    assert refused.reason is Reason.SUBJECT_TOKEN_AUDIENCE
