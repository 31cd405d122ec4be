"""Which resource app an audience means, and which resources it governs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idjag.policy.decide import find_resource_app
from idjag.policy.index import Policy
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.resources import comparable
from tests.policy.parts import API, CHAT, FILES, ask, outcomes, policy, reason, rule

MAIL = replace(CHAT, id="ra-2", key="mail", issuer="https://mail.example/as", aliases=("urn:acme:mail",))
IDP = "https://idp.example"
KNOWN = Policy(resource_apps=[CHAT, MAIL], issuers=[IDP])


def refused(policy: Policy, audience: str) -> Refused:
    """How the audience is refused."""
    with pytest.raises(Refused) as caught:
        find_resource_app(policy, audience)
    return caught.value


@pytest.mark.parametrize(
    ("audience", "found"),
    [
        pytest.param("https://acme.chat.example/", "ra-1", id="the issuer"),
        pytest.param("https://acme.chat.example", "ra-1", id="an empty path equals a slash"),
        pytest.param("urn:acme:chat", "ra-1", id="an alias"),
        pytest.param("https://mail.example/as", "ra-2", id="an issuer with a path"),
        pytest.param("urn:acme:mail", "ra-2", id="another alias"),
    ],
)
def test_an_audience_names_one_resource_app_by_issuer_or_alias(audience: str, found: str) -> None:
    """XCH-15, XCH-16, attack case 71."""
    assert find_resource_app(KNOWN, audience).id == found


@pytest.mark.parametrize(
    "audience",
    [
        "https://mail.example/as/",
        "https://mail.example",
        "https://acme.chat.example.evil/",
        "urn:acme:chat/",
        "chat",
        "ra-1",
        "",
    ],
)
def test_an_unknown_audience_is_refused(audience: str) -> None:
    """XCH-17, attack case 71: neither key nor id is an audience; no slash is folded but the first."""
    assert refused(KNOWN, audience).reason is Reason.AUDIENCE_UNKNOWN


@pytest.mark.parametrize(
    ("audience", "near"),
    [
        ("https://ACME.chat.example/", "https://acme.chat.example/"),
        ("https://acme.chat.example:443/", "https://acme.chat.example/"),
        ("http://acme.chat.example", "https://acme.chat.example/"),
        ("https://mail.example/as/", "https://mail.example/as"),
        ("URN:acme:chat", "urn:acme:chat"),
    ],
)
def test_a_near_miss_is_refused_and_said_to_the_administrator(audience: str, near: str) -> None:
    """XCH-17: the hint goes to the audit log in the exact bytes, never to the client."""
    answer = refused(KNOWN, audience)
    assert (answer.reason, answer.fact["near"]) == (Reason.AUDIENCE_UNKNOWN, near)


def test_of_two_near_misses_the_first_registered_is_said() -> None:
    """Deterministic: two resource apps may differ by case alone, and neither is chosen."""
    loud = replace(MAIL, id="ra-3", issuer="https://MAIL.example/as")
    assert Policy(resource_apps=[MAIL, loud]).near_miss("https://mail.example/as/") == MAIL.issuer
    assert Policy(resource_apps=[loud, MAIL]).near_miss("https://mail.example/as/") == loud.issuer


def test_an_audience_far_from_everything_has_no_hint() -> None:
    assert "near" not in refused(KNOWN, "https://other.example/").fact


@pytest.mark.parametrize("audience", [IDP, f"{IDP}/"])
def test_our_own_issuer_is_refused_even_if_somebody_registered_it(audience: str) -> None:
    """XCH-18, attack case 73."""
    to_ourselves = Policy(resource_apps=[replace(CHAT, aliases=(IDP,))], issuers=[IDP])
    assert refused(KNOWN, audience).reason is Reason.AUDIENCE_SELF
    assert refused(to_ourselves, audience).reason is Reason.AUDIENCE_SELF
    assert find_resource_app(to_ourselves, CHAT.issuer).id == CHAT.id


def test_an_audience_that_fits_several_is_refused() -> None:
    """XCH-14: we never choose."""
    twins = Policy(resource_apps=[CHAT, replace(MAIL, aliases=("urn:acme:chat",))])
    assert refused(twins, "urn:acme:chat").reason is Reason.AUDIENCE_AMBIGUOUS
    assert find_resource_app(twins, CHAT.issuer).id == CHAT.id


def test_one_resource_app_with_two_spellings_of_its_name_is_not_ambiguous() -> None:
    doubled = Policy(resource_apps=[replace(CHAT, aliases=("https://acme.chat.example",))])
    assert find_resource_app(doubled, "https://acme.chat.example").id == CHAT.id


@pytest.mark.parametrize(
    "uri",
    [
        "https://api.chat.example/v2",
        "https://api.chat.example/files",
        "https://api.chat.example//",
        "https://api.chat.example.evil/",
        "https://api.mail.example/",
        "https://acme.chat.example/",
        "http://api.chat.example/",
        "",
    ],
)
def test_one_resource_that_the_audience_does_not_govern_refuses_the_whole_request(uri: str) -> None:
    """XCH-24, attack cases 63 and 65: no prefix is implied, whatever else was asked."""
    decision = ask(policy(rule()), resources=(API, uri))
    assert decision.reason is Reason.RESOURCE_NOT_GOVERNED
    assert list(outcomes(decision, "resource")) == [comparable(uri)]
    assert reason(policy(rule()), resources=(API, FILES)) is None


def test_the_trace_names_every_resource_that_is_not_governed() -> None:
    strange = ("https://x.example/", "https://y.example/")
    assert list(outcomes(ask(policy(rule()), resources=(API, *strange)), "resource")) == list(strange)


@pytest.mark.parametrize(
    "uri",
    [
        "https://api.chat.example",
        "HTTPS://API.chat.example/",
        "https://api.chat.example:443/",
        "https://api.chat.example/%2e/",
        "https://api.chat.example/x/..",
    ],
)
def test_resources_are_compared_in_normal_form_and_granted_in_registered_spelling(uri: str) -> None:
    """XCH-27."""
    assert ask(policy(rule()), resources=(uri,)).resources == (API,)


def test_one_resource_in_two_spellings_is_one() -> None:
    """XCH-23: a set."""
    assert ask(policy(rule()), resources=("https://api.chat.example", API, API)).resources == (API,)


def test_an_app_without_resources_governs_none() -> None:
    """XCH-24."""
    plain = replace(CHAT, resources=(), scopes=frozenset({"chat.read"}))
    assert reason(policy(rule(), resource_app=plain), resources=(API,)) is Reason.RESOURCE_NOT_GOVERNED
    assert reason(policy(rule(), resource_app=plain), resources=()) is None
