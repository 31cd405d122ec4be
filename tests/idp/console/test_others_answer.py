"""The check of a connection and the look-up, with a server that answers over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any, Final

import pytest

from idjag.idp.administration import tokens
from idjag.idp.administration.roles import Role
from idjag.idp.api.office import Office
from idjag.idp.store.listing import Listing
from idjag.protocol import names
from tests import plain_http
from tests.idp.console.others import GRANTS, INDICATOR, KEYS, METADATA, RAS_KEYS, RESOURCE, World, others
from tests.idp.signin.seeds import TENANT
from tests.idp.signin.site import Host
from tests.trust.servers import response

LIST, EDIT = "/admin/resource-apps", "/admin/resource-app/edit"


@pytest.fixture(scope="module")
def world(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with others(host, tmp_path_factory.mktemp("others")) as made:
        yield made


@pytest.fixture(scope="module")
def right(world: World) -> dict[str, tuple[str, str]]:
    """What is found when nothing is wrong."""
    world.publish()
    return world.findings()


@pytest.fixture(autouse=True)
def _published(world: World) -> None:
    world.publish()


def test_everything_fits_when_all_is_as_it_should_be(world: World) -> None:
    """Issue 7: metadata, keys, mapping and a person; the positive control of all below."""
    found = world.findings(user="alice")
    assert {about: how for about, (how, _) in found.items()} == dict.fromkeys(
        [
            "connection",
            "authentication",
            "client id at the resource app",
            "metadata",
            GRANTS,
            INDICATOR,
            "our keys",
            RAS_KEYS,
            "for alice",
        ],
        "Fits",
    )
    page = world.check(user="alice").text
    assert "Everything fits" in page
    for path in (METADATA, KEYS):
        assert f"{world.pages.url(path, 'chat.example')}</span>: found" in page
    assert world.site.last_event()["event"] == "connection.checked"


ELSEWHERE: Final = "https://other.example/"
FAULTS: list[Any] = [
    pytest.param({"server": {"issuer": "-slash"}}, ("metadata", "Wrong", "a final slash"), id="a near miss"),
    pytest.param(
        {"server": {"issuer": ELSEWHERE}}, ("metadata", "Wrong", "is another issuer"), id="another issuer"
    ),
    pytest.param({"pages": {METADATA: None}}, ("metadata", "Wrong", "answered 404"), id="no metadata"),
    pytest.param(
        {"pages": {METADATA: response(b"<html>", headers=("Content-Type: text/html",))}},
        ("metadata", "Wrong", "is not JSON"),
        id="a web page",
    ),
    pytest.param(
        {"server": {"grant_types_supported": ["authorization_code"]}},
        (GRANTS, "Look", "jwt-bearer"),
        id="no grant",
    ),
    pytest.param(
        {"server": {"authorization_grant_profiles_supported": None}},
        (GRANTS, "Look", "does not say that ID-JAGs are accepted"),
        id="ID-JAG not listed",
    ),
    pytest.param({"pages": {KEYS: None}}, (RAS_KEYS, "Look", "answered 404"), id="keys are not there"),
    pytest.param({"pages": {KEYS: {"keys": []}}}, (RAS_KEYS, "Look", "address"), id="no key"),
    pytest.param(
        {"server": {"token_endpoint": None}}, ("token endpoint", "Wrong", "names no"), id="no endpoint"
    ),
    pytest.param(
        {"server": {"token_endpoint": ELSEWHERE}},
        ("token endpoint", "Look", "another host"),
        id="endpoint elsewhere",
    ),
    pytest.param({"pages": {RESOURCE: None}}, (INDICATOR, "Look", "answered 404"), id="API without metadata"),
    pytest.param(
        {"resource": {"authorization_servers": [ELSEWHERE]}},
        (INDICATOR, "Wrong", "not of https"),
        id="API of others",
    ),
    pytest.param(
        {"resource": {"scopes_supported": ["chat.read", "chat.write"]}},
        (INDICATOR, "Look", "chat.history"),
        id="API without a scope",
    ),
]
_NEEDS_METADATA: Final = {GRANTS, RAS_KEYS, "token endpoint"}


@pytest.mark.parametrize(("fault", "told"), FAULTS)
def test_a_fault_changes_what_it_is_about_and_nothing_else(
    world: World, right: dict[str, tuple[str, str]], fault: dict[str, Any], told: tuple[str, str, str]
) -> None:
    """Issue 7."""
    about, how, words = told
    if fault.get("server", {}).get("issuer") == "-slash":
        fault = {"server": {"issuer": world.issuer.removesuffix("/")}}
    world.publish(**fault)
    found = world.findings()
    assert found[about][0] == how
    assert words in found[about][1]
    unseen = _NEEDS_METADATA if about == "metadata" else set()
    assert {key: it for key, it in found.items() if key != about} == {
        key: it for key, it in right.items() if key != about and key not in unseen
    }


def test_who_may_not_is_found_for_the_person_alone(world: World) -> None:
    found = world.findings(user="carol")
    assert found["for carol"][0] == "Wrong"
    assert {how for about, (how, _) in found.items() if about != "for carol"} == {"Fits"}
    assert "Unknown user: nobody" in world.check(user="nobody").text


def test_the_admin_api_finds_the_same(world: World) -> None:
    """ADM-05: one function behind both."""
    office = Office(world.site.services, Listing("sqlite://", TENANT))
    actor = {"kind": "operator", "id": "root"}
    made = tokens.create(office, name="ci", role=Role.APP_ADMIN, lifetime=3600, actor=actor)
    address = f"{world.site.url}/admin/api/v1"
    with plain_http.Client(headers={"Authorization": f"Bearer {made.value}"}) as client:
        asked = {"user": "alice"}
        right = client.post(f"{address}/connections/wiki-chat/check", json=asked).json()
        assert right["standing"] == "ok"
        found = client.post(f"{address}/discover", json={"url": world.api}).json()
        assert found["fills"]["issuer"] == world.issuer
        assert found["fills"]["resources"] == [
            {"uri": world.api, "scopes": ["chat.history", "chat.read", "chat.write"]}
        ]
        world.publish(server={"issuer": ELSEWHERE})
        wrong = client.post(f"{address}/connections/wiki-chat/check", json=asked).json()
        assert wrong["standing"] == "failing"
        assert [one["about"] for one in wrong["findings"] if one["standing"] != "ok"] == ["metadata"]
        refused = client.post(f"{address}/discover", json={"url": world.issuer})
        assert refused.status_code == 422


def tenant_of_mail(world: World) -> str:
    """Another issuer on the same server, nobody has registered it; with an API of its own."""
    issuer = world.pages.url("/mail", "chat.example")
    api = world.pages.url("/mail", "api.chat.example")
    world.pages.documents = {
        f"{METADATA}/mail": {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/token",
            "grant_types_supported": [names.JWT_BEARER],
            "authorization_grant_profiles_supported": [names.ID_JAG_PROFILE],
            "scopes_supported": ["mail.read"],
            "protected_resources": [api],
        },
        "/.well-known/oauth-protected-resource/mail": {
            "resource": api,
            "authorization_servers": [issuer],
            "scopes_supported": ["mail.read", "mail.send"],
            "resource_name": "Mail",
        },
    }
    return issuer


def test_looking_up_fills_in_the_form_and_saves_nothing_before_it_is_confirmed(world: World) -> None:
    """Issue 7.4: issuer, resources and scopes as the documents say them."""
    owner, issuer = world.owner, tenant_of_mail(world)
    api = issuer.replace("chat.example", "api.chat.example")
    world.site.clock.now += 60
    filled = owner.submit(owner.page(EDIT), EDIT, id="mail", typed=issuer, look="yes")
    assert filled.status_code == 200
    assert f'name="issuer" type="text" value="{issuer}"' in filled.text
    assert f"{api} mail.read mail.send</textarea>" in filled.text
    assert 'value="Mail"' in filled.text
    assert "Takes ID-JAGs</dt><dd>yes" in filled.text
    assert issuer not in owner.page(LIST).text
    review = owner.submit(filled, EDIT)
    assert review.status_code == 200
    assert issuer not in owner.page(LIST).text
    assert owner.agree(review).status_code == 303
    assert issuer in owner.page(LIST).text
    again = owner.submit(owner.page(EDIT), EDIT, id="mail2", typed=issuer, look="yes")
    assert "is registered here already" in again.text


def test_a_near_miss_is_filled_in_as_the_document_says_it_and_both_are_shown(world: World) -> None:
    owner, issuer = world.owner, tenant_of_mail(world)
    world.site.clock.now += 60
    filled = owner.submit(owner.page(EDIT), EDIT, id="mail3", typed=f"{issuer}/", look="yes")
    assert f'name="issuer" type="text" value="{issuer}"' in filled.text
    assert "differ in a final slash" in filled.text


def test_what_answers_with_something_else_fills_in_nothing(world: World) -> None:
    owner, issuer = world.owner, tenant_of_mail(world)
    world.pages.documents[f"{METADATA}/mail"] = {"issuer": ELSEWHERE}
    world.site.clock.now += 60
    refused = owner.submit(owner.page(EDIT), EDIT, id="mail4", typed=issuer, look="yes")
    assert refused.status_code == 422
    assert 'id="typed-problem"' in refused.text
    assert f"is about {ELSEWHERE}" in refused.text
    assert 'value="mail4"' in refused.text


def test_the_wizard_looks_up_too_and_saves_nothing_before_its_end(world: World) -> None:
    """Issue 7.4: a resource app that nobody has registered, on the way to its first connection."""
    owner, issuer = world.owner, tenant_of_mail(world)
    world.site.clock.now += 60
    second = owner.submit(owner.page("/admin/connect"), "/admin/connect", go="next", **{"from": "notes"})
    found = owner.submit(second, "/admin/connect", go="look-up", to="", typed=issuer, id="letters")
    assert found.status_code == 200, found.text
    assert f'value="{issuer}"' in found.text
    assert "mail.read mail.send</textarea>" in found.text
    assert "letters" not in owner.page(LIST).text


def test_the_check_of_the_wizard_asks_the_other_side(world: World) -> None:
    owner = world.owner
    answers: list[dict[str, str | list[str] | None]] = [
        {"from": "notes"},
        {"to": "chat"},
        {"client_id": "notes-at-chat"},
        {"who": "everyone"},
        {"scopes_kind": "only", "scopes": ["chat.read"]},
        {},
    ]
    page = owner.page("/admin/connect")
    for fields in answers:
        page = owner.submit(page, "/admin/connect", go="next", **fields)
        assert page.status_code == 200, page.text
    world.site.clock.now += 60
    asked = owner.submit(page, "/admin/connect", go="look").text
    assert f"{world.pages.url(METADATA, 'chat.example')}" in asked
    world.publish(server={"grant_types_supported": ["authorization_code"]})
    assert "does not list the jwt-bearer grant" in owner.submit(page, "/admin/connect", go="look").text


def test_the_wizard_fills_in_a_new_resource_app_with_what_is_published(world: World) -> None:
    world.site.clock.now += 7
    wizard = "/admin/connect"
    second = world.owner.submit(world.owner.page(wizard), wizard, go="next", **{"from": "wiki"})
    found = world.owner.submit(second, wizard, go="look-up", typed=world.api)
    assert found.status_code == 200, found.text
    for said in (f'value="{world.issuer}"', 'value="Chat of Acme"', f"{world.api} chat."):
        assert said in unescape(found.text)
    third = world.owner.submit(found, wizard, go="next", issuer="https://other.example/", name="Other Chat")
    assert "<bdi>Other Chat</bdi>" in third.text
    again = world.owner.submit(third, wizard, jump="2")
    assert f"{world.api} chat." in unescape(again.text)
