"""One entry of the state file as it is now: read, told apart from older ones, and held to what was seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from idjag.idp.api.office import Office
from idjag.idp.api.problem import Problem
from idjag.idp.catalog.app import app_entry
from idjag.idp.catalog.connection import connection_entry
from idjag.idp.catalog.documents import GROUP_LISTS, PEOPLE_LISTS, ids_in, spec_of
from idjag.idp.catalog.group import LOCAL, group_entry
from idjag.idp.catalog.guardrail import guardrail_entry
from idjag.idp.catalog.references import References
from idjag.idp.catalog.resource_app import resource_app_entry
from idjag.idp.catalog.user import user_entry
from idjag.idp.state.current import Current
from idjag.idp.state.file import Section
from idjag.ledger.entry import Key, Row

__all__ = ["as_seen", "entry_now", "entry_of", "etag", "rows_of"]

_SHAPES: Final[Mapping[str, Callable[[Row, References], dict[str, Any]]]] = {
    "groups": lambda row, _refs: group_entry(row),
    "apps": app_entry,
    "resource_apps": resource_app_entry,
    "connections": connection_entry,
    "guardrails": guardrail_entry,
}
_TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "groups": ("person_group", "name"),
    "users": ("person", "username"),
    "apps": ("app", "key"),
    "resource_apps": ("resource_app", "key"),
    "connections": ("connection", "key"),
    "guardrails": ("guardrail", "key"),
}
"""Table and column in which an entry of a section is found by its name."""


def etag(entry: Mapping[str, Any]) -> str:
    """The same for the same entry, whoever reads it and when."""
    text = json.dumps(entry, sort_keys=True, ensure_ascii=False)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def as_seen(
    section: Section, key: str, if_match: str | None, *, gone: bool = False
) -> Callable[[Current], None]:
    """What raises Problem 404, 412, 428 unless the entry is the one that the caller has seen."""

    def look(current: Current) -> None:
        there = key in rows_of(section, current)
        if gone and not there:
            raise Problem(404, f"There is no {section.noun.replace('_', ' ')} of this name.")
        if there and if_match is None:
            raise Problem(428, "It exists: read it, and send its ETag as If-Match.")
        seen = {"*", etag(entry_of(section, current, key))} if there else set()
        if if_match is not None and if_match not in seen:
            raise Problem(412, "Somebody else has changed it: read it again.")

    return look


def entry_now(office: Office, section: Section, key: str) -> dict[str, Any]:
    """The entry as it is now; raises Problem 404.

    Read by its key: the others of its kind may be thousands.
    """
    row = _row(office, section, key)
    if row is None:
        raise Problem(404, f"There is no {section.noun.replace('_', ' ')} of this name.")
    if section.name == "users":
        return _managed(_person(office, row), row)
    return _managed(_SHAPES[section.name](row, _references(office, row)), row)


def _row(office: Office, section: Section, key: str) -> Row | None:
    table, column = _TABLES[section.name]
    named = Key(table, column, key)
    rows = (row for row in office.ledger.read((named,))(named) if row["tenant_id"] == office.tenant)
    return next((row for row in rows if row.get("source", LOCAL) == LOCAL), None)


def _person(office: Office, row: Row) -> dict[str, Any]:
    person = str(row["id"])
    member, subject = (Key(table, "person_id", person) for table in ("membership", "subject"))
    found = office.ledger.read((member, subject))
    keys = [Key("person_group", "id", str(one["group_id"])) for one in found(member)]
    groups = office.ledger.read(keys)
    names = [str(one["name"]) for key in keys for one in groups(key) if one["source"] == LOCAL]
    subs = {str(one["sector"]): str(one["sub"]) for one in found(subject)}
    return user_entry(row, subs=subs, groups=names)


def _references(office: Office, row: Row) -> References:
    """The names of what this row refers to, and of every app and resource app."""
    spec = spec_of(row) if "spec" in row else {}
    groups = [Key("person_group", "id", one) for one in sorted(set(ids_in(spec, GROUP_LISTS)))]
    people = [Key("person", "id", one) for one in sorted(set(ids_in(spec, PEOPLE_LISTS)))]
    found = office.ledger.read((*groups, *people)) if groups or people else lambda _key: ()
    policy = office.ledger.fresh(office.tenant).policy
    return References(
        # a file never means a group of another source by its name
        groups={
            str(one["name"]): str(one["id"]) for key in groups for one in found(key) if one["source"] == LOCAL
        },
        people={str(one["username"]): str(one["id"]) for key in people for one in found(key)},
        apps={app.key: app.id for app in policy.apps.values()},
        resource_apps={target.key: target.id for target in policy.resource_apps.values()},
    )


def rows_of(section: Section, current: Current) -> Mapping[str, Row]:
    """The rows of a section by name."""
    rows: Mapping[str, Row] = getattr(current, "people" if section.name == "users" else section.name)
    return rows


def entry_of(section: Section, current: Current, key: str) -> dict[str, Any]:
    """As the state file would say it, and who looks after it: a file, or people; never a secret."""
    row, refs = rows_of(section, current)[key], current.references
    if section.name == "users":
        person = str(row["id"])
        groups = map(refs.name, current.local_groups(person))
        entry = user_entry(row, subs=current.subs.get(person, {}), groups=groups)
    else:
        entry = _SHAPES[section.name](row, refs)
    return _managed(entry, row)


def _managed(entry: dict[str, Any], row: Row) -> dict[str, Any]:
    return {**entry, "managed_by": row["managed_by"] or "people"}
