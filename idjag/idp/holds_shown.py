"""Holds as commands and the admin API say them: names in place of ids, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from idjag.idp.naming import names_of
from idjag.idp.tenancy import Store
from idjag.policy.explain import hold_sentence
from idjag.policy.index import Policy
from idjag.policy.model import Hold, HoldKind
from idjag.policy.words import Names

__all__ = ["shown"]

_PEOPLE = frozenset({HoldKind.USER, HoldKind.USER_IN_APP})


def shown(store: Store, holds: Sequence[Hold]) -> list[dict[str, Any]]:
    """``target`` is an id that stays, ``key`` what it is called now; times are NumericDate."""
    policy = store.ledger.fresh(store.tenant).policy
    placed = [hold.by.partition(" ")[2] for hold in holds if hold.by.startswith("person ")]
    held = [hold.target for hold in holds if hold.kind in _PEOPLE]
    names = names_of(store, (), people=[*held, *placed])
    return [_members(hold, policy, names) for hold in holds]


def _members(hold: Hold, policy: Policy, names: Names) -> dict[str, Any]:
    app = policy.apps.get(hold.app)
    return {
        "id": hold.id,
        "kind": hold.kind,
        "target": hold.target,
        "key": _key(hold, policy, names),
        "app": (app.key if app else hold.app) or None,
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since,
        "until": hold.until,
        "text": hold_sentence(hold, policy=policy, names=names),
    }


def _key(hold: Hold, policy: Policy, names: Names) -> str:
    match hold.kind:
        case HoldKind.USER | HoldKind.USER_IN_APP:
            return names.people.get(hold.target, hold.target)
        case HoldKind.APP:
            found = policy.apps.get(hold.target)
            return found.key if found else hold.target
        case HoldKind.CONNECTION:
            connection = policy.connections.get(hold.target)
            return connection.key if connection else hold.target
        case _:
            target = policy.resource_apps.get(hold.target)
            return target.key if target else hold.target
