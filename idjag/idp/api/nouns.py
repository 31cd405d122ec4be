"""The nouns of the state file, one by one; If-Match tells whose edit comes second."""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

from litestar import Response, Router, delete, get, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, HeaderParameter, RawBody

from idjag.idp.administration.roles import Permission
from idjag.idp.api.bodies import value_of
from idjag.idp.api.changes import BY_HAND, change, document_of, source_of
from idjag.idp.api.door import needs
from idjag.idp.api.entries import as_seen, entry_now, entry_of, etag, rows_of
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.state.apply import How
from idjag.idp.state.current import Current, load
from idjag.idp.state.file import SECTIONS, Section
from idjag.idp.state.show import plan_json

__all__ = ["routers"]

_MOST: Final = 200
_OPEN: Final = needs(Permission.READ)
"""To look is enough at the door: what a role may change is judged by the plan (``changes.change``)."""

IfMatch: TypeAlias = Annotated[str | None, HeaderParameter(name="If-Match")]


def routers() -> list[Router]:
    """One router for each section of the state file."""
    return [_router(section) for section in SECTIONS]


def _router(section: Section) -> Router:
    path = "/" + section.name.replace("_", "-")
    return Router(path, route_handlers=[_list(section), _read(section), _put(section), _delete(section)])


def _list(section: Section) -> HTTPRouteHandler:
    @get("/", opt=_OPEN, sync_to_thread=True, name=f"list {section.name}")
    def list_all(
        office: NamedDependency[Office], begins: FromQuery[str] = "", after: FromQuery[str] = ""
    ) -> dict[str, Any]:
        """A page of them in the order of their names; ``next`` leads on."""
        current, keys = _page(office, section, begins=begins, after=after)
        entries = [entry_of(section, current, key) for key in keys[:_MOST]]
        return {"items": entries, "next": keys[_MOST - 1] if len(keys) > _MOST else None}

    return list_all


def _read(section: Section) -> HTTPRouteHandler:
    @get("/{key:str}", opt=_OPEN, sync_to_thread=True, name=f"read {section.name}")
    def read_one(office: NamedDependency[Office], key: FromPath[str]) -> Response[dict[str, Any]]:
        """One of them, with the ETag that If-Match wants."""
        entry = entry_now(office, section, key)
        return Response(entry, headers={"ETag": etag(entry)})

    return read_one


def _put(section: Section) -> HTTPRouteHandler:
    @put("/{key:str}", opt=_OPEN, sync_to_thread=True, name=f"put {section.name}")
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
        octets, seen = document_of(section.name, entry), as_seen(section, key, if_match)
        answer = _changed(office, visit, octets, how=How(managed_by=BY_HAND), seen=seen, only_look=dry_run)
        return Response(answer, headers={} if dry_run else {"ETag": etag(entry_now(office, section, key))})

    return put_one


def _delete(section: Section) -> HTTPRouteHandler:
    @delete("/{key:str}", opt=_OPEN, sync_to_thread=True, status_code=200, name=f"delete {section.name}")
    def delete_one(
        *,
        office: NamedDependency[Office],
        visit: NamedDependency[Visit],
        key: FromPath[str],
        if_match: IfMatch = None,
        dry_run: FromQuery[bool] = False,
    ) -> dict[str, Any]:
        """Remove it; refused while something still refers to it, and while it is under a hold."""
        how, seen = How(unwanted={section.noun: {key}}), as_seen(section, key, if_match, gone=True)
        return _changed(office, visit, b'{"version": 1}', how=how, seen=seen, only_look=dry_run)

    return delete_one


def _changed(
    office: Office,
    visit: Visit,
    octets: bytes,
    *,
    how: How,
    seen: Callable[[Current], None],
    only_look: bool,
) -> dict[str, Any]:
    """What was changed, or would be, by a file of the one entry."""
    outcome = change(
        office,
        visit.caller,
        source_of(octets),
        octets=octets,
        how=how.from_there(visit.ip, visit.user_agent),
        only_look=only_look,
        as_seen=seen,
    )
    return {**plan_json(outcome.plan), "applied": outcome.applied}


def _page(office: Office, section: Section, *, begins: str, after: str) -> tuple[Current, list[str]]:
    """Of people and connections, which may be many, only those are read that are shown."""
    ledger, tenant, near = office.ledger, office.tenant, office.lookups
    if section.name == "users":
        keys = list(near.people(begins=begins, after=after, limit=_MOST + 1))
        return load(ledger, tenant, everyone=False, usernames=keys[:_MOST], connections=()), keys
    if section.name == "connections":
        keys = list(near.connection_names(begins=begins, after=after, limit=_MOST + 1))
        shown = [(key, "") for key in keys[:_MOST]]
        return load(ledger, tenant, everyone=False, connections=shown), keys
    current = load(ledger, tenant, everyone=False, connections=())
    rows = rows_of(section, current)
    return current, [key for key in rows if key > after and key.startswith(begins)][: _MOST + 1]
