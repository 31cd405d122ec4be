"""Our Reply as a Litestar response, for the modules whose handlers give pages."""

from __future__ import annotations

from litestar.response.base import ASGIResponse

from idjag.protocol.http import Reply

__all__ = ["response"]


def response(reply: Reply) -> ASGIResponse:
    """The same status, headers and body."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers]
    return ASGIResponse(body=reply.body, status_code=reply.status, headers=headers, media_type="text/html")
