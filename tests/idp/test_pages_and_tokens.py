"""Whoever looks at slow pages keeps no token waiting: pages have threads of their own."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Event

import httpx

from idjag.idp.administration import tokens
from idjag.idp.administration.roles import Role
from idjag.idp.app import assemble
from idjag.idp.store.listing import Listing
from tests.idp.grants.acme import ISSUER, SECRETS, TENANT, acme

PAGES = 40
"""More than any pool has threads."""


class Slow(Listing):
    """Questions to which no answer comes before the test says so."""

    def __init__(self, url: str) -> None:
        super().__init__(url, TENANT)
        self.begun, self.go_on = Event(), Event()

    def people(self, *, begins: str, after: str, limit: int) -> Sequence[str]:
        self.begun.set()
        assert self.go_on.wait(60)
        return super().people(begins=begins, after=after, limit=limit)


def test_a_viewer_who_asks_for_slow_pages_keeps_no_token_request_waiting(tmp_path: Path) -> None:
    """P13, attack case 216, by somebody who is let in: forty questions at once that take very long."""
    database = tmp_path / "idp.db"
    with acme(database=database) as idp, closing(Slow(f"sqlite:///{database}")) as slow:
        viewer = tokens.create(
            idp, name="v", role=Role.VIEWER, lifetime=600, actor={"kind": "operator", "id": "0@host"}
        )
        app, form = assemble(idp.services, lookups=slow), idp.form(idp.sign_in())
        basic = base64.b64encode(f"wiki:{SECRETS['wiki']}".encode()).decode()

        async def both() -> tuple[httpx.Response, list[httpx.Response]]:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as client:
                asked = {"authorization": f"Bearer {viewer.value}"}
                pages = [
                    asyncio.ensure_future(client.get("/admin/api/v1/users", headers=asked))
                    for _ in range(PAGES)
                ]
                while not slow.begun.is_set():  # noqa: ASYNC110  # a thread sets it
                    await asyncio.sleep(0.01)
                try:
                    async with asyncio.timeout(30):  # far less than the pages wait
                        issued = await client.post(
                            "/token",
                            content=form,
                            headers={
                                "authorization": f"Basic {basic}",
                                "content-type": "application/x-www-form-urlencoded",
                            },
                        )
                    assert not any(page.done() for page in pages)
                finally:
                    slow.go_on.set()
                return issued, await asyncio.gather(*pages)

        issued, pages = asyncio.run(both())
        assert issued.status_code == 200, issued.text
        assert {page.status_code for page in pages} == {200}
