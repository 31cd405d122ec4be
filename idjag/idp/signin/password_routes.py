"""The routes of the pages about passwords: Litestar requests in, Litestar responses out."""

from dataclasses import replace
from typing import Any, Final

from litestar import get, route
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, RawBody
from litestar.response.base import ASGIResponse

from idjag.idp.services import Services
from idjag.idp.signin import password_change, password_links
from idjag.idp.signin.pages import Pages
from idjag.idp.signin.password_forms import Forms
from idjag.idp.signin.replies import response
from idjag.protocol.http import TokenRequest

__all__ = ["HANDLERS", "dependencies"]


def dependencies(services: Services, pages: Pages) -> dict[str, Provide]:
    """What the handlers ask for beside ``head``."""
    forms = Forms(services, pages)
    return {"forms": Provide(lambda: forms, sync_to_thread=False)}


@route("/password", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def change_password(
    head: NamedDependency[TokenRequest], body: RawBody, forms: NamedDependency[Forms]
) -> ASGIResponse:
    """A person who is signed in changes the password."""
    return response(password_change.change(forms, replace(head, body=body)))


@route("/password/reset", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def ask_for_link(
    head: NamedDependency[TokenRequest], body: RawBody, forms: NamedDependency[Forms]
) -> ASGIResponse:
    """Somebody asks for a link to a new password."""
    return response(password_links.ask(forms, replace(head, body=body)))


@get("/password/sent", sync_to_thread=True, status_code=200)
def link_sent(head: NamedDependency[TokenRequest], forms: NamedDependency[Forms]) -> ASGIResponse:
    """What everybody reads who asked for one."""
    return response(password_links.sent(forms, head))


@get("/password/set/{value:str}", sync_to_thread=True, status_code=200)
def open_link(
    value: FromPath[str], head: NamedDependency[TokenRequest], forms: NamedDependency[Forms]
) -> ASGIResponse:
    """The link itself."""
    return response(password_links.open_link(forms, head, value))


@route("/password/set", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def set_password(
    head: NamedDependency[TokenRequest], body: RawBody, forms: NamedDependency[Forms]
) -> ASGIResponse:
    """The form behind the link."""
    return response(password_links.set_password(forms, replace(head, body=body)))


@get("/password/done", sync_to_thread=True, status_code=200)
def password_done(head: NamedDependency[TokenRequest], forms: NamedDependency[Forms]) -> ASGIResponse:
    """The password is a new one."""
    return response(password_links.done(forms, head))


HANDLERS: Final[tuple[Any, ...]] = (
    change_password,
    ask_for_link,
    link_sent,
    open_link,
    set_password,
    password_done,
)
