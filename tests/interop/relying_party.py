"""A web app that signs people in with Authlib's Starlette client: discovery, PKCE, state, nonce, ID token."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from authlib.integrations.base_client.errors import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped]
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.interop.files import App

__all__ = ["relying_party"]

_COOKIE = "rp"


def relying_party(apps: Mapping[str, App], *, idp: str) -> Any:
    """``/{app}/login`` sends to the IdP, ``/{app}/callback`` shows what Authlib made of the answer."""
    oauth = OAuth()
    for app in apps.values():
        method = app.auth["method"]
        oauth.register(
            app.client_id,
            client_id=app.client_id,
            client_secret=app.auth.get("secret"),
            server_metadata_url=f"{idp}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic" if method == "client_secret" else method,
            },
        )

    async def login(request: Request) -> Response:
        app = apps[request.path_params["app"]]
        client = oauth.create_client(app.client_id)
        answer: Response = await client.authorize_redirect(request, app.redirect_uri)
        return answer

    async def callback(request: Request) -> Response:
        client = oauth.create_client(request.path_params["app"])
        try:
            token = await client.authorize_access_token(request)
        except OAuthError as error:
            return JSONResponse({"error": error.error, "error_description": error.description}, 400)
        return JSONResponse(token)

    routes = [Route("/{app}/login", login), Route("/{app}/callback", callback)]
    return _Sessions(Starlette(routes=routes))


class _Sessions:
    """Sessions in memory, by a random cookie: what Authlib keeps state and nonce in."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._sessions: dict[str, dict[str, Any]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Request(scope).cookies.get(_COOKIE, "")
        key = sent if sent in self._sessions else secrets.token_urlsafe(24)
        scope["session"] = self._sessions.setdefault(key, {})

        async def send_with_cookie(message: Any) -> None:
            if message["type"] == "http.response.start" and key != sent:
                message["headers"].append((b"set-cookie", f"{_COOKIE}={key}; HttpOnly; Path=/".encode()))
            await send(message)

        await self._app(scope, receive, send_with_cookie)
