"""Signing in to our own pages, where no app asks: which pages those are, and the request that leads there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from idjag.idp.services import Services
from idjag.idp.signin.pages import text
from idjag.idp.signin.sessions import RECENT
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form

__all__ = ["PAGES", "OwnPage", "parse", "sign_in"]

PAGES: Final[Mapping[str, tuple[str, str]]] = {
    "me": ("/me", text("your access")),
    "me-sign-in": ("/me/sign-in", text("how you sign in")),
    "password": ("/password", text("your password")),
}
"""Name -> (path below the issuer, what people call it).  A fixed table: nobody is sent anywhere else."""


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A request to sign in for one of our pages; ``max_age``: how recent it must be, in seconds."""

    name: str
    max_age: int | None = None

    @property
    def path(self) -> str:
        """Where the browser goes on to."""
        return PAGES[self.name][0]

    @property
    def called(self) -> str:
        """What people call it, in English."""
        return PAGES[self.name][1]

    @property
    def carried(self) -> str:
        """The request as text, for a form or a step."""
        return urlencode({"page": self.name, **({} if self.max_age is None else {"max_age": self.max_age})})

    def satisfied_by(self, *, auth_time: int, now: int) -> bool:
        """Whether a session of that age needs no new sign-in."""
        return self.max_age is None or 0 <= now - auth_time <= self.max_age


def parse(raw: Form) -> OwnPage | None:
    """The page that a request is for; None when it is an app's.  Raises Refused PARAMETER_WRONG."""
    name = raw.one("page")
    if name is None:
        return None
    if name not in PAGES or raw.one("client_id") is not None:
        raise Refused(Reason.PARAMETER_WRONG, parameter="page")
    return OwnPage(name, RECENT if raw.one("max_age") is not None else None)


def sign_in(services: Services, name: str, *, recent: bool = False) -> str:
    """The address that leads to a page of ours by way of the sign-in, if one is needed at all."""
    return f"{services.base}/signin?{OwnPage(name, RECENT if recent else None).carried}"
