"""Placing and releasing holds, the kill switch: each is one audited entry, effective for the next request.

Not in the state file and untouched by apply, so that a file never resumes what an administrator stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from idjag.idp import facts, questions
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Delete, Entry, Event, Facts, Insert, OneTime, Row, Verdict
from idjag.policy.model import Hold, HoldKind

__all__ = ["KINDS", "Kind", "Target", "find", "place", "release"]

R = TypeVar("R")

Kind: TypeAlias = Literal["user", "app", "connection", "resource-app"]
KINDS: tuple[Kind, ...] = ("user", "app", "connection", "resource-app")


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
    store: Store, target: Target, *, actor: Mapping[str, str], reason: str, until: int | None = None
) -> Hold:
    """Stop the target from the next request on; ``actor`` and ``reason`` are recorded.  Raises Unavailable.

    Holds on one target stand beside each other: a second one neither shortens nor replaces the first.
    """
    now, hold_id = store.clock(), store.new_id()
    by = f"{actor['kind']} {actor['id']}"
    hold = Hold(hold_id, target.kind, target.id, reason, target.app_id, by=by, since=now, until=until)
    row: Row = {
        "id": hold.id,
        "tenant_id": store.tenant,
        "kind": hold.kind.value,
        "target": hold.target,
        "app": hold.app,
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since,
        "until": hold.until,
    }
    decision_id = store.new_id()
    event = _event("hold.placed", target, actor, decision_id, after=_said(hold, target))

    def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[Hold]:
        return Verdict(hold, (event,), (Insert("hold", row),))

    return store.ledger.commit(Entry(store.tenant, decision_id, now, decide, _never_lost, urgent=True))


def release(
    store: Store, target: Target, *, actor: Mapping[str, str], reason: str, only_by: str | None = None
) -> tuple[Hold, ...]:
    """Take away every hold on exactly this target; empty when there was none.  Raises Unavailable.

    ``only_by``: those of one person alone, since nobody lifts what an administrator has stopped.
    """
    decision_id = store.new_id()
    (key,) = facts.hold_keys(target.id)

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[tuple[Hold, ...]]:
        holds = tuple(
            hold
            for hold in facts.holds(found, target.id)
            if (hold.kind, hold.app) == (target.kind, target.app_id) and only_by in (None, hold.by)
        )
        events = [
            _event(
                "hold.released",
                target,
                actor,
                decision_id,
                before=_said(hold, target),
                after={"row": hold.id, "reason": reason},
            )
            for hold in holds
        ]
        return Verdict(holds, events, [Delete("hold", {"id": hold.id}) for hold in holds])

    entry = Entry(store.tenant, decision_id, store.clock(), decide, _never_lost, reads=(key,), urgent=True)
    return store.ledger.commit(entry)


def _event(
    name: str, target: Target, actor: Mapping[str, str], decision_id: str, **change: Mapping[str, object]
) -> Event:
    """The words of people go into before and after, which can be erased, and not into ``reason``."""
    return Event(name, {**target.about, "actor": dict(actor), "decision_id": decision_id, **change})


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


def _never_lost(one_time: OneTime) -> Verdict[R]:
    raise AssertionError(f"a hold consumes nothing, and {one_time.kind} was lost")
