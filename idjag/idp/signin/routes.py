"""The routes of the sign-in pages: Litestar requests in, Litestar responses out, nothing decided here."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar, Request, Response, get, route
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery, RawBody
from litestar.response.base import ASGIResponse
from litestar.routes import HTTPRoute

from idjag.asgi import client_address, trusted_networks
from idjag.idp.api.office import Lookups, Office
from idjag.idp.console import entrance_routes
from idjag.idp.console import routes as console
from idjag.idp.logout import routes as logout
from idjag.idp.logout.sign_out import SignOut
from idjag.idp.me import routes as me
from idjag.idp.services import Services
from idjag.idp.signin import password_routes, problems
from idjag.idp.signin.flow import SignIn
from idjag.idp.signin.pages import Pages, Viewer, viewer_of
from idjag.idp.signin.replies import response
from idjag.idp.signin.step_pages import StepPages
from idjag.protocol.errors import Reason
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.names import MAX_BODY

__all__ = ["create_pages"]

AnyRequest = Request[Any, Any, Any]

log = logging.getLogger("idjag.idp.signin")

_REASONS = {405: Reason.METHOD_WRONG, 413: Reason.TOO_LARGE, 503: Reason.UNAVAILABLE}


def create_pages(
    services: Services, *, lookups: Lookups | None = None, trusted_proxies: Sequence[str] = ()
) -> Litestar:
    """The application for every path that is no protocol endpoint; the console only with ``lookups``.

    ``trusted_proxies``: addresses and CIDRs whose X-Forwarded-For is believed.
    """
    pages, trusted = Pages(services.issuer, logo=services.logo), trusted_networks(trusted_proxies)
    sign_in, sign_out = SignIn(services, pages), SignOut(services, pages)
    step_pages = StepPages(services, pages, sign_in)
    office = None if lookups is None else Office(services, lookups)

    def show_problem(request: AnyRequest, error: Exception) -> Response[bytes]:
        viewer = viewer_of(plain(request), "")
        return _problem(request, error, pages=pages, viewer=viewer, reference=services.new_id())

    def plain(request: AnyRequest) -> TokenRequest:
        scope, headers = request.scope, tuple(request.scope["headers"])
        peer = request.client.host if request.client else ""
        source = client_address(peer, headers, trusted=trusted)
        return TokenRequest(scope["method"], scope["query_string"], headers, source=source)

    return Litestar(
        [
            authorize,
            sign_in_form,
            sign_in_step,
            show_file,
            choose_language,
            *logout.HANDLERS,
            *password_routes.HANDLERS,
            *me.HANDLERS,
            *entrance_routes.HANDLERS,
            *(console.handlers() if office else ()),
        ],
        path=urlsplit(services.base).path or "/",
        dependencies={
            "head": Provide(plain, sync_to_thread=False),
            "sign_in": Provide(lambda: sign_in, sync_to_thread=False),
            "step_pages": Provide(lambda: step_pages, sync_to_thread=False),
            "sign_out": Provide(lambda: sign_out, sync_to_thread=False),
            "pages": Provide(lambda: pages, sync_to_thread=False),
            **password_routes.dependencies(services, pages),
            **me.dependencies(services, pages),
            **(console.dependencies(office, pages) if office else {}),
        },
        exception_handlers={Exception: show_problem},
        request_max_body_size=MAX_BODY,
        openapi_config=None,
        logging_config=None,
    )


# One handler for both methods: of two on one path, Litestar 2.25 wraps the first twice for its thread, and
# what it answers is a coroutine that nobody awaits.
@route("/authorize", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def authorize(
    head: NamedDependency[TokenRequest], body: RawBody, sign_in: NamedDependency[SignIn]
) -> ASGIResponse:
    """The authorization endpoint."""
    return response(sign_in.authorize(replace(head, body=body)))


@route("/signin", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def sign_in_form(
    head: NamedDependency[TokenRequest], body: RawBody, sign_in: NamedDependency[SignIn]
) -> ASGIResponse:
    """The sign-in form; by GET, that of a page of ours."""
    if head.method == "GET":
        return response(sign_in.own_page(head))
    return response(sign_in.submit(replace(head, body=body)))


@route("/signin/step", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def sign_in_step(
    head: NamedDependency[TokenRequest], body: RawBody, step_pages: NamedDependency[StepPages]
) -> ASGIResponse:
    """The pages after the first."""
    if head.method == "GET":
        return response(step_pages.show(head))
    return response(step_pages.submit(replace(head, body=body)))


@get("/static/{name:str}", sync_to_thread=False)
def show_file(
    name: FromPath[str], pages: NamedDependency[Pages], head: NamedDependency[TokenRequest]
) -> ASGIResponse:
    """A style sheet, a script or an image."""
    return response(pages.file(name) or _not_found(pages, head))


@get("/language", sync_to_thread=False, status_code=303)
def choose_language(
    to: FromQuery[str],
    back: FromQuery[str],
    pages: NamedDependency[Pages],
    head: NamedDependency[TokenRequest],
) -> ASGIResponse:
    """The choice of a language at the foot of a page; it changes words, so that a link may do it."""
    return response(pages.language(to, back) or _not_found(pages, head))


def _not_found(pages: Pages, head: TokenRequest) -> Reply:
    return pages.problem(problems.NOT_FOUND, viewer=viewer_of(head, ""), reference="")


def _allowed(request: AnyRequest) -> str:
    """The methods of the path (RFC 9110 section 15.5.6); files, whose paths are many, have GET alone."""
    path = "/" + request.scope["path"].strip("/")
    routes = [one for one in request.app.routes if isinstance(one, HTTPRoute) and one.path == path]
    return ", ".join(sorted(routes[0].methods)) if routes else "GET"


def _where(error: BaseException) -> str:
    """The way to the error, without its text, which may quote the request."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)


def _problem(
    request: AnyRequest, error: Exception, *, pages: Pages, viewer: Viewer, reference: str
) -> Response[bytes]:
    """The page for what the framework refuses, and for what we did not foresee, which is logged once."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status >= 500:
        log.error("a page failed ref=%s error=%s at=%s", reference, type(error).__qualname__, _where(error))
    reason = _REASONS.get(status, Reason.FAULT if status >= 500 else Reason.MALFORMED_FORM)
    shown = problems.NOT_FOUND if status == 404 else problems.problem(reason)
    # a reference that no log knows would send people on an errand
    reply = pages.problem(shown, viewer=viewer, reference=reference if status >= 500 else "")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
    if status == 405:
        headers["allow"] = _allowed(request)
    return Response(reply.body, status_code=reply.status, headers=headers, media_type="text/html")
