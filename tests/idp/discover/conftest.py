"""The office with a way to the documents of Chat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from idjag.idp.api.app import create_api
from idjag.trust.fetch import Fetcher
from idjag.trust.memory import MemoryFetcher
from tests.idp.api.bureau import Bureau
from tests.idp.discover.web import CHAT_PAGES
from tests.idp.grants.acme import acme

_NO_LISTS: Any = object()  # nothing here looks at long tables


async def _closed(*_: Any) -> None:
    """Until there is something to ask by."""
    raise AssertionError


@dataclass
class Desk:
    """Administrators with tokens, and what is out there."""

    office: Bureau
    pages: dict[str, Any]

    def serve(self, fetcher: Fetcher | None) -> None:
        """From now on by this fetcher."""
        services = replace(self.office.acme.services, fetcher=fetcher)
        self.office.app = create_api(services, _NO_LISTS)

    def discover(self, url: str, role: str = "app_admin", **more: Any) -> httpx.Response:
        """Ask."""
        return self.office(role, "POST", "/discover", json={"url": url, **more})

    def check(self, key: str = "wiki-chat", /, *, role: str = "app_admin", **trial: Any) -> httpx.Response:
        """Check a connection."""
        return self.office(role, "POST", f"/connections/{key}/check", json=trial)

    def checked(self, **trial: Any) -> list[dict[str, Any]]:
        """The findings, a minute after whatever was asked before."""
        self.office.acme.clock.now += 60
        answer = self.check(**trial)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["findings"]
        return found

    def findings(self, **trial: Any) -> dict[str, tuple[str, str]]:
        """By what they are about: how it is, and what is said."""
        return {one["about"]: (one["standing"], one["text"]) for one in self.checked(**trial)}


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A fresh one, in memory; what is out there can be changed."""
    with acme() as running:
        made = Desk(Bureau(running, _closed), dict(CHAT_PAGES))
        fetcher = MemoryFetcher({})
        fetcher.documents = made.pages
        made.serve(fetcher)
        yield made
