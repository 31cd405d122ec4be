"""Client secrets of an app through the admin API: made here and shown once, listed without, ended."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, RawBody

from idjag.idp import app_secrets
from idjag.idp.administration.roles import Permission
from idjag.idp.api.bodies import SecretBody, parsed
from idjag.idp.api.door import needs
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem
from idjag.idp.questions import UnknownName

__all__ = ["SECRETS"]

R = TypeVar("R")
_PATH: Final = "/apps/{key:str}/secrets"


@get(_PATH, opt=needs(Permission.READ), sync_to_thread=True)
def list_secrets(office: NamedDependency[Office], key: FromPath[str]) -> dict[str, Any]:
    """The secrets by id, oldest first, and until when they count (NumericDate); never a value."""
    now = office.clock()
    found = _answered(lambda: app_secrets.listed(office, key))
    return {"items": [app_secrets.members(each, now=now) for each in found]}


@post(_PATH, opt=needs(Permission.APPS), status_code=201, sync_to_thread=True)
def make_secret(
    office: NamedDependency[Office], visit: NamedDependency[Visit], key: FromPath[str], body: RawBody
) -> dict[str, Any]:
    """A further secret, shown this once; the one that was there goes on for the overlap.  Two at a time."""
    asked, source = parsed(body, SecretBody), visit.source(office.clock())
    if asked.expires is not None and asked.expires <= source.now:
        raise Problem(422, "expires has passed already.")
    made = _answered(
        lambda: app_secrets.make(
            office, key, actor=visit.actor, overlap=asked.overlap, expires=asked.expires, source=source
        )
    )
    return app_secrets.made_members(made)


@delete(f"{_PATH}/{{secret:str}}", opt=needs(Permission.APPS), status_code=200, sync_to_thread=True)
def retire_secret(
    office: NamedDependency[Office], visit: NamedDependency[Visit], key: FromPath[str], secret: FromPath[str]
) -> dict[str, Any]:
    """End a secret with the next request."""
    source = visit.source(office.clock())
    ended = _answered(lambda: app_secrets.retire(office, key, secret, actor=visit.actor, source=source))
    return app_secrets.members(ended, now=source.now)


def _answered(act: Callable[[], R]) -> R:
    """Do it; raises Problem 404, 409."""
    try:
        return act()
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None
    except app_secrets.SecretRefused as refused:
        raise Problem(409, f"{refused}.") from None


SECRETS: Final = [list_secrets, make_secret, retire_secret]
