"""The one table of the console, every path with who may see and change what, and the guards before it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode

from idjag.idp.administration.administrators import Administrator
from idjag.idp.administration.roles import Permission
from idjag.idp.administration.turned_down import Why, turned_down
from idjag.idp.api.changes import NotRecent
from idjag.idp.api.office import Office
from idjag.idp.api.problem import Problem
from idjag.idp.audit import Source, refusal_entry
from idjag.idp.audit_files import Leaving
from idjag.idp.console import (
    access_map,
    administrators,
    app_secrets,
    apps,
    ask,
    attention,
    audit_chain,
    audit_log,
    changing,
    connections,
    connections_edit,
    connections_page,
    connections_wizard,
    entrance,
    groups,
    guardrails,
    holds,
    holds_several,
    keys,
    lens,
    overview,
    people,
    people_accounts,
    people_import,
    people_names,
    people_owns,
    resource_apps,
    settings,
    undo,
)
from idjag.idp.console.asked import Asked, read
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit, inside
from idjag.idp.facts import string
from idjag.idp.lookups import TooMuch
from idjag.idp.signin import browser, problems
from idjag.idp.signin.pages import Pages, Viewer, redirect, viewer_of
from idjag.idp.store.schema import SchemaRefused
from idjag.idp.strangers import Strangers
from idjag.ledger.entry import Key, Unavailable
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["PLACES", "Console"]

PLACES: Final[Mapping[str, Place]] = {
    **overview.PLACES,
    **access_map.PLACES,
    **administrators.PLACES,
    **app_secrets.PLACES,
    **apps.PLACES,
    **ask.PLACES,
    **attention.PLACES,
    **audit_chain.PLACES,
    **audit_log.PLACES,
    **connections.PLACES,
    **connections_page.PLACES,
    **connections_edit.PLACES,
    **connections_wizard.PLACES,
    **groups.PLACES,
    **guardrails.PLACES,
    **holds.PLACES,
    **holds_several.PLACES,
    **keys.PLACES,
    **lens.PLACES,
    **people.PLACES,
    **people_accounts.PLACES,
    **people_import.PLACES,
    **people_names.PLACES,
    **people_owns.PLACES,
    **resource_apps.PLACES,
    **settings.PLACES,
    **undo.PLACES,
    **changing.PLACES,
}

R = TypeVar("R")

log = logging.getLogger("idjag.idp.console")


class Console:
    """The console of one tenant."""

    def __init__(self, office: Office, pages: Pages) -> None:
        self._services, self._pages = office.services, pages
        self._desk, self._strangers = Desk(office, pages), Strangers()

    def answer(self, request: TokenRequest, path: str) -> Reply | Leaving:
        """``GET`` or ``POST`` of a path below the issuer."""
        return self._at_the_door(request, lambda source: self._answer(request, path, source))

    def nowhere(self, request: TokenRequest) -> Reply:
        """A path that the console does not have; strangers see the page of any path that is nowhere."""
        return self._at_the_door(request, lambda source: self._nowhere(request, source))

    def _at_the_door(self, request: TokenRequest, answer: Callable[[Source], R]) -> R | Reply:
        """The one door by which refusals leave."""
        services = self._services
        source = Source(services.new_id(), services.clock(), request.source, request.user_agent)
        try:
            return answer(source)
        except Refused as refused:
            return self._refused(refused.reason, source)
        except (Unavailable, SchemaRefused):
            return self._refused(Reason.UNAVAILABLE, source)

    def _nowhere(self, request: TokenRequest, source: Source) -> Reply:
        administrator = entrance.signed_in(request, self._services, now=source.now)
        if administrator is None:
            return self._pages.problem(problems.NOT_FOUND, viewer=viewer_of(request, ""), reference="")
        place, asked = Place(Permission.READ), Asked()
        visit = self._visit(administrator, request, place, path="/admin", asked=asked, source=source)
        return self._desk.show("problem.html", visit, status=404, problem=_NO_PAGE)

    def _answer(self, request: TokenRequest, path: str, source: Source) -> Reply | Leaving:
        place = PLACES[path]
        if request.method == "POST" and browser.from_elsewhere(request, issuer=self._services.issuer):
            log.warning("a form refused reason=origin_not_issuer ref=%s", source.decision_id)
            self._foreign(source)
            return self._pages.problem(problems.NOT_OURS, viewer=_ANYBODY, reference=source.decision_id)
        by_itself = request.header(b"hx-request") == b"true" and _LIVE in request.query
        administrator = entrance.signed_in(request, self._services, now=source.now, used=not by_itself)
        if administrator is None or (place.recent and not entrance.recent(administrator, now=source.now)):
            # a form is not sent on: whoever comes back sees the page and decides again
            return redirect(entrance.way_in(self._services, _back(request, path, place)))
        visit = self._visit(administrator, request, place, path=path, asked=read(request), source=source)
        if not visit.may(place.needed(request.method)):
            self._turned_down(visit, Why.ROLE)
            return self._desk.show("forbidden.html", visit, status=403)
        return self._answered(place, visit)

    def _answered(self, place: Place, visit: Visit) -> Reply | Leaving:
        """What the place does; the routes let only methods through that it has."""
        if visit.request.method == "POST":
            if not visit.sent_by_us:
                self._turned_down(visit, Why.FORM)
                reference = visit.source.decision_id
                return self._pages.problem(problems.STALE, viewer=_ANYBODY, reference=reference)
            if not visit.may_change:
                self._turned_down(visit, Why.FACTOR)
                return self._desk.show("stronger.html", visit, status=403)
        answer = place.change if visit.request.method == "POST" else place.show
        if answer is None:
            raise Refused(Reason.METHOD_WRONG)
        try:
            return answer(self._desk, visit)
        except Problem as problem:
            if problem.status == 403:
                self._turned_down(visit, Why.ROLE)
            return self._desk.show("problem.html", visit, status=problem.status, problem=problem)
        except NotRecent:
            return redirect(entrance.way_in(self._services, _again(visit, place)))
        except TooMuch:
            return self._desk.show("problem.html", visit, status=422, problem=_TOO_MUCH)
        except Refused as refused:
            return self._unreadable(refused.reason, visit)

    def _unreadable(self, reason: Reason, visit: Visit) -> Reply:
        """Inside the console, with the way back: nobody who is in it has come from an app."""
        reference, status = visit.source.decision_id, problems.problem(reason).status
        log.warning("console refused reason=%s ref=%s", reason.value, reference)
        said = f"This cannot be read, and nothing was changed. Go back and try again. Reference: {reference}"
        return self._desk.show("problem.html", visit, status=status, problem=Problem(status, said))

    def _visit(
        self,
        administrator: Administrator,
        request: TokenRequest,
        place: Place,
        *,
        path: str,
        asked: Asked,
        source: Source,
    ) -> Visit:
        tenant = Key("tenant", "id", self._services.tenant)
        names = [string(row, "name") for row in self._services.ledger.read((tenant,))(tenant)]
        return Visit(
            administrator=administrator,
            source=source,
            path=path,
            asked=asked,
            request=request,
            organisation=names[0] if names else "",
            under=place.under,
            may_change=entrance.may_change(administrator, self._services),
            recent=entrance.recent(administrator, now=source.now),
        )

    def _turned_down(self, visit: Visit, why: Why) -> None:
        method, path = visit.request.method, visit.path
        turned_down(self._services, why, actor=visit.actor, source=visit.source, method=method, path=path)

    def _foreign(self, source: Source) -> None:
        """A form of another site: nobody looks whose browser it used, and a minute has one event of it."""
        event = self._strangers.event(Refused(Reason.PARAMETER_WRONG, parameter="origin"), source)
        if event is not None:
            entry = refusal_entry(event, tenant=self._services.tenant, source=source)
            self._services.ledger.submit(entry)

    def _refused(self, reason: Reason, source: Source) -> Reply:
        """A page with a reference that the log knows."""
        log.warning("console refused reason=%s ref=%s", reason.value, source.decision_id)
        return self._pages.problem(problems.problem(reason), viewer=_ANYBODY, reference=source.decision_id)


_ANYBODY: Final = Viewer(("en",))
_LIVE: Final = b"live="
_NO_PAGE: Final = Problem(
    404, "The console has no page at this address. Look for what you want in the list of screens."
)
_TOO_MUCH: Final = Problem(
    422, "This takes too long: ask for a shorter time, or for something in particular."
)


def _back(request: TokenRequest, path: str, place: Place) -> str:
    """Where a sign-in leads back to: the page itself, or the one that the form was on."""
    if place.show is None:
        return place.under or "/admin"
    query = request.query.decode("latin-1")
    return path if request.method == "POST" or not query else f"{path}?{query}"


def _again(visit: Visit, place: Place) -> str:
    """The page of the form that came, about the same thing; what was typed there is gone."""
    if visit.request.method != "POST":
        return _back(visit.request, visit.path, place)
    back, about = visit.asked.one("back"), visit.asked.one("id")
    if place.show is None:
        return back if inside(back) else place.under or "/admin"
    return f"{visit.path}?{urlencode({'id': about})}" if about else visit.path
