"""How long a family of refresh tokens lasts, beside the session that it came from."""

from __future__ import annotations

import json

from idjag.idp.families import IDLE, LIFETIME
from idjag.ledger.entry import Key
from tests.idp.grants.acme import NOW, TENANT, Acme
from tests.idp.grants.offline import (
    SCOPES,
    another_code,
    claims_of,
    exchange,
    redeem,
    refresh,
    session,
    sign_in,
)

HOUR = 3600


def test_the_last_second_of_a_family_and_of_its_rest(stay: Acme) -> None:
    """JAG-13; decision 0025: used or not, it ends."""
    rested, used = sign_in(stay).refresh_token, sign_in(stay).refresh_token
    stay.clock.now = NOW + IDLE - 1
    used = refresh(stay, used).json["refresh_token"]
    stay.clock.now = NOW + IDLE
    assert refresh(stay, rested).error == "invalid_grant"
    assert exchange(stay, rested).error == "invalid_grant"
    for later in (NOW + 2 * IDLE - 2, NOW + LIFETIME - 1):
        stay.clock.now = later
        used = refresh(stay, used).json["refresh_token"]
    stay.clock.now = NOW + LIFETIME
    assert refresh(stay, used).error == "invalid_grant"
    assert [event["reason"] for event in stay.events("token.refused")] == ["refresh_token_expired"] * 2


def test_offline_access_outlives_its_session_and_says_so(stay: Acme) -> None:
    """Decision 0025; OpenID Connect Core section 11: the person need not be there."""
    first = sign_in(stay)
    stay.clock.now = NOW + 13 * HOUR

    answer = refresh(stay, first.refresh_token)

    claims = claims_of(answer.json["id_token"])
    assert (claims["auth_time"], claims["session_expiry"]) == (NOW, NOW + LIFETIME)
    assert claims["exp"] == stay.clock.now + HOUR
    assert stay.exchange(answer.json["id_token"]).status == 200
    assert exchange(stay, answer.json["refresh_token"]).status == 200


def test_a_refresh_near_the_end_of_the_session_gives_no_longer_id_token(stay: Acme) -> None:
    """OIDC-13: session_expiry stays that of the session while there is one."""
    first = sign_in(stay)
    stay.clock.now = NOW + 12 * HOUR - 60

    claims = claims_of(refresh(stay, first.refresh_token).json["id_token"])

    assert (claims["exp"], claims["session_expiry"]) == (NOW + 12 * HOUR, NOW + 12 * HOUR)


def test_a_new_sign_in_in_the_session_changes_nothing_of_the_old_one(stay: Acme) -> None:
    """OIDC-17: auth_time is that of the sign-in behind the token."""
    first = sign_in(stay)
    session(stay, first, auth_time=NOW + 50)
    stay.clock.now = NOW + 60
    second = redeem(stay, another_code(stay, first.session_id)).json

    of_first = claims_of(refresh(stay, first.refresh_token).json["id_token"])
    of_second = claims_of(refresh(stay, second["refresh_token"]).json["id_token"])

    assert (of_first["auth_time"], of_second["auth_time"]) == (NOW, NOW + 50)


def test_rows_say_until_when_they_are_needed(stay: Acme) -> None:
    """Housekeeping deletes by one column."""
    tokens = sign_in(stay)
    online = redeem(stay, another_code(stay, tokens.session_id, scopes=("openid",)))
    assert online.status == 200
    key = Key("family", "tenant_id", TENANT)
    by_offline = {row["offline"]: row for row in stay.ledger.read((key,))(key)}
    assert by_offline[1]["expires"] == NOW + LIFETIME
    assert by_offline[0]["expires"] == NOW + 12 * HOUR
    assert json.loads(str(by_offline[1]["spec"]))["scopes"] == list(SCOPES)
