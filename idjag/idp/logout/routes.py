"""The routes of signing out: Litestar requests in, Litestar responses out, nothing decided here."""

from dataclasses import replace
from typing import Final

from litestar import post, route
from litestar.di import NamedDependency
from litestar.params import RawBody
from litestar.response.base import ASGIResponse

from idjag.idp.logout.sign_out import SignOut
from idjag.idp.signin.replies import response
from idjag.protocol.http import TokenRequest

__all__ = ["HANDLERS"]


@route("/logout", http_method=["GET", "POST"], sync_to_thread=True, status_code=200)
def logout(
    head: NamedDependency[TokenRequest], body: RawBody, sign_out: NamedDependency[SignOut]
) -> ASGIResponse:
    """The end-session endpoint."""
    return response(sign_out.begin(replace(head, body=body)))


@post("/logout/confirm", sync_to_thread=True, status_code=200)
def confirm_logout(
    head: NamedDependency[TokenRequest], body: RawBody, sign_out: NamedDependency[SignOut]
) -> ASGIResponse:
    """The form that asks."""
    return response(sign_out.confirm(replace(head, body=body)))


HANDLERS: Final = (logout, confirm_logout)
