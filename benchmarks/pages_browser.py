"""An administrator's browser, or a program with a token, that measures how long each answer takes."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode, urlsplit

from tests.idp.console.desk import inputs

__all__ = ["Answer", "Browser"]

_FORM = re.compile(r'<form[^>]*?action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, and how many milliseconds passed from asking for it until it was there."""

    status: int
    took: float
    text: str = field(repr=False)


class Browser:
    """One connection that stays open; keeps cookies, follows nothing."""

    def __init__(self, url: str, *, bearer: str = "") -> None:
        there = urlsplit(url)
        self._origin = url
        self._connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=60)
        self._cookies: dict[str, str] = {}
        self._headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}

    def enter(self, username: str, password: str) -> None:
        """Sign in, and enter the console."""
        page = self.get("/signin?page=me&max_age=600")
        self.submit(page, "/signin", {"username": username, "password": password}, status=303)
        self.submit(self.get("/admin/enter"), "/admin/enter", {}, status=303)

    def get(self, path: str, status: int = 200) -> Answer:
        """A page that is there."""
        return self._asked("GET", path, None, status)

    def submit(self, page: Answer, to: str, typed: Mapping[str, str], *, status: int = 200) -> Answer:
        """Send the first form of a page that goes there, with what is typed into it."""
        forms = _FORM.findall(page.text)
        body = next(inside for where, inside in forms if unescape(where) == to)
        filled = {**inputs(body), **{name: [value] for name, value in typed.items()}}
        pairs = [(name, value) for name, values in filled.items() for value in values]
        return self._asked("POST", to, urlencode(pairs), status)

    def found(self, path: str, pattern: str) -> list[str]:
        """What stands on a page; it must stand there."""
        found = re.findall(pattern, self.get(path).text)
        assert found, pattern
        return found

    def _asked(self, method: str, path: str, body: str | None, status: int) -> Answer:
        headers = dict(self._headers)
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": self._origin}
        begun = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        octets = answer.read()
        took = (time.perf_counter() - begun) * 1000
        for header in answer.headers.get_all("set-cookie") or ():
            name, _, value = header.partition(";")[0].partition("=")
            self._cookies[name] = value
        text = octets.decode()
        assert answer.status == status, f"{method} {path}: {answer.status} {text[:2000]}"
        return Answer(answer.status, took, text)
