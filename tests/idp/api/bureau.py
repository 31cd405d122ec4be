"""An IdP on SQLite with its admin API, and tokens of every role; requests take the whole way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from idjag.asgi import ASGIApp
from idjag.idp.administration import tokens
from idjag.idp.administration.roles import Role
from idjag.idp.app import assemble
from idjag.idp.store.listing import Listing
from tests.idp.grants.acme import ISSUER, TENANT, Acme, acme

OPERATOR = {"kind": "operator", "id": "1000@host"}
V1 = "/admin/api/v1"


@dataclass(slots=True)
class Bureau:
    """The running IdP and whoever works there."""

    acme: Acme
    app: ASGIApp
    values: dict[str, str] = field(default_factory=dict)

    def token(self, role: str) -> str:
        """A token of this role, made by the operator once."""
        if role not in self.values:
            made = tokens.create(self.acme, name=role, role=Role(role), lifetime=3600, actor=OPERATOR)
            self.values[role] = made.value
        return self.values[role]

    def __call__(self, role: str | None, method: str, path: str, **sent: Any) -> httpx.Response:
        """One request; ``role`` None brings no token."""
        headers = httpx.Headers(sent.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.token(role)}"
        return asyncio.run(self._send(method, path, headers=headers, **sent))

    async def _send(self, method: str, path: str, **sent: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, client=("198.51.100.7", 4711))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as client:
            return await client.request(method, path if path.startswith("/admin/") else V1 + path, **sent)


@contextmanager
def bureau(folder: Path) -> Iterator[Bureau]:
    """Open for business."""
    database = folder / "idp.db"
    with acme(database=database) as running, closing(Listing(f"sqlite:///{database}", TENANT)) as lookups:
        yield Bureau(running, assemble(running.services, lookups=lookups))
