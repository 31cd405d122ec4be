"""``sub_id`` and ``act``: in grants that are issued, and in those that come, where somebody asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol import access_token, id_jag
from idjag.protocol.access_token import AccessToken
from idjag.protocol.actor import Actor
from idjag.protocol.errors import Reason
from idjag.protocol.id_jag import IdJag
from idjag.protocol.jose import KeySet
from idjag.protocol.sub_id import SamlNameId
from tests.protocol.grants import accepted as plain
from tests.protocol.parts import API, CLIENT, IDP, KEY, NOW, RAS, refusal, signed

NAME_ID = SamlNameId("https://saml.acme.example/metadata", "alice")
AGENT = Actor(IDP, "agent-1", "ai_agent")
GRANT = plain()
WITH_BOTH = replace(GRANT, sub_id=NAME_ID, actors=(AGENT,))


def accepted(*, use: tuple[str, ...] = (), **changes: Any) -> IdJag:
    return id_jag.accept(
        id_jag.claims(GRANT) | changes,
        audiences={RAS},
        client_id=CLIENT,
        now=NOW,
        skew=60,
        max_lifetime=600,
        use=use,
    )


def test_both_claims_are_issued_and_come_back_to_who_asks_for_them() -> None:
    """Draft sections 3.1 and 3.2; RFC 8693 section 4.1."""
    claims = id_jag.claims(WITH_BOTH)
    assert claims["sub_id"] == {"format": "saml-nameid", "issuer": NAME_ID.issuer, "nameid": "alice"}
    assert claims["act"] == {"iss": IDP, "sub": "agent-1", "sub_profile": "ai_agent"}
    assert accepted(**claims, use=("sub_id", "act")) == WITH_BOTH
    assert not {"sub_id", "act"} & id_jag.claims(GRANT).keys()


@pytest.mark.parametrize("claim", ["sub_id", "act"])
@pytest.mark.parametrize("value", [None, "x", [], {}, {"sub": 1, "format": 1}], ids=repr)
def test_nobody_looks_at_them_who_does_not_need_them(claim: str, value: Any) -> None:
    """RAS-40, SAML-17: and malformed ones are refused only where they would count."""
    assert accepted(**{claim: value}) == GRANT
    refused = refusal(lambda: accepted(**{claim: value}, use=(claim,)))
    assert refused.reason is Reason.CLAIM_WRONG


def test_a_token_says_who_acts() -> None:
    """RFC 9068 section 2.2.2 with RFC 8693 section 4.1; the API reads it back."""
    token = AccessToken(RAS, "u-alice", (API,), CLIENT, jti="t-1", iat=NOW, exp=NOW + 900, actors=(AGENT,))
    claims = access_token.claims(token)
    assert claims["act"] == {"iss": IDP, "sub": "agent-1", "sub_profile": "ai_agent"}
    assert "act" not in access_token.claims(replace(token, actors=()))
    read = access_token.accept(
        signed(claims, typ="at+jwt"), keys=KeySet([KEY.public]), issuer=RAS, resource=API, now=NOW, skew=60
    )
    assert read == token
