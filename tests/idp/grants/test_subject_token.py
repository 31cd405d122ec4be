"""Which subject tokens the exchange takes, through the token endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.ledger.entry import Update
from idjag.protocol.jose import PrivateKey, jws
from idjag.protocol.names import ID_TOKEN_MARKER
from tests.idp.grants.acme import (
    ISSUER,
    NOW,
    Acme,
    connection,
    state,
)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": "notes"}, id="of another client"),
        pytest.param({"aud": ["wiki", "notes"]}, id="of two clients"),
        pytest.param({"aud": None}, id="of nobody"),
        pytest.param({"iss": ISSUER + "/"}, id="issuer with a slash"),
        pytest.param({"iss": "https://other.example"}, id="another issuer"),
        pytest.param({"exp": NOW - 60}, id="expired"),
        pytest.param({"exp": "soon"}, id="exp as text"),
        pytest.param({"iat": NOW + 61}, id="from the future"),
        pytest.param({"sub": None}, id="no sub"),
        pytest.param({"sub": "nobody"}, id="an unknown sub"),
        pytest.param({"sid": "unknown"}, id="an unknown session"),
        pytest.param({ID_TOKEN_MARKER: None}, id="not marked as ID token"),
        pytest.param({"client_id": "wiki"}, id="with a client_id, as access tokens have"),
        pytest.param({"events": {}}, id="a logout token"),
        pytest.param({"amr": "pwd"}, id="amr as text"),
        pytest.param({"auth_time": None}, id="no auth_time"),
    ],
)
def test_a_subject_token_that_is_not_our_living_id_token_for_this_client_is_refused(
    idp: Acme, changes: dict[str, Any]
) -> None:
    """XCH-36 to XCH-39, XCH-41, XCH-42; attack cases 46 to 55, 77."""
    refused = idp.exchange(idp.sign_in(**changes))

    assert (refused.status, refused.error) == (400, "invalid_grant")
    assert refused.json["error_description"].startswith("The subject token was not accepted.")
    assert idp.exchange(idp.sign_in(aud=["wiki"])).status == 200


def test_the_last_second_of_leeway_is_the_last(idp: Acme) -> None:
    """XCH-39."""
    assert idp.exchange(idp.sign_in(exp=NOW - 59)).status == 200
    assert idp.exchange(idp.sign_in(exp=NOW - 60)).error == "invalid_grant"


@pytest.mark.parametrize(
    "typ", ["at+jwt", "oauth-id-jag+jwt", "logout+jwt", "dpop+jwt", "client-authentication+jwt"]
)
def test_no_other_kind_of_token_that_we_sign_passes_as_an_id_token(idp: Acme, typ: str) -> None:
    """XCH-41."""
    claims = dict(jws.parse(idp.sign_in(), max_bytes=16384).claims)
    key = idp.snapshot.keys.signing("RS256", now=NOW)

    assert idp.exchange(jws.sign(claims, key=key, typ=typ)).error == "invalid_grant"
    assert idp.exchange(jws.sign(claims, key=key, typ="JWT")).status == 200


def test_an_id_jag_is_no_subject_token(idp: Acme) -> None:
    """XCH-41, JAG-25."""
    grant = idp.exchange(idp.sign_in()).json["access_token"]

    assert idp.exchange(grant).error == "invalid_grant"


def test_a_token_signed_by_a_key_of_somebody_else_is_refused(idp: Acme) -> None:
    """XCH-40; attack case 51: foreign key under our kid."""
    ours = idp.snapshot.keys.signing("ES256", now=NOW)
    claims = dict(jws.parse(idp.sign_in(), max_bytes=16384).claims)
    theirs = PrivateKey.generate("ES256", kid=ours.kid)

    assert idp.exchange(jws.sign(claims, key=theirs, typ="JWT")).error == "invalid_grant"
    assert idp.exchange(jws.sign(claims, key=ours, typ="JWT")).status == 200


def test_a_key_that_was_revoked_proves_nothing_any_more(idp: Acme) -> None:
    """Attack case 50."""
    token = idp.sign_in()
    kid = idp.snapshot.keys.signing("RS256", now=NOW).kid
    assert idp.exchange(token).status == 200
    idp.write(Update("signing_key", {"id": kid}, {"status": "revoked"}))
    idp.apply(state(guardrails=[]) | {"connections": [connection(reason="moves policy_seq")]})

    assert idp.exchange(token).error == "invalid_grant"


def test_a_session_that_ended_ends_what_its_id_token_can_do(idp: Acme) -> None:
    """XCH-43, AT-07; attack case 49."""
    ended, alive = idp.sign_in(), idp.sign_in()
    idp.end_session(ended)

    assert idp.exchange(ended).error == "invalid_grant"
    assert idp.exchange(alive).status == 200


def test_a_disabled_person_is_refused_with_the_next_request(idp: Acme) -> None:
    """XCH-43; attack case 158."""
    token = idp.sign_in()
    disabled = state()
    disabled["users"][0]["status"] = "disabled"
    idp.apply(disabled)

    assert idp.exchange(token).error == "invalid_grant"
    assert idp.events("id_jag.denied")[-1]["reason"] == "person_disabled"
    idp.apply(state())
    assert idp.exchange(token).error == "invalid_grant"  # the old session belongs to the old epoch
    assert idp.exchange(idp.sign_in()).status == 200


def test_the_session_of_another_person_or_app_does_not_help(idp: Acme) -> None:
    """XCH-43: sid, sub and client belong together."""
    bobs = jws.parse(idp.sign_in("bob"), max_bytes=16384).claims["sid"]
    notes = jws.parse(idp.sign_in(client="notes"), max_bytes=16384).claims["sid"]

    assert idp.exchange(idp.sign_in(sid=bobs)).error == "invalid_grant"
    assert idp.exchange(idp.sign_in(sid=notes)).error == "invalid_grant"


def test_the_sub_of_another_sector_is_nobodys(idp: Acme) -> None:
    """XCH-43: also when the sector changed after the token was read and before it was decided on."""
    token = idp.sign_in()
    assert idp.exchange(token).status == 200
    pairwise = state()
    pairwise["apps"][0]["subject_type"] = "pairwise"
    idp.apply(pairwise)

    assert idp.exchange(token).error == "invalid_grant"
    assert idp.events("id_jag.denied")[-1]["reason"] == "subject_unknown"


def test_the_grant_tells_when_and_how_the_person_signed_in_not_when_it_was_made(idp: Acme) -> None:
    """JAG-18: auth_time is that of the sign-in, an hour later too."""
    token = idp.sign_in()
    idp.clock.now += 3000

    grant = idp.exchange(token).grant

    assert (grant["auth_time"], grant["iat"]) == (NOW, NOW + 3000)


def test_the_access_token_of_a_sign_in_is_no_subject_token(idp: Acme) -> None:
    """OIDC-16: neither as what it is, nor called an ID token."""
    opaque = "c2lnbi1pbiBhY2Nlc3MgdG9rZW4gb2YgYWxpY2U"
    of_that_type = "urn:ietf:params:oauth:token-type:access_token"

    assert idp.exchange(opaque).error == "invalid_grant"
    assert idp.exchange(opaque, subject_token_type=of_that_type).error == "invalid_request"
    assert idp.exchange(idp.sign_in()).status == 200
