"""People and groups, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from idjag.idp.lookups import GroupLine, PersonLine
from idjag.idp.store.lists.asking import Asking, begins

__all__ = ["find_people", "groups", "groups_of", "members", "people"]

_PERSON: Final = (
    "SELECT p.id, p.username, p.email, p.name, p.status, p.managed_by, "
    "(SELECT count(*) FROM membership AS m WHERE m.person_id = p.id) AS groups, "
    "EXISTS (SELECT 1 FROM hold AS h WHERE h.target = p.id AND h.tenant_id = :tenant AND h.app = '' "
    "AND (h.until IS NULL OR h.until > :now)) AS held "
    "FROM person AS p "
)
_GROUP: Final = (
    "SELECT g.id, g.name, g.source, g.managed_by, "
    "(SELECT count(*) FROM membership AS m WHERE m.group_id = g.id) AS members "
    "FROM person_group AS g "
)


def people(ask: Asking, tenant: str, *, begins: str, after: str, limit: int) -> Sequence[str]:
    """User names in their order: those that begin so, after one of them."""
    beginning = begins.replace("~", "~~").replace("%", "~%").replace("_", "~_") + "%"
    rows = ask.rows(
        "SELECT username FROM person WHERE tenant_id = :tenant AND username > :after "
        "AND username LIKE :beginning ESCAPE '~' ORDER BY username LIMIT :limit",
        tenant=tenant,
        after=after,
        beginning=beginning,
        limit=limit,
    )
    return [row["username"] for row in rows]


def find_people(
    ask: Asking, tenant: str, *, text: str, status: str | None, after: str, limit: int, now: int
) -> Sequence[PersonLine]:
    """Those whose user name, address or name begins so."""
    where, values = _searched(ask, text, after, now=now)
    if status is not None:
        where.append("p.status = :status")
        values["status"] = status
    question = " AND ".join([f"{_PERSON}WHERE p.tenant_id = :tenant", *where])
    return _people(ask, f"{question} ORDER BY p.username LIMIT :limit", tenant, limit=limit, **values)


def members(
    ask: Asking, tenant: str, group_id: str, *, text: str, after: str, limit: int, now: int
) -> Sequence[PersonLine]:
    """Those of one group."""
    where, values = _searched(ask, text, after, now=now)
    inside = "JOIN membership AS one ON one.person_id = p.id AND one.group_id = :group_id "
    question = " AND ".join(
        [f"{_PERSON}{inside}WHERE p.tenant_id = :tenant AND one.tenant_id = :tenant", *where]
    )
    return _people(
        ask, f"{question} ORDER BY p.username LIMIT :limit", tenant, limit=limit, group_id=group_id, **values
    )


def groups(ask: Asking, tenant: str, *, text: str, after: str, limit: int) -> Sequence[GroupLine]:
    """Those whose name begins so."""
    where = ["g.tenant_id = :tenant"]
    values: dict[str, Any] = {}
    if after:
        where.append("g.name > :after")
        values["after"] = after
    if text:
        where.append(begins("g.name", "text", ask.dialect))
        values["text"] = text
    question = f"{_GROUP}WHERE {' AND '.join(where)} ORDER BY g.name, g.source LIMIT :limit"
    return _groups(ask, question, tenant, limit=limit, **values)


def groups_of(ask: Asking, tenant: str, person_id: str, *, limit: int) -> Sequence[GroupLine]:
    """Those that a person is in."""
    inside = "JOIN membership AS one ON one.group_id = g.id AND one.person_id = :person_id "
    question = (
        f"{_GROUP}{inside}WHERE g.tenant_id = :tenant AND one.tenant_id = :tenant "
        "ORDER BY g.name, g.source LIMIT :limit"
    )
    return _groups(ask, question, tenant, limit=limit, person_id=person_id)


def _searched(ask: Asking, text: str, after: str, *, now: int) -> tuple[list[str], dict[str, Any]]:
    where: list[str] = []
    values: dict[str, Any] = {"now": now}
    if after:
        where.append("p.username > :after")
        values["after"] = after
    if text:
        columns = ("p.username", "p.email", "p.name")
        where.append(f"({' OR '.join(begins(column, 'text', ask.dialect) for column in columns)})")
        values["text"] = text
    return where, values


def _people(ask: Asking, question: str, tenant: str, **values: Any) -> Sequence[PersonLine]:
    return [
        PersonLine(
            id=row["id"],
            username=row["username"],
            email=row["email"],
            name=row["name"],
            status=row["status"],
            held=bool(row["held"]),
            groups=row["groups"],
            managed_by=row["managed_by"],
        )
        for row in ask.rows(question, tenant=tenant, **values)
    ]


def _groups(ask: Asking, question: str, tenant: str, **values: Any) -> Sequence[GroupLine]:
    rows = ask.rows(question, tenant=tenant, **values)
    return [
        GroupLine(row["id"], row["name"], row["source"], row["members"], row["managed_by"]) for row in rows
    ]
