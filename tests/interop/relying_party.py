"""A web app that signs people in with Authlib's Starlette client: discovery, PKCE, state, nonce, ID token."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from authlib.integrations.base_client.errors import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.interop.files import App

__all__ = ["relying_party"]

_COOKIE = "rp"
_PATIENCE = 25  # seconds; those who ask wait for thirty


def relying_party(apps: Mapping[str, App], *, idp: str) -> Any:
    """``/{app}/login`` and ``logout`` send to the IdP; ``callback`` shows what Authlib made of the answer.

    ``login?acr_values=...`` asks for a sign-in of that strength, and the app insists on it.

    ``person`` shows what UserInfo says; ``heard`` takes logout tokens, for whose claims ``told`` waits.
    """
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
        request.session["wanted"] = dict(request.query_params)
        answer: Response = await client.authorize_redirect(
            request, app.redirect_uri, **request.session["wanted"]
        )
        return answer

    async def callback(request: Request) -> Response:
        client = oauth.create_client(request.path_params["app"])
        try:
            token = await client.authorize_access_token(request)
        except OAuthError as error:
            return JSONResponse({"error": error.error, "error_description": error.description}, 400)
        wanted = request.session["wanted"].get("acr_values")
        if wanted not in (None, token["userinfo"].get("acr")):
            return JSONResponse({"error": "weaker than this app wants"}, 403)
        request.session["token"] = dict(token)
        return JSONResponse(token)

    async def person(request: Request) -> Response:
        client = oauth.create_client(request.path_params["app"])
        return JSONResponse(await client.userinfo(token=request.session["token"]))

    async def logout(request: Request) -> Response:
        app = apps[request.path_params["app"]]
        client = oauth.create_client(app.client_id)
        answer: Response = await client.logout_redirect(
            request,
            post_logout_redirect_uri=app.after_logout,
            id_token_hint=request.session["token"]["id_token"],
        )
        return answer

    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def heard(request: Request) -> Response:
        client = oauth.create_client(request.path_params["app"])
        form = parse_qs((await request.body()).decode())
        keys = KeySet.import_key_set(await client.fetch_jwk_set())
        token = jwt.decode(form["logout_token"][0], keys, algorithms=["RS256"])
        await told.put({**token.claims, "typ": token.header["typ"]})
        return Response(status_code=204)

    async def last(_request: Request) -> Response:
        return JSONResponse(await asyncio.wait_for(told.get(), _PATIENCE))

    routes = [
        Route("/{app}/login", login),
        Route("/{app}/callback", callback),
        Route("/{app}/person", person),
        Route("/{app}/logout", logout),
        Route("/{app}/heard", heard, methods=["POST"]),
        Route("/{app}/told", last),
    ]
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
