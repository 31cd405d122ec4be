"""Connections, a page at a time: their apps, when they were last used, how many people they reach."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from idjag.idp.catalog.who import who_model
from idjag.idp.lookups import ConnectionLine, ConnectionStatus, RuleLine
from idjag.idp.store.lists.asking import Asking, contains, escaped
from idjag.idp.store.lists.reach import Meant, reached_each
from idjag.policy.model import Who

__all__ = ["connections", "expiring", "unused", "unused_rules"]

_LAST: Final = (
    "(SELECT max(u.last) FROM audit_count AS u WHERE u.tenant = :tenant AND u.requesting_app = c.app_id "
    "AND u.resource_app = c.resource_app_id AND u.span = 'ever' AND u.event = 'id_jag.issued')"
)
_USED: Final = (
    "EXISTS (SELECT 1 FROM audit_count AS u WHERE u.tenant = :tenant AND u.requesting_app = c.app_id "
    "AND u.resource_app = c.resource_app_id AND u.span = 'ever' AND u.event = 'id_jag.issued' "
    "AND u.last >= :since)"
)
_LINES: Final = (
    "SELECT c.id, c.key, c.status, c.spec, c.managed_by, "  # noqa: S608  # our own names
    "a.id AS app, a.key AS app_key, a.spec AS app_spec, "
    "r.id AS target, r.key AS target_key, r.spec AS target_spec, "
    f"{_LAST} AS last_used, EXISTS (SELECT 1 FROM hold AS h WHERE h.target = c.id "
    "AND h.tenant_id = :tenant AND (h.until IS NULL OR h.until > :now)) AS held "
    "FROM connection AS c JOIN app AS a ON a.id = c.app_id "
    "JOIN resource_app AS r ON r.id = c.resource_app_id "
    "WHERE c.tenant_id = :tenant"
)
# Canonical JSON: a member that is null is written in one way, and is not worth being looked into.
_EXPIRES: Final = {
    "sqlite": "CASE WHEN c.spec LIKE '%\"expires\"_null,%' THEN NULL "
    "ELSE CAST(json_extract(c.spec, '$.expires') AS INTEGER) END",
    "postgresql": "CASE WHEN c.spec LIKE '%\"expires\"_null,%' THEN NULL "
    "ELSE CAST(CAST(c.spec AS json) ->> 'expires' AS bigint) END",
}
_MEMBER: Final = {"sqlite": "json_extract({}, '$.{}')", "postgresql": "(CAST({} AS json) ->> '{}')"}


def connections(
    ask: Asking,
    tenant: str,
    *,
    now: int,
    text: str,
    status: ConnectionStatus | None,
    owner: str,
    requesting_app: str | None,
    resource_app: str | None,
    after: str,
    limit: int,
) -> Sequence[ConnectionLine]:
    """A page in the order of keys, with how many people each reaches."""
    where: list[str] = []
    values: dict[str, Any] = {}
    for column, value in (("c.app_id", requesting_app), ("c.resource_app_id", resource_app)):
        if value is not None:
            where.append(f"{column} = :v{len(values)}")
            values[f"v{len(values)}"] = value
    if after:
        where.append("c.key > :after")
        values["after"] = after
    if text:
        where.append(_named(ask))
        values["text"] = escaped(text)
    if owner:
        where.append(
            f"lower({_MEMBER[ask.dialect].format('c.spec', 'owner')}) LIKE lower(:owner) || '%' ESCAPE '~'"
        )
        values["owner"] = escaped(owner)
    if status is not None:
        where.append(_of_status(status, _EXPIRES[ask.dialect]))
    question = " AND ".join([_LINES, *where])
    rows = ask.rows(f"{question} ORDER BY c.key LIMIT :limit", tenant=tenant, now=now, limit=limit, **values)
    meant = _meant(ask, tenant, rows)
    people = reached_each(ask, tenant, list(meant.values()))
    return [_line(row, now=now, people=people[meant[row["id"]]]) for row in rows]


def expiring(ask: Asking, tenant: str, *, now: int, until: int, limit: int) -> Sequence[ConnectionLine]:
    """Those that end next."""
    ends = _EXPIRES[ask.dialect]
    question = (
        f"{_LINES} AND c.status <> 'paused' AND {ends} > :now AND {ends} <= :until "
        f"ORDER BY {ends}, c.key LIMIT :limit"
    )
    rows = ask.rows(question, tenant=tenant, now=now, until=until, limit=limit)
    return [_line(row, now=now, people=None) for row in rows]


def unused(ask: Asking, tenant: str, *, now: int, since: int, limit: int) -> Sequence[ConnectionLine]:
    """Those that allow something to nobody who asks."""
    question = (
        f"{_LINES} AND {_of_status('active', _EXPIRES[ask.dialect])} AND c.created < :since "
        f"AND NOT {_USED} ORDER BY c.key LIMIT :limit"
    )
    rows = ask.rows(question, tenant=tenant, now=now, since=since, limit=limit)
    return [_line(row, now=now, people=None) for row in rows]


def unused_rules(ask: Asking, tenant: str, *, now: int, since: int, limit: int) -> Sequence[RuleLine]:
    """Of connections that are used and have several rules: one alone is unused with its connection."""
    told = ask.rows(
        "SELECT told, max(last) AS last FROM audit_count WHERE tenant = :tenant AND span = 'ever' "
        "AND since = 0 AND event = 'id_jag.issued' GROUP BY told",
        tenant=tenant,
    )
    last: dict[str, int] = {}
    for row in told:
        for rule in json.loads(row["told"]).get("rules", ()):
            last[rule] = max(row["last"], last.get(rule, 0))
    several = 'c.spec LIKE \'%"version":%"version":%\''
    rows = ask.rows(
        "SELECT c.id, c.key, c.spec FROM connection AS c WHERE c.tenant_id = :tenant "  # noqa: S608  # our own
        f"AND {_of_status('active', _EXPIRES[ask.dialect])} AND c.created < :since AND {several} AND {_USED} "
        "ORDER BY c.key",
        tenant=tenant,
        now=now,
        since=since,
    )
    found: list[RuleLine] = []
    for row in rows:
        found += [
            RuleLine(row["id"], row["key"], rule["id"], rule["key"], last.get(rule["id"]))
            for rule in json.loads(row["spec"])["rules"]
            if last.get(rule["id"], -1) < since
        ]
        if len(found) >= limit:
            break
    return found[:limit]


def _named(ask: Asking) -> str:
    """The text stands in its key, or in the key or name of one of its apps."""
    name = _MEMBER[ask.dialect].format("spec", "name")
    apps = [
        f"c.{column} IN (SELECT id FROM {table} WHERE tenant_id = :tenant "  # noqa: S608  # our own names
        f"AND ({contains('key', 'text')} OR {contains(name, 'text')}))"
        for column, table in (("app_id", "app"), ("resource_app_id", "resource_app"))
    ]
    return f"({contains('c.key', 'text')} OR {' OR '.join(apps)})"


def _of_status(status: ConnectionStatus, expires: str) -> str:
    match status:
        case "active":
            return f"c.status = 'active' AND coalesce({expires} > :now, 1 = 1)"
        case "expired":
            return f"c.status = 'active' AND {expires} <= :now"
        case "draft":
            return "c.status = 'draft'"
        case "paused":
            return "c.status = 'paused'"


def _meant(ask: Asking, tenant: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Meant]:
    """Whom each connection lets through, by its id: its rules, and who is assigned to both apps."""
    targets = {row["id"]: json.loads(row["target_spec"]).get("sso_app") for row in rows}
    found = ask.rows(
        "SELECT id, spec FROM app WHERE tenant_id = :tenant AND id IN :ids",
        tenant=tenant,
        ids=frozenset(app for app in targets.values() if app),
    )
    assigned = {row["id"]: who_model(json.loads(row["spec"])["assigned"]) for row in found}
    meant: dict[str, Meant] = {}
    for row in rows:
        rules = frozenset(who_model(rule["who"]) for rule in json.loads(row["spec"])["rules"])
        within = {who_model(json.loads(row["app_spec"])["assigned"])}
        if sso_app := targets[row["id"]]:
            within.add(assigned.get(sso_app, Who()))
        meant[row["id"]] = rules, frozenset(within)
    return meant


def _line(row: Mapping[str, Any], *, now: int, people: int | None) -> ConnectionLine:
    spec = json.loads(row["spec"])
    over = row["status"] == "active" and spec["expires"] is not None and spec["expires"] <= now
    return ConnectionLine(
        id=row["id"],
        key=row["key"],
        requesting_app=row["app"],
        requesting_app_key=row["app_key"],
        requesting_app_name=json.loads(row["app_spec"]).get("name") or row["app_key"],
        resource_app=row["target"],
        resource_app_key=row["target_key"],
        resource_app_name=json.loads(row["target_spec"]).get("name") or row["target_key"],
        status="expired" if over else row["status"],
        owner=spec["owner"],
        expires=spec["expires"],
        held=bool(row["held"]),
        managed_by=row["managed_by"],
        last_used=row["last_used"],
        people=people,
    )
