"""Placing and releasing holds, the kill switch: each is one audited entry, effective for the next request.

Not in the state file and untouched by apply, so that a file never resumes what an administrator stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, TypeVar

from idjag.idp import facts, questions
from idjag.idp.administration.appointments import Denied, LastOwner, here
from idjag.idp.administration.roles import Permission
from idjag.idp.administration.standing import Standing, Untouchable
from idjag.idp.audit import Source
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Delete, Entry, Event, Facts, Insert, Key, Row, Verdict
from idjag.policy.model import Hold, HoldKind

__all__ = ["KINDS", "Kind", "Target", "find", "place", "release"]

R = TypeVar("R")

Kind: TypeAlias = Literal["user", "app", "connection", "resource-app"]
KINDS: tuple[Kind, ...] = ("user", "app", "connection", "resource-app")

_EVERYTHING: Final = frozenset(Permission)


@dataclass(frozen=True, slots=True)
class Target:
    """What is held: ``id`` is its surrogate id, ``key`` its name; ``app_id`` for one person in one app.

    ``about`` are the audit fields that say the same.
    """

    kind: HoldKind
    id: str
    key: str
    app_id: str = ""
    app_key: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


def find(store: Store, kind: Kind, key: str, *, app: str | None = None) -> Target:
    """What a name means; ``app`` with kind user is one person in one app.  Raises UnknownName."""
    policy = store.ledger.fresh(store.tenant).policy
    match kind:
        case "user":
            person = questions.find_person(store, key)
            if app is None:
                return Target(HoldKind.USER, person, key, about={"subject": person})
            within = questions.find_app(policy, app)
            about = {"subject": person, "requesting_app": within.id}
            return Target(HoldKind.USER_IN_APP, person, key, within.id, within.key, about)
        case "app":
            found = questions.find_app(policy, key)
            return Target(HoldKind.APP, found.id, key, about={"requesting_app": found.id})
        case "resource-app":
            target = questions.find_resource_app(policy, key)
            return Target(HoldKind.RESOURCE_APP, target.id, key, about={"resource_app": target.id})
        case _:
            for connection in policy.connections.values():
                if connection.key == key:
                    about = {"requesting_app": connection.app, "resource_app": connection.resource_app}
                    return Target(HoldKind.CONNECTION, connection.id, key, about=about)
            keys = (each.key for each in policy.connections.values())
            raise questions.UnknownName(questions.unknown("connection", key, of=keys))


def place(
    store: Store,
    target: Target,
    *,
    actor: Mapping[str, str],
    reason: str,
    until: int | None = None,
    may: frozenset[Permission] = _EVERYTHING,
    source: Source | None = None,
) -> Hold:
    """Stop the target from the next request on; ``actor`` and ``reason`` are recorded.

    Holds on one target stand beside each other: a second one neither shortens nor replaces the first.
    ``may``: what whoever asks may do; ``source``: their request, if it came by one.
    Raises Denied for an administrator whom they may not touch, LastOwner unless the host's operator asks,
    Unavailable.
    """
    change = _Change(store, target, actor, source or here(store))
    now, standing, operator = change.source.now, change.standing, actor["kind"] == "operator"
    by = f"{actor['kind']} {actor['id']}"
    hold = Hold(store.new_id(), target.kind, target.id, reason, target.app_id, by=by, since=now, until=until)
    event = change.event("hold.placed", after=_said(hold, target))

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[Hold | Untouchable]:
        refused: Untouchable | None = None
        if standing is not None:
            refused = standing.touched(found, may) or (None if operator else standing.gone(found, now=now))
        if refused is not None:
            return Verdict(refused, ())
        owner = standing is not None and standing.is_owner(found)
        return Verdict(hold, (event,), (Insert("hold", _row(hold, store.tenant)),), policy_changed=owner)

    return change.committed(decide, reads=standing.keys if standing else ())


def release(
    store: Store,
    target: Target,
    *,
    actor: Mapping[str, str],
    reason: str,
    only_by: str | None = None,
    may: frozenset[Permission] = _EVERYTHING,
    source: Source | None = None,
) -> tuple[Hold, ...]:
    """Take away every hold on exactly this target; empty when there was none.

    ``only_by``: those of one person alone, since nobody lifts what an administrator has stopped.
    ``may``: as for ``place``.  Raises Denied, Unavailable.
    """
    change = _Change(store, target, actor, source or here(store))
    (key,), standing = facts.hold_keys(target.id), change.standing

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[tuple[Hold, ...] | Untouchable]:
        if standing is not None and (denied := standing.touched(found, may)):
            return Verdict(denied, ())
        holds = tuple(
            hold
            for hold in facts.holds(found, target.id)
            if (hold.kind, hold.app) == (target.kind, target.app_id) and only_by in (None, hold.by)
        )
        events = [
            change.event(
                "hold.released", before=_said(hold, target), after={"row": hold.id, "reason": reason}
            )
            for hold in holds
        ]
        return Verdict(holds, events, [Delete("hold", {"id": hold.id}) for hold in holds])

    return change.committed(decide, reads=(key, *(standing.keys if standing else ())))


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of the holds on a target: whose, and by which request."""

    store: Store
    target: Target
    actor: Mapping[str, str]
    source: Source

    @property
    def standing(self) -> Standing | None:
        """For a person as such: who is held in one app alone stays an administrator who can come in."""
        return Standing.of(self.store, self.target.id) if self.target.kind is HoldKind.USER else None

    def event(self, name: str, **change: Mapping[str, object]) -> Event:
        """The words of people go into before and after, which can be erased, and not into ``reason``."""
        return Event(name, {**self.target.about, **self.source.fields(), "actor": dict(self.actor), **change})

    def committed(
        self, decide: Callable[[Snapshot, Facts], Verdict[R | Untouchable]], *, reads: tuple[Key, ...]
    ) -> R:
        """What was decided and recorded; raises Denied, LastOwner, Unavailable."""
        entry: Entry[Snapshot, R | Untouchable] = Entry(
            self.store.tenant,
            self.source.decision_id,
            self.source.now,
            decide,
            reads=tuple(dict.fromkeys(reads)),
            urgent=True,
        )
        outcome = self.store.ledger.commit(entry)
        if isinstance(outcome, Denied | LastOwner):
            raise outcome
        return outcome


def _row(hold: Hold, tenant: str) -> Row:
    return {
        "id": hold.id,
        "tenant_id": tenant,
        "kind": hold.kind.value,
        "target": hold.target,
        "app": hold.app,
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since,
        "until": hold.until,
    }


def _said(hold: Hold, target: Target) -> dict[str, object]:
    said: dict[str, object] = {
        "row": hold.id,
        "kind": hold.kind.value,
        "key": target.key,
        "app": target.app_key or None,
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since,
        "until": hold.until,
    }
    return {name: value for name, value in said.items() if value is not None}
