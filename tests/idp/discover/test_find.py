"""From what was typed to what the documents say; every refusal beside what is found."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp.discover.documents import resource_metadata
from idjag.idp.discover.looks import FOUND, Looks
from idjag.protocol import names
from idjag.trust.fetch import Fetched
from idjag.trust.memory import MemoryFetcher
from tests.idp.discover.web import (
    API,
    API_PLACE,
    APPENDED,
    INSERTED,
    OWN,
    RAS,
    RESOURCE,
    SERVER,
    about,
    found,
    refused,
    unauthorized,
    web,
)

OTHER = "https://other.example"
TWO = {"resource": {"authorization_servers": [OTHER, RAS]}}
ELSEWHERE = "https://meta.example/chat"


def test_an_issuer_fills_in_what_its_metadata_says() -> None:
    """RFC 8414 section 3; nothing is guessed."""
    plan = found(web(), RAS)

    assert plan.fills == {"issuer": RAS, "scopes": ["chat.read", "chat.write"]}
    assert (plan.typed, plan.said, plan.remarks) == (RAS, RAS, ())
    assert plan.server is not None
    assert (plan.server.takes_jwt_bearer, plan.server.takes_id_jag) == (True, True)


def test_an_api_fills_in_itself_and_its_authorization_server() -> None:
    """RFC 9728 section 3."""
    plan = found(web(), API)

    assert plan.fills == {"issuer": RAS, "resources": [{"uri": API, "scopes": ["chat.read", "chat.write"]}]}
    assert [look.url for look in plan.looks if look.outcome == FOUND] == [API_PLACE, INSERTED]


def test_the_openid_place_serves_too() -> None:
    plan = found(web(pages={INSERTED: None, APPENDED: SERVER}), RAS)

    assert plan.fills["issuer"] == RAS


def test_the_apis_that_an_issuer_names_are_filled_in_if_they_name_it_too() -> None:
    """RFC 9728 section 4, in both directions."""
    named = {"protected_resources": [API, "https://gone.example/"]}

    assert found(web(server=named), RAS).fills["resources"] == [
        {"uri": API, "scopes": ["chat.read", "chat.write"]}
    ]
    one_sided = web(server=named, resource={"authorization_servers": [OTHER]})
    assert "resources" not in found(one_sided, RAS).fills


def test_an_api_without_a_known_place_is_asked_as_clients_ask_it() -> None:
    """RFC 9728 section 5.1, as MCP servers do."""
    asked = {API: unauthorized(f'Bearer error="x", resource_metadata="{ELSEWHERE}"'), ELSEWHERE: RESOURCE}

    plan = found(web(pages={API_PLACE: None, **asked}), API)

    assert plan.fills["resources"][0]["uri"] == API
    assert plan.fills["issuer"] == RAS


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        ('Bearer resource_metadata="https://a.example/m"', "https://a.example/m"),
        ("DPoP algs=ES256, Bearer realm=x, Resource_Metadata = https://a.example/m", "https://a.example/m"),
        ('Bearer resource_metadata="https://a.example/m", resource_metadata="https://b.example/m"', ""),
        ('Bearer x_resource_metadata="https://a.example/m"', ""),
        ('Bearer resource_metadata="file:///etc/passwd"', ""),
        ('Bearer resource_metadata="/m"', ""),
        ("Bearer", ""),
        ("", ""),
    ],
)
def test_the_address_in_a_challenge_is_one_that_may_be_fetched(challenge: str, expected: str) -> None:
    assert resource_metadata(challenge) == expected


@pytest.mark.parametrize("typed", [RAS.removesuffix("/"), "https://ACME.chat.example/", RAS[:-1] + ":443/"])
def test_a_near_miss_of_the_issuer_is_filled_in_as_the_document_says_and_shown(typed: str) -> None:
    """Both lead to this very document, so it speaks for what it calls itself."""
    plan = found(web(), typed)

    assert (plan.typed, plan.said, plan.fills["issuer"]) == (typed, RAS, RAS)
    assert "differ in" in about(plan, "issuer")


@pytest.mark.parametrize("said", [OTHER, "https://acme.chat.example.evil.example/", RAS + "t/b", "", None, 7])
def test_metadata_that_calls_itself_something_else_is_refused(said: Any) -> None:
    """RFC 8414 section 3.3: where it was found is not where its name leads."""
    why = refused(web(server={"issuer": said}), RAS)

    assert why.detail.startswith(INSERTED)


def test_http_is_never_taken_for_https() -> None:
    why = refused(web(server={"issuer": "http://acme.chat.example/"}), RAS)

    assert "they differ in http and https" in why.detail


@pytest.mark.parametrize("said", ["https://api.chat.example/", OTHER, "https://api.chat.example/v1/", None])
def test_a_resource_that_is_another_one_is_refused(said: Any) -> None:
    """RFC 9728 section 3.3: the resource is the address that leads to the document."""
    why = refused(web(resource={"resource": said}), API)

    assert why.detail.startswith(API_PLACE)


@pytest.mark.parametrize("said", [OTHER, "https://api.chat.example/", "https://meta.example/v1"])
def test_a_document_that_an_api_points_to_must_be_about_that_api(said: str) -> None:
    """RFC 9728 section 3.3, the second form."""
    asked = {API: unauthorized(f'Bearer resource_metadata="{ELSEWHERE}"')}
    pages = {API_PLACE: None, **asked, ELSEWHERE: RESOURCE | {"resource": said}}

    assert refused(web(pages=pages), API).detail.startswith(f"{ELSEWHERE} is about {said}, not about {API}")


@pytest.mark.parametrize("said", ["https://acme.chat.example", OTHER])
def test_the_authorization_server_of_an_api_is_compared_byte_for_byte(said: str) -> None:
    """CLI-01: nobody typed it, so that there is no near miss to forgive."""
    why = refused(web(server={"issuer": said}), API)

    assert f"What is there calls itself {said}" in why.detail


def test_several_authorization_servers_are_a_choice() -> None:
    plan = found(web(**TWO), API)

    assert plan.choices == (OTHER, RAS)
    assert "issuer" not in plan.fills
    assert found(web(**TWO), API, choice=RAS).fills["issuer"] == RAS
    assert "does not name this authorization server" in refused(web(**TWO), API, choice=OWN).detail


def test_an_api_without_authorization_servers_says_so() -> None:
    assert "names no authorization server" in refused(web(resource={"authorization_servers": []}), API).detail


@pytest.mark.parametrize("typed", [OWN, OWN + "/", OWN.upper().replace("HTTPS", "https")])
def test_our_own_issuer_is_nobody_to_connect_to(typed: str) -> None:
    """XCH-18; nothing is asked."""
    why = refused(web(), typed)

    assert "this very server" in why.detail
    assert why.looks == ()


def test_an_api_that_takes_our_own_tokens_needs_no_id_jag() -> None:
    assert "this very server" in refused(web(resource={"authorization_servers": [OWN]}), API).detail


@pytest.mark.parametrize(
    "typed",
    [
        "chat.example",
        "ftp://chat.example",
        "file:///etc/passwd",
        "https://alice:secret@chat.example",
        "https://chat.example/#a",
        "https://ch\u0430t.example/",
        " https://chat.example",
        "https://chat.example/\n",
        "https://0x7f000001/",
        "",
    ],
)
def test_what_is_no_address_is_asked_nowhere(typed: str) -> None:
    """Attack case 176: and a password in it is not repeated."""
    why = refused(web(), typed)

    assert why.looks == ()
    assert "secret" not in why.detail


def test_a_server_that_says_nothing_of_id_jags_is_remarked_on() -> None:
    """MET-05, MET-06."""
    silent = found(web(server={"authorization_grant_profiles_supported": None}), RAS)
    unable = found(web(server={"grant_types_supported": ["authorization_code"]}), RAS)

    assert "does not say that ID-JAGs are accepted" in about(silent, "issuer")
    assert "does not list the jwt-bearer grant" in about(unable, "issuer")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token_endpoint": None}, "names no token endpoint"),
        ({"token_endpoint": "javascript:alert(1)"}, "names no token endpoint"),
        ({"token_endpoint": "https://token.example/t"}, "on another host"),
    ],
)
def test_a_token_endpoint_that_is_odd_is_remarked_on(changes: dict[str, Any], expected: str) -> None:
    assert expected in about(found(web(server=changes), RAS), "issuer")


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({RAS: "Chat"}, "registered here already: Chat"),
        ({"https://acme.chat.example": "Chat"}, "differs in a final slash"),
        ({"https://xn--cme-5cd.chat.example/": "Chat"}, "looks like"),
        ({"https://files.example/": "Files"}, ""),
    ],
)
def test_what_is_registered_already_or_looks_like_it_is_remarked_on(
    known: dict[str, str], expected: str
) -> None:
    said = about(found(web(), RAS, known=known), "issuer")

    assert expected in said
    assert bool(said) is bool(expected)


def test_strings_of_others_are_bounded_and_plain() -> None:
    """Attack case 189: what is not a scope, a name or an address is left out."""
    hostile = {
        "scopes_supported": ["chat.read", "a b", "x" * 300, 7, "chat.read", '"'],
        "resource_name": "\u202eevil",
        "authorization_servers": [RAS, "javascript:alert(1)", "https://x.example/?a", None],
    }
    plan = found(web(resource=hostile), API)

    assert plan.fills == {"issuer": RAS, "resources": [{"uri": API, "scopes": ["chat.read"]}]}
    assert found(web(resource={"resource_name": "Chat"}), API).fills["name"] == "Chat"
    many = {"scopes_supported": [f"s{number}" for number in range(1000)]}
    assert len(found(web(resource=many), API).fills["resources"][0]["scopes"]) == names.MAX_SCOPES


@pytest.mark.parametrize(
    ("page", "outcome"),
    [
        (b"<html>", "is not JSON"),
        (Fetched(200, b"{}", {"content-type": "text/html"}), "is not JSON"),
        (b'{"a":1,"a":2}', "is not JSON"),
        (b" " * 70_000, "is too large"),
        (None, "answered 404"),
    ],
)
def test_of_a_page_that_is_no_document_only_its_kind_is_told(page: Any, outcome: str) -> None:
    """Attack cases 176 and 179."""
    why = refused(web(pages={INSERTED: page}), RAS)

    assert [look.outcome for look in why.looks if look.url == INSERTED] == [outcome]


def test_a_question_ends_after_a_while_and_after_so_many_looks() -> None:
    """Attack case 179: slow servers cost an administrator half a minute, and not an hour."""
    seconds = iter([0.0, 1.0, 100.0, 100.0, 100.0])
    slow = Looks(MemoryFetcher({}), monotonic=lambda: next(seconds))
    outcomes = [slow.document(INSERTED), slow.document(APPENDED)]
    assert outcomes == [None, None]
    assert [look.outcome for look in slow.seen] == ["answered 404", "was not asked: the others took too long"]

    fetcher = MemoryFetcher({})
    many = Looks(fetcher, monotonic=lambda: 0.0)
    for number in range(30):
        many.document(f"https://a.example/{number}")
    assert len(fetcher.asked) == 16
