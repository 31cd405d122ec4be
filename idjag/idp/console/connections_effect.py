"""What a connection that nobody has saved would mean: its policy value, the policy with it, its people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from idjag.idp.api.bodies import checked
from idjag.idp.api.problem import Problem
from idjag.idp.catalog.connection import (
    ConnectionEntry,
    connection_columns,
    connection_model,
    connection_problems,
)
from idjag.idp.catalog.group import LOCAL
from idjag.idp.catalog.references import References
from idjag.idp.catalog.who import WhoEntry
from idjag.idp.console.visit import Desk
from idjag.idp.lookups import TooMuch
from idjag.idp.naming import names_of
from idjag.ledger.entry import Key
from idjag.policy.explain import rule_sentence
from idjag.policy.index import Changes, Deferred, Policy
from idjag.policy.model import Connection, ConnectionStatus

__all__ = ["Effect", "connection_of", "effect", "policy_with", "reached", "within"]

_NEW = "new"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of a connection does: its rules as sentences, and how many people it reaches.

    A connection that is not active, has ended or has no client ID reaches nobody.  None was not counted.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    people_before: int | None
    people_after: int | None


def effect(desk: Desk, key: str, entry: Mapping[str, Any] | None) -> Effect:
    """Of saving this entry, or of removing it; raises Problem."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    named = Key("connection", "key", key)
    rows = [row for row in desk.office.ledger.read((named,))(named) if row["tenant_id"] == desk.office.tenant]
    before = connection_model(rows[0]) if rows else None
    after = connection_of(desk, entry) if entry is not None else None
    both = [one for one in (before, after) if one is not None]
    names = names_of(desk.office, (rule.who for one in both for rule in one.rules))

    def sentences(connection: Connection | None) -> tuple[str, ...]:
        app = policy.apps.get(connection.app) if connection else None
        rules = sorted(connection.rules, key=lambda rule: rule.key) if connection else ()
        return tuple(rule_sentence(rule, app=app.name if app else "", names=names) for rule in rules)

    people_before, people_after = _effective(desk, policy, before), _effective(desk, policy, after)
    return Effect(sentences(before), sentences(after), people_before, people_after)


def _effective(desk: Desk, policy: Policy, connection: Connection | None) -> int | None:
    if connection is None or connection.status is not ConnectionStatus.ACTIVE:
        return 0
    if connection.expires is not None and connection.expires <= desk.now:
        return 0
    app = policy.apps.get(connection.app)
    if connection.client_id is None and not (app and app.by_document):
        return 0
    try:
        return reached(desk, connection)
    except TooMuch:
        return None


def connection_of(desk: Desk, entry: Mapping[str, Any]) -> Connection:
    """The entry as the policy would know it; raises Problem 400, 422 with everything that is wrong."""
    typed = checked(dict(entry), ConnectionEntry)
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    refs = References(
        groups=_groups(desk, typed),
        people=_people(desk, typed),
        apps={app.key: app.id for app in policy.apps.values()},
        resource_apps={target.key: target.id for target in policy.resource_apps.values()},
    )
    if found := list(connection_problems(typed, refs)):
        errors, paths = [("body", message) for _, message in found], [path for path, _ in found]
        raise Problem(422, "It names what is not there.", errors, paths=paths)
    numbers = iter(range(len(typed.rules)))
    columns = connection_columns(typed, refs, before=None, new_id=lambda: f"{_NEW}-{next(numbers)}")
    app, target = str(columns["app_id"]), str(columns["resource_app_id"])
    there = policy.connection(app, target)
    return connection_model({**columns, "id": there.id if there else _NEW})


def policy_with(desk: Desk, connection: Connection) -> Policy:
    """The policy of now with this connection as if it were active."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    active = replace(connection, status=ConnectionStatus.ACTIVE)
    made = Deferred(active.id, active.app, active.resource_app, decode=lambda: active)
    after = policy.after(Changes(seq=policy.seq, connections={active.id: made}))
    if after is None:
        raise LookupError("one connection alone never takes a whole load")
    return after


def reached(desk: Desk, connection: Connection) -> int:
    """How many active people its rules and the assignments of both apps let through; raises TooMuch."""
    whos = [rule.who for rule in connection.rules]
    return desk.office.lookups.reached(whos, within(desk, connection)) if whos else 0


def within(desk: Desk, connection: Connection) -> tuple[Any, ...]:
    """Who is assigned to the requesting app, and to the app by which the resource app signs people in."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    app, target = policy.apps.get(connection.app), policy.resource_apps.get(connection.resource_app)
    sso_app = policy.apps.get((target.sso_app if target else None) or "")
    return tuple(one.assigned for one in (app, sso_app) if one is not None)


def _whos(entry: ConnectionEntry) -> Iterator[WhoEntry]:
    yield from (rule.who for rule in entry.rules)


def _groups(desk: Desk, entry: ConnectionEntry) -> dict[str, str]:
    names: set[str] = set()
    for who in _whos(entry):
        names |= {*(who.groups or ()), *((who.exceptions and who.exceptions.groups) or ())}
    return _ids(desk, "person_group", "name", names)


def _people(desk: Desk, entry: ConnectionEntry) -> dict[str, str]:
    names: set[str] = set()
    for who in _whos(entry):
        names |= {*(who.users or ()), *((who.exceptions and who.exceptions.users) or ())}
    return _ids(desk, "person", "username", names)


def _ids(desk: Desk, table: str, column: str, names: Iterable[str]) -> dict[str, str]:
    keys = [Key(table, column, name) for name in sorted(names)]
    found = desk.office.ledger.read(keys)
    return {
        key.value: str(row["id"])
        for key in keys
        for row in found(key)
        if row["tenant_id"] == desk.office.tenant and row.get("source", LOCAL) == LOCAL
    }
