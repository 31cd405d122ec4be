"""Who may come in: a bearer token, and the permission that each route names; what names none is closed."""

from typing import Any, Final

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from idjag.asgi import Networks, client_address
from idjag.idp.administration import tokens
from idjag.idp.administration.roles import Permission
from idjag.idp.api.office import Office, Visit
from idjag.idp.api.problem import Problem

__all__ = ["NEEDS", "Doorkeeper", "address", "needs", "user_agent"]

NEEDS: Final = "permission"

_LONGEST_AGENT: Final = 256
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="idjag admin API"'}


def needs(permission: Permission) -> dict[str, Any]:
    """The ``opt`` of a route."""
    return {NEEDS: permission}


class Doorkeeper:
    """The guard of the whole API."""

    def __init__(self, office: Office, *, trusted: Networks) -> None:
        self._office, self._trusted = office, trusted

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler) -> None:
        """Raises Problem 401 without a token that lets in, 403 without the permission."""
        value, now = _bearer(connection), self._office.clock()
        # by the threads of pages: whoever knocks often keeps no token request waiting
        caller = await sync_to_thread(tokens.caller, self._office, value, now=now)
        if caller is None:
            raise Problem(401, "Send a valid API token: Authorization: Bearer ...", headers=_CHALLENGE)
        connection.state.visit = Visit(
            caller=caller,
            decision_id=self._office.new_id(),
            ip=address(connection, self._trusted),
            user_agent=user_agent(connection),
        )
        wanted = route.opt.get(NEEDS)
        if wanted not in caller.permissions:
            raise Problem(403, f"The role {caller.role} of this token may not do that.")


def _bearer(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The token of the one Authorization header, or ""; a query or a cookie never counts."""
    headers = connection.headers.getall("authorization", [])
    if len(headers) != 1:
        return ""
    scheme, _, value = headers[0].partition(" ")
    return value.strip(" ") if scheme.lower() == "bearer" else ""


def address(connection: ASGIConnection[Any, Any, Any, Any], trusted: Networks) -> str:
    """Where a request comes from, as the audit log says it."""
    peer = connection.client.host if connection.client else ""
    return client_address(peer, tuple(connection.scope["headers"]), trusted=trusted)


def user_agent(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """What the client calls itself, as far as the log wants to know: nothing that moves a terminal."""
    said = connection.headers.get("user-agent", "")[:_LONGEST_AGENT]
    return "".join(char if " " <= char <= "~" else "?" for char in said)
