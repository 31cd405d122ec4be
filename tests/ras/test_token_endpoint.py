"""The token endpoint before the assertion: form, headers, client authentication (attack cases A and B)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

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
    FakeKeys,
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


def raw(text: str) -> bytes:
    return urlencode({"grant_type": names.JWT_BEARER, "assertion": grant()}).encode() + text.encode()


def refused_before(world: World, reply: Any, error: str, reason: str) -> None:
    answer = body(reply)
    assert (answer["error"], dict(reply.headers)[b"cache-control"]) == (error, b"no-store")
    event = world.event()
    assert event.name == "refused.before_authentication"
    assert event.fields["reason"] == reason
    assert event.fields["ip"] == "192.0.2.1"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "TRACE", "OPTIONS", "post"])
def test_only_post_is_answered(world: World, method: str) -> None:
    """Attack case 10."""
    reply = world.post(method=method)
    assert reply.status == 405
    assert dict(reply.headers)[b"allow"] == b"POST"
    refused_before(world, reply, "invalid_request", "method_wrong")


@pytest.mark.parametrize(
    "media_type", [b"application/json", b"multipart/form-data; boundary=x", b"", b"text/plain"]
)
def test_only_a_form_is_read(world: World, media_type: bytes) -> None:
    """Attack cases 6 and 7."""
    headers = ((b"content-type", media_type), (b"authorization", basic()))
    assert world.post(headers=headers).status == 415


def test_parameters_in_the_url_are_refused(world: World) -> None:
    refused_before(world, world.post(query=b"scope=x"), "invalid_request", "secret_in_query")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("&assertion=x", "duplicate_parameter"),
        ("&grant_type=x", "duplicate_parameter"),
        ("&scope=%zz", "malformed_form"),
        ("&scope=%ff", "malformed_form"),
        ("&x=%00", "malformed_form"),
        ("&x=1" * 10_001, "malformed_form"),
        ("&x=" + "y" * 70_000, "too_large"),
    ],
    ids=lambda value: value[:20],
)
def test_a_form_has_one_reading(world: World, text: str, reason: str) -> None:
    """RAS-02, attack cases 1, 9 and 13."""
    reply = world.post(raw(text))
    assert reply.status == (413 if reason == "too_large" else 400)
    refused_before(world, reply, "invalid_request", reason)
    assert world.post(raw("&unknown=1&state=x")).status == 200  # case 12


@pytest.mark.parametrize("assertion", [None, ""])
def test_an_assertion_must_be_there(world: World, assertion: str | None) -> None:
    """RAS-02."""
    form = urlencode(
        {"grant_type": names.JWT_BEARER} | ({} if assertion is None else {"assertion": assertion})
    )
    assert_refused(world, world.post(form.encode()), "invalid_request", "parameter_missing")


@pytest.mark.parametrize(
    "grant_type", ["password", "implicit", names.AUTHORIZATION_CODE, names.TOKEN_EXCHANGE, "x"]
)
def test_no_other_grant_is_served(world: World, grant_type: str) -> None:
    """RAS-02, attack case 15."""
    reply = world.post({"grant_type": grant_type})
    assert_refused(world, reply, "unsupported_grant_type", "grant_type_unknown")


def test_a_grant_type_must_be_named(world: World) -> None:
    """RAS-02."""
    assert_refused(world, world.post({"grant_type": None}), "invalid_request", "parameter_missing")


@pytest.mark.parametrize("scope", ["a  b", " a", "a\u00a0b", 'a"b', "a\\b", "x" * 257])
def test_a_malformed_scope_is_refused(world: World, scope: str) -> None:
    """Attack case 13."""
    assert_refused(world, world.post({"scope": scope}), "invalid_scope", "scope_malformed")


def test_an_empty_parameter_is_an_absent_one(world: World) -> None:
    """Attack case 11."""
    reply = world.post({"assertion": grant(), "scope": "", "resource": ""})
    assert body(reply)["scope"] == "chat.read chat.history"


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


def test_twenty_wrong_secrets_slow_down_their_sender_alone(world: World) -> None:
    """Attack case 38."""
    for _ in range(20):
        assert world.post(authorization=basic(secret="wrong")).status == 401
    reply = world.post()
    assert (reply.status, body(reply)["error"]) == (429, "temporarily_unavailable")
    assert dict(reply.headers)[b"retry-after"]
    assert world.post(source="192.0.2.2").status == 200
    assert world.post(by_key(), authorization=None).status == 200
    world.clock.now += 61
    assert world.post({"assertion": grant(iat=NOW + 61, exp=NOW + 300)}).status == 200


def test_strangers_make_one_event_a_minute(world: World) -> None:
    """Contract section 9: so that nobody fills the log."""
    for _ in range(5):
        world.post(authorization=basic(secret="wrong"))
    assert len(world.store.events) == 1
    world.clock.now += 60
    world.post(authorization=basic(secret="wrong"))
    assert [event.fields["inputs"]["repeats"] for event in world.store.events] == [0, 4]
    world.post(authorization=basic(secret="wrong"), source="192.0.2.9")
    assert len(world.store.events) == 3


def test_what_is_refused_writes_no_secret_down(world: World) -> None:
    """Attack case 199: the secret in the wrong field."""
    world.post({"client_id": SECRET, "client_secret": "other-secret"}, authorization=None)
    world.post({"scope": quote(SECRET)})
    world.post(authorization=basic(CLIENT, "other-secret"))
    assert "other-secret" not in repr(list(world.store.events))


def test_the_keys_of_issuers_are_asked_for_only_after_the_client(world: World) -> None:
    """RAS-03: the positive control of the counter."""
    keys: FakeKeys = world.keys
    world.post()
    assert keys.asked == [("https://idp.acme.example", "idp")]
