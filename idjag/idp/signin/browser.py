"""What a browser brings along: our cookies, form tokens bound to them, and where a form came from.

The names carry the tenant.  ``__Host-`` keeps sibling hosts from planting a cookie; it needs https, so that a
loopback http issuer has plain names, and https never has them (architecture section 7a).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from idjag.protocol.http import TokenRequest
from idjag.protocol.jose import base64url

__all__ = ["Cookies", "form_token", "form_token_fits", "from_elsewhere"]

# At least 192 bits in base64url.  Our own values have 256.
_VALUE = re.compile(r"[A-Za-z0-9_\-]{32,128}")


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of one tenant.

    ``session``; ``form``, which binds forms before there is a session; ``step``, a sign-in half done;
    ``device``, a browser that need not show a second factor again; ``known``, by which an account knows a
    browser that guesses are not counted against; ``link``, the value of a link while its page is open.  Only
    ``session`` admits to anything, and ``admin`` to the console, on top of it.
    """

    tenant: str
    secure: bool

    @property
    def session(self) -> str:
        """The name of the session cookie."""
        return f"{self._prefix}idjag_{self.tenant}"

    @property
    def form(self) -> str:
        """The name of the cookie that sign-in forms are bound to."""
        return f"{self._prefix}idjag_{self.tenant}_form"

    @property
    def step(self) -> str:
        """The name of the cookie of a sign-in between its pages."""
        return f"{self._prefix}idjag_{self.tenant}_step"

    @property
    def device(self) -> str:
        """The name of the cookie of a remembered browser."""
        return f"{self._prefix}idjag_{self.tenant}_device"

    @property
    def known(self) -> str:
        """The name of the cookie by which accounts know a browser again."""
        return f"{self._prefix}idjag_{self.tenant}_known"

    @property
    def link(self) -> str:
        """The name of the cookie that holds the value of a link while its page is open."""
        return f"{self._prefix}idjag_{self.tenant}_link"

    @property
    def admin(self) -> str:
        """The name of the cookie of the console."""
        return f"{self._prefix}idjag_{self.tenant}_admin"

    def read(self, name: str, request: TokenRequest) -> str | None:
        """The value of a cookie; None when it is absent, sent twice, or not like one of ours."""
        values = [value for key, value in _cookies(request) if key == name]
        # two of one name: somebody else set one of them, and which is not ours to guess
        return values[0] if len(values) == 1 and _VALUE.fullmatch(values[0]) else None

    def set(self, name: str, value: str, *, lifetime: int | None = None) -> tuple[bytes, bytes]:
        """A Set-Cookie header; without ``lifetime`` (seconds) the cookie lives as long as the browser.

        What it names ends at our side, whatever the browser keeps.
        """
        kept = "" if lifetime is None else f"; Max-Age={lifetime}"
        return self._header(f"{name}={value}{kept}")

    def clear(self, name: str) -> tuple[bytes, bytes]:
        """A Set-Cookie header that takes the cookie away."""
        return self._header(f"{name}=; Max-Age=0")

    @property
    def _prefix(self) -> str:
        return "__Host-" if self.secure else ""

    def _header(self, cookie: str) -> tuple[bytes, bytes]:
        # Lax: the browser comes here from the app by a cross-site redirect and must bring its session
        attributes = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self.secure else "")
        return b"set-cookie", f"{cookie}; {attributes}".encode("ascii")


def form_token(secret: str, *, purpose: str, content: str) -> str:
    """The token of one form: only who sends the cookie ``secret`` can have been given it.

    The cookie's value is the key, so that a token says nothing about any other browser's.
    """
    message = f"{purpose}\0{content}".encode()
    return base64url.encode(hmac.digest(secret.encode(), message, hashlib.sha256))


def form_token_fits(token: str | None, secret: str | None, *, purpose: str, content: str) -> bool:
    """Whether this browser was given this form with this content."""
    if token is None or secret is None:
        return False
    expected = form_token(secret, purpose=purpose, content=content)
    return hmac.compare_digest(token.encode(), expected.encode())


def from_elsewhere(request: TokenRequest, *, issuer: str) -> bool:
    """Whether the browser says that a page of another origin sent this form.

    Clients that are no browsers say nothing; the form token holds for them too.
    """
    site, origin = request.header(b"sec-fetch-site"), request.header(b"origin")
    own = urlsplit(issuer)
    foreign_site = site not in (None, b"same-origin", b"none")
    return foreign_site or origin not in (None, f"{own.scheme}://{own.netloc}".encode())


def _cookies(request: TokenRequest) -> Iterator[tuple[str, str]]:
    for name, header in request.headers:
        if name != b"cookie":
            continue
        for pair in header.decode("latin-1").split(";"):
            key, _, value = pair.strip(" ").partition("=")
            yield key, value
