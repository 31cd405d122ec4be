"""The nouns of the state file, one by one; If-Match tells whose edit comes second."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeAlias

from litestar import Response, Router, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, RawBody

from idjag.idp.administration.roles import Permission
from idjag.idp.api.bodies import value_of
from idjag.idp.api.changes import BY_HAND, change, document_of, source_of
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.catalog.app import app_entry
from idjag.idp.catalog.connection import connection_entry
from idjag.idp.catalog.group import group_entry
from idjag.idp.catalog.guardrail import guardrail_entry
from idjag.idp.catalog.references import References
from idjag.idp.catalog.resource_app import resource_app_entry
from idjag.idp.catalog.user import user_entry
from idjag.idp.state.apply import How
from idjag.idp.state.current import Current, load
from idjag.idp.state.file import SECTIONS, Section
from idjag.idp.state.show import plan_json
from idjag.ledger.entry import Row

__all__ = ["routers"]

_MOST: Final = 200

IfMatch: TypeAlias = Annotated[str | None, HeaderParameter(name="If-Match")]
_SHAPES: Final[Mapping[str, Callable[[Row, References], dict[str, Any]]]] = {
    "groups": lambda row, _refs: group_entry(row),
    "apps": app_entry,
    "resource_apps": resource_app_entry,
    "connections": connection_entry,
    "guardrails": guardrail_entry,
}


def routers() -> list[Router]:
    """One router for each section of the state file."""
    return [_router(section) for section in SECTIONS]


def _router(section: Section) -> Router:
    read, write = needs(Permission.READ), needs(Permission.READ)

    @get("/", opt=read, sync_to_thread=True, name=f"list {section.name}")
    def list_all(
        office: NamedDependency[Office], begins: FromQuery[str] = "", after: FromQuery[str] = ""
    ) -> dict[str, Any]:
        """A page of them in the order of their names; ``next`` leads on."""
        current, keys = _page(office, section, begins=begins, after=after)
        entries = [_entry(section, current, key) for key in keys[:_MOST]]
        return {"items": entries, "next": keys[_MOST - 1] if len(keys) > _MOST else None}

    @get("/{key:str}", opt=read, sync_to_thread=True, name=f"read {section.name}")
    def read_one(office: NamedDependency[Office], key: FromPath[str]) -> Response[dict[str, Any]]:
        """One of them, with the ETag that If-Match wants."""
        entry = _found(office, section, key)
        return Response(entry, headers={"ETag": etag(entry)})

    @put("/{key:str}", opt=write, sync_to_thread=True, name=f"put {section.name}")
    def put_one(
        *,
        office: NamedDependency[Office],
        visit: NamedDependency[Visit],
        key: FromPath[str],
        body: RawBody,
        if_match: IfMatch = None,
        dry_run: FromQuery[bool] = False,
    ) -> Response[dict[str, Any]]:
        """Make it, or bring it to what is sent; what is left out is what the state file means by that.

        Without If-Match it must not exist yet.
        """
        entry = {section.key: key, **value_of(body)}
        if entry[section.key] != key:
            raise Problem(400, f"{section.key} in the body is another one than in the address.")
        octets = document_of(section.name, entry)
        outcome = change(
            office,
            visit,
            source_of(octets),
            octets=octets,
            how=How(managed_by=BY_HAND),
            only_look=dry_run,
            as_seen=_as_seen(section, key, if_match),
        )
        answer = {**plan_json(outcome.plan), "applied": outcome.applied}
        return Response(answer, headers={} if dry_run else {"ETag": etag(_found(office, section, key))})

    @delete("/{key:str}", opt=write, sync_to_thread=True, status_code=200, name=f"delete {section.name}")
    def delete_one(
        *,
        office: NamedDependency[Office],
        visit: NamedDependency[Visit],
        key: FromPath[str],
        if_match: IfMatch = None,
        dry_run: FromQuery[bool] = False,
    ) -> dict[str, Any]:
        """Remove it; refused while something still refers to it, and while it is under a hold."""
        octets = b'{"version": 1}'
        outcome = change(
            office,
            visit,
            source_of(octets),
            octets=octets,
            how=How(unwanted={section.noun: {key}}),
            only_look=dry_run,
            as_seen=_as_seen(section, key, if_match, gone=True),
        )
        return {**plan_json(outcome.plan), "applied": outcome.applied}

    path = "/" + section.name.replace("_", "-")
    return Router(path, route_handlers=[list_all, read_one, put_one, delete_one])


def etag(entry: Mapping[str, Any]) -> str:
    """The same for the same entry, whoever reads it and when."""
    text = json.dumps(entry, sort_keys=True, ensure_ascii=False)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _as_seen(
    section: Section, key: str, if_match: str | None, *, gone: bool = False
) -> Callable[[Current], None]:
    """Raises Problem 404, 412, 428 unless the entry is the one that the caller has seen."""

    def look(current: Current) -> None:
        there = key in _rows(section, current)
        if gone and not there:
            raise Problem(404, f"There is no {section.noun.replace('_', ' ')} of this name.")
        if there and if_match is None:
            raise Problem(428, "It exists: read it, and send its ETag as If-Match.")
        seen = {"*", etag(_entry(section, current, key))} if there else set()
        if if_match is not None and if_match not in seen:
            raise Problem(412, "Somebody else has changed it: read it again.")

    return look


def _page(office: Office, section: Section, *, begins: str, after: str) -> tuple[Current, list[str]]:
    if section.name == "users":
        keys = list(office.lookups.people(begins=begins, after=after, limit=_MOST + 1))
        return load(office.ledger, office.tenant, everyone=False, usernames=keys[:_MOST]), keys
    current = load(office.ledger, office.tenant, everyone=False)
    rows = _rows(section, current)
    return current, [key for key in rows if key > after and key.startswith(begins)][: _MOST + 1]


def _found(office: Office, section: Section, key: str) -> dict[str, Any]:
    usernames = (key,) if section.name == "users" else ()
    current = load(office.ledger, office.tenant, everyone=False, usernames=usernames)
    if key not in _rows(section, current):
        raise Problem(404, f"There is no {section.noun.replace('_', ' ')} of this name.")
    return _entry(section, current, key)


def _rows(section: Section, current: Current) -> Mapping[str, Row]:
    rows: Mapping[str, Row] = getattr(current, "people" if section.name == "users" else section.name)
    return rows


def _entry(section: Section, current: Current, key: str) -> dict[str, Any]:
    """As the state file would say it, and who looks after it: a file, or people; never a secret."""
    row, refs = _rows(section, current)[key], current.references
    if section.name == "users":
        person = str(row["id"])
        groups = map(refs.name, current.local_groups(person))
        entry = user_entry(row, subs=current.subs.get(person, {}), groups=groups)
    else:
        entry = _SHAPES[section.name](row, refs)
    return {**entry, "managed_by": row["managed_by"] or "people"}
