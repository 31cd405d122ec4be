"""Step 7 of the wizard: what a connection would mean if it were active, before anybody has saved it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.answers import Answer, answered
from idjag.idp.api.problem import Problem
from idjag.idp.console.connections_effect import Effect, effect
from idjag.idp.console.connections_tried import NOTHING_NEW, New, connection_of, with_connection, with_new
from idjag.idp.console.connections_use import DAYS, usage
from idjag.idp.console.fields import NOTHING_WRONG, Wrong
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.words import level_said
from idjag.idp.discover.asking import Asker, TooOften, discovered
from idjag.idp.discover.plan import Plan, Undiscovered
from idjag.idp.naming import names_of
from idjag.idp.questions import Ask, UnknownName, build
from idjag.idp.snapshot import Snapshot
from idjag.policy.explain import guardrail_sentence, rule_notes, rule_sentence
from idjag.policy.index import Policy
from idjag.policy.lint import Lint, lint
from idjag.policy.model import Connection
from idjag.policy.words import Names

__all__ = ["Trial", "trial"]

_LATER: Final = frozenset({Lint.NO_OWNER, Lint.MISSING_MAPPING})
"""What the last step asks for, and what is said here in the words of the console."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What step 7 shows; ``metadata`` None was not asked for."""

    sentences: tuple[str, ...]
    guardrails: tuple[str, ...]
    remarks: tuple[str, ...]
    effect: Effect
    denied: int
    levels: tuple[tuple[str, str], ...]
    answer: Answer | None = None
    wrong: Wrong = NOTHING_WRONG
    metadata: Plan | None = None
    not_found: str = ""


def trial(desk: Desk, visit: Visit, entry: Mapping[str, Any], new: New = NOTHING_NEW) -> Trial:
    """Everything that can be known beforehand; raises Problem when the entry is not right."""
    connection = connection_of(desk, entry, new)
    tried = with_connection(with_new(desk, new), connection)
    policy = tried.policy
    app, target = policy.apps[connection.app], policy.resource_apps[connection.resource_app]
    guardrails = [
        one
        for one in policy.guardrails
        if (one.apps is None or app.id in one.apps)
        and (one.resource_apps is None or target.id in one.resource_apps)
    ]
    names = names_of(
        desk.office, [*(rule.who for rule in connection.rules), *(one.who for one in guardrails)]
    )
    answer, wrong = _answer(desk, visit, connection, tried, names)
    metadata, not_found = _metadata(desk, visit, target.issuer)
    since = desk.now - DAYS * 86_400
    uses = desk.office.lookups.uses((app.id, target.id), since=since, until=desk.now + 1)
    return Trial(
        sentences=tuple(_sentences(connection, app.name, names)),
        guardrails=tuple(guardrail_sentence(one, policy=policy, names=names) for one in guardrails),
        remarks=tuple(_remarks(connection, tried, now=desk.now)),
        effect=effect(
            desk, "", {**entry, "status": "active", "client_id": entry.get("client_id") or "new"}, new
        ),
        denied=usage(uses, now=desk.now).denied,
        levels=(("", "The weakest"), *((one, level_said(one)) for one in policy.sign_ins)),
        answer=answer,
        wrong=wrong,
        metadata=metadata,
        not_found=not_found,
    )


def _sentences(connection: Connection, app: str, names: Names) -> Iterable[str]:
    for rule in connection.rules:
        yield rule_sentence(rule, app=app, names=names)
        yield from rule_notes(rule)


def _remarks(connection: Connection, tried: Snapshot, *, now: int) -> Iterable[str]:
    """What would keep it from working, or is worth a second look."""
    policy = tried.policy
    app, target = policy.apps[connection.app], policy.resource_apps[connection.resource_app]
    client = tried.clients[app.client_id]
    if connection.client_id is None and not app.by_document:
        yield "It has no client ID at the resource app yet: nothing is issued without one."
    if "token_exchange" not in client.grants:
        yield f"{app.name} may not exchange tokens: give it the grant token_exchange."
    alone = Policy(
        apps=policy.apps.values(),
        resource_apps=[target],
        connections=policy.connections.values(),
        guardrails=policy.guardrails,
        sign_ins=policy.sign_ins,
    )
    for finding in lint(alone, now=now):
        if finding.noun in ("connection", "rule") and finding.lint not in _LATER:
            said = f"it {finding.message}" if finding.lint is Lint.NO_EXPIRY else finding.message
            yield f"{said[:1].upper()}{said[1:]}."


def _answer(
    desk: Desk, visit: Visit, connection: Connection, tried: Snapshot, names: Names
) -> tuple[Answer | None, Wrong]:
    """The decision for one person, by the token endpoint's own evaluator, on the policy as it would be."""
    asked, policy = visit.asked, tried.policy
    user = asked.one("user")
    if not user or asked.one("go") != "ask":
        return None, NOTHING_WRONG
    # a name of its own: the step before has boxes that are called acr
    level = asked.one("ask_acr")
    acr = level if level in policy.sign_ins else next(iter(policy.sign_ins), None)
    app, target = policy.apps[connection.app], policy.resource_apps[connection.resource_app]
    ask = Ask(
        user,
        app.key,
        target.key,
        scopes=tuple(asked.one("ask_scopes").split()) or None,
        resources=tuple(asked.one("ask_resources").split()),
        acr=acr,
        amr=policy.sign_ins.get(acr or ""),
    )
    try:
        built = build(desk.office, ask, tried=tried)
    except UnknownName:
        return None, Wrong("This cannot be asked.", {"user": f"There is no person called {user}."})
    known = Names({**built.names.groups, **names.groups}, {**built.names.people, **names.people})
    return answered(replace(built, names=known)), NOTHING_WRONG


def _metadata(desk: Desk, visit: Visit, issuer: str) -> tuple[Plan | None, str]:
    """What the resource authorization server says of itself, when somebody who may asks for it."""
    if visit.asked.one("go") != "look":
        return None, ""
    if not visit.may_now(Permission.APPS):
        raise Problem(403, "Asking others takes the role app admin.")
    asker = Asker(desk.office, desk.services.fetcher, visit.actor, visit.source)
    try:
        return discovered(asker, issuer), ""
    except Undiscovered as refused:
        return None, refused.detail
    except TooOften as often:
        return None, f"You have asked often: try again in {often.wait} seconds."
