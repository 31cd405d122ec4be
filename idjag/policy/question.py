"""What is asked of the policy, and what it answers: frozen values shared by everyone who asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from idjag.policy.model import Address, Connection, Guardrail, Hold, Pair, Person, Rule
from idjag.protocol.errors import Reason

__all__ = ["Decision", "Question", "SignIn", "Step", "StepKind", "StepUp"]


@dataclass(frozen=True, slots=True)
class SignIn:
    """The sign-in behind the request; None is a fact that is missing, and a missing fact fails a condition.

    ``alive``: the session has neither ended nor expired.  ``address``: where the person signed in from.
    """

    acr: str | None = None
    amr: frozenset[str] | None = None
    auth_time: int | None = None
    alive: bool = True
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Whether this app may, for this person, get these scopes at these resources of that resource app, now.

    ``app`` and ``resource_app`` are ids.  ``person`` None: one we do not know.  ``scopes`` None: none asked.
    ``resources`` as sent.  ``address``: of the exchange.  ``key_bound``: a proof of possession was verified.
    ``holds``: every hold on the person, app, resource app or connection, whether it applies or not.
    ``profile``, ``subject_kind`` and ``actor_chain`` keep later grants from arriving by a side door.
    """

    app: str
    resource_app: str
    person: Person | None
    now: int
    sign_in: SignIn = SignIn()
    scopes: tuple[str, ...] | None = None
    resources: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    address: Address | None = None
    key_bound: bool = False
    profile: str = "id-jag"
    subject_kind: str = "person"
    actor_chain: tuple[str, ...] = ()

    def inputs(self) -> dict[str, object]:
        """The canonical question for the audit log, so that history can be asked again under other rules."""
        person, sign_in = self.person, self.sign_in
        return {
            "app": self.app,
            "resource_app": self.resource_app,
            "person": person.id if person else None,
            "person_active": person.active if person else None,
            "groups": sorted(person.groups) if person else [],
            "scopes": None if self.scopes is None else list(self.scopes),
            "resources": list(self.resources),
            "holds": sorted(hold.id for hold in self.holds),
            "acr": sign_in.acr,
            "amr": None if sign_in.amr is None else sorted(sign_in.amr),
            "auth_time": sign_in.auth_time,
            "session_alive": sign_in.alive,
            "signin_address": str(sign_in.address) if sign_in.address else None,
            "address": str(self.address) if self.address else None,
            "key_bound": self.key_bound,
            "profile": self.profile,
            "subject_kind": self.subject_kind,
            "actor_chain": list(self.actor_chain),
            "now": self.now,
        }

    def signed_in(self, sign_in: SignIn) -> Question:
        """The same question after another sign-in."""
        return replace(self, sign_in=sign_in)


StepKind: TypeAlias = Literal[
    "hold", "person", "app", "resource app", "connection", "resource", "guardrail", "rule", "request"
]


class Step(NamedTuple):
    """One line of the trace: what was looked at, and ``matched`` or the first reason why not.

    ``outcome`` is "matched", "passed", or what stood in the way (who, acr, amr, ..., or a Reason).
    """

    kind: StepKind
    id: str
    key: str
    outcome: str


class StepUp(NamedTuple):
    """The sign-in with which the same question would be allowed; either part may be absent."""

    acr_values: tuple[str, ...]
    max_age: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer.  ``reason`` is None exactly when it is allowed.

    ``scopes`` in the order asked; ``resources`` in registered spelling, empty when the claim is left out.
    ``pairs`` is everything that the rules allow this person now, before the request narrows it.
    ``lifetime`` in seconds.
    """

    reason: Reason | None
    trace: tuple[Step, ...]
    connection: Connection | None = None
    scopes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    pairs: frozenset[Pair] = frozenset()
    lifetime: int = 0
    rules: tuple[Rule, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    step_up: StepUp | None = None

    @property
    def allowed(self) -> bool:
        """Whether an ID-JAG may be issued."""
        return self.reason is None
