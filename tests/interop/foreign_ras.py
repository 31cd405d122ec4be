"""A resource authorization server that is not ours: Authlib's ID-JAG grant, judging what our IdP issues."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any

from authlib.oauth2.drafts import IDJAGGrant  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.errors import InvalidGrantError  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from idjag.demo.wire import fetch
from idjag.protocol import names

__all__ = ["foreign_ras"]


def foreign_ras(issuers: Mapping[str, str], *, idp: str, clients: Mapping[str, str], people: set[str]) -> Any:
    """``/{name}/token`` of each issuer; ``clients`` are secrets by id, ``people`` subs with an account."""
    servers = {
        name: _Server(issuer, idp=idp, clients=clients, people=people) for name, issuer in issuers.items()
    }

    async def token(request: Request) -> Response:
        server = servers[request.path_params["name"]]
        form = {name: str(value) for name, value in (await request.form()).items()}
        asked = (form, dict(request.headers))
        status, members = await run_in_threadpool(server.create_token_response, asked)
        return JSONResponse(members, status)

    return Starlette(routes=[Route("/{name}/token", token, methods=["POST"])])


class _Request(OAuth2Request):  # type: ignore[misc]
    """The framework's side of Authlib's server; it serves plain http only behind something that has TLS."""

    def __init__(self, form: dict[str, str], headers: dict[str, str]) -> None:
        super().__init__("POST", "https://foreign.example/token", headers=_titled(headers))
        self.payload = BasicOAuth2Payload(form)

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


class _Client:
    """A registered client that may use the grant."""

    def __init__(self, client_id: str, secret: str) -> None:
        self._client_id, self._secret = client_id, secret

    def get_client_id(self) -> str:
        return self._client_id

    def check_client_secret(self, secret: str) -> bool:
        return hmac.compare_digest(self._secret, secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post") and endpoint == "token"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == names.JWT_BEARER


class _Grant(IDJAGGrant):  # type: ignore[misc]
    """The hooks that the documentation asks for."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def get_audiences(self) -> list[str]:
        return [self.server.issuer]

    def resolve_issuer_key(self, issuer: str, _headers: Mapping[str, Any]) -> KeySet:
        if issuer != self.server.idp:
            raise InvalidGrantError("another issuer")
        metadata = fetch(f"{issuer}/.well-known/openid-configuration").json()
        return KeySet.import_key_set(fetch(str(metadata["jwks_uri"])).json())  # type: ignore[arg-type]

    def authenticate_user(self, subject: str) -> str | None:
        return subject if subject in self.server.people else None

    def check_jti(self, claims: Mapping[str, Any], jti: str) -> bool:
        known = (claims["iss"], jti) in self.server.redeemed
        self.server.redeemed.add((claims["iss"], jti))
        return not known

    def check_id_jag_permission(self, _client: _Client, _user: str, scopes: list[str]) -> bool:
        asked = self.request.id_jag_claims.get("resource", f"{self.server.issuer}/api")
        resources = {asked} if isinstance(asked, str) else set(asked)
        own = {f"{self.server.issuer}/api", f"{self.server.issuer}/files"}
        return set(scopes) <= {"chat.read", "chat.history"} and bool(resources) and resources <= own


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, issuer: str, *, idp: str, clients: Mapping[str, str], people: set[str]) -> None:
        super().__init__()
        self.issuer, self.idp, self.people = issuer, idp, people
        self.redeemed: set[tuple[str, str]] = set()
        self._clients = clients
        self.register_grant(_Grant)
        self.register_token_generator("default", _token)

    def query_client(self, client_id: str) -> _Client | None:
        return _Client(client_id, self._clients[client_id]) if client_id in self._clients else None

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Nobody looks it up."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: tuple[dict[str, str], dict[str, str]]) -> _Request:
        return _Request(*request)

    def handle_response(self, status: int, body: Any, _headers: Any) -> tuple[int, Any]:
        return status, body


def _token(*, user: str, scope: str, **_: Any) -> dict[str, Any]:
    opaque = base64.urlsafe_b64encode(user.encode()).decode()
    return {"access_token": opaque, "token_type": "Bearer", "expires_in": 600, "scope": scope}


def _titled(headers: dict[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}
