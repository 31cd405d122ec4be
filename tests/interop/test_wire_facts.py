"""The wire facts of real clients that concern both servers, by their numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from idjag.demo.wire import Answer
from idjag.protocol import names
from tests.interop.wire import ask, assert_refused, encoded_basic, post, raw_basic
from tests.interop.world import World

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@dataclass(frozen=True)
class Endpoint:
    """A token endpoint, a client there, and a fresh request of it that is good but for its authentication."""

    url: str
    client_id: str
    secret: str = field(repr=False)
    form: Callable[[], dict[str, str]] = field(repr=False)


def at_the_idp(world: World) -> Endpoint:
    target = world.targets["bare"]
    form = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": world.id_token,
        "subject_token_type": names.ID_TOKEN,
        "audience": target.issuer,
    }
    return Endpoint(f"{world.idp}/token", "wiki", world.secrets["wiki"], lambda: dict(form))


def at_the_ras(world: World) -> Endpoint:
    target = world.targets["bare"]

    def form() -> dict[str, str]:
        return {"grant_type": names.JWT_BEARER, "assertion": world.id_jag("bare")}

    return Endpoint(f"{target.issuer}/token", target.wiki, world.secrets[target.wiki], form)


BOTH = pytest.mark.parametrize("endpoint_of", [at_the_idp, at_the_ras])
EndpointOf = Callable[[World], Endpoint]


@BOTH
def test_fact_1_basic_alone_basic_with_the_same_body_id_and_post(
    world: World, endpoint_of: EndpointOf
) -> None:
    """Fact 1: TypeScript, Python and xaa.dev authenticate differently; RAS-06, CAU-01."""
    at = endpoint_of(world)
    basic = encoded_basic(at.client_id, at.secret)
    body_id, secret = {"client_id": at.client_id}, {"client_secret": at.secret}
    assert post(at.url, at.form(), basic=basic).status == 200
    assert post(at.url, at.form() | body_id, basic=basic).status == 200
    assert post(at.url, at.form() | body_id | secret).status == 200
    assert_refused(post(at.url, at.form() | {"client_id": "another"}, basic=basic), "invalid_request")
    assert_refused(post(at.url, at.form() | body_id | secret, basic=basic), "invalid_request")
    wrong = post(at.url, at.form(), basic=encoded_basic(at.client_id, "not the secret"))
    assert_refused(wrong, "invalid_client", status=401)
    assert wrong.headers["www-authenticate"].startswith("Basic ")
    wrong = post(at.url, at.form() | body_id | {"client_secret": "not the secret"})
    assert_refused(wrong, "invalid_client", status=401)
    assert "www-authenticate" not in wrong.headers


@BOTH
def test_fact_2_raw_and_encoded_basic_agree_for_unreserved_secrets(
    world: World, endpoint_of: EndpointOf
) -> None:
    """Fact 2: most clients percent-encode, the Inspector and Authlib do not."""
    at = endpoint_of(world)
    assert raw_basic(at.client_id, at.secret) == encoded_basic(at.client_id, at.secret)
    assert post(at.url, at.form(), basic=raw_basic(at.client_id, at.secret)).status == 200


def test_fact_1_a_method_that_the_administrator_pinned_is_the_only_one(world: World) -> None:
    """Fact 1, CAU-09: never negotiated down."""
    answers = {}
    for client_id in ("pinned-post", "es256"):  # the latter is pinned to Basic
        secret = world.secrets[client_id]
        form = {"grant_type": "password"}
        in_body = {"client_id": client_id, "client_secret": secret}
        by_post = post(f"{world.idp}/token", form | in_body)
        by_basic = post(f"{world.idp}/token", form, basic=encoded_basic(client_id, secret))
        answers[client_id] = [answer.json()["error"] for answer in (by_post, by_basic)]
    assert answers == {
        "pinned-post": ["unsupported_grant_type", "invalid_client"],
        "es256": ["invalid_client", "unsupported_grant_type"],
    }


def test_fact_2_characters_that_must_be_encoded_are_decoded(world: World) -> None:
    """Fact 2, CAU-01: an id and a secret that only encoding clients can send."""
    target = world.targets["bare"]
    form = {"grant_type": names.JWT_BEARER, "assertion": world.id_jag("bare", app="calendar")}
    client_id, secret = target.calendar, world.secrets[target.calendar]
    raw = post(f"{target.issuer}/token", form, basic=raw_basic(client_id, secret))
    assert_refused(raw, "invalid_client", status=401)
    encoded = post(f"{target.issuer}/token", form, basic=encoded_basic(client_id, secret))
    assert encoded.status == 200, encoded.body


@BOTH
def test_fact_9_keys_have_use_kid_and_alg_and_nothing_more(world: World, endpoint_of: EndpointOf) -> None:
    """Fact 9: use beside key_ops breaks cryptojwt; fact 5: below 64 KiB; MET-09: public members alone."""
    answer = ask("GET", endpoint_of(world).url.removesuffix("/token") + "/jwks")
    keys: Any = answer.json()["keys"]
    assert len(answer.body) <= 64 * 1024
    assert len({key["kid"] for key in keys}) == len(keys) > 0
    for key in keys:
        assert {"use", "kid", "alg", "kty"} <= key.keys()
        assert not ({"key_ops"} | PRIVATE) & key.keys()
        assert key["use"] == "sig"


def _documents(world: World) -> list[str]:
    bare, path = world.targets["bare"].issuer, world.targets["path"].issuer
    return [
        *(
            f"{world.idp}/.well-known/{name}"
            for name in ("openid-configuration", "oauth-authorization-server")
        ),
        *(f"{world.idp}/jwks", f"{bare}/.well-known/oauth-authorization-server", f"{bare}/jwks"),
        path.replace("/t/acme", "/.well-known/oauth-authorization-server/t/acme"),
        f"{bare}/.well-known/oauth-protected-resource/bare/mcp",
    ]


def test_fact_10_pages_of_any_origin_may_read_metadata_and_keys(world: World) -> None:
    """Fact 10, MET-20: also with a header of their own, as MCP clients send; never with credentials."""
    for url in _documents(world):
        read = ask("GET", url, headers={"origin": "https://spa.example"})
        asked = ask(
            "OPTIONS",
            url,
            headers={
                "origin": "https://spa.example",
                "access-control-request-method": "GET",
                "access-control-request-headers": "mcp-protocol-version",
            },
        )
        assert (read.status, asked.status) == (200, 204), url
        for answer in (read, asked):
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers
        assert asked.headers["access-control-allow-headers"] == "*"


def test_fact_10_the_authorization_endpoint_is_for_no_other_origin(world: World) -> None:
    """MET-20: beside the documents above, which are."""
    answer = ask("GET", f"{world.idp}/authorize", headers={"origin": "https://spa.example"})
    assert [name for name in answer.headers if name.startswith("access-control-")] == []


@BOTH
def test_fact_12_parameters_that_nobody_knows_are_ignored(world: World, endpoint_of: EndpointOf) -> None:
    """Fact 12: state and whatever clients carry along."""
    at = endpoint_of(world)
    more = {"state": "af0ifjsldkj", "nonce": "n", "client_name": "Wiki", "x-custom": "1"}
    answer = post(at.url, at.form() | more, basic=encoded_basic(at.client_id, at.secret))
    assert answer.status == 200, answer.body


def test_fact_14_every_refusal_is_json_with_a_text_for_people(world: World) -> None:
    """Fact 14, contract section 7: 400 (401 for client authentication alone), never 403 and never HTML."""
    idp, ras = at_the_idp(world), at_the_ras(world)
    basic = {at.url: encoded_basic(at.client_id, at.secret) for at in (idp, ras)}
    unconnected = encoded_basic("es256", world.secrets["es256"])
    foreign = {"subject_token": world.sign_in("es256")}
    refusals: list[tuple[str, Answer]] = [
        ("invalid_target", post(idp.url, idp.form() | {"audience": world.idp}, basic=basic[idp.url])),
        ("invalid_scope", post(idp.url, idp.form() | {"scope": "chat.write"}, basic=basic[idp.url])),
        ("access_denied", post(idp.url, idp.form() | foreign, basic=unconnected)),
        ("invalid_grant", post(idp.url, idp.form() | foreign, basic=basic[idp.url])),
        ("unsupported_grant_type", post(idp.url, {"grant_type": "password"}, basic=basic[idp.url])),
        ("invalid_grant", post(ras.url, ras.form() | {"assertion": world.id_token}, basic=basic[ras.url])),
        ("invalid_target", post(ras.url, ras.form() | {"resource": "https://x"}, basic=basic[ras.url])),
        ("invalid_scope", post(ras.url, ras.form() | {"scope": "chat.write"}, basic=basic[ras.url])),
        ("unsupported_grant_type", post(ras.url, {"grant_type": "password"}, basic=basic[ras.url])),
    ]
    for error, answer in refusals:
        assert_refused(answer, error)
