"""The answer in one sentence: every reason has its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.policy.index import Policy
from idjag.policy.model import (
    ANY,
    AppStatus,
    ConnectionStatus,
    Resource,
    Who,
)
from idjag.policy.question import SignIn
from tests.policy.parts import (
    ALICE,
    API,
    CHAT,
    CHAT_RP_ID,
    EVERYONE,
    FILES,
    MFA,
    NOW,
    WIKI,
    conditions,
    guardrail,
    only,
    policy,
    rule,
    told,
)


def test_a_grant_without_scope_and_without_resource_claim() -> None:
    headline = told(policy(rule()), scopes=None, resources=()).headline
    assert headline.startswith("Allowed: Wiki gets no scope at all of Chat for alice")


DENIALS = [
    pytest.param(policy(rule()), {"person": None}, "this person is not known here", id="nobody"),
    pytest.param(
        policy(rule()), {"person": replace(ALICE, active=False)}, "alice is disabled", id="disabled"
    ),
    pytest.param(
        policy(rule()), {"sign_in": SignIn(alive=False)}, "the session of alice has ended", id="session"
    ),
    pytest.param(
        policy(rule(), app=replace(WIKI, status=AppStatus.DISABLED)),
        {},
        "the requesting app Wiki is disabled",
        id="app",
    ),
    pytest.param(policy(rule()), {"app": "gone"}, "the requesting app gone is disabled", id="no app"),
    pytest.param(
        policy(rule(), resource_app=replace(CHAT, status=AppStatus.DISABLED)),
        {},
        "the resource app Chat is disabled",
        id="resource app",
    ),
    pytest.param(
        policy(rule()), {"resource_app": "gone"}, "the resource app gone is disabled", id="no resource app"
    ),
    pytest.param(
        policy(rule(), app=replace(WIKI, assigned=Who())), {}, "alice is not assigned to Wiki", id="assigned"
    ),
    pytest.param(
        policy(
            rule(),
            resource_app=replace(CHAT, sso_app=CHAT_RP_ID),
            others=[replace(WIKI, id=CHAT_RP_ID, name="Chat sign-in", assigned=Who())],
        ),
        {},
        "alice is not assigned to Chat sign-in of Chat",
        id="sso",
    ),
    pytest.param(
        policy(rule(), resource_app=replace(CHAT, sso_app="gone")),
        {},
        "alice is not assigned to the sign-in app of Chat",
        id="no sso",
    ),
    pytest.param(policy(connections=[]), {}, "there is no connection from Wiki to Chat", id="no connection"),
    pytest.param(
        policy(rule(), status=ConnectionStatus.DRAFT), {}, "the connection wiki-chat is draft", id="draft"
    ),
    pytest.param(
        policy(rule(), expires=NOW),
        {},
        "the connection wiki-chat expired at 2027-01-15 08:00 UTC",
        id="expired",
    ),
    pytest.param(
        policy(rule()),
        {"profile": "x"},
        "the connection wiki-chat does not speak about this kind of grant",
        id="profile",
    ),
    pytest.param(
        policy(rule(), client_id=None),
        {},
        "the connection wiki-chat has no client ID of Wiki at Chat",
        id="client id",
    ),
    pytest.param(
        policy(rule(), resource_app=replace(CHAT, resource_required=True)),
        {"resources": ()},
        "Chat wants the resource to be named",
        id="resource required",
    ),
    pytest.param(
        policy(rule(scopes=ANY)),
        {"resources": (), "scopes": ("chat.write", "files.read")},
        "no resource allows all of these scopes: name one",
        id="scopes apart",
    ),
    pytest.param(
        policy(rule()),
        {"resources": ("https://y.example/", "https://x.example/", API)},
        "Chat does not declare https://x.example/ and https://y.example/",
        id="not governed",
    ),
    pytest.param(
        policy(rule(resources=only(API))),
        {"resources": (FILES,)},
        f"no rule that applies to alice allows anything at {FILES}",
        id="resource",
    ),
    pytest.param(
        policy(
            rule(),
            resource_app=replace(
                CHAT, resources=(*CHAT.resources, Resource("https://n.example/", frozenset()))
            ),
        ),
        {"resources": ("https://n.example/",), "scopes": None},
        "no rule that applies to alice allows anything at https://n.example/",
        id="resource without scopes",
    ),
    pytest.param(
        policy(rule(), guardrails=[guardrail(who=EVERYONE)]),
        {},
        "a guardrail denies it to alice",
        id="guardrail",
    ),
    pytest.param(policy(), {}, "no rule of the connection wiki-chat allows alice anything", id="no rule"),
    pytest.param(
        policy(rule(conditions=conditions(key_bound=True))),
        {},
        "the conditions of the rules for alice are not met",
        id="condition",
    ),
    pytest.param(
        policy(rule()),
        {"scopes": ("b", "a")},
        "no rule that applies to alice allows a and b there",
        id="scope",
    ),
    pytest.param(
        policy(rule()),
        {"scopes": ("a",), "resources": ()},
        "no rule that applies to alice allows a",
        id="scope anywhere",
    ),
    pytest.param(
        policy(
            rule("w", scopes=only("chat.write"), resources=only(API)),
            rule("f", scopes=only("files.read"), resources=only(FILES)),
        ),
        {"scopes": ("chat.write", "files.read"), "resources": (API, FILES)},
        "none of chat.write and files.read is allowed on every one of the resources that can be granted",
        id="no product",
    ),
    pytest.param(
        policy(
            rule(
                "w", scopes=only("chat.write"), resources=only(API), default_scopes=frozenset({"chat.write"})
            ),
            rule(
                "f",
                scopes=only("files.read"),
                resources=only(FILES),
                default_scopes=frozenset({"files.read"}),
            ),
        ),
        {"scopes": None, "resources": (API, FILES)},
        "none of the default scopes is allowed on every one of the resources that can be granted",
        id="no product of defaults",
    ),
    pytest.param(
        policy(rule(conditions=conditions(acr=(MFA,), max_auth_age=600))),
        {},
        f"alice must sign in again at level {MFA}; it counts for 10 minutes",
        id="step up",
    ),
    pytest.param(
        policy(rule(conditions=conditions(amr=frozenset({"mfa"})))),
        {},
        f"alice must sign in again at level {MFA}",
        id="step up for good",
    ),
    pytest.param(
        policy(rule(conditions=conditions(max_auth_age=30))),
        {},
        "alice must sign in again; it counts for 30 seconds",
        id="fresh",
    ),
]


@pytest.mark.parametrize(("rules", "changes", "expected"), DENIALS)
def test_every_denial_says_what_stands_in_the_way(
    rules: Policy, changes: dict[str, Any], expected: str
) -> None:
    assert told(rules, **changes).headline == f"Denied: {expected}"
