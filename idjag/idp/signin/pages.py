"""The sign-in pages: templates, texts, files, and the headers that every page has; decides nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, FunctionLoader, StrictUndefined

from idjag.idp.signin.problems import Problem
from idjag.protocol.http import NO_STORE, Reply

__all__ = ["Pages", "SignInForm", "redirect"]

_MEDIA_TYPES: Final = {"css": b"text/css; charset=utf-8", "svg": b"image/svg+xml"}
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
# Nothing loads but our own style and icons; no script, no frame, no base, no plug-in.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
)


@dataclass(frozen=True, slots=True)
class SignInForm:
    """What the sign-in page shows and sends back.

    ``request`` is the authorization request as text, ``notice`` why the page is shown again, or "".
    ``goes_to`` names where the app is; ``leads_to`` is the CSP source of its redirection URI.
    """

    app: str
    request: str
    token: str = field(repr=False)
    username: str
    goes_to: str
    leads_to: str
    notice: str = ""


class Pages:
    """Renders the pages of one issuer."""

    def __init__(self, issuer: str) -> None:
        parts = urlsplit(issuer)
        self._host, self._prefix = parts.netloc, parts.path.rstrip("/")
        self._secure = parts.scheme == "https"
        self._files = {name: _asset(name) for name in ("idjag.css", "mark.svg")}
        self._templates = Environment(
            loader=FunctionLoader(lambda name: _text("templates", "signin", name)),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # the digest makes a new style a new address, so that browsers may keep the old one for ever
        self._templates.globals["assets"] = {
            name: f"{self._prefix}/static/{name}?v={hashlib.sha256(reply.body).hexdigest()[:12]}"
            for name, reply in self._files.items()
        }

    def file(self, name: str) -> Reply | None:
        """A static file; None when there is no such."""
        return self._files.get(name)

    def sign_in(self, form: SignInForm, *, organisation: str, status: int) -> Reply:
        """The page with username and password."""
        html = self._templates.get_template("sign_in.html").render(
            organisation=self._named(organisation),
            action=f"{self._prefix}/signin",
            app=form.app,
            request=form.request,
            token=form.token,
            username=form.username,
            goes_to=form.goes_to,
            notice=form.notice,
        )
        return self._page(html, status=status, form_action=f"'self' {form.leads_to}")

    def problem(
        self, problem: Problem, *, reference: str, organisation: str = "", app: str = "", back: str = ""
    ) -> Reply:
        """The page that says what went wrong and what to do; ``back`` leads to the app, with the error."""
        html = self._templates.get_template("problem.html").render(
            organisation=self._named(organisation),
            title=problem.title,
            text=problem.text,
            advice=problem.advice,
            reference=reference,
            app=app,
            back=back,
        )
        return self._page(html, status=problem.status, form_action="'none'")

    def _named(self, organisation: str) -> str:
        """The tenant's name, if somebody gave it one; else the host that people see in the address bar."""
        return organisation if organisation not in ("", "default") else self._host

    def _page(self, html: str, *, status: int, form_action: str) -> Reply:
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", f"{_POLICY}form-action {form_action}".encode("ascii")),
            # not no-referrer: with it, browsers send our own forms with "Origin: null"
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"x-frame-options", b"DENY"),
            _NOSNIFF,
            *NO_STORE,
        ]
        if status in (429, 503):
            headers.append((b"retry-after", b"5"))
        if self._secure:
            headers.append((b"strict-transport-security", b"max-age=31536000"))
        return Reply(status, tuple(headers), html.encode())


def redirect(location: str, *cookies: tuple[bytes, bytes]) -> Reply:
    """303, whatever the method was: the browser goes on with GET and leaves the password here (OIDC-25)."""
    headers = ((b"location", location.encode("ascii")), (b"referrer-policy", b"no-referrer"), *NO_STORE)
    return Reply(303, (*headers, *cookies), b"")


def _asset(name: str) -> Reply:
    body = _text("static", name).encode()
    kept = (b"cache-control", b"public, max-age=31536000, immutable")
    return Reply(200, ((b"content-type", _MEDIA_TYPES[name.rpartition(".")[2]]), kept, _NOSNIFF), body)


def _text(*path: str) -> str:
    return files("idjag.admin_ui").joinpath(*path).read_text("utf-8")
