"""A browser and what it reads: forms on pages, answers in redirects."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from idjag.protocol.jose import jws
from tests import plain_http
from tests.idp.signin.seeds import CHALLENGE, PASSWORDS, VERIFIER, WIKI_SECRET
from tests.idp.signin.site import Site


def request(**changes: str | None) -> dict[str, str]:
    """The parameters of a valid authorization request of the wiki; None leaves one out."""
    valid: dict[str, str | None] = {
        "client_id": "wiki",
        "redirect_uri": "https://wiki.example/callback",
        "response_type": "code",
        "scope": "openid",
        "state": "st/ate+ =&x",
        "nonce": "n-0S6_WzA2Mj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not None}


class _Inputs(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.values: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.action = found.get("action") or ""
        if tag == "input" and found.get("name"):
            self.values[str(found["name"])] = found.get("value") or ""


def form_of(page: httpx.Response) -> dict[str, str]:
    """The fields of the form on a page, with the values that it came with."""
    inputs = _Inputs()
    inputs.feed(page.text)
    return inputs.values


def answer_of(response: httpx.Response) -> dict[str, str]:
    """The parameters that the app gets from a redirect."""
    assert response.status_code == 303, response.text
    return dict(parse_qsl(urlsplit(response.headers["location"]).query, strict_parsing=True))


def claims(site: Site, response: httpx.Response, *, alg: str = "RS256") -> Mapping[str, Any]:
    assert response.status_code == 200, response.text
    return jws.verify(response.json()["id_token"], keys=site.keys, algorithms=(alg,))


def is_refused(response: httpx.Response, error: str = "invalid_grant", status: int = 400) -> bool:
    body = response.json()
    assert "token" not in "".join(body)
    assert response.headers["cache-control"] == "no-store"
    return (response.status_code, body["error"]) == (status, error)


class Browser(plain_http.Client):
    """Keeps cookies, follows nothing; wherever the server listens, it is asked for as the issuer."""

    def __init__(self, site: Site) -> None:
        host = {"host": urlsplit(site.issuer).netloc}
        super().__init__(base_url=site.url, headers=host, follow_redirects=False, timeout=30)
        self.site = site

    def ask(self, **changes: str | None) -> httpx.Response:
        """Come from the app with an authorization request."""
        return self.get("/authorize", params=request(**changes))

    def fill(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the form on a page."""
        return self.post("/signin", data={**form_of(page), **fields})

    def sign_in(
        self, username: str = "alice", password: str | None = None, **changes: str | None
    ) -> httpx.Response:
        """Come from the app and sign in."""
        page = self.ask(**changes)
        assert page.status_code == 200, page.text
        return self.fill(page, username=username, password=password or PASSWORDS[username])

    def code(self, username: str = "alice", **changes: str | None) -> str:
        """A fresh code after a sign-in."""
        return answer_of(self.sign_in(username, **changes))["code"]

    def redeem(
        self, code: str, *, auth: tuple[str, str] | None = ("wiki", WIKI_SECRET), **changes: str | None
    ) -> httpx.Response:
        """The app's own request to the token endpoint."""
        valid: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": "https://wiki.example/callback",
            "code_verifier": VERIFIER,
        }
        fields = {name: value for name, value in {**valid, **changes}.items() if value is not None}
        return plain_http.post(f"{self.site.url}/token", data=fields, auth=auth)
