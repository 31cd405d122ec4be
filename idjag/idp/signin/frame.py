"""What every page of a sign-in shares: who sent it, what it is for, and the ways out of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from idjag.idp.audit import Source
from idjag.idp.services import Services
from idjag.idp.signin import authorize, browser, guesses, own_pages, problems, reading, redirects, sessions
from idjag.idp.signin.admission import Asked
from idjag.idp.signin.authorize import AuthorizationRequest, Destination
from idjag.idp.signin.browser import Cookies
from idjag.idp.signin.outcomes import Admitted, Brought, Continued
from idjag.idp.signin.own_pages import OwnPage
from idjag.idp.signin.pages import Pages, Viewer, redirect, viewer_of
from idjag.idp.signin.reading import Returned
from idjag.idp.tenancy import organisation
from idjag.ledger.entry import Unavailable
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["STEP", "Frame"]

STEP: Final = "/signin/step"
"""The path of every page after the first."""

# What an administrator has decided about a person and an app; everything else means a broken request
_DENIALS: Final = frozenset({Reason.NOT_ASSIGNED, Reason.HELD})
# Where the person has done all they can, and the app must know: OpenID Connect Core 3.1.2.1, OIDC-11
_FOR_THE_APP: Final = frozenset({Reason.LOGIN_REQUIRED, Reason.ACR_UNMET})

log = logging.getLogger("idjag.idp.signin")


class Frame:
    """The frame of one tenant's sign-in pages."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self.services, self.pages = services, pages
        self.cookies = Cookies(services.tenant, services.secure)

    def source(self, request: TokenRequest) -> Source:
        """Where the request came from, and when: the one look at the clock."""
        services = self.services
        return Source(services.new_id(), services.clock(), request.source, request.user_agent)

    def guarded(self, request: TokenRequest, source: Source, answer: Callable[[], Reply]) -> Reply:
        """The one door by which refusals leave."""
        try:
            return answer()
        except Returned as returned:
            return redirect(self._answer(returned.to, returned.refused, source))
        except Refused as refused:
            return self._problem(refused, request, source)
        except Unavailable:
            return self._problem(Refused(Reason.UNAVAILABLE), request, source)

    def from_elsewhere(self, request: TokenRequest, source: Source) -> Reply | None:
        """The page for a form that a page of another origin sent; None when it is ours."""
        if not browser.from_elsewhere(request, issuer=self.services.issuer):
            return None
        # often a proxy or a second address: people came by another one than the issuer's
        log.warning("sign-in refused reason=origin_not_issuer app=- ref=%s", source.decision_id)
        return self.pages.problem(
            problems.FROM_ELSEWHERE, viewer=self.viewer(request), reference=source.decision_id
        )

    def read(self, raw: Form, *, source: Source, begun: bool) -> Asked:
        """What the sign-in is for; raises Refused (shown on a page) and Returned (told to the app)."""
        page = own_pages.parse(raw, self.services)
        return page or reading.read(self.services, raw, now=source.now, begun=begun)

    def brought(self, request: TokenRequest, source: Source) -> Brought:
        """What the browser brought along; a new name for accounts to know it by, if it has none."""
        cookies, new = self.cookies, self.services.new_id
        return Brought(
            sessions.find(cookies.read(cookies.session, request), self.services, now=source.now),
            cookies.read(cookies.device, request),
            cookies.read(cookies.known, request) or new() + new(),
        )

    def settled(
        self,
        outcome: Admitted | Refused,
        asked: Asked,
        request: TokenRequest,
        *,
        brought: Brought,
        source: Source,
    ) -> Reply:
        """On to the app or to our own page, or the reason why not."""
        if isinstance(outcome, Admitted):
            return redirect(self._onward(outcome, asked), *self._cookies_of(outcome, brought))
        if isinstance(asked, OwnPage):
            raise outcome
        to = asked.to
        if outcome.reason in _FOR_THE_APP or (asked.silent and outcome.reason in _DENIALS):
            raise Returned(to, outcome)
        if outcome.reason not in _DENIALS:
            raise outcome
        app, answer = to.client.app.name, self._answer(to, outcome, source)
        return self.pages.problem(
            problems.denied(outcome.reason),
            viewer=self.viewer(request),
            reference=source.decision_id,
            app=app,
            back=answer,
        )

    def to_next_page(self, outcome: Continued, *cookies: tuple[bytes, bytes]) -> Reply:
        """On to the page that asks for the rest."""
        cookie = self.cookies.set(self.cookies.step, outcome.cookie)
        return redirect(self.pages.url(STEP), cookie, *cookies)

    def name_of(self, asked: Asked) -> str:
        """What the sign-in is for, as people call it."""
        return asked.called if isinstance(asked, OwnPage) else asked.to.client.app.name

    def goes_to(self, asked: Asked) -> str:
        """The host that the browser goes on to."""
        if isinstance(asked, OwnPage):
            return urlsplit(self.services.issuer).netloc
        return urlsplit(asked.to.redirect_uri).hostname or asked.to.client.app.name

    def form_action(self, asked: Asked) -> str:
        """The CSP sources that a form may lead to (decision 0021)."""
        if isinstance(asked, OwnPage):
            return "'self'"
        return f"'self' {redirects.source_expression(asked.to.redirect_uri)}"

    def viewer(self, request: TokenRequest, *, ui_locales: str = "", here: str = "") -> Viewer:
        """Who looks at the page."""
        return viewer_of(request, organisation(self.services), ui_locales=ui_locales, here=here)

    def _onward(self, outcome: Admitted, asked: Asked) -> str:
        if isinstance(asked, AuthorizationRequest):
            return authorize.success(asked.to, code=outcome.code, issuer=self.services.issuer)
        return self.pages.url(asked.path)

    def _cookies_of(self, outcome: Admitted, brought: Brought) -> list[tuple[bytes, bytes]]:
        """The session's new cookie takes the place of those that led to it."""
        cookies = self.cookies
        if not outcome.cookie:
            return []
        given = [cookies.set(cookies.session, outcome.cookie), cookies.clear(cookies.form)]
        if outcome.stepped:
            given.append(cookies.clear(cookies.step))
        if outcome.device:
            given.append(cookies.set(cookies.device, outcome.device, lifetime=outcome.device_lifetime))
        if brought.known:
            given.append(cookies.set(cookies.known, brought.known, lifetime=guesses.KNOWN))
        return given

    def _answer(self, to: Destination, refused: Refused, source: Source) -> str:
        return authorize.failure(to, refused, issuer=self.services.issuer, decision_id=source.decision_id)

    def _problem(self, refused: Refused, request: TokenRequest, source: Source) -> Reply:
        """A page with a reference that the log knows; the request's own values are in neither."""
        log.warning(
            "sign-in refused reason=%s app=%s ref=%s",
            refused.reason.value,
            refused.fact.get("app", "-"),
            source.decision_id,
        )
        return self.pages.problem(
            problems.problem(refused.reason),
            viewer=self.viewer(request),
            reference=source.decision_id,
        )
