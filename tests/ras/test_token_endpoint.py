"""The token endpoint before the assertion: form, headers, client authentication (attack cases A and B)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest

from idjag.protocol import names
from tests.ras.world import (
    CLIENT,
    SECRET,
    FakeKeys,
    World,
    assert_refused,
    basic,
    body,
    grant,
)


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
