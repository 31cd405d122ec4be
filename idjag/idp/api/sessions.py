"""The sessions of a user through the admin API: which there are, and ending one or all."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from litestar import delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from idjag.idp import accounts
from idjag.idp.administration.roles import Permission
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.questions import UnknownName, find_person
from idjag.idp.signin.session_ends import Listed, end_some, listed, listed_keys

__all__ = ["SESSIONS"]

_PATH: Final = "/users/{key:str}/sessions"
_NEEDS: Final = needs(Permission.PEOPLE)


@get(_PATH, opt=_NEEDS, sync_to_thread=True)
def list_sessions(office: NamedDependency[Office], key: FromPath[str]) -> dict[str, Any]:
    """The user's living sessions, the one used last first; times are NumericDate."""
    person_id = _person(office, key)
    policy = office.ledger.fresh(office.tenant).sign_in
    found = office.ledger.read(listed_keys(person_id))
    return {"items": [asdict(one) for one in listed(found, person_id, policy=policy, now=office.clock())]}


@delete(_PATH, opt=_NEEDS, status_code=200, sync_to_thread=True)
def end_sessions(
    office: NamedDependency[Office], visit: NamedDependency[Visit], key: FromPath[str]
) -> dict[str, Any]:
    """Sign the user out everywhere, with refresh tokens and remembered browsers."""
    try:
        person_id, source = _person(office, key), visit.source(office.clock())
        return {"ended": accounts.end_sessions(office, person_id, actor=visit.actor, source=source)}
    except accounts.Gone as gone:
        raise Problem(404, f"{gone}.") from None


@delete(f"{_PATH}/{{session:str}}", opt=_NEEDS, status_code=204, sync_to_thread=True)
def end_session(
    office: NamedDependency[Office],
    visit: NamedDependency[Visit],
    key: FromPath[str],
    session: FromPath[str],
) -> None:
    """End one, with the refresh tokens that came of it."""

    def this(living: Iterable[Listed]) -> Iterable[Listed]:
        return (one for one in living if one.id == session)

    source = visit.source(office.clock())
    person_id = _person(office, key)
    if not end_some(office.services, person_id, this, actor=visit.actor, source=source, revoked=True):
        raise Problem(404, "This user has no living session of this id.")


def _person(office: Office, username: str) -> str:
    try:
        return find_person(office, username)
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None


SESSIONS: Final = [list_sessions, end_sessions, end_session]
