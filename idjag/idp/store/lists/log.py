"""The audit log, looked through: newest first, by what it is about, within a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from idjag.idp.audit_actors import ALONE
from idjag.idp.lookups import Thing
from idjag.idp.store.lists.asking import Asking, Dialect
from idjag.idp.store.lists.indexes import ACTED, ACTOR, ACTOR_ID, CHANGE, NOT_ISSUED, READABLE, ROW
from idjag.ledger.entry import Row
from idjag.ledger.schema import AUDIT_COLUMNS

__all__ = ["ABOUT", "after", "audit", "changes", "export", "history", "last_no", "thread"]

_COLUMNS_ABOUT: Final = ("event", "decision_id", "subject", "requesting_app", "resource_app", "jti", "reason")
ABOUT: Final = (*_COLUMNS_ABOUT, "actor")
"""What a question may name: columns of the audit log, and who did it (``idjag.idp.audit_actors.parsed``).

Who did it finds nothing of what apps did: those rows are most of the log, and in the index of their app.
"""

_PAGE: Final = 500
_COLUMNS: Final = ", ".join(AUDIT_COLUMNS)
_LOG: Final = f"SELECT {_COLUMNS} FROM audit WHERE tenant = :tenant"  # noqa: S608  # our own names
_STANDS: Final = {"sqlite": "instr(body, :text) > 0", "postgresql": "strpos(body, :text) > 0"}


def audit(
    ask: Asking,
    tenant: str,
    *,
    about: Mapping[str, str],
    since: int | None,
    until: int | None,
    before_no: int | None,
    limit: int,
    text: str = "",
) -> Sequence[Row]:
    """A page; empty when the row of ``before_no`` is not there any more, as everything before it."""
    where, values = _conditions(ask.dialect, about, since=since, until=until, text=text)
    if text:
        where.append(_STANDS[ask.dialect])
    if before_no is not None:
        values["before_no"] = before_no
        values["at"] = ask.value(
            "SELECT time FROM audit WHERE tenant = :tenant AND no = :no", tenant=tenant, no=before_no
        )
        if values["at"] is None:
            return ()
        where += ["time <= :at", "(time < :at OR no < :before_no)"]
    question = " AND ".join([_LOG, *where])
    return ask.rows(
        f"{question} ORDER BY time DESC, no DESC LIMIT :limit", tenant=tenant, limit=limit, **values
    )


def export(
    ask: Asking,
    tenant: str,
    *,
    about: Mapping[str, str],
    since: int | None,
    until: int | None,
    text: str = "",
) -> Iterator[Row]:
    """Page after page."""
    last: int | None = None
    while True:
        page = audit(
            ask,
            tenant,
            about=about,
            since=since,
            until=until,
            before_no=last,
            limit=_PAGE,
            text=text,
        )
        yield from page
        if len(page) < _PAGE:
            return
        last = int(str(page[-1]["no"]))


def last_no(ask: Asking, tenant: str) -> int:
    """The number of the latest row."""
    return int(ask.value("SELECT max(no) FROM audit WHERE tenant = :tenant", tenant=tenant) or 0)


def after(ask: Asking, tenant: str, *, after_no: int, limit: int) -> Sequence[Row]:
    """Rows after a number, in the order of their numbers."""
    question = f"{_LOG} AND no > :after_no ORDER BY no LIMIT :limit"
    return ask.rows(question, tenant=tenant, after_no=after_no, limit=limit)


def thread(ask: Asking, tenant: str, jti: str, *, limit: int) -> Sequence[Row]:
    """The rows of one jti, in the order of the log."""
    return ask.rows(f"{_LOG} AND jti = :jti ORDER BY no LIMIT :limit", tenant=tenant, jti=jti, limit=limit)


def history(ask: Asking, tenant: str, thing: Thing, *, before_no: int | None, limit: int) -> Sequence[Row]:
    """Changes that name its row, and those that are about it: rules and holds of a connection, for one."""
    ways = [f"{ROW[ask.dialect]} = :id AND {READABLE[ask.dialect]}"]
    if about := _about(thing):
        ways.append(about)
    page = "" if before_no is None else "AND no < :before_no"
    found = [
        "SELECT no FROM (SELECT no FROM audit WHERE tenant = :tenant "  # noqa: S608  # our own names
        f"AND {CHANGE} AND {way} {page} ORDER BY no DESC LIMIT :limit) AS way{number}"
        for number, way in enumerate(ways)
    ]
    which = " UNION ".join(found)
    app, target = thing.pair
    values: dict[str, Any] = {"id": thing.id}
    values |= {} if before_no is None else {"before_no": before_no}
    values |= {"app": app, "target": target} if thing.noun == "connection" else {}
    return ask.rows(
        f"{_LOG} AND no IN ({which}) ORDER BY no DESC LIMIT :limit", tenant=tenant, limit=limit, **values
    )


def changes(ask: Asking, tenant: str, *, before_no: int | None, limit: int) -> Sequence[Row]:
    """What was changed about anything."""
    page = "" if before_no is None else "AND no < :before_no "
    values = {} if before_no is None else {"before_no": before_no}
    question = f"{_LOG} AND {CHANGE} {page}ORDER BY no DESC LIMIT :limit"
    return ask.rows(question, tenant=tenant, limit=limit, **values)


def _conditions(
    dialect: Dialect, about: Mapping[str, str], *, since: int | None, until: int | None, text: str
) -> tuple[list[str], dict[str, Any]]:
    if unknown := about.keys() - set(ABOUT):
        raise ValueError(f"the log is not looked through by {', '.join(sorted(unknown))}")
    if text and since is None:
        raise ValueError("a text is looked for within a time")
    where = [f"{name} = :{name}" for name in about if name != "actor"]
    if about.get("event", "id_jag.issued") != "id_jag.issued":
        where.append(NOT_ISSUED)
    if "actor" in about:
        did, who = _actor(dialect, about["actor"])
        where, about = [*where, *did], {**about, **who}
    where += [] if since is None else ["time >= :since"]
    where += [] if until is None else ["time < :until"]
    values: dict[str, Any] = {**about}
    values |= {} if since is None else {"since": since}
    values |= {} if until is None else {"until": until}
    # as it stands in a body, where a quotation mark has another sign before it
    values |= {"text": json.dumps(text, ensure_ascii=False)[1:-1]} if text else {}
    return where, values


def _actor(dialect: Dialect, value: str) -> tuple[list[str], dict[str, str]]:
    """What somebody did; commands on the host are one entry of the index, and looked through for their id."""
    kind, _, who = value.partition(":")
    where = [ACTED[dialect], f"({ACTOR[dialect]}) = :actor"]
    if kind not in ALONE:
        return where, {}
    return [*where, *([f"{ACTOR_ID[dialect]} = :actor_id"] if who else [])], {"actor": kind, "actor_id": who}


def _about(thing: Thing) -> str:
    """How events that are about the thing name it, in columns."""
    match thing.noun:
        case "connection":
            return "requesting_app = :app AND resource_app = :target"
        case "app":
            return "requesting_app = :id AND resource_app IS NULL"
        case "resource_app":
            return "requesting_app IS NULL AND resource_app = :id"
        case "user":
            return "subject = :id AND subject IS NOT NULL"
        case _:
            return ""
