"""The routes of My access: one for each place of its table."""

from dataclasses import replace
from typing import Any

from litestar import HttpMethod, route
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import RawBody
from litestar.response.base import ASGIResponse

from idjag.idp.me.table import PLACES, Me
from idjag.idp.services import Services
from idjag.idp.signin.pages import Pages
from idjag.idp.signin.replies import response
from idjag.protocol.http import TokenRequest

__all__ = ["HANDLERS", "dependencies"]


def dependencies(services: Services, pages: Pages) -> dict[str, Any]:
    """What the handlers ask for."""
    me = Me(services, pages)
    return {"me": Provide(lambda: me, sync_to_thread=False)}


def _handler(path: str) -> HTTPRouteHandler:
    place = PLACES[path]
    methods = {"GET": place.show, "POST": place.change}
    had = [HttpMethod(name) for name, answered in methods.items() if answered]

    def answer(head: NamedDependency[TokenRequest], body: RawBody, me: NamedDependency[Me]) -> ASGIResponse:
        return response(me.answer(replace(head, body=body), path))

    return route(path, http_method=had, sync_to_thread=True, status_code=200)(answer)


HANDLERS = [_handler(path) for path in PLACES]
