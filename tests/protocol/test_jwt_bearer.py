"""Assertion grants that are no ID-JAGs: RFC 7523 section 3, narrowly (RAS-46)."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol import jwt_bearer
from idjag.protocol.errors import Reason
from idjag.protocol.id_jag import IdJag
from tests.protocol.parts import API, CLIENT, IDP, NOW, OUT, RAS, changed, reason_of, refusal

ENDPOINT = f"{RAS}token"
GOOD: dict[str, Any] = {
    "iss": IDP,
    "sub": "alice",
    "aud": RAS,
    "jti": "j-1",
    "exp": NOW + 300,
}


def accept(changes: Any = None, /, *, use: tuple[str, ...] = (), **more: Any) -> IdJag:
    return jwt_bearer.accept(
        changed(GOOD, (changes or {}) | more),
        audiences={RAS, ENDPOINT},
        client_id=CLIENT,
        now=NOW,
        skew=60,
        max_lifetime=600,
        use=use,
    )


def test_what_rfc_7523_requires_is_enough() -> None:
    """RFC 7523 section 3; ``iat`` and ``client_id`` are nobody's duty."""
    grant = accept()
    assert (grant.iss, grant.sub, grant.aud, grant.jti) == (IDP, "alice", RAS, "j-1")
    assert (grant.client_id, grant.iat, grant.exp) == (CLIENT, 0, NOW + 300)
    assert (grant.scopes, grant.resources, grant.jkt) == ((), (), None)


def test_what_it_says_beyond_is_read_as_in_an_id_jag() -> None:
    grant = accept(
        iat=NOW,
        client_id=CLIENT,
        scope="chat.read",
        resource=API,
        tenant="t-1",
        amr=["pwd"],
        act={"sub": "a"},
    )
    assert (grant.iat, grant.scopes, grant.resources) == (NOW, ("chat.read",), (API,))
    assert (grant.tenant, grant.amr, grant.actors) == ("t-1", ("pwd",), ())
    assert accept(act={"sub": "a"}, use=("act",)).actors[0].sub == "a"


@pytest.mark.parametrize("aud", [RAS, [RAS], ENDPOINT, [ENDPOINT]])
def test_the_audience_is_the_issuer_or_the_token_endpoint(aud: Any) -> None:
    """RFC 7523 section 3, item 3."""
    assert accept(aud=aud).aud in (RAS, ENDPOINT)


@pytest.mark.parametrize(
    "aud", [OUT, None, "", [], [RAS, ENDPOINT], [RAS, RAS], "https://acme.chat.example", f"{ENDPOINT}/", {}]
)
def test_any_other_audience_is_refused(aud: Any) -> None:
    """RFC 7523 section 3, item 3; RFC 7523bis: one value."""
    assert reason_of(lambda: accept(aud=aud)) is Reason.AUDIENCE_WRONG


@pytest.mark.parametrize("claim", ["iss", "sub", "exp", "jti"])
def test_every_required_claim_is_required(claim: str) -> None:
    """RFC 7523 section 3; the jti is what makes it good once."""
    refused = refusal(lambda: accept({claim: OUT}))
    assert (refused.reason, refused.fact["claim"]) == (Reason.CLAIM_WRONG, claim)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": "other"}, Reason.CLIENT_MISMATCH),
        ({"client_id": [CLIENT]}, Reason.CLAIM_WRONG),
        ({"client_id": None}, Reason.CLAIM_WRONG),
        ({"exp": NOW - 60}, Reason.EXPIRED),
        ({"exp": NOW + 601}, Reason.LIFETIME_TOO_LONG),
        ({"iat": NOW - 400}, Reason.LIFETIME_TOO_LONG),
        ({"iat": NOW + 61, "exp": NOW + 100}, Reason.NOT_YET_VALID),
        ({"nbf": NOW + 61}, Reason.NOT_YET_VALID),
        ({"iat": NOW, "exp": NOW}, Reason.CLAIM_WRONG),
        ({"iat": str(NOW)}, Reason.CLAIM_WRONG),
        ({"sub": IDP}, Reason.ASSERTION_TYPE),
        ({"authorization_details": []}, Reason.AUTHORIZATION_DETAILS),
        ({"cnf": {"x5t#S256": "x"}}, Reason.CONFIRMATION_UNSUPPORTED),
        ({"scope": "a  b"}, Reason.CLAIM_WRONG),
        ({"resource": []}, Reason.CLAIM_WRONG),
    ],
    ids=repr,
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], reason: Reason) -> None:
    """RFC 7523 section 3; what an ID-JAG may not say, no other grant may."""
    assert reason_of(lambda: accept(changes)) is reason


def test_the_times_have_the_same_leeway_as_an_id_jag() -> None:
    """The positive controls of the times."""
    assert accept(exp=NOW + 600).exp == NOW + 600
    assert accept(exp=NOW - 59).exp == NOW - 59
    assert accept(iat=NOW + 60, exp=NOW + 300).iat == NOW + 60
    assert accept(nbf=NOW + 60).iat == 0


@pytest.mark.parametrize(
    "claim", ["at_hash", "azp", "c_hash", "events", "htm", "nonce", "s_hash", "idjag_use"]
)
def test_tokens_of_other_kinds_are_no_grants(claim: str) -> None:
    """RFC 8725 section 3.12: an ID token for a relying party that is called as we are."""
    assert reason_of(lambda: accept({claim: "x"})) is Reason.ASSERTION_TYPE


def test_only_what_has_no_type_of_its_own_is_one() -> None:
    """RFC 8725 section 3.11."""
    assert jwt_bearer.TYPES == (None, "jwt")
