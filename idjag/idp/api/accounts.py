"""The account of a user through the admin API: what there is of it, and what an administrator does to it."""

from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, RawBody

from idjag.idp.account import account
from idjag.idp.account_steps import STEPS
from idjag.idp.accounts import Gone
from idjag.idp.administration.administrators import Everybody
from idjag.idp.administration.appointments import LastOwner
from idjag.idp.administration.roles import Permission
from idjag.idp.api.bodies import nothing
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.questions import UnknownName, find_person
from idjag.ledger.entry import Key

__all__ = ["ACCOUNTS"]

_PATH: Final = "/users/{key:str}"
_NEEDS: Final = needs(Permission.PEOPLE)
_NEVER_OF_ADMINISTRATORS: Final = frozenset({"reset-factors", "set-password-link"})
"""They let whoever asks become that person, who has more than a token and does not end with it."""

_SAID: Final = {
    "disable": "Nobody signs in as them from the next request on; everything of theirs ends.",
    "enable": "They may sign in again; what had ended stays ended.",
    "unlock": "Forget the failed attempts at their account: how many there were.",
    "end-sessions": "Sign them out everywhere, with refresh tokens and remembered browsers.",
    "reset-factors": "Take their second factors away, and sign them out.  Never of an administrator.",
    "set-password-link": "A link that sets their password, once, within an hour.  Never of an administrator.",
}


@get(f"{_PATH}/account", opt=_NEEDS, sync_to_thread=True)
def read_account(office: NamedDependency[Office], key: FromPath[str]) -> dict[str, Any]:
    """Groups, whether there is a password, second factors, living sessions, failures; nothing that proves."""
    try:
        return account(office, _person(office, key))
    except Gone as gone:
        raise Problem(404, f"{gone}.") from None


def _route(name: str) -> HTTPRouteHandler:
    def act(
        office: NamedDependency[Office], visit: NamedDependency[Visit], key: FromPath[str], body: RawBody
    ) -> dict[str, Any]:
        nothing(body)
        person_id = _person(office, key)
        if name in _NEVER_OF_ADMINISTRATORS:
            _check_no_role(office, person_id)
        try:
            said = STEPS[name](office, person_id, visit.actor, visit.source(office.clock()))
        except (Gone, LastOwner) as no:
            raise Problem(409, f"Nothing was changed: {no}.") from None
        return {**said, "managed_by": _managed_by(office, person_id)}

    act.__doc__ = _SAID[name]
    route = post(f"{_PATH}/{name}", opt=_NEEDS, status_code=200, sync_to_thread=True, name=f"{name} users")
    return route(act)


def _check_no_role(office: Office, person_id: str) -> None:
    """A token ends with its maker and has their role at most; a person whom it became would not.

    Whoever gets a role after this look had the link before it, as if it had been made then.
    Raises Problem 403.
    """
    everybody = Everybody.of(office, person_id)
    if everybody.role(office.ledger.read(everybody.keys), person_id) is not None:
        raise Problem(
            403,
            "Nothing was changed: this user is an administrator, whose password and second factors want "
            "somebody who has just signed in: in the console, or idjag on the host.",
        )


def _managed_by(office: Office, person_id: str) -> str:
    key = Key("person", "id", person_id)
    return next((str(row["managed_by"]) for row in office.ledger.read((key,))(key)), "") or "people"


def _person(office: Office, username: str) -> str:
    try:
        return find_person(office, username)
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None


ACCOUNTS: Final = [read_account, *map(_route, STEPS)]
