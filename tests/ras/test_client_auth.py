"""Who may redeem: client authentication at the token door (RAS-03 to RAS-06, attack cases B)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.jose import jws
from tests.ras.world import (
    CLIENT,
    KEY_CLIENT,
    NOW,
    RAS,
    SECRET,
    World,
    assert_refused,
    basic,
    body,
    client,
    config,
    grant,
    ids,
    key,
    request,
)

_ASSERTION_JTI = ids("assertion")


def client_assertion(
    typ: str = names.CLIENT_AUTHENTICATION_TYP, signer: str = "key-client", **changes: Any
) -> str:
    good: dict[str, Any] = {
        "iss": KEY_CLIENT,
        "sub": KEY_CLIENT,
        "aud": RAS,
        "jti": _ASSERTION_JTI(),
        "iat": NOW,
        "exp": NOW + 60,
    }
    claims = {name: value for name, value in (good | changes).items() if value is not None}
    return jws.sign(claims, key=key(signer), typ=typ)


def by_key(proof: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
        "client_assertion": proof or client_assertion(),
        "assertion": grant(client_id=KEY_CLIENT),
        **more,
    }


def refused_before(world: World, reply: Any, error: str, reason: str) -> None:
    answer = body(reply)
    assert (answer["error"], dict(reply.headers)[b"cache-control"]) == (error, b"no-store")
    event = world.event()
    assert event.name == "refused.before_authentication"
    assert event.fields["reason"] == reason
    assert event.fields["ip"] == "192.0.2.1"


@pytest.mark.parametrize(
    ("parameters", "authorization"),
    [
        pytest.param({}, basic(), id="Basic alone, as the TypeScript SDK sends it"),
        pytest.param({"client_id": CLIENT}, basic(), id="Basic and the same id in the body, as Python does"),
        pytest.param({"client_id": CLIENT, "client_secret": SECRET}, None, id="post"),
    ],
)
def test_a_secret_may_come_in_the_header_or_in_the_body(
    world: World, parameters: dict[str, str], authorization: bytes | None
) -> None:
    """RAS-06, interop fact 1."""
    assert world.post(parameters, authorization=authorization).status == 200


def test_two_names_are_refused(world: World) -> None:
    """RAS-06."""
    reply = world.post({"client_id": KEY_CLIENT})
    refused_before(world, reply, "invalid_request", "parameter_wrong")


@pytest.mark.parametrize(
    "parameters",
    [{"client_secret": SECRET}, by_key(), {"client_id": CLIENT, "client_secret": SECRET}],
    ids=["secret", "assertion", "both"],
)
def test_two_methods_are_refused(world: World, parameters: dict[str, str]) -> None:
    """Attack cases 20 and 32."""
    refused_before(world, world.post(parameters), "invalid_request", "client_methods_several")


def test_a_header_twice_is_refused(world: World) -> None:
    """Attack case 20."""
    good = request()
    refused_before(
        world,
        world.post(headers=(*good.headers, (b"authorization", basic()))),
        "invalid_request",
        "duplicate_header",
    )


@pytest.mark.parametrize(
    "header",
    [
        b"Basic",
        b"Basic !!!",
        b"Basic " + b"YQ==",
        b"Basic YTpiZ2FyYmFnZQ==x",
        "Basic é".encode(),
        b"Bearer abc",
        basic(secret="wrong"),
        basic(client_id="nobody"),
        basic(client_id=CLIENT.upper()),
        basic(secret=""),
    ],
)
def test_wrong_credentials_are_refused_before_the_assertion_is_looked_at(world: World, header: bytes) -> None:
    """RAS-03, attack cases 33, 35 and 90: no fetch, no word about the grant."""
    reply = world.post({"assertion": "nonsense"}, authorization=header)
    assert (reply.status, body(reply)["error"]) == (401, "invalid_client")
    assert dict(reply.headers)[b"www-authenticate"].startswith(b"Basic realm=")
    assert world.keys.asked == []


def test_an_unknown_client_and_a_wrong_secret_read_the_same(world: World) -> None:
    """Attack case 35."""
    texts = [
        body(world.post(authorization=header))["error_description"].partition("(ref")[0]
        for header in (basic(client_id="nobody"), basic(secret="wrong"))
    ]
    assert texts[0] == texts[1]
    assert {event.fields["reason"] for event in world.store.events} == {
        "client_unknown",
        "client_secret_wrong",
    }


def test_credentials_are_decoded_as_rfc_6749_says() -> None:
    """Interop fact 2: percent-encoded and raw agree for what needs no encoding."""
    odd = client("wiki:one", "a+secret with %/é and more", issuers=frozenset({"https://idp.acme.example"}))
    world = World(config=config(clients=(odd,)))
    header = basic("wiki:one", "a+secret with %/é and more")
    assert world.post({"assertion": grant(client_id="wiki:one")}, authorization=header).status == 200


def test_no_challenge_is_sent_to_who_did_not_use_the_header(world: World) -> None:
    """Contract section 7."""
    reply = world.post({"client_id": CLIENT, "client_secret": "wrong"}, authorization=None)
    assert reply.status == 401
    assert b"www-authenticate" not in dict(reply.headers)


def test_a_request_without_credentials_is_refused(world: World) -> None:
    """RAS-03."""
    refused_before(world, world.post(authorization=None), "invalid_client", "client_credentials_missing")


def test_a_public_client_gets_nothing() -> None:
    """RAS-04, attack case 40."""
    public = client(registration=Registration(CLIENT, names.NO_AUTHENTICATION))
    world = World(config=config(clients=(public,)))
    reply = world.post({"client_id": CLIENT}, authorization=None)
    assert_refused(world, reply, "unauthorized_client", "client_public")
    refused_before(world, reply, "unauthorized_client", "client_public")
    assert [world.post({"client_id": CLIENT}, authorization=None).status for _ in range(5)] == [400] * 5
    assert len(world.store.events) == 1  # whoever knows a public id cannot fill the log


def test_a_client_with_credentials_cannot_leave_them_out(world: World) -> None:
    """Attack case 40."""
    reply = world.post({"client_id": CLIENT}, authorization=None)
    refused_before(world, reply, "invalid_client", "client_credentials_missing")


def test_a_client_that_no_issuer_is_named_for_may_not_use_the_grant() -> None:
    """RAS-05, attack case 16."""
    world = World(config=config(clients=(client(issuers=frozenset()),)))
    assert_refused(world, world.post(), "unauthorized_client", "grant_not_allowed")
    assert world.keys.asked == []


@pytest.mark.parametrize(
    "registration",
    [
        Registration(CLIENT, names.CLIENT_SECRET, active=False),
        Registration(CLIENT, names.CLIENT_SECRET),
        Registration(CLIENT, names.PRIVATE_KEY_JWT),
        Registration(CLIENT, names.CLIENT_SECRET_POST),
        None,
    ],
    ids=["paused", "no stored secret", "another method", "post only", "authenticated by a host alone"],
)
def test_a_registration_that_does_not_fit_lets_nobody_in(registration: Registration | None) -> None:
    """Attack cases 36 and 37."""
    world = World(config=config(clients=(client(registration=registration),)))
    assert body(world.post())["error"] == "invalid_client"


def test_a_key_authenticates_a_client(world: World) -> None:
    """CAU-02 at the RAS: private_key_jwt."""
    assert world.post(by_key(), authorization=None).status == 200
    assert world.post(by_key(client_assertion("JWT")), authorization=None).status == 200
    assert world.post(by_key(client_assertion(aud=[RAS])), authorization=None).status == 200


WRONG: list[tuple[str, Callable[[], str]]] = [
    ("token endpoint as aud", lambda: client_assertion(aud=f"{RAS}token")),
    ("two audiences", lambda: client_assertion(aud=[RAS, "https://x.example"])),
    ("aud without slash", lambda: client_assertion(aud=RAS.rstrip("/"))),
    ("iss is another", lambda: client_assertion(iss="x")),
    ("sub is another", lambda: client_assertion(sub=CLIENT)),
    ("expired", lambda: client_assertion(exp=NOW - 300)),
    ("too far", lambda: client_assertion(exp=NOW + 3700)),
    ("from the future", lambda: client_assertion(iat=NOW + 61)),
    ("no jti", lambda: client_assertion(jti=None)),
    ("an ID-JAG", lambda: client_assertion(names.ID_JAG_TYP)),
    ("an access token", lambda: client_assertion("at+jwt")),
    ("another key", lambda: client_assertion(signer="other")),
    ("nonsense", lambda: "a.b.c"),
]


@pytest.mark.parametrize(("_why", "make"), WRONG, ids=[why for why, _ in WRONG])
def test_a_wrong_client_assertion_is_refused(world: World, _why: str, make: Callable[[], str]) -> None:
    """CAU-02 to CAU-06, attack cases 21 to 31."""
    reply = world.post(by_key(make()), authorization=None)
    assert (reply.status, body(reply)["error"]) == (401, "invalid_client")
    assert world.keys.asked == []


def test_a_client_assertion_is_good_once(world: World) -> None:
    """CAU-05, attack case 29: the first stays valid."""
    assertion = client_assertion()
    assert world.post(by_key(assertion), authorization=None).status == 200
    reply = world.post(by_key(assertion), authorization=None)
    assert_refused(world, reply, "invalid_client", "client_assertion_replay")


def test_a_client_assertion_is_used_up_by_a_refusal_too(world: World) -> None:
    """Ledger law: client assertions are consumed whatever is decided."""
    assertion = client_assertion()
    refused = world.post(by_key(assertion, assertion="nonsense"), authorization=None)
    assert_refused(world, refused, "invalid_grant", "assertion_invalid")
    reply = world.post(by_key(assertion), authorization=None)
    assert_refused(world, reply, "invalid_client", "client_assertion_replay")
