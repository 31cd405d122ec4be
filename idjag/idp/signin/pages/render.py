"""Pages from templates, with the headers that every page has."""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from typing import Final
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from idjag.idp.signin.pages.assets import NOSNIFF, Assets
from idjag.idp.signin.pages.languages import COOKIE, LANGUAGES, Texts, Viewer
from idjag.idp.signin.pages.times import when
from idjag.idp.signin.problems import Problem
from idjag.protocol.http import NO_STORE, Reply

__all__ = ["Pages", "redirect"]

# Nothing loads but our own style and images; no frame, no base, no plug-in; scripts where a page says so.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
)
_ELSEWHERE: Final = ("//", "/\\")
_A_YEAR: Final = 31_536_000


class Pages:
    """Renders the pages of one issuer; ``logo`` is a PNG or SVG image (``assets.logo_kind``)."""

    def __init__(self, issuer: str, *, logo: bytes | None = None) -> None:
        parts = urlsplit(issuer)
        self._host, self._prefix = parts.netloc, parts.path.rstrip("/")
        self._secure = parts.scheme == "https"
        self._assets = Assets(self._prefix, logo)
        self._texts = {language: Texts(language) for language in LANGUAGES}
        self._templates = Environment(
            loader=FunctionLoader(_template),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"bdi": _bdi, "strong": _strong}
        self._templates.globals |= {"assets": self._assets.addresses, "url": self.url}

    def file(self, name: str) -> Reply | None:
        """A static file; None when there is no such."""
        return self._assets.file(name)

    def url(self, path: str) -> str:
        """The address of one of our pages: ``path`` below the issuer."""
        return self._prefix + path

    def show(
        self,
        template: str,
        *,
        viewer: Viewer,
        status: int = 200,
        form_action: str = "'self'",
        script: str = "",
        live: bool = False,
        now: int = 0,
        **values: object,
    ) -> Reply:
        """A page in the viewer's language.

        ``template`` is in templates/signin, or says its folder.  ``form_action`` is where its forms may
        lead, as CSP sources; ``script`` names the one file of admin_ui/static that may run, and with ``live``
        it may fetch parts of our own pages.  ``now`` is for pages that show times.
        """
        texts = self._texts[viewer.language]
        html = self._templates.get_template(template).render(
            _=texts,
            when=partial(when, texts, now=now),
            language=viewer.language,
            languages=self._choices(viewer),
            organisation=self.named(viewer.organisation),
            logo=self._assets.logo,
            script=self._assets.addresses[script] if script else "",
            **values,
        )
        scripts = ("script-src 'self'; " if script else "") + ("connect-src 'self'; " if live else "")
        return self._page(html, status=status, policy=f"{_POLICY}{scripts}form-action {form_action}")

    def problem(
        self, problem: Problem, *, viewer: Viewer, reference: str, app: str = "", back: str = ""
    ) -> Reply:
        """The page that says what went wrong and what to do; ``back`` leads to the app, with the error."""
        return self.show(
            "problem.html",
            viewer=viewer,
            status=problem.status,
            form_action="'none'",
            problem=problem,
            reference=reference,
            app=app,
            back=back,
        )

    def language(self, language: str, back: str) -> Reply | None:
        """Remembers a choice and goes ``back``, a path below the issuer; None when that leads nowhere."""
        path = back.isascii() and back.isprintable() and back.startswith("/")
        if language not in LANGUAGES or not path or back.startswith(_ELSEWHERE):
            return None
        secure = "; Secure" if self._secure else ""
        cookie = f"{COOKIE}={language}; Max-Age={_A_YEAR}; Path=/; HttpOnly; SameSite=Lax{secure}"
        return redirect(self.url(back), (b"set-cookie", cookie.encode("ascii")))

    def _choices(self, viewer: Viewer) -> dict[str, tuple[str, str]]:
        """Tag -> (name, address) of the languages; none where the page cannot be asked for again."""
        if not viewer.here:
            return {}
        back = quote(viewer.here, safe="")
        return {tag: (name, self.url(f"/language?to={tag}&back={back}")) for tag, name in LANGUAGES.items()}

    def named(self, organisation: str) -> str:
        """The tenant's name, if somebody gave it one; else the host that people see in the address bar."""
        return organisation if organisation not in ("", "default") else self._host

    def _page(self, html: str, *, status: int, policy: str) -> Reply:
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", policy.encode("ascii")),
            # not no-referrer: with it, browsers send our own forms with "Origin: null"
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"x-frame-options", b"DENY"),
            (b"vary", b"accept-language, cookie"),
            NOSNIFF,
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


def _bdi(name: object) -> Markup:
    """A name that others chose, kept from turning the words around it."""
    return Markup("<bdi>{}</bdi>").format(name)


def _strong(name: object) -> Markup:
    return Markup("<strong><bdi>{}</bdi></strong>").format(name)


def _template(name: str) -> str | None:
    """The text of a template; a name without a folder is one of the sign-in pages."""
    folder, _, file = name.rpartition("/")
    place = files("idjag.admin_ui").joinpath("templates", folder or "signin", file)
    return place.read_text("utf-8") if place.is_file() else None
