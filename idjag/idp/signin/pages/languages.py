"""Who looks at a page: which languages they read, and what the texts are called in those."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from markupsafe import Markup, escape

from idjag.protocol.http import TokenRequest

__all__ = ["COOKIE", "LANGUAGES", "Texts", "Viewer", "catalogue", "chosen", "text", "viewer_of"]

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch", "ja": "日本語"}
"""What each language calls itself; the first is the one in which texts are written."""

# A preference and no secret: it needs no __Host-, and whoever plants it changes words.
COOKIE: Final = "idjag_language"

_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_MOST = 20  # members of a header that are looked at


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page.

    ``languages`` are language tags, the best liked first; ``organisation`` is the tenant's name, or "".
    ``here`` is path and query by which a GET brings the same page, below the issuer; with "", the page has no
    choice of languages.
    """

    languages: tuple[str, ...] = ()
    organisation: str = ""
    here: str = ""

    @property
    def language(self) -> str:
        """The first of their languages that we speak, else English."""
        spoken = (tag.partition("-")[0].lower() for tag in self.languages)
        return next((language for language in spoken if language in LANGUAGES), "en")


class Texts:
    """The texts in one language: templates call it ``_``."""

    def __init__(self, language: str) -> None:
        self._catalogue = catalogue(language)

    def __call__(self, english: str, **values: object) -> Markup:
        """The text with ``%(name)s`` replaced; everything is escaped but values that are Markup."""
        said = escape(self._catalogue.get(english, english))
        return said % values if values else said


def text(english: str) -> str:
    """The text itself: marks words outside templates, so that a test finds them and asks for translations."""
    return english


def catalogue(language: str) -> Mapping[str, str]:
    """English text -> text; empty for English."""
    if language == "en":
        return {}
    source = files("idjag.admin_ui").joinpath("translations", f"{language}.toml")
    return {english: str(said) for english, said in tomllib.loads(source.read_text("utf-8")).items()}


def viewer_of(request: TokenRequest, organisation: str, *, ui_locales: str = "", here: str = "") -> Viewer:
    """Reads what was chosen on a page before, what the app asks for (ui_locales), and Accept-Language."""
    asked = tuple(tag for tag in ui_locales.split()[:_MOST] if _TAG.fullmatch(tag))
    return Viewer((*chosen(request), *asked, *_accepted(request)), organisation, here)


def chosen(request: TokenRequest) -> tuple[str, ...]:
    """The language of the cookie, if it is one of ours."""
    pairs = [pair for name, header in request.headers if name == b"cookie" for pair in header.split(b";")]
    values = [value for pair in pairs if (value := _value(pair)) in LANGUAGES]
    return tuple(values[:1])


def _value(pair: bytes) -> str:
    name, _, value = pair.decode("latin-1").strip(" ").partition("=")
    return value if name == COOKIE else ""


def _accepted(request: TokenRequest) -> tuple[str, ...]:
    """RFC 9110 section 12.5.4; what is not well-formed is passed over."""
    header = b",".join(value for name, value in request.headers if name == b"accept-language")
    wishes = []
    for member in header.decode("latin-1").split(",")[:_MOST]:
        tag, _, rest = member.strip().partition(";")
        quality = rest.strip().removeprefix("q=") or "1"
        if _TAG.fullmatch(tag.strip()) and _QUALITY.fullmatch(quality) and float(quality) > 0:
            wishes.append((-float(quality), tag.strip()))
    return tuple(tag for _, tag in sorted(wishes, key=lambda wish: wish[0]))
