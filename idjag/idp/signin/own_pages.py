"""Signing in to our own pages, where no app asks: which pages those are, and the request that leads there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlencode

from idjag.idp.factors import acr
from idjag.idp.services import Services
from idjag.idp.signin.pages import text
from idjag.idp.signin.sessions import RECENT
from idjag.protocol.addresses import is_loopback
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form

__all__ = ["ADMIN", "OF_FACTORS", "PAGES", "OwnPage", "inner", "parse", "sign_in"]

ADMIN: Final = "admin"

PAGES: Final[Mapping[str, tuple[str, str]]] = {
    "me": ("/me", text("your access")),
    "me-sign-in": ("/me/sign-in", text("how you sign in")),
    "password": ("/password", text("your password")),
    ADMIN: ("/admin/enter", text("Administration")),
}
"""Name -> (path below the issuer, what people call it).  A fixed table: nobody is sent anywhere else."""

OF_FACTORS: Final = frozenset({"me-sign-in", "password"})
"""Those that change how somebody signs in: on the way there, no remembered browser is spared a factor."""

# The pages of the console, with the query of a search: a path of ours, whatever it says.
_INNER: Final = re.compile(r"/admin(?:/[A-Za-z0-9._~%-]+)*(?:\?[A-Za-z0-9._~%&=+:@,/-]*)?")
_DOTS: Final = frozenset({".", ".."})
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A request to sign in for one of our pages; ``max_age``: how recent it must be, in seconds.

    ``to`` is the page of the console that its entrance leads on to.  ``strong``: a second factor must be
    shown.
    """

    name: str
    max_age: int | None = None
    to: str = ""
    strong: bool = False

    @property
    def path(self) -> str:
        """Where the browser goes on to."""
        path = PAGES[self.name][0]
        return f"{path}?{urlencode({'to': self.to})}" if self.to else path

    @property
    def called(self) -> str:
        """What people call it, in English."""
        return PAGES[self.name][1]

    @property
    def carried(self) -> str:
        """The request as text, for a form or a step."""
        aged = {} if self.max_age is None else {"max_age": self.max_age}
        return urlencode({"page": self.name, **aged, **({"to": self.to} if self.to else {})})

    @property
    def essential_acr(self) -> tuple[str, ...]:
        """What the sign-in must have shown."""
        return (acr.MFA,) if self.strong else ()

    def satisfied_by(self, *, auth_time: int, now: int) -> bool:
        """Whether a session of that age needs no new sign-in."""
        return self.max_age is None or 0 <= now - auth_time <= self.max_age


def parse(raw: Form, services: Services) -> OwnPage | None:
    """The page that a request is for; None when it is an app's.  Raises Refused PARAMETER_WRONG."""
    name = raw.one("page")
    if name is None:
        return None
    if name not in PAGES or raw.one("client_id") is not None:
        raise Refused(Reason.PARAMETER_WRONG, parameter="page")
    to = raw.one("to") or ""
    if to and (name != ADMIN or inner(to) != to):
        raise Refused(Reason.PARAMETER_WRONG, parameter="to")
    # a second factor before any change, off only while the issuer is loopback (admin-console.md)
    strong = name == ADMIN and not is_loopback(services.issuer)
    return OwnPage(name, RECENT if raw.one("max_age") is not None else None, to, strong)


def inner(path: str) -> str:
    """A page of the console as somebody may be sent to it, with its query; "" for what is none."""
    steps = unquote(path.partition("?")[0]).split("/")
    leads_out = not _DOTS.isdisjoint(steps)  # browsers would walk there
    return path if len(path) <= _LONGEST and _INNER.fullmatch(path) and not leads_out else ""


def sign_in(services: Services, name: str, *, recent: bool = False, to: str = "") -> str:
    """The address that leads to a page of ours by way of the sign-in, if one is needed at all."""
    return f"{services.base}/signin?{OwnPage(name, RECENT if recent else None, to).carried}"
