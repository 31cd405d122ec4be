"""The file's ``tests:``, asked of the result of a plan before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from idjag.idp.catalog.app import app_model
from idjag.idp.catalog.connection import connection_model
from idjag.idp.catalog.guardrail import guardrail_model
from idjag.idp.catalog.references import Path
from idjag.idp.catalog.resource_app import resource_app_model
from idjag.idp.factors import acr
from idjag.idp.questions import Ask
from idjag.idp.state.file import AskEntry, TestEntry
from idjag.idp.state.plan import Plan
from idjag.ledger.entry import Row
from idjag.policy.decide import decide
from idjag.policy.index import Policy
from idjag.policy.model import Person
from idjag.policy.question import Decision

__all__ = ["Failure", "ask_of", "person_of", "policy_of", "run_tests"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A promise that the result does not keep; ``path`` is the place in the file."""

    name: str
    path: Path
    message: str


def policy_of(plan: Plan) -> Policy:
    """The policy as it will be."""
    result = plan.result
    return Policy(
        apps=map(app_model, result.apps.values()),
        resource_apps=map(resource_app_model, result.resource_apps.values()),
        connections=map(connection_model, result.connections.values()),
        guardrails=map(guardrail_model, result.guardrails.values()),
        issuers=result.issuers,
        sign_ins=acr.sign_ins(result.issuers[0]) if result.issuers else acr.SIGN_INS,
        seq=plan.policy_seq,
    )


def person_of(plan: Plan, row: Row) -> Person:
    """The facts of a person as they will be."""
    person = str(row["id"])
    groups = plan.groups.get(person, frozenset())
    return Person(person, groups, active=row["status"] == "active", username=str(row["username"]))


def run_tests(plan: Plan, tests: Iterable[TestEntry], *, now: int) -> tuple[Failure, ...]:
    """Every test whose answer is another one.

    Holds are left out: they are incidents, and a file must be applicable during one.
    """
    tests = list(tests)
    if not tests:
        return ()
    policy = policy_of(plan)
    return tuple(
        Failure(test.name, ("tests", number, *path), message)
        for number, test in enumerate(tests)
        for path, message in _run(plan, policy, test, now=now)
    )


def _run(plan: Plan, policy: Policy, test: TestEntry, *, now: int) -> Iterator[tuple[Path, str]]:
    ask, result = test.ask, plan.result
    named = (
        ("user", "user", ask.user, result.people),
        ("from", "app", ask.requesting_app, result.apps),
        ("to", "resource app", ask.resource_app, result.resource_apps),
    )
    missing = [
        (("ask", name), f"unknown {kind}: {key}") for name, kind, key, rows in named if key not in rows
    ]
    if missing:
        yield from missing
        return
    question = ask_of(ask).question(
        str(result.apps[ask.requesting_app]["id"]),
        str(result.resource_apps[ask.resource_app]["id"]),
        person_of(plan, result.people[ask.user]),
        now=now,
    )
    yield from _differences(test, decide(policy, question))


def ask_of(entry: AskEntry) -> Ask:
    """The entry as a question about what is there now."""
    return Ask(
        user=entry.user,
        app=entry.requesting_app,
        resource_app=entry.resource_app,
        scopes=None if entry.scopes is None else tuple(entry.scopes),
        resources=tuple(entry.resources or ()),
        acr=entry.acr,
        amr=None if entry.amr is None else frozenset(entry.amr),
        auth_age=entry.auth_age or 0,
        address=ip_address(entry.address) if entry.address else None,
        signin_address=ip_address(entry.signin_address) if entry.signin_address else None,
        key_bound=entry.key_bound,
        at=entry.at,
    )


def _differences(test: TestEntry, decision: Decision) -> Iterator[tuple[Path, str]]:
    expect = test.expect
    got = "allow" if decision.allowed else "step_up" if decision.step_up else "deny"
    why = f" ({decision.reason})" if decision.reason else ""
    if got != expect.decision and (got, expect.decision) != ("step_up", "deny"):
        yield ("expect", "decision"), f"expected {expect.decision}, got {got}{why}"
        return
    if expect.reason is not None and expect.reason != decision.reason:
        yield ("expect", "reason"), f"expected {expect.reason}, got {decision.reason or 'none'}"
    if expect.scopes is not None and set(expect.scopes) != set(decision.scopes):
        yield ("expect", "scopes"), _lists(expect.scopes, decision.scopes)
    if expect.resources is not None and set(expect.resources) != set(decision.resources):
        yield ("expect", "resources"), _lists(expect.resources, decision.resources)
    if expect.lifetime is not None and expect.lifetime != decision.lifetime:
        yield ("expect", "lifetime"), f"expected {expect.lifetime}s, got {decision.lifetime}s"


def _lists(expected: Iterable[str], got: Iterable[str]) -> str:
    return f"expected {' '.join(sorted(expected)) or 'none'}, got {' '.join(sorted(got)) or 'none'}"
