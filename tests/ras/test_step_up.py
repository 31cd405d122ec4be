"""Resources and clients that want a better sign-in: RFC 9470 (RAS-45)."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol.http import Reply
from idjag.ras import NotRedeemed, Resource
from idjag.ras.standing import Change, NotBefore, Pause, Thing
from idjag.ras.step_up import Requirement
from tests.ras.stores import record
from tests.ras.world import (
    API,
    CLIENT,
    FILES,
    IDP,
    NOW,
    World,
    assert_refused,
    body,
    client,
    config,
    grant,
    memory_store,
)

LEVELS = ("urn:acme:loa2", "urn:acme:loa3")
STRICT = Requirement(acr=LEVELS, amr=frozenset({"otp"}), max_auth_age=3600)


def world_of(require: Requirement = STRICT, **changes: Any) -> World:
    resources = (
        Resource(API, frozenset({"chat.read", "chat.history"}), require=require),
        Resource(FILES, frozenset({"chat.read"})),
    )
    return World(config=config(resources=resources, **changes))


def bring(world: World, **claims: Any) -> Reply:
    return world.post({"assertion": grant(**claims)})


def wanted(reply: Reply) -> tuple[Any, Any]:
    """What a better sign-in must bring."""
    answer = body(reply)
    assert (reply.status, answer["error"]) == (400, "insufficient_user_authentication")
    return answer.get("acr_values"), answer.get("max_age")


def test_a_sign_in_that_will_do_is_enough() -> None:
    """The positive control: the grant says loa2, pwd and otp, a minute ago."""
    assert bring(world_of()).status == 200


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"acr": "urn:acme:loa1"}, id="another level"),
        pytest.param({"acr": "urn:acme:LOA2"}, id="another case"),
        pytest.param({"acr": None}, id="no level"),
        pytest.param({"amr": ["pwd"]}, id="a method is missing"),
        pytest.param({"amr": None}, id="no methods"),
        pytest.param({"auth_time": NOW - 3601}, id="too long ago"),
        pytest.param({"auth_time": None}, id="nobody knows when"),
        pytest.param({"auth_time": NOW + 61}, id="a clock that lies"),
    ],
)
def test_a_sign_in_that_will_not_do_is_sent_back_with_what_would(claims: Any) -> None:
    """RAS-45, attack case 77: a missing fact is not enough; the grant is not burnt."""
    world = world_of()
    reply = bring(world, **claims)
    assert wanted(reply) == ("urn:acme:loa2 urn:acme:loa3", 3600)
    assert_refused(world, reply, "insufficient_user_authentication", "step_up")
    assert bring(world).status == 200


def test_only_what_is_demanded_is_asked_for() -> None:
    """RFC 9470 section 3: acr_values is a string, max_age a number."""
    assert wanted(bring(world_of(Requirement(acr=LEVELS[1:])))) == ("urn:acme:loa3", None)
    assert wanted(bring(world_of(Requirement(max_auth_age=30)))) == (None, 30)
    assert bring(world_of(Requirement(max_auth_age=60))).status == 200


def test_a_resource_that_demands_nothing_gets_its_tokens() -> None:
    """Per resource; with the strict one beside it the demand is there again."""
    world = world_of()
    weak = {"acr": None, "scope": "chat.read"}
    assert bring(world, resource=FILES, **weak).status == 200
    assert wanted(bring(world, resource=[FILES, API], **weak))


def test_a_client_may_be_held_to_more() -> None:
    """Per client: all demands together, the strictest age, the levels that meet all of them."""
    fresh = client(require=Requirement(acr=LEVELS[1:], max_auth_age=30))
    world = world_of(clients=(fresh,))
    assert wanted(bring(world)) == ("urn:acme:loa3", 30)
    assert bring(world, acr="urn:acme:loa3", auth_time=NOW - 30).status == 200


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(Pause(Thing("account", "u-alice"), "r", "op"), "account_disabled", id="account"),
        pytest.param(Pause(Thing("issuer", IDP), "r", "op"), "issuer_not_trusted", id="issuer"),
        pytest.param(NotBefore(Thing("account", "u-alice"), NOW), "grant_too_old", id="not before"),
    ],
)
def test_who_was_stopped_by_an_operator_is_not_sent_to_a_login(change: Change, reason: str) -> None:
    """RAS-45, attack case 160: what a better sign-in would not help against is said first."""
    world = world_of()
    assert wanted(bring(world, acr="urn:acme:loa1"))
    world.store.commit(record(changes=(change,), event=None))
    reply = bring(world, acr="urn:acme:loa1")
    assert body(reply)["error"] in {"access_denied", "invalid_grant"}
    assert world.event().fields["reason"] == reason
    assert "acr_values" not in body(reply)


class Forgetful:
    """A store of a host that keeps no tokens: it has no ``token`` and no ``standing``."""

    def __init__(self) -> None:
        kept = memory_store()
        self.linked, self.links_of, self.commit, self.ready = (
            kept.linked,
            kept.links_of,
            kept.commit,
            kept.ready,
        )
        self.by_id, self.by_email, self.events = kept.by_id, kept.by_email, kept.events


def test_where_nobody_can_be_stopped_people_are_sent_to_their_login() -> None:
    """RAS-45."""
    world = World(store=Forgetful(), config=world_of().config)
    assert wanted(bring(world, acr="urn:acme:loa1"))


def test_demands_that_no_sign_in_meets_send_nobody_to_a_login() -> None:
    """RAS-45: only when a better one would help."""
    odd = client(require=Requirement(acr=("urn:acme:loa9",)))
    world = world_of(clients=(odd,))
    assert_refused(world, bring(world), "access_denied", "condition_unmet")


@pytest.mark.parametrize(
    ("claims", "error", "reason"),
    [
        ({"scope": "admin"}, "invalid_scope", "scope_not_allowed"),
        ({"sub": "nobody"}, "invalid_grant", "identity_claims_missing"),
        (
            {"sub": "eve", "email": "eve@acme.example", "email_verified": True},
            "access_denied",
            "account_disabled",
        ),
        ({"resource": "https://elsewhere.example/"}, "invalid_grant", "resource_claim_wrong"),
    ],
)
def test_nobody_is_sent_to_a_login_that_would_not_help(claims: Any, error: str, reason: str) -> None:
    """RAS-45: asked last."""
    world = world_of()
    assert_refused(world, bring(world, acr=None, **claims), error, reason)


def test_a_host_learns_what_to_ask_for() -> None:
    """Embedders answer by themselves."""
    with pytest.raises(NotRedeemed) as refusal:
        world_of().ras.redeem(grant(acr=None), client_id=CLIENT)
    assert refusal.value.extra == {"acr_values": "urn:acme:loa2 urn:acme:loa3", "max_age": 3600}
