"""What an app could get, API by API: the preview is the decision (MET-18, attack case 78)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from idjag.policy.decide import decide
from idjag.policy.index import Policy
from idjag.policy.model import Connection, Guardrail, Person, Resource, ResourceApp, Rule
from idjag.policy.question import Question
from idjag.policy.reachable import Reachable, reachable
from tests.policy import worlds
from tests.policy.parts import (
    ALICE,
    API,
    CHAT,
    CHAT_ID,
    CONNECTION_ID,
    EVERYONE,
    FILES,
    NOW,
    SIGN_INS,
    WIKI,
    WIKI_ID,
    all_except,
    only,
)

QUESTION = Question(WIKI_ID, CHAT_ID, ALICE, NOW)


def company(*rules: Rule, target: ResourceApp = CHAT, guardrails: tuple[Guardrail, ...] = ()) -> Policy:
    connection = Connection(CONNECTION_ID, "wiki-chat", WIKI_ID, target.id, "wiki-at-chat", rules)
    return Policy(
        apps=[WIKI],
        resource_apps=[target],
        connections=[connection],
        guardrails=guardrails,
        issuers=["https://idp.example"],
        sign_ins=SIGN_INS,
    )


def found(policy: Policy, question: Question = QUESTION) -> list[tuple[str | None, tuple[str, ...]]]:
    return [(one.resource, one.scopes) for one in reachable(policy, question)]


READ = Rule("rule-1", "read", EVERYONE, only("chat.read"))
WRITE = Rule("rule-2", "write", EVERYONE, only("chat.write"), only(API))


def test_each_api_is_listed_with_all_that_could_be_granted_there() -> None:
    """MET-18."""
    assert list(reachable(company(READ, WRITE), QUESTION)) == [
        Reachable(CHAT_ID, CHAT.issuer, API, ("chat.read", "chat.write")),
        Reachable(CHAT_ID, CHAT.issuer, FILES, ("chat.read",)),
    ]


def test_what_could_not_be_granted_is_not_listed() -> None:
    """MET-18: an API, a scope, everything."""
    assert found(company(WRITE)) == [(API, ("chat.write",))]
    assert found(company()) == []
    assert found(company(READ), replace(QUESTION, person=None)) == []
    assert found(company(READ), replace(QUESTION, person=replace(ALICE, active=False))) == []
    nothing = Guardrail("g", "g", EVERYONE)
    assert found(company(READ, guardrails=(nothing,))) == []
    no_files = Guardrail("g", "g", EVERYONE, resources=frozenset({FILES}))
    assert found(company(READ, guardrails=(no_files,))) == [(API, ("chat.read",))]


def test_an_api_without_scopes_is_listed_by_itself() -> None:
    bare = replace(CHAT, resources=(Resource(API, frozenset()),))
    assert found(company(Rule("r", "r", EVERYONE, all_except("x")), target=bare)) == [(API, ())]


def test_a_resource_app_without_resources_is_listed_once() -> None:
    scoped = replace(CHAT, resources=(), scopes=frozenset({"pay", "look"}))
    assert found(company(Rule("r", "r", EVERYONE, only("look")), target=scoped)) == [(None, ("look",))]
    bare = replace(CHAT, resources=())
    assert found(company(Rule("r", "r", EVERYONE, all_except("x")), target=bare)) == [(None, ())]


def test_it_is_called_by_a_name_that_means_it_alone() -> None:
    """XCH-15, XCH-16: two tenants of one issuer have but their aliases."""
    other = replace(CHAT, id="ra-2", key="other", aliases=(), aud_tenant="two")
    policy = company(READ)
    both = Policy(
        apps=[WIKI],
        resource_apps=[CHAT, other],
        connections=[*policy.connections.values(), Connection("c", "c", WIKI_ID, "ra-2", "w", (READ,))],
        sign_ins=SIGN_INS,
    )
    assert {one.audience for one in reachable(both, QUESTION)} == {"urn:acme:chat"}
    assert list(reachable(both, replace(QUESTION, resource_app="ra-2"))) == []


def test_only_what_a_person_has_is_mapped() -> None:
    """JAG-27."""
    target = replace(CHAT, claims=(("department", "dept"), ("rank", "rank")))
    person = replace(ALICE, attributes={"dept": "sales", "other": "x"})
    assert target.mapped(person) == {"department": "sales"}


def test_a_resource_app_that_is_not_there_gives_nothing() -> None:
    assert list(reachable(company(READ), replace(QUESTION, resource_app="gone"))) == []


def test_an_app_knows_its_resource_apps() -> None:
    """Whatever the connections say: what comes of them is decided."""
    second = Connection("c-2", "c-2", WIKI_ID, "ra-0", None)
    policy = Policy(connections=[*company(READ).connections.values(), second])
    assert policy.connected(WIKI_ID) == ("ra-0", CHAT_ID)
    assert policy.connected("app-9") == ()


def checked(policy: Policy, question: Question) -> int:
    """Everything that is listed is granted just so, and whatever would be granted is listed."""
    listed = {one.resource or "": one for one in reachable(policy, question)}
    for one in listed.values():
        apis = (one.resource,) if one.resource else ()
        asked = replace(question, scopes=one.scopes or None, resources=apis)
        decision = decide(policy, asked)
        assert decision.allowed
        assert set(decision.scopes) == set(one.scopes)
    target = policy.resource_apps["chat"]
    declared = [(each.uri, scope) for each in target.resources for scope in each.scopes]
    declared += [("", scope) for scope in target.scopes if not target.resources]
    for resource, scope in declared:
        asked = replace(question, scopes=(scope,), resources=(resource,) if resource else ())
        granted = decide(policy, asked).allowed
        assert granted == (resource in listed and scope in listed[resource].scopes)
    return len(listed)


@pytest.mark.slow
@settings(max_examples=300)
@given(policy=worlds.policies(), question=worlds.questions())
def test_the_preview_is_the_decision(policy: Policy, question: Question) -> None:
    """MET-18, attack case 78: over random companies, people, sign-ins, holds and conditions."""
    checked(policy, question)


def test_the_law_has_something_to_say() -> None:
    """The control: it looked at real grants."""
    policy = Policy(
        apps=[replace(WIKI, id="wiki")],
        resource_apps=[replace(CHAT, id="chat")],
        connections=[Connection("c", "c", "wiki", "chat", "w", (READ, WRITE))],
    )
    assert checked(policy, Question("wiki", "chat", Person("p1"), NOW)) == 2
