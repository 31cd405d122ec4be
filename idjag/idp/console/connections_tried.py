"""A connection that nobody has saved, and the rules as they would be with it and with its new apps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from idjag.idp.api.bodies import checked
from idjag.idp.api.problem import Problem
from idjag.idp.catalog.app import AppEntry, app_columns, app_model, app_problems
from idjag.idp.catalog.connection import (
    ConnectionEntry,
    connection_columns,
    connection_model,
    connection_problems,
)
from idjag.idp.catalog.group import LOCAL
from idjag.idp.catalog.references import Path, References
from idjag.idp.catalog.resource_app import (
    ResourceAppEntry,
    resource_app_columns,
    resource_app_model,
    resource_app_problems,
)
from idjag.idp.catalog.who import WhoEntry
from idjag.idp.console.visit import Desk
from idjag.idp.snapshot import Snapshot, registered
from idjag.ledger.entry import Key
from idjag.policy.index import Policy
from idjag.policy.model import Connection, ConnectionStatus

__all__ = [
    "NOTHING_NEW",
    "New",
    "connection_of",
    "group_ids",
    "known",
    "names_with",
    "with_connection",
    "with_new",
]

New = Mapping[str, Mapping[str, Any]]
"""Entries that are not saved either, by their noun: "app", "resource_app"."""

NOTHING_NEW: Final[New] = MappingProxyType({})
_NEW: Final = "new"


def with_new(desk: Desk, new: New = NOTHING_NEW) -> Snapshot:
    """The snapshot of now, with these apps; raises Problem 400 for entries that are none."""
    snapshot = desk.office.ledger.fresh(desk.office.tenant)
    if not new:
        return snapshot
    policy, refs = snapshot.policy, _names(snapshot.policy)
    apps, targets, clients = dict(policy.apps), dict(policy.resource_apps), dict(snapshot.clients)
    if "app" in new:
        entry = checked(dict(new["app"]), AppEntry)
        named = names_with(desk, policy, [entry.assigned] if entry.assigned else [])
        known(app_problems(entry, named))
        row = {**app_columns(entry, named), "id": f"{_NEW}-app", "secrets": "[]"}
        app = app_model(row)
        apps[app.id], clients[app.client_id] = app, registered(row, app)
    if "resource_app" in new:
        resource_app = checked(dict(new["resource_app"]), ResourceAppEntry)
        known(resource_app_problems(resource_app, refs))
        columns = resource_app_columns(resource_app, refs)
        target = resource_app_model({**columns, "id": f"{_NEW}-resource-app"})
        targets[target.id] = target
    made = Policy(
        apps=apps.values(),
        resource_apps=targets.values(),
        guardrails=policy.guardrails,
        issuers=policy.issuers,
        sign_ins=policy.sign_ins,
        seq=policy.seq,
    )
    return replace(snapshot, policy=made, clients=clients)


def connection_of(desk: Desk, entry: Mapping[str, Any], new: New = NOTHING_NEW) -> Connection:
    """The entry as the policy would know it; raises Problem 400, 422 with everything that is wrong."""
    typed = checked(dict(entry), ConnectionEntry)
    refs = names_with(desk, with_new(desk, new).policy, [rule.who for rule in typed.rules])
    known(connection_problems(typed, refs))
    numbers = iter(range(len(typed.rules)))
    columns = connection_columns(typed, refs, before=None, new_id=lambda: f"{_NEW}-{next(numbers)}")
    app, target = str(columns["app_id"]), str(columns["resource_app_id"])
    there = desk.office.ledger.fresh(desk.office.tenant).policy.connection(app, target)
    return connection_model({**columns, "id": there.id if there else _NEW})


def with_connection(snapshot: Snapshot, connection: Connection) -> Snapshot:
    """The snapshot in which this connection is active, and the only one."""
    policy = snapshot.policy
    made = Policy(
        apps=policy.apps.values(),
        resource_apps=policy.resource_apps.values(),
        connections=[replace(connection, status=ConnectionStatus.ACTIVE)],
        guardrails=policy.guardrails,
        issuers=policy.issuers,
        sign_ins=policy.sign_ins,
        seq=policy.seq,
    )
    return replace(snapshot, policy=made)


def _names(policy: Policy) -> References:
    return References(
        apps={app.key: app.id for app in policy.apps.values()},
        resource_apps={target.key: target.id for target in policy.resource_apps.values()},
    )


def names_with(desk: Desk, policy: Policy, whos: Iterable[WhoEntry]) -> References:
    """The apps of the policy, and the groups and people that these name, as far as they are there."""
    groups, people = set[str](), set[str]()
    for who in whos:
        groups |= {*(who.groups or ()), *((who.exceptions and who.exceptions.groups) or ())}
        people |= {*(who.users or ()), *((who.exceptions and who.exceptions.users) or ())}
    return replace(
        _names(policy),
        groups=group_ids(desk, groups),
        people=_ids(desk, "person", "username", people),
    )


def known(problems: Iterable[tuple[Path, str]]) -> None:
    """Raises Problem 422 for names that lead nowhere."""
    if found := list(problems):
        errors, paths = [("body", message) for _, message in found], [path for path, _ in found]
        raise Problem(422, "It names what is not there.", errors, paths=paths)


def group_ids(desk: Desk, names: Iterable[str]) -> dict[str, str]:
    """Of our own groups by their names, as far as they are there."""
    return _ids(desk, "person_group", "name", names)


def _ids(desk: Desk, table: str, column: str, names: Iterable[str]) -> dict[str, str]:
    keys = [Key(table, column, name) for name in sorted(names)]
    found = desk.office.ledger.read(keys)
    return {
        key.value: str(row["id"])
        for key in keys
        for row in found(key)
        if row["tenant_id"] == desk.office.tenant and row.get("source", LOCAL) == LOCAL
    }
