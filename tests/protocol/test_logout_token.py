"""The logout token: exactly what the specification has in it."""

from __future__ import annotations

from idjag.protocol import logout_token
from idjag.protocol.logout_token import LogoutToken
from idjag.protocol.names import ID_TOKEN_MARKER

TOKEN = LogoutToken(iss="https://idp.example", aud="rp", iat=1_800_000_000, jti="j-1", sid="s-1", sub="sub-1")


def test_the_claims_are_those_of_the_specification() -> None:
    """OIDC-21: Back-Channel Logout section 2.4; two minutes, and never a nonce."""
    assert logout_token.claims(TOKEN) == {
        "iss": "https://idp.example",
        "aud": "rp",
        "iat": 1_800_000_000,
        "exp": 1_800_000_120,
        "jti": "j-1",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        "sid": "s-1",
        "sub": "sub-1",
    }


def test_the_session_is_enough_when_nobody_knows_the_person() -> None:
    """OIDC-21: sub or sid."""
    without = LogoutToken(iss=TOKEN.iss, aud=TOKEN.aud, iat=TOKEN.iat, jti=TOKEN.jti, sid=TOKEN.sid)
    assert logout_token.claims(without) | {"sub": "sub-1"} == logout_token.claims(TOKEN)
    assert "sub" not in logout_token.claims(without)


def test_it_never_says_that_it_is_an_id_token() -> None:
    """XCH-42, A-06: neither by its typ nor by our mark."""
    assert logout_token.TYP == "logout+jwt"
    assert ID_TOKEN_MARKER not in logout_token.claims(TOKEN)
