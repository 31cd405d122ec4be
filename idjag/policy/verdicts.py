"""The answer in one sentence: what is allowed, or the one thing that stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from idjag.policy.decide import held
from idjag.policy.index import Policy
from idjag.policy.question import Decision, Question, StepUp
from idjag.policy.words import Names, all_of, levels, moment, span
from idjag.protocol.errors import Reason
from idjag.protocol.resources import comparable

__all__ = ["verdict"]


def verdict(policy: Policy, question: Question, decision: Decision, names: Names) -> str:
    """``Allowed: ...`` or ``Denied: ...``."""
    case = _Case(policy, question, decision, names)
    if decision.reason is None:
        return f"Allowed: {case.allowed()}"
    return f"Denied: {_DENIALS[decision.reason](case)}"


@dataclass(frozen=True, slots=True)
class _Case:
    policy: Policy
    question: Question
    decision: Decision
    names: Names

    @property
    def person(self) -> str:
        return self.names.of(self.question.person)

    @property
    def app(self) -> str:
        found = self.policy.apps.get(self.question.app)
        return found.name if found else self.question.app

    @property
    def target(self) -> str:
        found = self.policy.resource_apps.get(self.question.resource_app)
        return found.name if found else self.question.resource_app

    @property
    def connection(self) -> str:
        found = self.decision.connection
        return f"the connection {found.key}" if found else "the connection"

    def allowed(self) -> str:
        """Who gets what, where, and for how long."""
        scopes = " ".join(self.decision.scopes) or "no scope"
        where = all_of(self.decision.resources) if self.decision.resources else f"all of {self.target}"
        life = span(self.decision.lifetime)
        return f"{self.app} gets {scopes} at {where} for {self.person}, in an ID-JAG that lives {life}"

    def held(self) -> str:
        """How many holds; the lines say which."""
        stopping = [one for one in self.question.holds if held(one, self.question, self.decision.connection)]
        return "a hold stops this" if len(stopping) == 1 else f"{len(stopping)} holds stop this"

    def not_active(self) -> str:
        """Draft or paused."""
        status = self.decision.connection.status if self.decision.connection else "not there"
        return f"{self.connection} is {status}"

    def expired(self) -> str:
        """When it did."""
        expires = self.decision.connection.expires if self.decision.connection else None
        return f"{self.connection} expired at {moment(expires or 0)}"

    def foreign(self) -> str:
        """Which resources are not the audience's."""
        strange = [step.key for step in self.decision.trace if step.kind == "resource"]
        return f"{self.target} does not declare {all_of(strange)}"

    def sign_in_app(self) -> str:
        """Chat's own relying party."""
        found = self.policy.resource_apps.get(self.question.resource_app)
        app = self.policy.apps.get(found.sso_app or "") if found else None
        return f"{self.person} is not assigned to {app.name if app else 'the sign-in app'} of {self.target}"

    def resource_required(self) -> str:
        """Demanded by the resource app, or because the scopes do not share one."""
        found = self.policy.resource_apps.get(self.question.resource_app)
        if found and found.resource_required and not self.question.resources:
            return f"{self.target} wants the resource to be named"
        return "no resource allows all of these scopes: name one"

    def scopes(self) -> str:
        """None of these, here."""
        asked = all_of(self.question.scopes) if self.question.scopes else "the default scopes"
        here = len(set(map(comparable, self.question.resources)))
        wanted = self.question.scopes
        if here > 1 and (wanted is None or any(scope in wanted for scope, _ in self.decision.pairs)):
            return f"none of {asked} is allowed on every one of the resources that can be granted"
        return f"no rule that applies to {self.person} allows {asked}" + (" there" if here else "")

    def resources(self) -> str:
        """None of these, at all."""
        asked = (
            all_of(self.question.resources) if self.question.resources else f"any resource of {self.target}"
        )
        return f"no rule that applies to {self.person} allows anything at {asked}"

    def step_up(self) -> str:
        """What the next sign-in must bring."""
        wanted = self.decision.step_up or StepUp((), None)
        level = f" {levels(wanted.acr_values)}" if wanted.acr_values else ""
        fresh = f"; it counts for {span(wanted.max_age)}" if wanted.max_age else ""
        return f"{self.person} must sign in again{level}{fresh}"


_DENIALS: Mapping[Reason, Callable[[_Case], str]] = {
    Reason.HELD: _Case.held,
    Reason.SUBJECT_UNKNOWN: lambda _: "this person is not known here",
    Reason.PERSON_DISABLED: lambda case: f"{case.person} is disabled",
    Reason.SESSION_ENDED: lambda case: f"the session of {case.person} has ended",
    Reason.APP_DISABLED: lambda case: f"the requesting app {case.app} is disabled",
    Reason.RESOURCE_APP_DISABLED: lambda case: f"the resource app {case.target} is disabled",
    Reason.NOT_ASSIGNED: lambda case: f"{case.person} is not assigned to {case.app}",
    Reason.NOT_ASSIGNED_SSO: _Case.sign_in_app,
    Reason.NO_CONNECTION: lambda case: f"there is no connection from {case.app} to {case.target}",
    Reason.CONNECTION_NOT_ACTIVE: _Case.not_active,
    Reason.CONNECTION_EXPIRED: _Case.expired,
    Reason.PROFILE_MISMATCH: lambda case: f"{case.connection} does not speak about this kind of grant",
    Reason.NO_CLIENT_ID_MAPPING: lambda case: (
        f"{case.connection} has no client ID of {case.app} at {case.target}"
    ),
    Reason.RESOURCE_REQUIRED: _Case.resource_required,
    Reason.RESOURCE_NOT_GOVERNED: _Case.foreign,
    Reason.RESOURCE_NOT_ALLOWED: _Case.resources,
    Reason.GUARDRAIL: lambda case: f"a guardrail denies it to {case.person}",
    Reason.NO_RULE: lambda case: f"no rule of {case.connection} allows {case.person} anything",
    Reason.CONDITION_UNMET: lambda case: f"the conditions of the rules for {case.person} are not met",
    Reason.SCOPE_NOT_ALLOWED: _Case.scopes,
    Reason.STEP_UP: _Case.step_up,
}
