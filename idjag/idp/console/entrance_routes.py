"""The routes before the console: its entrance, the way out, and one-time links."""

from dataclasses import replace

from litestar import post, route
from litestar.di import NamedDependency
from litestar.params import RawBody
from litestar.response.base import ASGIResponse

from idjag.idp.console import entrance_pages
from idjag.idp.signin.password_forms import Forms
from idjag.idp.signin.replies import response
from idjag.protocol.http import TokenRequest

__all__ = ["HANDLERS"]


@route("/admin/enter", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def enter(head: NamedDependency[TokenRequest], body: RawBody, forms: NamedDependency[Forms]) -> ASGIResponse:
    """On top of a recent sign-in, a session of the console."""
    return response(entrance_pages.enter(forms, replace(head, body=body)))


@post("/admin/leave", sync_to_thread=True, status_code=200)
def leave(head: NamedDependency[TokenRequest], body: RawBody, forms: NamedDependency[Forms]) -> ASGIResponse:
    """End the session of the console."""
    return response(entrance_pages.leave(forms, replace(head, body=body)))


@route("/admin/first", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def first(head: NamedDependency[TokenRequest], body: RawBody, forms: NamedDependency[Forms]) -> ASGIResponse:
    """A one-time link, then the password."""
    return response(entrance_pages.first(forms, replace(head, body=body)))


HANDLERS = [enter, leave, first]
