"""Connections, a page at a time: their apps, when they were last used, how many people they reach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from idjag.idp.catalog.who import who_model
from idjag.idp.lookups import ConnectionLine, ConnectionStatus, RuleLine
from idjag.idp.store.lists.asking import PAIRS, Asking, contains, escaped, pairs_text, starts
from idjag.idp.store.lists.indexes import owner as indexed_owner
from idjag.idp.store.lists.reach import Meant, Reach
from idjag.policy.model import Who

__all__ = ["connections", "expiring", "unused", "unused_rules"]

_LAST: Final = (
    "(SELECT max(u.last) FROM audit_count AS u WHERE u.tenant = :tenant AND u.requesting_app = c.app_id "
    "AND u.resource_app = c.resource_app_id AND u.span = 'ever' AND u.event = 'id_jag.issued')"
)
# Not as a join: the server takes these rows for one, and would look for it once for each connection.
_UNUSED: Final = (
    "(c.app_id, c.resource_app_id) NOT IN (SELECT u.requesting_app, u.resource_app FROM audit_count AS u "
    "WHERE u.tenant = :tenant AND u.span = 'ever' AND u.since = 0 AND u.event = 'id_jag.issued' "
    "AND u.last >= :since)"
)
_EVER: Final = {
    dialect: (
        f"SELECT requesting_app, resource_app, told, last FROM {pairs} AS w "  # noqa: S608  # our own names
        "JOIN audit_count ON requesting_app = w.app AND resource_app = w.target WHERE tenant = :tenant "
        "AND span = 'ever' AND since = 0 AND event = 'id_jag.issued'"
    )
    for dialect, pairs in PAIRS.items()
}
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
_FIRST: Final = 50
_PAGE: Final = 200


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
    reach: Reach | None,
) -> Sequence[ConnectionLine]:
    """A page in the order of keys, with how many people each reaches, if ``reach`` is there to ask."""
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
        where.append(starts(indexed_owner(ask.dialect, "c.spec"), "owner", ask.dialect))
        values["owner"] = json.dumps(owner, ensure_ascii=False)[1:-1]
    if status is not None:
        where.append(_of_status(status, _EXPIRES[ask.dialect]))
    question = " AND ".join([_LINES, *where])
    rows = ask.rows(f"{question} ORDER BY c.key LIMIT :limit", tenant=tenant, now=now, limit=limit, **values)
    if reach is None:
        return [_line(row, now=now, people=None) for row in rows]
    meant = _meant(ask, tenant, rows)
    people = reach.each(meant.values())
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
        f"AND {_UNUSED} ORDER BY c.key LIMIT :limit"
    )
    rows = ask.rows(question, tenant=tenant, now=now, since=since, limit=limit)
    return [_line(row, now=now, people=None) for row in rows]


def unused_rules(ask: Asking, tenant: str, *, now: int, since: int, limit: int) -> Sequence[RuleLine]:
    """Of connections that are used and have several rules: one alone is unused with its connection.

    Page after page until there are enough of them.
    """
    found: list[RuleLine] = []
    after: str | None = ""
    page = _FIRST
    while after is not None and len(found) < limit:
        rows = ask.rows(_SEVERAL[ask.dialect], tenant=tenant, now=now, since=since, after=after, page=page)
        found += _unused_of(ask, tenant, rows, since=since) if rows else ()
        after = rows[-1]["key"] if len(rows) == page else None
        page = _PAGE
    return found[:limit]


def _unused_of(
    ask: Asking, tenant: str, rows: Sequence[Mapping[str, Any]], *, since: int
) -> Iterator[RuleLine]:
    pairs = [(row["app_id"], row["resource_app_id"]) for row in rows]
    last: dict[str, int] = {}
    used: set[tuple[str, str]] = set()
    for row in ask.rows(_EVER[ask.dialect], tenant=tenant, pairs=pairs_text(pairs)):
        used |= {(row["requesting_app"], row["resource_app"])} if row["last"] >= since else set()
        for rule in json.loads(row["told"]).get("rules", ()):
            last[rule] = max(row["last"], last.get(rule, 0))
    for each, pair in zip(rows, pairs, strict=True):
        for rule in json.loads(each["spec"])["rules"] if pair in used else ():
            if last.get(rule["id"], -1) < since:
                yield RuleLine(each["id"], each["key"], rule["id"], rule["key"], last.get(rule["id"]))


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


_SEVERAL: Final = {
    dialect: (
        "SELECT c.id, c.key, c.app_id, c.resource_app_id, c.spec FROM connection AS c "  # noqa: S608  # our own
        f"WHERE c.tenant_id = :tenant AND c.key > :after AND {_of_status('active', expires)} "
        'AND c.created < :since AND c.spec LIKE \'%"version":%"version":%\' ORDER BY c.key LIMIT :page'
    )
    for dialect, expires in _EXPIRES.items()
}


def _named(ask: Asking) -> str:
    """The text stands in its key, or in the key or name of one of its apps."""
    name = _MEMBER[ask.dialect].format("spec", "name")
    apps = [
        f"c.{column} IN (SELECT id FROM {table} WHERE tenant_id = :tenant "  # noqa: S608  # our own names
        f"AND ({contains('key', 'text')} OR {contains(name, 'text')}))"
        for column, table in (("app_id", "app"), ("resource_app_id", "resource_app"))
    ]
    return f"({contains('c.key', 'text')} OR {' OR '.join(apps)})"


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
