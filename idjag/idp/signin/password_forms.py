"""What the pages about passwords share: where a request comes from, form tokens, problems, who is asked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from idjag.idp.audit import Source
from idjag.idp.passwords.policy import Policy, Weakness
from idjag.idp.services import Services
from idjag.idp.signin import browser, problems
from idjag.idp.signin.browser import Cookies
from idjag.idp.signin.pages import Pages, Viewer, text, viewer_of
from idjag.idp.tenancy import organisation
from idjag.ledger.entry import Unavailable
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, form_of

__all__ = ["WEAKNESSES", "Forms"]

WEAKNESSES: Final = {
    Weakness.UNUSABLE: text("This cannot be a password: it is too long, or not text."),
    Weakness.SHORT: text("The new password is too short."),
    Weakness.COMMON: text("Many people use this password, so it is one of the first that are tried."),
    Weakness.LISTED: text("This password is in a list of passwords that are known to others."),
    Weakness.PATTERN: text("This password repeats itself or follows a simple order."),
    Weakness.ABOUT_YOU: text("This password is made of your name or the name of this place."),
}

log = logging.getLogger("idjag.idp.signin")


@dataclass(frozen=True, slots=True)
class Forms:
    """One tenant's pages about passwords."""

    services: Services
    pages: Pages

    @property
    def cookies(self) -> Cookies:
        """The names of our cookies."""
        return Cookies(self.services.tenant, self.services.secure)

    @property
    def policy(self) -> Policy:
        """What a new password must be, as of now."""
        services = self.services
        shortest = services.ledger.fresh(services.tenant).sign_in.password_min_length
        return Policy(shortest, services.password_list)

    def answered(self, request: TokenRequest, answer: Callable[[Source], Reply]) -> Reply:
        """The one door by which refusals leave."""
        services = self.services
        source = Source(services.new_id(), services.clock(), request.source, request.user_agent)
        try:
            return answer(source)
        except Refused as refused:
            return self.problem(refused.reason, request, source)
        except Unavailable:
            return self.problem(Reason.UNAVAILABLE, request, source)

    def sent(self, request: TokenRequest, source: Source) -> Form | Reply:
        """What a form of ours sends; a page when it was sent by another site."""
        if browser.from_elsewhere(request, issuer=self.services.issuer):
            log.warning("a form refused reason=origin_not_issuer ref=%s", source.decision_id)
            viewer = self.viewer(request)
            return self.pages.problem(problems.FROM_ELSEWHERE, viewer=viewer, reference=source.decision_id)
        return form_of(request)

    def problem(self, reason: Reason, request: TokenRequest, source: Source) -> Reply:
        """A page with a reference that the log knows."""
        log.warning("a page about passwords refused reason=%s ref=%s", reason.value, source.decision_id)
        viewer, shown = self.viewer(request), problems.problem(reason)
        return self.pages.problem(shown, viewer=viewer, reference=source.decision_id)

    def viewer(self, request: TokenRequest, *, here: str = "") -> Viewer:
        """Who looks at a page."""
        return viewer_of(request, self.organisation, here=here)

    @property
    def organisation(self) -> str:
        """The tenant's name, or "" when it cannot be read."""
        return organisation(self.services)
