"""Random small companies and questions, for the laws: few names, so that everything meets everything."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import combinations, permutations
from typing import TypeVar

from hypothesis import strategies as st

from idjag.policy.index import Policy
from idjag.policy.model import (
    ANY,
    NO_CONDITIONS,
    App,
    AppStatus,
    Conditions,
    Connection,
    ConnectionStatus,
    Guardrail,
    Hold,
    HoldKind,
    Narrowing,
    Person,
    Resource,
    ResourceApp,
    Rule,
    Who,
)
from idjag.policy.question import Question, SignIn
from tests.policy.parts import API, EVERYONE, FILES, MFA, NOW, PWD, SIGN_INS

SCOPES = ("read", "write", "admin")
RESOURCES = (API, FILES, "https://news.chat.example/v1")
GROUPS = ("g1", "g2", "g3")
PEOPLE = ("p1", "p2")
_IN, _OUT = ip_address("192.0.2.1"), ip_address("198.51.100.1")
_NETWORK = (ip_network("192.0.2.0/24"),)


def _subsets(values: tuple[str, ...], *, least: int = 0) -> list[frozenset[str]]:
    sizes = range(least, len(values) + 1)
    return [frozenset(chosen) for size in sizes for chosen in combinations(values, size)]


def _narrowings(values: tuple[str, ...]) -> list[Narrowing]:
    named = _subsets(values, least=1)
    return [ANY, *(Narrowing("only", some) for some in named), *(Narrowing("except", some) for some in named)]


# Pools instead of nested strategies: a draw costs the same whatever it draws, and these laws want many.
_SOME_SCOPES, _SOME_RESOURCES = _subsets(SCOPES), _subsets(RESOURCES, least=1)
_NAMED = [Who(groups=groups, people=people) for groups in _subsets(GROUPS) for people in _subsets(PEOPLE)]
_EXCEPTING = [
    replace(who, except_groups=groups, except_people=people)
    for who in (EVERYONE, Who(groups=frozenset({"g1", "g2"})), Who(people=frozenset({"p1"})))
    for groups in _subsets(GROUPS[:1])
    for people in _subsets(PEOPLE[:1])
]
_CONDITIONS = [NO_CONDITIONS] * 200 + [
    Conditions(acr, amr, age, networks, signin_networks, None, key_bound)
    for acr in [(), (PWD,), (MFA,), (PWD, MFA), ("urn:nobody",)]
    for amr in [frozenset(), frozenset({"mfa"}), frozenset({"hwk"})]
    for age in [None, 30, 900]
    for networks in [(), _NETWORK]
    for signin_networks in [(), _NETWORK]
    for key_bound in [False, True]
]

WHOS = st.sampled_from([EVERYONE] * 20 + _NAMED + _EXCEPTING)
_WIDE = st.sampled_from([EVERYONE] * 30 + _EXCEPTING)

RULES = st.builds(
    Rule,
    id=st.just(""),
    key=st.just(""),
    who=WHOS,
    scopes=st.sampled_from(_narrowings(SCOPES)),
    resources=st.sampled_from([ANY] * 6 + _narrowings(RESOURCES)),
    default_scopes=st.sampled_from(_SOME_SCOPES),
    conditions=st.sampled_from(_CONDITIONS),
    lifetime=st.sampled_from([None, 60, 3600]),
)

GUARDRAILS = st.builds(
    Guardrail,
    id=st.just(""),
    key=st.just(""),
    who=st.sampled_from(_NAMED),
    apps=st.sampled_from([None, None, frozenset({"wiki"}), frozenset({"other"})]),
    resource_apps=st.sampled_from([None, None, frozenset({"chat"}), frozenset({"other"})]),
    scopes=st.sampled_from([None, *_subsets(SCOPES, least=1)]),
    resources=st.sampled_from([None] * 3 + _SOME_RESOURCES),
)

HOLDS = st.builds(
    Hold,
    id=st.integers(0, 999).map(str),
    kind=st.sampled_from(HoldKind),
    target=st.sampled_from(["p1", "wiki", "chat", "wiki-chat", "other"]),
    reason=st.just("because"),
    app=st.sampled_from(["", "wiki", "other"]),
    until=st.sampled_from([None, NOW - 1, NOW + 1]),
)

SIGN_INS_SEEN = st.builds(
    SignIn,
    acr=st.sampled_from([None, PWD, MFA]),
    amr=st.sampled_from([None, frozenset({"pwd"}), frozenset({"pwd", "otp", "mfa"})]),
    auth_time=st.sampled_from([None, NOW, NOW - 60, NOW - 3600]),
    alive=st.sampled_from([True] * 9 + [False]),
    address=st.sampled_from([None, _IN, _OUT]),
)

T = TypeVar("T", Rule, Guardrail)


def numbered(found: list[T], prefix: str = "n") -> tuple[T, ...]:
    """The same with ids and keys of their own."""
    return tuple(replace(one, id=f"{prefix}-{n}", key=f"{prefix}{n}") for n, one in enumerate(found))


def _declared(chosen: list[int]) -> tuple[Resource, ...]:
    """Each number says which scopes the resource of that place has; one beyond the pool leaves it out."""
    return tuple(
        Resource(uri, _SOME_SCOPES[number])
        for uri, number in zip(RESOURCES, chosen, strict=True)
        if number < len(_SOME_SCOPES)
    )


@st.composite
def resource_apps(draw: st.DrawFn) -> ResourceApp:
    """With resources, with scopes alone, or with nothing."""
    number = st.integers(0, len(_SOME_SCOPES) + 3)
    return ResourceApp(
        "chat",
        "chat",
        "Chat",
        "https://acme.chat.example/",
        resources=_declared([draw(number) for _ in RESOURCES]),
        scopes=draw(st.sampled_from(_SOME_SCOPES)),
        sso_app=draw(st.sampled_from([None, None, "rp"])),
        resource_required=draw(st.sampled_from([False, False, False, True])),
        lifetime=draw(st.sampled_from([300, 600])),
        status=draw(st.sampled_from([AppStatus.ACTIVE] * 9 + [AppStatus.DISABLED])),
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """One connection from wiki to chat, which is mostly fit for use."""
    connection = Connection(
        "wiki-chat",
        "wiki-chat",
        "wiki",
        "chat",
        client_id=draw(st.sampled_from(["c"] * 9 + [None])),
        rules=numbered(draw(st.lists(RULES, max_size=4))),
        status=draw(st.sampled_from([ConnectionStatus.ACTIVE] * 9 + [ConnectionStatus.PAUSED])),
        expires=draw(st.sampled_from([None] * 9 + [NOW])),
    )
    return Policy(
        apps=[
            App("wiki", "wiki", "Wiki", "wiki", draw(_WIDE)),
            App("rp", "rp", "Chat sign-in", "rp", draw(_WIDE)),
        ],
        resource_apps=[draw(resource_apps())],
        connections=[connection] if draw(st.sampled_from([True] * 19 + [False])) else [],
        guardrails=numbered(draw(st.lists(GUARDRAILS, max_size=2))),
        sign_ins=SIGN_INS,
    )


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """About p1 or p2, from wiki to chat."""
    orders = [order for some in _subsets(SCOPES, least=1) for order in permutations(sorted(some))]
    uris = [order for some in _subsets(RESOURCES) for order in permutations(sorted(some))]
    return Question(
        "wiki",
        "chat",
        Person(
            draw(st.sampled_from(PEOPLE)),
            groups=draw(st.sampled_from(_subsets(GROUPS))),
            active=draw(st.sampled_from([True] * 9 + [False])),
        ),
        NOW,
        sign_in=draw(SIGN_INS_SEEN),
        scopes=draw(st.sampled_from([None, None, None, None, *orders])),
        resources=draw(st.sampled_from([(), (), (), (), *uris])),
        holds=tuple(draw(st.lists(HOLDS, max_size=1))) if draw(st.integers(0, 3)) == 0 else (),
        address=draw(st.sampled_from([None, _IN, _OUT])),
        key_bound=draw(st.booleans()),
    )
