"""An administrator in the console over HTTP: the pages they see, the forms they send, what comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from idjag.idp.administration.administrators import operator
from idjag.idp.administration.appointments import give
from idjag.idp.administration.roles import Role
from idjag.idp.questions import find_person
from tests.idp.me.person import Person, administer, policy
from tests.idp.signin.site import Host, Site, running

__all__ = ["Administrator", "acme", "inputs"]

_FORM = re.compile(r'<form[^>]*?action="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r"<input\b[^>]*>")
_ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')
_AREA = re.compile(r'<textarea\b[^>]*name="([^"]+)"[^>]*>([^<]*)</textarea>')
_SELECT = re.compile(r'<select\b[^>]*name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
_OPTION = re.compile(r'<option value="([^"]*)"( selected)?>')


class Administrator(Person):
    """Somebody with a role, inside the console when the ``with`` begins."""

    def __init__(self, site: Site, role: Role = Role.OWNER, name: str = "alice") -> None:
        super().__init__(site, name)
        self.role = role

    def __enter__(self) -> Self:
        person = find_person(self.site.services, self.username)
        give(self.site.services, person, self.role, by=operator({"kind": "operator", "id": "root"}))
        super().__enter__()
        entered = self.press(self.get("/admin/enter"), "/admin/enter")
        assert entered.status_code == 303, entered.text
        assert entered.headers["location"] == "/admin"
        return self

    def page(self, path: str, status: int = 200, /, **query: str) -> httpx.Response:
        """A page that is there."""
        answer = self.get(path + (f"?{urlencode(query)}" if query else ""))
        assert answer.status_code == status, answer.text
        return answer

    def submit(self, page: httpx.Response, action: str, **fields: str | list[str] | None) -> httpx.Response:
        """Send the first form of a page that goes there, as it is filled in, but for these fields.

        A list is several boxes of one name; None takes a field away.
        """
        body = next(inside for where, inside in _FORM.findall(page.text) if where == action)
        filled = {**inputs(body), **{name: _listed(value) for name, value in fields.items()}}
        pairs = [(name, value) for name, values in filled.items() for value in values]
        form = {"content-type": "application/x-www-form-urlencoded"}
        return self.post(action, content=urlencode(pairs), headers=form)

    def agree(self, review: httpx.Response, *, reason: str = "it was asked for") -> httpx.Response:
        """Make the change that a review page shows."""
        assert review.status_code == 200, review.text
        return self.submit(review, "/admin/change", reason=reason)

    def has(self, page: httpx.Response, action: str) -> bool:
        """Whether a page has a form that goes there."""
        return any(where == action for where, _ in _FORM.findall(page.text))


def inputs(form: str) -> dict[str, list[str]]:
    """What a browser would send of a form as it stands."""
    filled: dict[str, list[str]] = {}
    for tag in _INPUT.findall(form):
        said = dict(_ATTRIBUTE.findall(tag[len("<input") :]))
        if said.get("type") in ("checkbox", "radio") and "checked" not in said:
            continue
        if "name" in said:
            filled.setdefault(unescape(said["name"]), []).append(unescape(said.get("value", "")))
    for name, text in _AREA.findall(form):
        # beside boxes of the same name, for what no box says
        filled.setdefault(unescape(name), []).append(unescape(text))
    for name, options in _SELECT.findall(form):
        chosen = [value for value, selected in _OPTION.findall(options) if selected]
        first = [value for value, _ in _OPTION.findall(options)][:1]
        filled[unescape(name)] = [unescape(value) for value in (chosen or first)]
    return filled


def _listed(value: str | list[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


@contextmanager
def acme(
    host: Host, folder: Path, state: dict[str, Any] | None = None, *, webhook: str | None = None
) -> Iterator[Site]:
    """A site with a console, whose wiki may act at the chat."""
    with running(host, database=folder / "idjag.db", webhook=webhook) as site:
        administer(site, state or policy())
        yield site
