"""The way of one sign-out, from bytes to reply: ``/logout``, the page that asks, and back to the app.

Nobody is signed out by a link that anybody could have made: without a good hint about this very session the
person is asked (RP-Initiated Logout section 2; case 140).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.facts import string
from idjag.idp.logout import request as logout_request
from idjag.idp.logout.request import LogoutRequest
from idjag.idp.services import Services
from idjag.idp.signin import browser, problems, redirects, session_ends
from idjag.idp.signin.browser import Cookies
from idjag.idp.signin.pages import Pages, Viewer, redirect, viewer_of
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import organisation
from idjag.ledger.entry import Entry, Event, Facts, Key, Unavailable, Verdict
from idjag.protocol import form
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, form_of

__all__ = ["SignOut"]

_PURPOSE: Final = "sign-out"

log = logging.getLogger("idjag.idp.signin")


@dataclass(frozen=True, slots=True)
class _Open:
    """A session that has not ended."""

    id: str
    person_id: str


class SignOut:
    """The end-session endpoint and its page, of one tenant."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services, self._pages = services, pages
        self._cookies = Cookies(services.tenant, services.secure)

    def begin(self, request: TokenRequest) -> Reply:
        """``GET`` or ``POST /logout``: an app sends somebody here, or somebody comes by themselves."""
        source = self._source(request)
        return self._guarded(request, source, lambda: self._begin(request, source))

    def confirm(self, request: TokenRequest) -> Reply:
        """``POST /logout/confirm``: the person has said so on our page."""
        source = self._source(request)
        return self._guarded(request, source, lambda: self._confirm(request, source))

    def _begin(self, request: TokenRequest, source: Source) -> Reply:
        raw = form_of(request) if request.method == "POST" else form.parse(request.query)
        asked = self._read(raw, source)
        session = self._session(request, source)
        named, alive = self._named(asked, source)
        if session is None and not alive:
            return self._done(asked, raw, request)
        if session is None or named != session.id:
            return self._ask(asked, raw, request)
        self._end(session, asked, source)
        return self._done(asked, raw, request)

    def _confirm(self, request: TokenRequest, source: Source) -> Reply:
        sent = form_of(request)
        if browser.from_elsewhere(request, issuer=self._services.issuer):
            log.warning("sign-out refused reason=origin_not_issuer ref=%s", source.decision_id)
            viewer = self._viewer(request)
            return self._pages.problem(problems.NOT_OURS, viewer=viewer, reference=source.decision_id)
        carried = sent.one("request") or ""
        raw = form.parse(carried.encode())
        asked = self._read(raw, source)
        secret = self._cookies.read(self._cookies.form, request)
        if not browser.form_token_fits(sent.one("form_token"), secret, purpose=_PURPOSE, content=carried):
            return self._ask(asked, raw, request, status=403)
        session = self._session(request, source)
        if session is not None:
            self._end(session, asked, source)
        return self._done(asked, raw, request)

    def _read(self, raw: Form, source: Source) -> LogoutRequest:
        snapshot = self._services.ledger.fresh(self._services.tenant)
        return logout_request.read(raw, snapshot, now=source.now)

    def _named(self, asked: LogoutRequest, source: Source) -> tuple[str, bool]:
        """The session that the hint speaks of, "" for none, and whether it is alive, in whatever browser."""
        if asked.hint is None or asked.client is None:
            return "", False
        ledger, by_sid = self._services.ledger, facts.sid_key(asked.hint.sid)
        here = [row for row in ledger.read((by_sid,))(by_sid) if row["app_id"] == asked.client.app.id]
        if not here:
            return "", False
        session_id = string(here[0], "session_id")
        alive = self._alive(facts.session_key(session_id), source)
        return (session_id, True) if alive else ("", False)

    def _session(self, request: TokenRequest, source: Source) -> _Open | None:
        """The session of this browser, however long it lay idle: until its end apps live by it."""
        cookie = self._cookies.read(self._cookies.session, request)
        if cookie is None:
            return None
        return self._alive(Key("session", "cookie", hashlib.sha256(cookie.encode()).hexdigest()), source)

    def _alive(self, key: Key, source: Source) -> _Open | None:
        ledger = self._services.ledger
        rows = [row for row in ledger.read((key,))(key) if row["tenant_id"] == self._services.tenant]
        if not rows:
            return None
        session = _Open(string(rows[0], "id"), string(rows[0], "person_id"))
        found = ledger.read((facts.session_key(session.id), *facts.person_keys(session.person_id)))
        person = facts.person(found, session.person_id)
        alive = person is not None and facts.session(found, session.id, person=person, now=source.now)
        return session if alive else None

    def _end(self, session: _Open, asked: LogoutRequest, source: Source) -> None:
        """End it on every node at once, with the order to tell its apps; raises Unavailable."""
        client = asked.client.app.id if asked.client else None
        key = facts.session_key(session.id)

        def decide(_snapshot: Snapshot, found: Facts) -> Verdict[None]:
            rows = found(key)
            if not rows or rows[0]["ended"] is not None:
                return Verdict(None, ())
            actor = {"kind": "person", "id": session.person_id}
            writes, events = session_ends.end(
                session.id, session.person_id, tenant=self._services.tenant, actor=actor, source=source
            )
            said = [Event(one.name, {**one.fields, "requesting_app": client}) for one in events]
            return Verdict(None, said, writes)

        self._services.ledger.commit(
            Entry(self._services.tenant, source.decision_id, source.now, decide, reads=(key,))
        )

    def _done(self, asked: LogoutRequest, raw: Form, request: TokenRequest) -> Reply:
        """Back to the app, where it may be; else a page that says that it is done."""
        away = self._cookies.clear(self._cookies.session)
        if asked.goes_to is not None:
            return redirect(asked.goes_to, away)
        page = self._pages.show("signed_out.html", viewer=self._viewer(request, raw), form_action="'none'")
        return Reply(page.status, (*page.headers, away), page.body)

    def _ask(self, asked: LogoutRequest, raw: Form, request: TokenRequest, *, status: int = 200) -> Reply:
        """The page that asks, bound to this browser by a cookie that it gets if it has none."""
        carried = logout_request.carried(raw)
        known = self._cookies.read(self._cookies.form, request)
        secret = known or self._services.new_id() + self._services.new_id()
        onward = f" {redirects.source_expression(asked.goes_to)}" if asked.goes_to else ""
        page = self._pages.show(
            "logout.html",
            viewer=self._viewer(request, raw),
            status=status,
            form_action=f"'self'{onward}",
            app=asked.client.app.name if asked.client else "",
            request=carried,
            form_token=browser.form_token(secret, purpose=_PURPOSE, content=carried),
        )
        extra = [] if known else [self._cookies.set(self._cookies.form, secret)]
        return Reply(page.status, (*page.headers, *extra), page.body)

    def _guarded(self, request: TokenRequest, source: Source, answer: Callable[[], Reply]) -> Reply:
        try:
            return answer()
        except Refused as refused:
            reason = refused.reason
        except Unavailable:
            reason = Reason.UNAVAILABLE
        log.warning("sign-out refused reason=%s ref=%s", reason.value, source.decision_id)
        return self._pages.problem(
            problems.problem(reason), viewer=self._viewer(request), reference=source.decision_id
        )

    def _viewer(self, request: TokenRequest, raw: Form | None = None) -> Viewer:
        ui_locales = raw.one("ui_locales") if raw else None
        return viewer_of(request, organisation(self._services), ui_locales=ui_locales or "")

    def _source(self, request: TokenRequest) -> Source:
        services = self._services
        return Source(services.new_id(), services.clock(), request.source, request.user_agent)
