"""One request to the console, by an administrator who was let in, and how they get a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlencode

from idjag.idp.administration.administrators import Administrator
from idjag.idp.administration.roles import Permission
from idjag.idp.administration.tokens import Caller
from idjag.idp.api.office import Office
from idjag.idp.audit import Source
from idjag.idp.console.asked import Asked
from idjag.idp.console.navigation import navigation
from idjag.idp.console.words import DONE, field_said, said, value_said
from idjag.idp.services import Services
from idjag.idp.signin import browser
from idjag.idp.signin.pages import Pages, Viewer, redirect
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["Desk", "Visit", "inside"]

_PURPOSE: Final = "console"
_DOTS: Final = frozenset({".", ".."})
# A page of the console with its query, as urlencode writes one; nothing that ends a header or leads away.
_INSIDE: Final = re.compile(r"/admin(?:/[A-Za-z0-9._~%-]+)*(?:\?[A-Za-z0-9._~%&=+:@,/-]*)?")


def inside(path: str) -> bool:
    """Whether a path is one of the console: a link or a form that says where to go on is not believed."""
    steps = unquote(path.partition("?")[0]).split("/")
    # browsers walk where dots lead
    return _INSIDE.fullmatch(path) is not None and _DOTS.isdisjoint(steps)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, for what.

    ``path`` is below the issuer; ``under`` the entry of the navigation it belongs to.  ``may_change``:
    whether this sign-in is strong enough to change anything.  ``recent``: whether it is recent enough for
    keys, secrets and roles.
    """

    administrator: Administrator
    source: Source
    path: str
    asked: Asked
    request: TokenRequest = field(repr=False)
    organisation: str = ""
    under: str = ""
    may_change: bool = True
    recent: bool = False

    @property
    def caller(self) -> Caller:
        """The administrator as the admin API knows callers."""
        who = self.administrator
        return Caller(self.actor, who.name, who.role, who.permissions)

    @property
    def actor(self) -> Mapping[str, str]:
        """The administrator, as audit events name people."""
        return {"kind": "person", "id": self.administrator.person_id}

    def may(self, permission: Permission | str) -> bool:
        """Whether the administrator's role has it."""
        return permission in self.administrator.permissions

    def may_now(self, permission: Permission | str) -> bool:
        """Whether they may use it in this session: what buttons ask before they are shown."""
        return self.may_change and self.may(permission)

    def token(self, path: str) -> str:
        """The token of a form that is sent to ``path``: of this console session, and for that alone."""
        return browser.form_token(self.administrator.secret, purpose=_PURPOSE, content=path)

    @property
    def sent_by_us(self) -> bool:
        """Whether this console session was given the form that came."""
        token, secret = self.asked.one("form_token"), self.administrator.secret
        return browser.form_token_fits(token, secret, purpose=_PURPOSE, content=self.path)

    @property
    def live(self) -> bool:
        """Whether only a fragment of the page was asked for (htmx)."""
        return self.request.header(b"hx-request") == b"true"


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page of the console is made with."""

    office: Office
    pages: Pages

    @property
    def services(self) -> Services:
        """The services of the IdP."""
        return self.office.services

    @property
    def now(self) -> int:
        """NumericDate."""
        return self.office.clock()

    def show(self, template: str, visit: Visit, *, status: int = 200, **values: Any) -> Reply:
        """A page of templates/console, with the times, forms and navigation of this visit."""
        return self.pages.show(
            f"console/{template}",
            viewer=Viewer(("en",), visit.organisation),
            status=status,
            script="htmx.js",
            live=True,
            now=visit.source.now,
            visit=visit,
            me=visit.administrator,
            may=visit.may_now,
            token=visit.token,
            navigation=navigation(visit.may),
            under=visit.under,
            address=self._address(visit),
            DONE=DONE,
            said=said,
            field_said=field_said,
            value_said=value_said,
            done=visit.asked.one("done") if visit.request.method != "POST" else "",
            **values,
        )

    def _address(self, visit: Visit) -> str:
        """What paper says where it is from: the page with what it was narrowed by."""
        query = visit.request.query.decode("latin-1") if visit.request.method == "GET" else ""
        return f"{self.services.issuer}{visit.path}" + (f"?{query}" if query else "")

    def go(self, path: str, **query: str) -> Reply:
        """On to another page, so that nothing is sent twice; ``done`` tells it what to say."""
        link = "&" if "?" in path else "?"
        return redirect(self.pages.url(path) + (f"{link}{urlencode(query)}" if query else ""))
