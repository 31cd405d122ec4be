"""A list of people as a table in text (CSV): read, shown as what it would change, made all or nothing."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.changes import BY_HAND, change, source_of
from idjag.idp.api.entries import entry_of, etag, rows_of
from idjag.idp.api.problem import Problem
from idjag.idp.console.changing import SECTION
from idjag.idp.console.fields import plain
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.state.apply import How, Outcome
from idjag.idp.state.current import Current, load
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_PATH: Final = "/admin/people/import"
_LIST: Final = "/admin/people"
_MOST: Final = 1000
_MOST_SHOWN: Final = 200
_USERS: Final = SECTION["user"]
_TEXTS: Final = ("name", "email", "status", "sub")
_COLUMNS: Final = ("username", *_TEXTS, "email_verified", "groups")
_ATTRIBUTE: Final = "attribute."
_YES: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class _Row:
    """One person of the list; ``cells`` are those that are not empty."""

    line: int
    cells: dict[str, str]

    @property
    def username(self) -> str:
        return self.cells.get("username", "")


@dataclass(frozen=True, slots=True)
class _List:
    """What was sent: rows, or what is wrong with it, line by line."""

    text: str
    rows: tuple[_Row, ...] = ()
    problems: tuple[str, ...] = ()


def _form(desk: Desk, visit: Visit) -> Reply:
    return _shown(desk, visit, _List(""))


def _sent(desk: Desk, visit: Visit) -> Reply:
    """Look first; what was looked at is made when it comes again, unless somebody was quicker."""
    listed, seen = _read(visit.asked.one("list")), visit.asked.one("seen")
    if listed.problems:
        return _shown(desk, visit, listed)
    usernames = [row.username for row in listed.rows]
    current = load(
        desk.office.ledger, desk.office.tenant, everyone=False, usernames=usernames, connections=()
    )
    octets, now = _octets(listed, current), _as_it_is(current, usernames)
    reason = visit.asked.words("reason")
    try:
        if not seen:
            return _looked(desk, visit, listed, _outcome(desk, visit, octets, None), seen=now)
        if not reason:
            looked = _outcome(desk, visit, octets, None)
            return _looked(desk, visit, listed, looked, seen=seen, problem="Say why these people come.")
        _outcome(desk, visit, octets, (usernames, seen), reason=reason)
    except Problem as problem:
        return _shown(desk, visit, _List(listed.text, problems=tuple(_lines(problem, listed))))
    return desk.go(_LIST, done="imported")


def _outcome(
    desk: Desk, visit: Visit, octets: bytes, seen: tuple[list[str], str] | None, *, reason: str = ""
) -> Outcome:
    """What would change; with ``seen`` it is changed, if the people are still as they were then."""

    def as_seen(current: Current) -> None:
        if seen is not None and _as_it_is(current, seen[0]) != seen[1]:
            raise Problem(412, "Somebody else has changed one of these people: look at the list again.")

    return change(
        desk.office,
        visit.caller,
        source_of(octets),
        octets=octets,
        how=How(managed_by=BY_HAND).because(reason).from_there(visit.source.ip, visit.source.user_agent),
        only_look=seen is None,
        as_seen=as_seen,
        recent=visit.recent,
    )


def _as_it_is(current: Current, usernames: list[str]) -> str:
    rows = rows_of(_USERS, current)
    return etag({name: entry_of(_USERS, current, name) for name in usernames if name in rows})


def _octets(listed: _List, current: Current) -> bytes:
    """A state file with these people: the cells laid over who is there already."""
    rows = rows_of(_USERS, current)
    entries = []
    for row in listed.rows:
        there = entry_of(_USERS, current, row.username) if row.username in rows else {}
        entries.append(_laid_over({name: there[name] for name in there if name != "managed_by"}, row.cells))
    return json.dumps({"version": 1, "users": entries}, ensure_ascii=False).encode()


def _laid_over(entry: dict[str, Any], cells: dict[str, str]) -> dict[str, Any]:
    made = {**entry, "username": cells["username"]}
    made |= {name: cells[name] for name in _TEXTS if name in cells}
    if "email_verified" in cells:
        made["email_verified"] = _YES[cells["email_verified"].lower()]
    if "groups" in cells:
        made["groups"] = list(dict.fromkeys(filter(None, map(str.strip, cells["groups"].split(";")))))
    attributes = {name[len(_ATTRIBUTE) :]: cells[name] for name in cells if name.startswith(_ATTRIBUTE)}
    return made | ({"attributes": {**entry.get("attributes", {}), **attributes}} if attributes else {})


def _read(text: str) -> _List:
    """Rows below a line of column names, with commas or tabs between; what is wrong, by its line."""
    lines = text.splitlines()
    first = lines[0] if lines else ""
    try:
        reader = csv.reader(lines, delimiter="\t" if "\t" in first else ",", strict=True)
        found = ((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
        table = list(islice(found, _MOST + 2))  # a line more than may be: what comes behind is not even kept
    except csv.Error as error:
        return _List(text, problems=(f"This is no table: {error}.",))
    if len(table) > _MOST + 1:
        return _List(text, problems=(f"At most {_MOST} people at once.",))
    if len(table) < 2:
        return _List(
            text, problems=("Paste a line with the names of the columns, and a line for each person.",)
        )
    columns = [name.strip().lower() for name in table[0][1]]
    rows = tuple(
        _Row(line, {name: cell.strip() for name, cell in zip(columns, row, strict=False) if cell.strip()})
        for line, row in table[1:]
    )
    problems = [*_wrong_columns(columns), *_wrong_rows(rows, [len(row) for _, row in table[1:]], columns)]
    return _List(text, rows, tuple(problems))


def _wrong_columns(columns: list[str]) -> list[str]:
    unknown = [name for name in columns if name not in _COLUMNS and not name.startswith(_ATTRIBUTE)]
    said = [
        f"Line 1: there is no column {name!r}; there are {', '.join(_COLUMNS)}, attribute.NAME."
        for name in unknown
    ]
    twice = [name for name, times in Counter(columns).items() if times > 1]
    said += [f"Line 1: the column {name!r} stands there twice." for name in twice]
    return said if "username" in columns else [*said, "Line 1: a column username is missing."]


def _wrong_rows(rows: tuple[_Row, ...], widths: list[int], columns: list[str]) -> list[str]:
    said = []
    times = Counter(row.username for row in rows)
    for row, width in zip(rows, widths, strict=True):
        if width > len(columns):
            said.append(f"Line {row.line}: it has more cells than there are columns.")
        elif not row.username:
            said.append(f"Line {row.line}: the user name is missing.")
        elif times[row.username] > 1:
            said.append(f"Line {row.line}: {row.username} stands there twice.")
        elif row.cells.get("email_verified", "yes").lower() not in _YES:
            said.append(f"Line {row.line}: email_verified is yes or no.")
    return said[:_MOST_SHOWN]


def _lines(problem: Problem, listed: _List) -> list[str]:
    """What the catalog says, at the lines of the list."""
    if not problem.errors:
        return [problem.detail]
    said = []
    for (_, message), path in zip(problem.errors, problem.paths or [()] * len(problem.errors), strict=True):
        index = path[1] if len(path) > 1 else None
        line = f"Line {listed.rows[index].line}: " if isinstance(index, int) else ""
        text = plain(message)
        group = text.partition("unknown group: ")[2]
        words = f"There is no group {group}: make it first, under Groups." if group else text
        said.append(f"{line}{words[:1].upper()}{words[1:]}")
    return said[:_MOST_SHOWN]


def _looked(
    desk: Desk, visit: Visit, listed: _List, outcome: Outcome, *, seen: str, problem: str = ""
) -> Reply:
    people = [one for one in outcome.plan.changes if one.noun == "user"]
    return desk.show(
        "people_import.html",
        visit,
        status=422 if problem else 200,
        listed=listed,
        seen=seen,
        problem=problem,
        made=sum(one.action == "create" for one in people),
        changed=sum(one.action == "change" for one in people),
        same=len(listed.rows) - len(people),
        people=people[:_MOST_SHOWN],
        more=max(0, len(people) - _MOST_SHOWN),
        columns=_COLUMNS,
    )


def _shown(desk: Desk, visit: Visit, listed: _List) -> Reply:
    status = 422 if listed.problems else 200
    return desk.show(
        "people_import.html", visit, status=status, listed=listed, seen="", problem="", columns=_COLUMNS
    )


PLACES: Final = {_PATH: Place(Permission.PEOPLE, show=_form, change=_sent, under=_LIST)}
