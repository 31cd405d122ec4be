"""The one table of My access, every path with what it shows and changes, and the guards before it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from idjag.idp.audit import Source
from idjag.idp.me import apps, factors
from idjag.idp.me.visit import Desk, Visit
from idjag.idp.services import Services
from idjag.idp.signin import browser, own_pages, problems, sessions
from idjag.idp.signin.pages import Pages, redirect, viewer_of
from idjag.idp.signin.sessions import SignedIn
from idjag.ledger.entry import Unavailable
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import parse
from idjag.protocol.http import Reply, TokenRequest, form_of

__all__ = ["PLACES", "Me", "Place"]

Answer: TypeAlias = Callable[[Desk, Visit], Reply]

log = logging.getLogger("idjag.idp.me")


@dataclass(frozen=True, slots=True)
class Place:
    """What one path answers; ``name`` is the own page that a sign-in comes back to.

    ``recent``: only shortly after a sign-in.  What takes rights away works without: a person who is in a
    hurry to stop something must not be held up.
    """

    name: str
    show: Answer | None = None
    change: Answer | None = None
    recent: bool = False


PLACES: Final[Mapping[str, Place]] = {
    "/me": Place("me", show=apps.overview),
    "/me/app": Place("me", show=apps.app),
    "/me/app/stop": Place("me", change=apps.stop),
    "/me/app/release": Place("me", change=apps.release, recent=True),
    "/me/sessions/end": Place("me", change=apps.end),
    "/me/sessions/end-others": Place("me", change=apps.end_others),
    "/me/sign-in": Place("me-sign-in", show=factors.overview, recent=True),
    "/me/sign-in/totp": Place("me-sign-in", show=factors.show_totp, change=factors.add_totp, recent=True),
    "/me/sign-in/passkey": Place(
        "me-sign-in", show=factors.show_passkey, change=factors.add_passkey, recent=True
    ),
    "/me/sign-in/factor": Place("me-sign-in", show=factors.factor, recent=True),
    "/me/sign-in/rename": Place("me-sign-in", change=factors.rename, recent=True),
    "/me/sign-in/remove": Place("me-sign-in", change=factors.remove, recent=True),
    "/me/sign-in/codes": Place("me-sign-in", change=factors.codes, recent=True),
    "/me/sign-in/forget": Place("me-sign-in", change=factors.forget, recent=True),
    "/me/sign-in/forget-all": Place("me-sign-in", change=factors.forget_all, recent=True),
}


class Me:
    """My access of one tenant."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services, self._pages = services, pages
        self._desk = Desk(services, pages)

    def answer(self, request: TokenRequest, path: str) -> Reply:
        """``GET`` or ``POST`` of a path below the issuer; the one door by which refusals leave."""
        services = self._services
        source = Source(services.new_id(), services.clock(), request.source, request.user_agent)
        try:
            return self._answer(request, path, source)
        except Refused as refused:
            return self._refused(refused.reason, request, source)
        except Unavailable:
            return self._refused(Reason.UNAVAILABLE, request, source)

    def _answer(self, request: TokenRequest, path: str, source: Source) -> Reply:
        place = PLACES[path]
        if request.method == "POST" and browser.from_elsewhere(request, issuer=self._services.issuer):
            log.warning("a form refused reason=origin_not_issuer ref=%s", source.decision_id)
            viewer = viewer_of(request, "")
            return self._pages.problem(problems.NOT_OURS, viewer=viewer, reference=source.decision_id)
        session = sessions.signed_in(request, self._services, now=source.now)
        if session is None or not self._enough(place, session, now=source.now):
            # a form is not sent on: whoever comes back sees the page and decides again
            return redirect(own_pages.sign_in(self._services, place.name, recent=place.recent))
        asked = form_of(request) if request.method == "POST" else parse(request.query)
        visit = self._desk.visit(request, session, path=path, asked=asked, source=source)
        if visit is None:
            return redirect(own_pages.sign_in(self._services, place.name))
        return self._answered(place, visit, request.method)

    def _enough(self, place: Place, session: SignedIn, *, now: int) -> bool:
        """Whether this sign-in will do for the place."""
        if place.name in own_pages.OF_FACTORS:
            return sessions.may_change(session, self._services, now=now)
        return not place.recent or sessions.recent(session, now=now)

    def _answered(self, place: Place, visit: Visit, method: str) -> Reply:
        """What the place does; the routes let only methods through that it has."""
        if method == "POST" and place.change:
            if not visit.sent_by_us:
                return self._pages.problem(problems.STALE, viewer=visit.viewer, reference="")
            return place.change(self._desk, visit)
        if method == "POST" or place.show is None:
            raise Refused(Reason.METHOD_WRONG)
        sessions.touch(visit.session, self._services, now=visit.source.now)
        return place.show(self._desk, visit)

    def _refused(self, reason: Reason, request: TokenRequest, source: Source) -> Reply:
        """A page with a reference that the log knows; a session that ended meanwhile begins anew."""
        if reason is Reason.SESSION_ENDED:
            return redirect(own_pages.sign_in(self._services, "me"))
        log.warning("my access refused reason=%s ref=%s", reason.value, source.decision_id)
        shown, viewer = problems.problem(reason), viewer_of(request, "")
        return self._pages.problem(shown, viewer=viewer, reference=source.decision_id)
