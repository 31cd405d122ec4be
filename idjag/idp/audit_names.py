"""What people call the apps and people that stand in some events; what is gone keeps its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from idjag.idp import facts
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Key
from idjag.protocol.jose.json import JsonValue

__all__ = ["names_of"]

_COLUMNS: Final = ("subject", "requesting_app", "resource_app")


def names_of(store: Store, events: Sequence[Mapping[str, JsonValue]]) -> dict[str, str]:
    """By id, of what is there now; raises Unavailable."""
    policy = store.ledger.fresh(store.tenant).policy
    named = {str(event[name]) for event in events for name in _COLUMNS if event[name]}
    named |= {str(actor["id"]) for event in events if isinstance(actor := event["actor"], dict)}
    apps = {one: policy.apps[one].key for one in named if one in policy.apps}
    targets = {one: policy.resource_apps[one].key for one in named if one in policy.resource_apps}
    subjects = sorted({str(event["subject"]) for event in events if event["subject"]})
    keys = tuple(Key("person", "id", one) for one in subjects)
    found = store.ledger.read(keys)
    people = {key.value: facts.string(row, "username") for key in keys for row in found(key)}
    return apps | targets | people
