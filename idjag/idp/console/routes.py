"""The routes of the console: one for each place of its table, and one for all other paths below it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from litestar import HttpMethod, route
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, RawBody
from litestar.response.base import ASGIResponse

from idjag.idp.api.office import Office
from idjag.idp.audit_files import Leaving
from idjag.idp.console.asked import LONGEST
from idjag.idp.console.table import PLACES, Console
from idjag.idp.signin.pages import Pages
from idjag.idp.signin.replies import response
from idjag.protocol.http import TokenRequest

__all__ = ["dependencies", "handlers"]


def dependencies(office: Office, pages: Pages) -> dict[str, Any]:
    """What the handlers ask for."""
    console = Console(office, pages)
    return {"console": Provide(lambda: console, sync_to_thread=False)}


def handlers() -> Sequence[HTTPRouteHandler]:
    """One for each path, and one for those that lead nowhere."""
    return [nowhere, *(_handler(path) for path in PLACES)]


@route("/admin/{rest:path}", http_method=["GET", "POST"], sync_to_thread=True, status_code=404)
def nowhere(
    rest: FromPath[Path], head: NamedDependency[TokenRequest], console: NamedDependency[Console]
) -> ASGIResponse:
    """What the console does not have."""
    del rest
    return response(console.nowhere(head))


def _handler(path: str) -> HTTPRouteHandler:
    place = PLACES[path]
    methods = {"GET": place.show, "POST": place.change}
    had = [HttpMethod(name) for name, answered in methods.items() if answered]

    def answer(
        head: NamedDependency[TokenRequest], body: RawBody, console: NamedDependency[Console]
    ) -> ASGIResponse:
        answered = console.answer(replace(head, body=body), path)
        return answered if isinstance(answered, Leaving) else response(answered)

    return route(path, http_method=had, sync_to_thread=True, status_code=200, request_max_body_size=LONGEST)(
        answer
    )
