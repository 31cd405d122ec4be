"""A resource authorization server with an API that describe themselves over TLS, and who asks about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any, Final

import httpx

from idjag.idp.app import assemble
from idjag.idp.store.listing import Listing
from idjag.protocol import names
from idjag.protocol.jose import PrivateKey
from tests.idp.console.desk import Administrator, acme
from tests.idp.me.person import policy
from tests.idp.signin.seeds import TENANT
from tests.idp.signin.site import Host, Site
from tests.trust.pages import Pages, fetcher_to
from tests.trust.servers import Authority

__all__ = ["GRANTS", "INDICATOR", "KEYS", "METADATA", "RAS_KEYS", "RESOURCE", "World", "others"]

PAGE, CHECK = "/admin/connection", "/admin/connection/check"
METADATA, RESOURCE, KEYS = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/v1",
    "/jwks",
)
GRANTS, INDICATOR, RAS_KEYS = "grants", "resource indicator", "keys of the resource authorization server"
_KEY: Final = PrivateKey.generate("ES256", kid="chat-1").public.to_dict()
_FINDING: Final = re.compile(
    r"<span class=\"badge [^\"]*\">(Fits|Look|Wrong)</span> <strong>([^<]*)</strong></p>\s*<p>([^<]*)</p>"
)


@dataclass
class World:
    """A resource authorization server with an API that describe themselves, and an owner who asks."""

    site: Site
    pages: Pages
    owner: Administrator

    @property
    def issuer(self) -> str:
        return self.pages.url("/", "chat.example")

    @property
    def api(self) -> str:
        return self.pages.url("/v1", "api.chat.example")

    def publish(self, **changes: Any) -> None:
        """What is right, but for members of ``server`` and ``resource`` (None removes), and ``pages``."""
        server = {
            "issuer": self.issuer,
            "token_endpoint": self.pages.url("/token", "chat.example"),
            "jwks_uri": self.pages.url(KEYS, "chat.example"),
            "grant_types_supported": [names.JWT_BEARER],
            "authorization_grant_profiles_supported": [names.ID_JAG_PROFILE],
            "scopes_supported": ["chat.read", "chat.write", "chat.history"],
            **changes.get("server", {}),
        }
        resource = {
            "resource": self.api,
            "authorization_servers": [self.issuer],
            "scopes_supported": ["chat.read", "chat.write", "chat.history"],
            "resource_name": "Chat of Acme",
            **changes.get("resource", {}),
        }
        documents = {METADATA: _said(server), RESOURCE: _said(resource), KEYS: {"keys": [_KEY]}}
        self.pages.documents = {
            path: page for path, page in (documents | changes.get("pages", {})).items() if page is not None
        }

    def check(self, **fields: str) -> httpx.Response:
        """Press the button."""
        self.site.clock.now += 7  # ten questions a minute are answered
        return self.owner.submit(self.owner.page(PAGE, id="wiki-chat"), CHECK, **fields)

    def findings(self, **fields: str) -> dict[str, tuple[str, str]]:
        """How each thing is, and what the page says of it."""
        page = self.check(**fields)
        assert page.status_code == 200, page.text
        found = {
            unescape(about).lower(): (how, unescape(text)) for how, about, text in _FINDING.findall(page.text)
        }
        return {about.replace(f" {self.api}", ""): said for about, said in found.items()}


def _said(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


@contextmanager
def others(host: Host, folder: Path) -> Iterator[World]:
    """Acme, whose chat is at a server that answers."""
    authority = Authority(folder)
    with Pages(tls=authority.context("chat.example", "api.chat.example")) as pages:
        state = policy()
        (chat,) = state["resource_apps"]
        chat["issuer"] = pages.url("/", "chat.example")
        chat["resources"][0]["uri"] = pages.url("/v1", "api.chat.example")
        with (
            acme(host, folder, state) as site,
            closing(Listing(f"sqlite:///{folder}/idjag.db", TENANT)) as lists,
        ):
            site.services = replace(site.services, fetcher=fetcher_to(authority))
            host.app = assemble(site.services, lookups=lists)
            with Administrator(site) as alice:
                yield World(site, pages, alice)
