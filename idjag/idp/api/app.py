"""The admin API as an application: its routes, its door, and how each failure is said."""

import logging
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig

from idjag.asgi import trusted_networks
from idjag.idp.administration.roles import Permission
from idjag.idp.administration.turned_down import Why, turned_down
from idjag.idp.api.accounts import ACCOUNTS
from idjag.idp.api.administrators import ADMINISTRATORS
from idjag.idp.api.audit import AUDIT
from idjag.idp.api.bodies import LONGEST
from idjag.idp.api.described import Described
from idjag.idp.api.discovery import DISCOVERY
from idjag.idp.api.door import Doorkeeper, address, needs, user_agent
from idjag.idp.api.log import LOG
from idjag.idp.api.nouns import routers
from idjag.idp.api.office import Lookups, Office, Visit
from idjag.idp.api.problem import Problem, response
from idjag.idp.api.routes import HANDLERS
from idjag.idp.api.secrets import SECRETS
from idjag.idp.api.sessions import SESSIONS
from idjag.idp.audit import Source, refusal_entry
from idjag.idp.lookups import TooMuch
from idjag.idp.services import Services
from idjag.idp.store.schema import SchemaRefused
from idjag.idp.strangers import Strangers
from idjag.ledger.entry import Unavailable
from idjag.protocol.errors import Reason, Refused
from idjag.seal import KekRefused

__all__ = ["PREFIX", "create_api"]

PREFIX: Final = "/admin/api"
_ROUTES: Final = (*HANDLERS, *DISCOVERY, *ADMINISTRATORS, *ACCOUNTS, *SESSIONS, *SECRETS, *AUDIT, *LOG)
"""Those that are no noun of the state file (``routers``)."""

AnyRequest = Request[Any, Any, Any]

log = logging.getLogger("idjag.idp.api")


def create_api(services: Services, lookups: Lookups, *, trusted_proxies: Sequence[str] = ()) -> Litestar:
    """The application for every path below ``/admin/api``."""
    office, strangers = Office(services, lookups), Strangers()
    trusted = trusted_networks(trusted_proxies)
    base = urlsplit(services.base).path + PREFIX

    def failed(request: AnyRequest, error: Exception) -> Response[Any]:
        visit: Visit | None = getattr(request.state, "visit", None)
        problem, reference = _problem(error), visit.decision_id if visit else services.new_id()
        if problem.status == 401:
            source = Source(reference, services.clock(), address(request, trusted), user_agent(request))
            event = strangers.event(Refused(Reason.TOKEN_INVALID), source)
            if event is not None:
                services.ledger.submit(refusal_entry(event, tenant=services.tenant, source=source))
        if problem.status == 403 and visit is not None:
            source, path = visit.source(services.clock()), request.scope["path"]
            turned_down(office, Why.ROLE, actor=visit.actor, source=source, method=request.method, path=path)
        return response(problem, reference=reference)

    return Litestar(
        [Router("/v1", route_handlers=[*_ROUTES, *routers()])],
        path=base,
        guards=[Doorkeeper(office, trusted=trusted)],
        dependencies={
            "office": Provide(lambda: office, sync_to_thread=False),
            "visit": Provide(_visit, sync_to_thread=False),
        },
        exception_handlers={Exception: failed},
        request_max_body_size=LONGEST,
        response_headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        openapi_config=OpenAPIConfig(
            "idjag admin API",
            "1",
            render_plugins=[Described(path=_DESCRIPTION)],
            openapi_router=Router(
                "/",
                route_handlers=[],
                before_request=_described_alone,
                include_in_schema=False,
                opt=needs(Permission.READ),
            ),
        ),
        logging_config=None,
    )


def _described_alone(request: AnyRequest) -> None:
    """The framework would answer in HTML beside its description; raises Problem 404."""
    if not request.scope["path"].endswith(_DESCRIPTION):
        raise Problem(404, _DETAILS[404])


def _visit(request: AnyRequest) -> Visit:
    visit: Visit = request.state.visit
    return visit


def _problem(error: Exception) -> Problem:
    """What a failure is called; what nobody foresaw is logged once, without what was sent."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Unavailable):
        return Problem(503, "The database cannot be reached now; nothing was changed.", headers=_SOON)
    if isinstance(error, TooMuch):
        return Problem(422, f"{error}.")
    if isinstance(error, SchemaRefused):
        return Problem(503, "The database cannot be read now.", headers=_SOON)
    if isinstance(error, KekRefused):
        return Problem(503, "The keys of this server are not its own to change.")
    if isinstance(error, HTTPException) and error.status_code < 500:
        return Problem(error.status_code, _DETAILS.get(error.status_code, "The request is not understood."))
    frames = traceback.extract_tb(error.__traceback__)
    where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    log.error("a request failed error=%s at=%s", type(error).__qualname__, where)
    return Problem(500, "Something went wrong here; the log of the server knows what.")


_DESCRIPTION: Final = "/openapi.json"
_SOON: Final = {"Retry-After": "5"}
_DETAILS: Final = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "The body is too long.",
}
