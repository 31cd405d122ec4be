"""The static files of the pages: read once, each under an address that changes with its bytes."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from typing import Final, Literal

from idjag.protocol.http import Reply

__all__ = ["MOST_LOGO", "NOSNIFF", "Assets", "logo_kind"]

MOST_LOGO: Final = 256 * 1024  # octets
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")

_MEDIA_TYPES: Final = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "png": b"image/png",
    "svg": b"image/svg+xml",
}
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SVG: Final = re.compile(r"\s*(<\?xml[^>]*>\s*)?((<!--.*?-->|<!DOCTYPE[^>\[]*>)\s*)*<svg[\s>]", re.DOTALL)
# An SVG that somebody opens by its address is a document: it may draw, and nothing else.
_INERT: Final = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
)


class Assets:
    """The files of ``admin_ui/static``, and the operator's logo; ``prefix`` is the path of the issuer."""

    def __init__(self, prefix: str, logo: bytes | None = None) -> None:
        folder = files("idjag.admin_ui").joinpath("static")
        found = {one.name: one.read_bytes() for one in folder.iterdir() if _kind(one.name) in _MEDIA_TYPES}
        if logo is not None:
            found[f"logo.{logo_kind(logo)}"] = logo
        self._replies = {name: _reply(name, body) for name, body in found.items()}
        # the digest makes a new style a new address, so that browsers may keep the old one for ever
        self.addresses = {
            name: f"{prefix}/static/{name}?v={hashlib.sha256(body).hexdigest()[:12]}"
            for name, body in found.items()
        }
        self.logo = next(
            (address for name, address in self.addresses.items() if name.startswith("logo.")), ""
        )

    def file(self, name: str) -> Reply | None:
        """A static file; None when there is no such."""
        return self._replies.get(name)


def logo_kind(logo: bytes) -> Literal["png", "svg"]:
    """What a logo is; raises ValueError for what we do not show.

    It is shown as an image, in which nothing runs and nothing is fetched, and served so that opened by its
    address it can do no more.
    """
    if len(logo) > MOST_LOGO:
        raise ValueError(f"must be at most {MOST_LOGO // 1024} KiB")
    if logo.startswith(_PNG):
        return "png"
    try:
        if _SVG.match(logo.decode("utf-8-sig")):
            return "svg"
    except UnicodeDecodeError:
        pass
    raise ValueError("must be a PNG or SVG image")


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _reply(name: str, body: bytes) -> Reply:
    kept = (b"cache-control", b"public, max-age=31536000, immutable")
    headers = ((b"content-type", _MEDIA_TYPES[_kind(name)]), kept, NOSNIFF)
    return Reply(200, (*headers, _INERT) if _kind(name) == "svg" else headers, body)
