"""Wiki's pages for `idjag demo`: sign in, and see Chat threads that were fetched on your behalf."""

from __future__ import annotations

import asyncio
import json
import secrets
from html import escape

from idjag.asgi import ASGIApp, Door, router
from idjag.demo.wiki import Pending, Wiki
from idjag.protocol import names
from idjag.protocol.http import NO_STORE, Reply, TokenRequest
from idjag.protocol.jose import JoseError, jws

__all__ = ["site"]

_COOKIE = "wiki"
_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:46rem;margin:3rem auto;padding:0 1rem}
a.button{display:inline-block;padding:.6rem 1rem;border-radius:.5rem;text-decoration:none;
  background:#2f5bd0;color:#fff}
pre{overflow:auto;padding:1rem;border-radius:.5rem;background:color-mix(in srgb,currentColor 8%,transparent)}
h2{margin-top:2rem}
"""


def site(wiki: Wiki) -> ASGIApp:
    """The application: /, /begin and /callback."""
    pages = _Pages(wiki)
    routes = {"/": pages.home, "/begin": pages.begin, "/callback": pages.callback}
    return router({path: Door(answer) for path, answer in routes.items()}, otherwise=Door(pages.missing))


class _Pages:
    """Keeps the sign-ins under way, by a random cookie."""

    def __init__(self, wiki: Wiki) -> None:
        self._wiki = wiki
        self._pending: dict[str, Pending] = {}

    async def home(self, _request: TokenRequest) -> Reply:
        return _page("Wiki", '<p>Read your Chat threads here.</p><a class="button" href="/begin">Sign in</a>')

    async def begin(self, _request: TokenRequest) -> Reply:
        pending = await asyncio.to_thread(self._wiki.begin)
        key = secrets.token_urlsafe(24)
        self._pending[key] = pending
        cookie = f"{_COOKIE}={key}; HttpOnly; SameSite=Lax; Path=/".encode()
        return Reply(303, ((b"location", pending.url.encode()), (b"set-cookie", cookie), *NO_STORE), b"")

    async def callback(self, request: TokenRequest) -> Reply:
        pending = self._pending.pop(_cookie(request), None)
        if pending is None:
            return _page(
                "Wiki", '<p>This sign-in is not known here.</p><a href="/">Start again</a>', status=400
            )
        url = f"{self._wiki.redirect_uri}?{request.query.decode('ascii', 'replace')}"
        return await asyncio.to_thread(self._read_threads, pending, url)

    async def missing(self, _request: TokenRequest) -> Reply:
        return _page("Wiki", '<p>There is no such page.</p><a href="/">Wiki</a>', status=404)

    def _read_threads(self, pending: Pending, url: str) -> Reply:
        """Everything that happens on the person's behalf, step by step on one page."""
        if "code=" not in url:
            return _page("Wiki", '<p>The sign-in was refused.</p><a href="/">Start again</a>', status=400)
        signed_in = self._wiki.finish(pending, url).json()
        parts = ["<h2>1. You signed in</h2>", _decoded(signed_in.get("id_token"))]
        exchanged = self._wiki.exchange(str(signed_in.get("id_token")))
        parts += ["<h2>2. Your IdP answered with an ID-JAG for Chat</h2>", _shown(exchanged.json())]
        if exchanged.status == 200:
            redeemed = self._wiki.redeem(str(exchanged.json()["access_token"]))
            parts += ["<h2>3. Chat answered with its own access token</h2>", _shown(redeemed.json())]
            if redeemed.status == 200:
                threads = self._wiki.threads(str(redeemed.json()["access_token"]))
                parts += ["<h2>4. Your Chat threads</h2>", _pre(threads.json())]
        return _page("Wiki", "".join(parts) + '<p><a href="/">Again</a></p>')


def _shown(members: dict[str, object]) -> str:
    """An answer without its token, and the token decoded."""
    token = members.get("access_token")
    rest = {name: value for name, value in members.items() if name != "access_token"}
    return _pre(rest) + (_decoded(token) if token else "")


def _decoded(token: object) -> str:
    try:
        return _pre(dict(jws.parse(str(token), max_bytes=names.MAX_ID_JAG).claims))
    except JoseError:
        return "<p>(opaque)</p>"


def _pre(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2))}</pre>"


def _cookie(request: TokenRequest) -> str:
    sent = (request.header(b"cookie") or b"").decode("latin-1")
    pairs = [pair.strip().partition("=") for pair in sent.split(";")]
    return next((value for name, _, value in pairs if name == _COOKIE), "")


def _page(title: str, body: str, *, status: int = 200) -> Reply:
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<body><h1>{title}</h1>{body}</body></html>"
    )
    headers = ((b"content-type", b"text/html; charset=utf-8"), *NO_STORE)
    return Reply(status, headers, html.encode())
