"""decide() for one question: ten rules in the connection, among 10 and among 10,000 connections."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Measurement, per_call
from idjag.policy.decide import decide
from idjag.policy.index import Policy
from idjag.policy.model import (
    App,
    Conditions,
    Connection,
    Guardrail,
    Narrowing,
    Person,
    Resource,
    ResourceApp,
    Rule,
    Who,
)
from idjag.policy.question import Decision, Question, SignIn

__all__ = ["measurements"]

_NOW = 1_800_000_000
_RULES = 10
_SIZES = (10, 10_000)
_MFA = frozenset({"pwd", "otp", "mfa"})


def measurements() -> Iterator[Measurement]:
    """Allowed, and denied with a step-up to look for, in tenants of both sizes; the floor does nothing."""
    asked = _question(SignIn("mfa", _MFA, _NOW - 60))
    weak = _question(SignIn("pwd", frozenset({"pwd"}), _NOW - 60))
    for size in _SIZES:
        policy = _policy(size)
        assert decide(policy, asked).allowed
        assert decide(policy, weak).step_up
        yield _one(f"decide.allowed.c{size}", policy, asked)
        yield _one(f"decide.step_up.c{size}", policy, weak)


def _one(name: str, policy: Policy, question: Question) -> Measurement:
    return per_call(name, lambda: decide(policy, question), lambda: _nothing(policy, question))


def _nothing(_policy: Policy, _question: Question) -> Decision | None:
    return None


def _question(sign_in: SignIn) -> Question:
    alice = Person("alice", frozenset({"engineering", "everybody"}))
    return Question("app-3", "chat", alice, _NOW, sign_in=sign_in, scopes=("chat.read",))


def _policy(connections: int) -> Policy:
    everyone = Who(everyone=True)
    api = Resource("https://api.chat.example/", frozenset({"chat.read", "chat.history", "chat.write"}))
    contractors = Who(groups=frozenset({"contractors"}))
    return Policy(
        apps=[App(f"app-{n}", f"app-{n}", "App", f"app-{n}", everyone) for n in range(connections)],
        resource_apps=[ResourceApp("chat", "chat", "Chat", "https://acme.chat.example/", resources=(api,))],
        connections=[
            Connection(f"c{n}", f"c{n}", f"app-{n}", "chat", "client", _rules()) for n in range(connections)
        ],
        guardrails=[Guardrail("g", "g", contractors, resource_apps=frozenset({"finance"}))],
        sign_ins={"pwd": frozenset({"pwd"}), "mfa": _MFA},
    )


def _rules() -> tuple[Rule, ...]:
    """Half of them for this person, every one with conditions."""
    conditions = Conditions(amr=frozenset({"mfa"}), max_auth_age=8 * 3600)
    scopes = Narrowing("only", frozenset({"chat.read", "chat.history"}))
    groups = [frozenset({"engineering"}), frozenset({"sales"})]
    return tuple(
        Rule(f"r{n}", f"r{n}", Who(groups=groups[n % 2]), scopes, conditions=conditions)
        for n in range(_RULES)
    )
