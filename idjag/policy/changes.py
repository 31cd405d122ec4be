"""Single changes that an administrator or an app could make, as values that can be tried on a policy.

None of them weakens a guardrail or a condition or releases a hold; there are no such changes in here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from idjag.policy.index import Policy
from idjag.policy.model import (
    ANY,
    App,
    AppStatus,
    Connection,
    ConnectionStatus,
    Narrowing,
    Network,
    Pair,
    Person,
    ResourceApp,
    Rule,
    Who,
)
from idjag.policy.question import Question, SignIn
from idjag.policy.words import all_of, levels, moment

__all__ = [
    "Change",
    "activate_app",
    "activate_connection",
    "activate_person",
    "activate_resource_app",
    "add_rule",
    "ask_at",
    "ask_for",
    "assign",
    "call_from",
    "connect",
    "enter_client_id",
    "extend",
    "first_rule",
    "join",
    "name_in_rule",
    "sign_in",
    "sign_in_from",
    "wait",
    "widen",
]

Edit: TypeAlias = Callable[[Policy, Question], tuple[Policy, Question]]

_CLIENT_ID = "the client ID at the resource app"  # any text will do: decide() only asks whether there is one
_EXTENSION = 90 * 86400


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to change.  ``of`` says where: in the request, at sign-in, about the person, in the policy.

    ``text`` is a sentence that begins with a verb; ``edit`` tries it.
    """

    of: Literal["request", "sign-in", "person", "policy"]
    text: str
    edit: Edit = field(repr=False, compare=False)


def _asking(text: str, edit: Callable[[Question], Question]) -> Change:
    return Change("request", text, lambda policy, question: (policy, edit(question)))


def ask_at(resources: tuple[str, ...], text: str) -> Change:
    """Ask for other resources, or for none."""
    return _asking(text, lambda question: replace(question, resources=resources))


def ask_for(scope: str) -> Change:
    """Ask for one scope that is allowed."""
    return _asking(f"ask for the scope {scope}", lambda question: replace(question, scopes=(scope,)))


def call_from(network: Network) -> Change:
    """Exchange from another network."""
    return _asking(f"call from {network}", lambda question: replace(question, address=network[0]))


def wait(until: int) -> Change:
    """Ask when the window is open, with a sign-in as fresh as this one."""

    def later(question: Question) -> Question:
        then = question.sign_in.auth_time
        moved = None if then is None else then + until - question.now
        return replace(question, now=until, sign_in=replace(question.sign_in, auth_time=moved))

    return _asking(f"ask again at {moment(until)}, as soon after signing in as now", later)


def sign_in(after: SignIn, *, again: bool) -> Change:
    """Sign in again as before (``again``), or at another level."""
    level = "" if again or after.acr is None else f" {levels([after.acr])}"
    return Change(
        "sign-in",
        f"sign in again{level}",
        lambda policy, question: (policy, question.signed_in(replace(after, auth_time=question.now))),
    )


def sign_in_from(network: Network) -> Change:
    """Sign in from another network."""
    return Change(
        "sign-in",
        f"sign in from {network}",
        lambda policy, question: (policy, question.signed_in(replace(question.sign_in, address=network[0]))),
    )


def _about(text: str, edit: Callable[[Person], Person]) -> Change:
    def edited(policy: Policy, question: Question) -> tuple[Policy, Question]:
        return policy, replace(question, person=edit(question.person) if question.person else None)

    return Change("person", text, edited)


def activate_person(name: str) -> Change:
    """Undo the disabling of a person."""
    return _about(f"activate {name}", lambda person: replace(person, active=True))


def join(group: str, *, group_name: str, name: str) -> Change:
    """Put the person into a group."""
    text = f"add {name} to the group {group_name}"
    return _about(text, lambda person: replace(person, groups=person.groups | {group}))


def _policy_change(text: str, edit: Callable[[Policy], Policy]) -> Change:
    return Change("policy", text, lambda policy, question: (edit(policy), question))


def _with(
    policy: Policy,
    *,
    app: App | None = None,
    resource_app: ResourceApp | None = None,
    connection: Connection | None = None,
) -> Policy:
    """The policy with one thing put in the place of what had the same id."""
    resource_apps = {**policy.resource_apps, **({resource_app.id: resource_app} if resource_app else {})}
    connections = {**policy.connections, **({connection.id: connection} if connection else {})}
    return Policy(
        apps={**policy.apps, **({app.id: app} if app else {})}.values(),
        resource_apps=resource_apps.values(),
        connections=connections.values(),
        guardrails=policy.guardrails,
        issuers=policy.issuers,
        sign_ins=policy.sign_ins,
        seq=policy.seq,
    )


def _of_app(text: str, app: App, edit: Callable[[App], App]) -> Change:
    return _policy_change(text, lambda policy: _with(policy, app=edit(policy.apps[app.id])))


def activate_app(app: App) -> Change:
    """Undo the disabling of an app."""
    return _of_app(f"activate the app {app.name}", app, lambda now: replace(now, status=AppStatus.ACTIVE))


def activate_resource_app(resource_app: ResourceApp) -> Change:
    """Undo the disabling of a resource app."""
    return _policy_change(
        f"activate the resource app {resource_app.name}",
        lambda policy: _with(
            policy,
            resource_app=replace(policy.resource_apps[resource_app.id], status=AppStatus.ACTIVE),
        ),
    )


def _who_with(who: Who, person: str) -> Who:
    return replace(who, people=who.people | {person})


def assign(app: App, person: Person, *, name: str) -> Change:
    """Assign the person to an app."""
    return _of_app(
        f"assign {name} to {app.name}",
        app,
        lambda now: replace(now, assigned=_who_with(now.assigned, person.id)),
    )


def _of_connection(text: str, connection: Connection, edit: Callable[[Connection], Connection]) -> Change:
    return _policy_change(
        text, lambda policy: _with(policy, connection=edit(policy.connections[connection.id]))
    )


def activate_connection(connection: Connection) -> Change:
    """Make a draft or a paused connection active."""
    return _of_connection(
        f"activate the connection {connection.key}, which is {connection.status}",
        connection,
        lambda now: replace(now, status=ConnectionStatus.ACTIVE),
    )


def extend(connection: Connection, now: int) -> Change:
    """Move the expiry of a connection into the future."""
    return _of_connection(
        f"extend the connection {connection.key}, which expired at {moment(connection.expires or 0)}",
        connection,
        lambda found: replace(found, expires=now + _EXTENSION),
    )


def enter_client_id(connection: Connection, app: str, target: str) -> Change:
    """Say what the requesting app is called at the resource app."""
    return _of_connection(
        f"enter the client ID that {app} has at {target} in the connection {connection.key}",
        connection,
        lambda now: replace(now, client_id=_CLIENT_ID),
    )


def connect(app: App, resource_app: ResourceApp, rule: Rule) -> Change:
    """Make the connection, with one rule that allows just this."""
    connection = Connection(
        "new", f"{app.key}-{resource_app.key}", app.id, resource_app.id, _CLIENT_ID, (rule,)
    )
    return _policy_change(
        f"create a connection from {app.name} to {resource_app.name}, with the client ID that {app.name} has"
        f" there, and a rule by which it may {_allows(rule)}",
        lambda policy: _with(policy, connection=connection),
    )


def add_rule(connection: Connection, rule: Rule) -> Change:
    """Give a connection without rules its first one."""
    return _of_connection(
        f"add a rule to {connection.key} by which it may {_allows(rule)}",
        connection,
        lambda now: replace(now, rules=(*now.rules, rule)),
    )


def first_rule(person: Person, *, name: str, scopes: Narrowing, resources: Narrowing) -> Rule:
    """A rule for one person that allows just this."""
    return Rule(f"new-{name}", name, Who(people=frozenset({person.id})), scopes, resources)


def _allows(rule: Rule) -> str:
    what = all_of(rule.scopes.values) if rule.scopes != ANY else "every scope"
    where = f" at {all_of(rule.resources.values)}" if rule.resources != ANY else ""
    return f"use {what}{where} for {rule.key}"


def _of_rule(text: str, connection: Connection, rule: Rule, edit: Callable[[Rule], Rule]) -> Change:
    def edited(now: Connection) -> Connection:
        return replace(now, rules=tuple(edit(one) if one.id == rule.id else one for one in now.rules))

    return _of_connection(text, connection, edited)


def name_in_rule(connection: Connection, rule: Rule, person: Person, *, name: str) -> Change:
    """Name the person in a rule."""
    text = f"name {name} in the rule {rule.key} of {connection.key}"
    return _of_rule(text, connection, rule, lambda now: replace(now, who=_who_with(now.who, person.id)))


def widen(connection: Connection, rule: Rule, pair: Pair, *, spelling: str) -> Change:
    """Let a rule allow one more pair: by its scope, its resource or both, whatever it lacks."""
    scope, resource = pair
    added = [scope] if not rule.scopes.admits(scope) else []
    added += [spelling] if not rule.resources.admits(resource) else []

    def widened(now: Rule) -> Rule:
        return replace(now, scopes=_plus(now.scopes, scope), resources=_plus(now.resources, resource))

    text = f"let the rule {rule.key} of {connection.key} allow {' at '.join(added)}"
    return _of_rule(text, connection, rule, widened)


def _plus(narrowing: Narrowing, value: str) -> Narrowing:
    match narrowing.kind:
        case "any":
            return narrowing
        case "only":
            return replace(narrowing, values=narrowing.values | {value})
        case _:
            return replace(narrowing, values=narrowing.values - {value})
