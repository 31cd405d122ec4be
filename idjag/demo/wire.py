"""A small HTTP client for the demo: one request, no redirects followed, cookies kept by hand."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

__all__ = ["Answer", "Browser", "fetch"]

_TIMEOUT = 15


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)

    def json(self) -> dict[str, object]:
        """The body as a JSON object."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise TypeError("a JSON object was expected")
        return value


def fetch(
    url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """GET, or POST when a form is given."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"accept": "*/*", **(headers or {})}
    body = None
    if form is not None:
        body = urlencode(form)
        sent["content-type"] = "application/x-www-form-urlencoded"
    try:
        connection.request("GET" if form is None else "POST", path, body=body, headers=sent)
        response = connection.getresponse()
        cookies = [value for name, value in response.getheaders() if name.lower() == "set-cookie"]
        pairs = dict(cookie.split(";", 1)[0].split("=", 1) for cookie in cookies)
        known = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, known, response.read(), pairs)
    finally:
        connection.close()


class Browser:
    """What a person's browser does: keeps cookies per origin, follows redirects, sends forms back."""

    def __init__(self) -> None:
        self._cookies: dict[str, dict[str, str]] = {}

    def get(self, url: str, *, until: str | None = None) -> tuple[str, Answer]:
        """Follow redirects; stop before a URL that begins with ``until``.  Gives (last URL, last answer)."""
        return self._go(url, None, until)

    def submit(self, url: str, page: Answer, *, typed: Mapping[str, str], until: str) -> tuple[str, Answer]:
        """Fill the page's form with what is typed and send it."""
        form = _Form()
        form.feed(page.body.decode())
        return self._go(urljoin(url, form.action or url), {**form.hidden, **typed}, until)

    def _go(self, url: str, form: Mapping[str, str] | None, until: str | None) -> tuple[str, Answer]:
        for _ in range(10):
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
            jar = self._cookies.setdefault(origin, {})
            headers = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
            if form is not None:
                headers |= {"origin": origin, "sec-fetch-site": "same-origin"}
            answer = fetch(url, form=form, headers=headers)
            jar.update(answer.cookies)
            target = answer.headers.get("location")
            if target is None:
                return url, answer
            url, form = urljoin(url, target), None
            if until and url.startswith(until):
                return url, answer
        raise RuntimeError("too many redirects")


class _Form(HTMLParser):
    """The first form of a page: its action and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.hidden: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = named.get("action", "")
        if tag == "input" and named.get("type") == "hidden":
            self.hidden[named["name"]] = named.get("value", "")
