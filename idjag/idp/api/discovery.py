"""Discovery help and the check of a connection through the admin API: others are asked, nothing is saved."""

from typing import Any, Final

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, RawBody
from pydantic import Field

from idjag.idp.administration.roles import Permission
from idjag.idp.api.bodies import parsed
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.audit import Source
from idjag.idp.catalog.fields import FileEntry, Name, Scopes, Some
from idjag.idp.discover.asking import Asker, TooOften, discovered
from idjag.idp.discover.check import NoSuchConnection, Trial, checked
from idjag.idp.discover.plan import Undiscovered
from idjag.idp.questions import UnknownName

__all__ = ["DISCOVERY", "CheckBody", "DiscoverBody"]

_LONGEST: Final = 2048


class DiscoverBody(FileEntry):
    """An issuer or the address of an API."""

    url: str = Field(min_length=1, max_length=_LONGEST)
    """The Issuer URL of a resource authorization server, or the address of its API."""
    authorization_server: str | None = Field(default=None, min_length=1, max_length=_LONGEST)
    """Which one, where the API names several."""


class CheckBody(FileEntry):
    """The person whom the check asks about, if any."""

    user: Name | None = None
    """Whose behalf; without, nobody is asked about."""
    scopes: Scopes | None = None
    """What is asked for; a request without scope when left out."""
    resources: Some[str] | None = None
    """Where; as a request without resource when left out."""
    acr: Name | None = None
    """The level of the sign-in; with amr left out too, the weakest that this tenant has."""
    amr: Some[Name] | None = None
    """The methods of the sign-in."""


@post("/discover", opt=needs(Permission.APPS), status_code=200, sync_to_thread=True)
def discover(office: NamedDependency[Office], visit: NamedDependency[Visit], body: RawBody) -> dict[str, Any]:
    """What the metadata of an issuer or an API says, as fields of a resource app; nothing is saved."""
    asked = parsed(body, DiscoverBody)
    try:
        return discovered(_asker(office, visit), asked.url, choice=asked.authorization_server or "").members
    except Undiscovered as refused:
        raise _undiscovered(refused) from None
    except TooOften as often:
        raise _too_often(often) from None


@post("/connections/{key:str}/check", opt=needs(Permission.APPS), status_code=200, sync_to_thread=True)
def check_connection(
    office: NamedDependency[Office], visit: NamedDependency[Visit], key: FromPath[str], body: RawBody
) -> dict[str, Any]:
    """Whether a connection works, as far as can be known without a secret; nothing is exchanged."""
    asked = parsed(body, CheckBody)
    try:
        return checked(_asker(office, visit), key, trial=_trial(asked)).members
    except NoSuchConnection as unknown:
        raise Problem(404, f"{unknown}.") from None
    except UnknownName as unknown:
        raise Problem(422, f"{unknown}.") from None
    except Undiscovered as refused:
        raise _undiscovered(refused) from None
    except TooOften as often:
        raise _too_often(often) from None


def _asker(office: Office, visit: Visit) -> Asker:
    source = Source(visit.decision_id, office.clock(), visit.ip, visit.user_agent)
    return Asker(office, office.services.fetcher, visit.actor, source)


def _trial(asked: CheckBody) -> Trial | None:
    if asked.user is None:
        if asked.model_fields_set:
            raise Problem(400, "The rest of a question needs a user.")
        return None
    return Trial(
        asked.user,
        scopes=None if asked.scopes is None else tuple(asked.scopes),
        resources=tuple(asked.resources or ()),
        acr=asked.acr,
        amr=None if asked.amr is None else frozenset(asked.amr),
    )


def _undiscovered(refused: Undiscovered) -> Problem:
    return Problem(422, refused.detail, [(look.url, look.outcome) for look in refused.looks])


def _too_often(often: TooOften) -> Problem:
    headers = {"Retry-After": str(often.wait)}
    return Problem(429, f"You have asked often enough: wait {often.wait} seconds.", headers=headers)


DISCOVERY: Final = [discover, check_connection]
"""Each names its permission."""
