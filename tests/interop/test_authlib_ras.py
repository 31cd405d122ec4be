"""Authlib 1.9.8's `IDJAGGrant` as a foreign resource authorization server: what of ours it accepts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from idjag.demo.wire import Answer, fetch
from idjag.protocol import names
from tests.interop.files import ALICE_SUB, Target
from tests.interop.foreign_ras import foreign_ras
from tests.interop.serving import served
from tests.interop.wire import encoded_basic, post
from tests.interop.world import World, claims_of

FOREIGN = ("foreign-es256", "foreign-rs256")


@pytest.fixture(scope="module", autouse=True)
def foreign(world: World) -> Iterator[None]:
    """One server for each signature algorithm."""
    issuers = {world.targets[name].alg: world.targets[name].issuer for name in FOREIGN}
    clients = {world.targets[name].wiki: world.secrets[world.targets[name].wiki] for name in FOREIGN}
    app = foreign_ras(issuers, idp=world.idp, clients=clients, people={ALICE_SUB})
    with served(app, world.played["foreign"]):
        yield


def redeem(
    world: World, target: str, assertion: str, *, client: str | None = None, scope: str = ""
) -> Answer:
    """One request, with post authentication."""
    client_id = client or world.targets[target].wiki
    form = {
        "grant_type": names.JWT_BEARER,
        "assertion": assertion,
        "client_id": client_id,
        "client_secret": world.secrets[client_id],
        **({"scope": scope} if scope else {}),
    }
    return fetch(f"{world.targets[target].issuer}/token", form=form)


def assert_refused(answer: Answer, words: str) -> None:
    assert answer.status == 400, answer.body
    assert answer.json()["error"] == "invalid_grant"
    assert words in str(answer.json()["error_description"])


@pytest.mark.parametrize("target", FOREIGN)
def test_authlib_accepts_our_id_jag_once(world: World, target: str) -> None:
    """JAG-01 to JAG-03, 06, 07, 11, 16 as others read them; the second time it is a replay there."""
    id_jag = world.id_jag(target, scope="chat.read chat.history")
    accepted = redeem(world, target, id_jag)
    assert accepted.status == 200, accepted.body
    assert accepted.json()["scope"] == claims_of(id_jag)["scope"] == "chat.read chat.history"
    assert_refused(redeem(world, target, id_jag), "already been used")


def test_authlib_refuses_our_id_jag_for_another_audience(world: World) -> None:
    """Real grants of ours, signed by the same keys, for other resource apps."""
    here = world.targets["foreign-es256"]
    for other in ("bare", "foreign-rs256"):
        id_jag = world.id_jag(other, resource=world.targets[other].resource)
        assert claims_of(id_jag)["aud"] != here.issuer
        assert_refused(redeem(world, "foreign-es256", id_jag), "aud")
    assert redeem(world, "foreign-es256", world.id_jag("foreign-es256")).status == 200


def test_authlib_refuses_our_id_jag_that_was_issued_to_another_client(world: World) -> None:
    """The same app and person, but Calendar's grant in Wiki's hands, and still good for nobody else."""
    target = world.targets["foreign-es256"]
    calendars = world.id_jag("foreign-es256", app="calendar")
    assert claims_of(calendars)["client_id"] == target.calendar
    assert_refused(redeem(world, "foreign-es256", calendars), "client_id")


def test_authlib_refuses_our_other_tokens_by_their_type(world: World) -> None:
    """Neither the ID token nor an access token of our RAS is a grant."""
    assert_refused(redeem(world, "foreign-es256", world.id_token), "typ")
    bare = world.wiki("bare").redeem(world.id_jag("bare")).json()
    assert_refused(redeem(world, "foreign-es256", str(bare["access_token"])), "typ")


def test_authlib_refuses_a_scope_beyond_the_grant_and_accepts_less(world: World) -> None:
    """RFC 7521 section 4.1 as Authlib reads it: the scope claim of our grant is the bound."""
    id_jag = world.id_jag("foreign-es256", scope="chat.read chat.history")
    less = redeem(world, "foreign-es256", id_jag, scope="chat.read")
    assert (less.status, less.json()["scope"]) == (200, "chat.read")
    beyond = redeem(
        world, "foreign-es256", world.id_jag("foreign-es256", scope="chat.read"), scope="chat.history"
    )
    assert (beyond.status, beyond.json()["error"]) == (400, "invalid_scope")


def test_authlib_accepts_our_id_jags_for_one_api_and_for_several(world: World) -> None:
    """XCH-23, XCH-26, XCH-27: one is a string, two are an array, none is no claim."""
    target = world.targets["foreign-es256"]
    api, files = target.resources
    cases: list[tuple[list[str], str | list[str] | None]] = [
        ([api], api),
        ([files.replace("http:", "HTTP:")], files),
        ([api, files], [api, files]),
        ([], None),
    ]
    for asked, claim in cases:
        id_jag = exchanged(world, target, resource=asked)
        assert claims_of(id_jag).get("resource") == claim
        accepted = redeem(world, "foreign-es256", id_jag)
        assert accepted.status == 200, accepted.body


def exchanged(world: World, target: Target, *, resource: list[str]) -> str:
    """An ID-JAG for as many resources."""
    form: dict[str, str | list[str]] = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": world.id_token,
        "subject_token_type": names.ID_TOKEN,
        "audience": target.issuer,
        "resource": resource,
    }
    answer = post(f"{world.idp}/token", form, basic=encoded_basic("wiki", world.secrets["wiki"]))
    assert answer.status == 200, answer.body
    return world.canaries.add(str(answer.json()["access_token"]))


def test_what_was_changed_on_the_way_is_refused(world: World) -> None:
    """The signature is over what we said: one character of the claims is enough."""
    id_jag = world.id_jag("foreign-es256")
    head, claims, signature = id_jag.split(".")
    changed = ".".join((head, claims[:-4] + ("A" if claims[-4] != "A" else "B") + claims[-3:], signature))
    answer = redeem(world, "foreign-es256", changed)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
    assert redeem(world, "foreign-es256", id_jag).status == 200
