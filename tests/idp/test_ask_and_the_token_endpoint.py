"""`idjag ask` says what the token endpoint does: 1,000 random questions to both (attack case 78)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from idjag.idp.holds import find, place
from idjag.idp.questions import Ask, build
from idjag.policy.decide import decide
from idjag.policy.question import Decision
from idjag.protocol.errors import ANSWERS
from tests.idp.grants.acme import API, FILES, Acme, Answer, acme, app, chat, connection, state

SCOPES = ["chat.read", "chat.history", "chat.write", "files.read", "mail.read"]
STRANGE = "https://x.example/"
SIGNED_IN_FROM = "192.0.2.7"  # what the sign-in of the test IdP says

WHO = st.sampled_from(
    [
        *([{"everyone": True}] * 4),
        {"groups": ["engineering"]},
        {"groups": ["sales"]},
        {"users": ["bob"]},
        {"everyone": True, "except": {"groups": ["sales"]}},
        {"groups": ["engineering", "sales"], "except": {"users": ["alice"]}},
    ]
)
SOME_SCOPES = st.lists(st.sampled_from(SCOPES), min_size=1, max_size=3, unique=True)
SOME_RESOURCES = st.lists(st.sampled_from([API, FILES]), min_size=1, unique=True)
CONDITIONS = st.sampled_from(
    [
        *([None] * 8),
        {"amr": ["pwd"]},
        {"amr": ["mfa"]},
        {"acr": ["urn:idjag:acr:pwd"], "max_auth_age": "10m"},
        {"max_auth_age": "30s"},
        {"networks": ["198.51.100.0/24"]},
        {"signin_networks": ["192.0.2.0/24"]},
        {"signin_networks": ["198.51.100.0/24"]},
        {"key_bound": True},
        {"hours": {"tz": "Europe/Berlin", "days": ["fri"], "from": "08:00", "to": "18:00"}},
        {"hours": {"tz": "Europe/Berlin", "days": ["sun"], "from": "22:00", "to": "06:00"}},
    ]
)
HELD: list[tuple[str, str, str | None]] = [
    ("user", "alice", None),
    ("user", "alice", "wiki"),
    ("app", "wiki", None),
    ("connection", "wiki-chat", None),
    ("resource-app", "chat", None),
]
LATER = st.sampled_from([0, 0, 1800, 7200, 2 * 86_400])
"""Seconds: before and after a hold is over, within the hours of a condition and beyond them."""


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What a connection may say."""
    found = []
    for number in range(draw(st.sampled_from([0, 1, 2, 2, 3, 3, 4]))):
        scopes = draw(st.one_of(st.just("any"), SOME_SCOPES, SOME_SCOPES.map(lambda some: {"except": some})))
        one: dict[str, Any] = {"id": f"rule-{number}", "who": draw(WHO), "scopes": scopes}
        one["resources"] = draw(
            st.one_of(st.just("any"), SOME_RESOURCES, SOME_RESOURCES.map(lambda some: {"except": some}))
        )
        if given_conditions := draw(CONDITIONS):
            one["conditions"] = given_conditions
        if isinstance(scopes, list) and draw(st.booleans()):
            one["default_scopes"] = scopes[:1]
        if draw(st.booleans()):
            one["lifetime"] = draw(st.sampled_from(["1m", "1h"]))
        found.append(one)
    return found


@st.composite
def guardrails(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What nobody gets."""
    if draw(st.integers(0, 3)):
        return []
    one: dict[str, Any] = {"id": "guardrail", "who": draw(WHO)}
    if draw(st.booleans()):
        one["scopes"] = draw(SOME_SCOPES)
    if draw(st.booleans()):
        one["resources"] = draw(SOME_RESOURCES)
    return [one]


@st.composite
def states(draw: st.DrawFn) -> dict[str, Any]:
    """A company, mostly in order."""
    wrong: list[dict[str, Any]] = [
        {"status": "paused"},
        {"client_id": None},
        {"expires": "2020-01-01T00:00:00Z"},
    ]
    odd = draw(st.sampled_from([{}, *wrong])) if draw(st.integers(0, 5)) == 0 else {}
    plain = draw(st.integers(0, 4)) == 0
    target = chat(
        resource_required=draw(st.integers(0, 5)) == 0 and not plain,
        lifetime=draw(st.sampled_from(["5m", "10m"])),
    )
    if plain:
        target = {name: value for name, value in target.items() if name != "resources"} | {
            "scopes": SCOPES[:3]
        }
    if draw(st.integers(0, 3)) == 0:
        target["sso_app"] = "notes"
    assigned = st.one_of(*[st.just({"everyone": True})] * 5, WHO)
    return state(
        apps=[app("wiki", assigned=draw(assigned)), app("notes", assigned=draw(assigned))],
        resource_apps=[target],
        connections=[connection(rules=draw(rules()), **odd)],
        guardrails=draw(guardrails()),
    )


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    """A question about alice or bob."""
    scopes = draw(st.none() | st.lists(st.sampled_from(SCOPES), min_size=1, max_size=3, unique=True))
    resources = draw(
        st.lists(st.sampled_from([API, FILES, "https://API.chat.example"] * 6 + [STRANGE]), max_size=2)
    )
    return Ask(
        user=draw(st.sampled_from(["alice", "alice", "bob"])),
        app="wiki",
        resource_app="chat",
        scopes=None if scopes is None else tuple(scopes),
        resources=tuple(dict.fromkeys(resources)),
        acr="urn:idjag:acr:pwd",
        amr=frozenset(draw(st.sampled_from([["pwd"], ["pwd", "mfa"], ["otp"]]))),
        auth_age=draw(st.sampled_from([0, 60, 1200])),
        address=ip_address(draw(st.sampled_from(["198.51.100.9", "203.0.113.9"]))),
        signin_address=ip_address(SIGNED_IN_FROM),
    )


def exchanged(idp: Acme, ask: Ask) -> Answer:
    """The same question at the token endpoint."""
    token = idp.sign_in(ask.user, amr=sorted(ask.amr or ()), auth_time=idp.clock() - ask.auth_age)
    return idp.exchange(
        token,
        source=str(ask.address),
        scope=None if ask.scopes is None else " ".join(ask.scopes),
        resource=list(ask.resources) or None,
    )


def is_the_same(decision: Decision, answer: Answer) -> bool:
    """Whether both say the same, to the last scope and second."""
    if decision.reason is not None:
        wanted = ANSWERS[decision.reason].error
        step_up = decision.step_up
        acr = " ".join(step_up.acr_values) if step_up and step_up.acr_values else None
        said = (answer.error, answer.json.get("acr_values"), answer.json.get("max_age"))
        return said == (wanted, acr, step_up.max_age if step_up else None)
    claims = answer.grant
    resource = claims.get("resource", [])
    granted = (
        tuple(claims.get("scope", "").split()),
        tuple([resource] if isinstance(resource, str) else resource),
        claims["exp"] - claims["iat"],
    )
    return granted == (decision.scopes, decision.resources, decision.lifetime)


@pytest.mark.slow
@settings(max_examples=40)
@given(states(), st.lists(asks(), min_size=10, max_size=10), st.sampled_from([*[None] * 14, *HELD]), LATER)
def test_asking_gives_what_the_token_endpoint_gives(
    text: dict[str, Any], questions: list[Ask], held: Any, later: int
) -> None:
    """Attack case 78, issue 3: one evaluator, and the same facts on both ways to it, whenever it is."""
    with acme(text) as idp:
        if held:
            kind, key, within = held
            target = find(idp, kind, key, app=within)
            until = idp.clock() + 3600
            place(idp, target, actor={"kind": "operator", "id": "0@host"}, reason="because", until=until)
        idp.clock.now += later
        for ask in questions:
            asked = build(idp, ask)
            decision = decide(asked.policy, asked.question)
            event(decision.reason or "allowed")
            assert is_the_same(decision, exchanged(idp, ask)), (decision, ask)
            recorded = idp.events()[-1]
            assert recorded["reason"] == decision.reason
            assert recorded["inputs"] is not None
            assert {**recorded["inputs"], "fact": None} == {**asked.question.inputs(), "fact": None}
