"""Administrators through the admin API, and their roles; If-Match tells whose edit comes second."""

from dataclasses import asdict
from typing import Any, Final

from litestar import Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, RawBody

from idjag.idp.administration import administrators, appointments
from idjag.idp.administration.administrators import Listed
from idjag.idp.administration.roles import Permission, Role
from idjag.idp.api.bodies import RoleBody, parsed
from idjag.idp.api.door import needs
from idjag.idp.api.entries import etag
from idjag.idp.api.nouns import IfMatch
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.api.refusals import appointed
from idjag.idp.questions import UnknownName, find_person

__all__ = ["ADMINISTRATORS"]

_PATH: Final = "/administrators/{username:str}"
_NEEDS: Final = needs(Permission.ADMINISTRATORS)


@get("/administrators", opt=_NEEDS, sync_to_thread=True)
def list_administrators(office: NamedDependency[Office]) -> dict[str, Any]:
    """Every administrator; ``able``: neither disabled nor held.  Times are NumericDate."""
    return {"items": [_shown(one) for one in administrators.listed(office)]}


@get(_PATH, opt=_NEEDS, sync_to_thread=True)
def read_administrator(office: NamedDependency[Office], username: FromPath[str]) -> Response[dict[str, Any]]:
    """One of them, with the ETag that If-Match wants."""
    shown = _shown(_found(office, _person(office, username)))
    return Response(shown, headers={"ETag": etag(shown)})


@put(_PATH, opt=_NEEDS, sync_to_thread=True)
def put_administrator(
    *,
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    username: FromPath[str],
    body: RawBody,
    if_match: IfMatch = None,
) -> Response[dict[str, Any]]:
    """Make a user an administrator, or give one another role: never more than the caller has.

    Without If-Match they must be none yet.
    """
    role = Role(parsed(body, RoleBody).role)
    person_id = _person(office, username)
    seen = _as_seen(administrators.find(office, person_id), if_match)
    source, by = visit.source(office.clock()), visit.caller.by
    appointed(lambda: appointments.give(office, person_id, role, by=by, seen=seen, source=source))
    shown = _shown(_found(office, person_id))
    return Response(shown, headers={"ETag": etag(shown)})


@delete(_PATH, opt=_NEEDS, status_code=204, sync_to_thread=True)
def end_administrator(
    *,
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    username: FromPath[str],
    if_match: IfMatch = None,
) -> None:
    """End them, with their API tokens, from the next request on; the last owner stays."""
    person_id = _person(office, username)
    seen = _as_seen(_found(office, person_id), if_match)
    source, by = visit.source(office.clock()), visit.caller.by
    appointed(lambda: appointments.end(office, person_id, by=by, seen=seen, source=source))


def _shown(one: Listed) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "person_id"}


def _found(office: Office, person_id: str) -> Listed:
    found = administrators.find(office, person_id)
    if found is None:
        raise Problem(404, "This user is no administrator.")
    return found


def _person(office: Office, username: str) -> str:
    try:
        return find_person(office, username)
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None


def _as_seen(now: Listed | None, if_match: str | None) -> Role | None:
    """The role that the caller has seen; raises Problem 412, 428."""
    if now is not None and if_match is None:
        raise Problem(428, "They are an administrator: read them, and send the ETag as If-Match.")
    if if_match is not None and (now is None or if_match not in {"*", etag(_shown(now))}):
        raise Problem(412, "Somebody else has changed it: read it again.")
    return None if now is None else now.role


ADMINISTRATORS: Final = [list_administrators, read_administrator, put_administrator, end_administrator]
