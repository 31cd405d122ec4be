"""The way of one sign-in, from bytes to reply: ``GET /authorize``, ``POST /signin``, and back to the app.

Until the app and its redirection URI are proven, an error is a page; after that, it goes to the app.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from idjag.idp.audit import Source
from idjag.idp.facts import string
from idjag.idp.services import Services
from idjag.idp.signin import admission, authorize, browser, problems, redirects, sessions
from idjag.idp.signin.admission import Admitted, Failed
from idjag.idp.signin.authorize import AuthorizationRequest, Clients, Destination
from idjag.idp.signin.browser import Cookies
from idjag.idp.signin.pages import Pages, SignInForm, redirect
from idjag.idp.signin.passwords import Busy
from idjag.ledger.entry import Key, Unavailable
from idjag.protocol import form
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, form_of

__all__ = ["SignIn"]

_PURPOSE: Final = "sign-in"
_MAX_USERNAME: Final = 256
# What an administrator has decided about a person and an app; everything else means a broken request
_DENIALS: Final = frozenset({Reason.NOT_ASSIGNED, Reason.HELD})

log = logging.getLogger("idjag.idp.signin")


class _Returned(Exception):
    """A refusal that the app itself is told."""

    def __init__(self, to: Destination, refused: Refused) -> None:
        super().__init__(refused.reason.value)
        self.to, self.refused = to, refused


class SignIn:
    """The authorization endpoint and the sign-in form of one tenant."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services, self._pages = services, pages
        self._cookies = Cookies(services.tenant, services.secure)

    def authorize(self, request: TokenRequest) -> Reply:
        """``GET`` or ``POST /authorize`` (OpenID Connect Core section 3.1.2.1)."""
        source = self._source(request)
        return self._guarded(source, lambda: self._authorize(request, source))

    def submit(self, request: TokenRequest) -> Reply:
        """``POST /signin``: username and password, with the authorization request that the form carries."""
        source = self._source(request)
        return self._guarded(source, lambda: self._submit(request, source))

    def _guarded(self, source: Source, answer: Callable[[], Reply]) -> Reply:
        """The one door by which refusals leave."""
        try:
            return answer()
        except _Returned as returned:
            return redirect(self._answer(returned.to, returned.refused, source))
        except Refused as refused:
            return self._problem(refused, source)
        except Unavailable:
            return self._problem(Refused(Reason.UNAVAILABLE), source)

    def _authorize(self, request: TokenRequest, source: Source) -> Reply:
        raw = form_of(request) if request.method == "POST" else form.parse(request.query)
        asked = self._read(raw)
        session = self._session(request, source)
        if session and asked.satisfied_by(auth_time=session.auth_time, now=source.now):
            outcome = admission.by_session(self._services, asked, session, source=source)
            if not isinstance(outcome, Failed):  # else the session ended just now
                return self._settled(outcome, asked, source)
        if asked.silent:  # OIDC-09
            raise _Returned(asked.to, Refused(Reason.LOGIN_REQUIRED))
        return self._form(asked, raw, request, username=asked.login_hint)

    def _submit(self, request: TokenRequest, source: Source) -> Reply:
        sent = form_of(request)
        if browser.from_elsewhere(request, issuer=self._services.issuer):
            # often a proxy or a second address: people came by another one than the issuer's
            log.warning("sign-in refused reason=origin_not_issuer app=- ref=%s", source.decision_id)
            return self._pages.problem(problems.FROM_ELSEWHERE, reference=source.decision_id)
        carried = sent.required("request")
        raw = form.parse(carried.encode())
        asked = self._read(raw)
        username, password = (sent.one("username") or "").strip(), sent.one("password") or ""
        secret = self._cookies.read(self._cookies.form, request)
        if not browser.form_token_fits(sent.one("form_token"), secret, purpose=_PURPOSE, content=carried):
            return self._form(asked, raw, request, username=username, notice="stale")
        if not username or not password or len(username) > _MAX_USERNAME:
            return self._form(asked, raw, request, username=username, notice="missing")
        try:
            outcome = admission.by_password(
                self._services,
                asked,
                username=username,
                password=password,
                before=self._session(request, source),
                source=source,
            )
        except Busy:
            return self._form(asked, raw, request, username=username, notice="busy")
        if isinstance(outcome, Failed):
            return self._form(asked, raw, request, username=username, notice="wrong")
        return self._settled(outcome, asked, source)

    def _read(self, raw: Form) -> AuthorizationRequest:
        """The valid request, as apps are registered now; raises Refused (a page), _Returned (to the app)."""
        clients = self._services.ledger.fresh(self._services.tenant).clients
        to = authorize.destination(raw, self._documented(raw, clients))
        try:
            return authorize.parse(raw, to)
        except Refused as refused:
            raise _Returned(to, refused) from None

    def _documented(self, raw: Form, clients: Clients) -> Clients:
        """The apps, the one that is meant with its metadata document, if that is how it is registered.

        Raises Refused CLIENT_METADATA_UNAVAILABLE, UNAVAILABLE.
        """
        publications, client = self._services.publications, clients.get(raw.one("client_id") or "")
        if client is None or not client.app.by_document or not client.registration.active:
            return clients
        if publications is None:
            raise Refused(Reason.UNAVAILABLE, app=client.app.id)
        client_id = client.app.client_id
        try:
            document = publications.document(client_id)
        except Refused as refused:
            log.warning("no metadata document app=%s %s", client.app.id, refused)
            raise Refused(refused.reason, app=client.app.id) from None
        return {**clients, client_id: client.with_document(document)}

    def _settled(self, outcome: Admitted | Refused, asked: AuthorizationRequest, source: Source) -> Reply:
        to = asked.to
        if isinstance(outcome, Admitted):
            cookies = [self._cookies.set(self._cookies.session, outcome.cookie)] if outcome.cookie else []
            if outcome.cookie:
                cookies.append(self._cookies.clear(self._cookies.form))
            return redirect(authorize.success(to, code=outcome.code, issuer=self._services.issuer), *cookies)
        if outcome.reason not in _DENIALS:
            raise outcome
        if asked.silent:
            raise _Returned(to, outcome)
        app, answer = to.client.app.name, self._answer(to, outcome, source)
        return self._pages.problem(
            problems.denied(outcome.reason, app),
            reference=source.decision_id,
            organisation=self._organisation(),
            app=app,
            back=answer,
        )

    def _form(
        self,
        asked: AuthorizationRequest,
        raw: Form,
        request: TokenRequest,
        *,
        username: str,
        notice: str = "",
    ) -> Reply:
        """The sign-in page, bound to this browser by a cookie that it gets if it has none."""
        carried = authorize.carried(raw)
        known = self._cookies.read(self._cookies.form, request)
        secret = known or self._services.new_id() + self._services.new_id()
        to = asked.to.redirect_uri
        shown = SignInForm(
            app=asked.to.client.app.name,
            request=carried,
            token=browser.form_token(secret, purpose=_PURPOSE, content=carried),
            username=username[:_MAX_USERNAME],
            goes_to=urlsplit(to).hostname or asked.to.client.app.name,
            leads_to=redirects.source_expression(to),
            notice=notice,
        )
        page = self._pages.sign_in(shown, organisation=self._organisation(), status=_STATUS[notice])
        extra = [] if known else [self._cookies.set(self._cookies.form, secret)]
        return Reply(page.status, (*page.headers, *extra), page.body)

    def _answer(self, to: Destination, refused: Refused, source: Source) -> str:
        return authorize.failure(to, refused, issuer=self._services.issuer, decision_id=source.decision_id)

    def _problem(self, refused: Refused, source: Source) -> Reply:
        """A page with a reference that the log knows; the request's own values are in neither."""
        log.warning(
            "sign-in refused reason=%s app=%s ref=%s",
            refused.reason.value,
            refused.fact.get("app", "-"),
            source.decision_id,
        )
        return self._pages.problem(
            problems.problem(refused.reason),
            reference=source.decision_id,
            organisation=self._organisation(),
        )

    def _session(self, request: TokenRequest, source: Source) -> sessions.SignedIn | None:
        cookie = self._cookies.read(self._cookies.session, request)
        return sessions.find(cookie, self._services, now=source.now)

    def _organisation(self) -> str:
        key = Key("tenant", "id", self._services.tenant)
        try:
            rows = self._services.ledger.read((key,))(key)
        except Unavailable:  # also asked for by the page that says so
            return ""
        return string(rows[0], "name") if rows else ""

    def _source(self, request: TokenRequest) -> Source:
        services = self._services
        return Source(services.new_id(), services.clock(), request.source, request.user_agent)


# 403 tells a password manager that what it filled in was wrong (RFC 9110 section 15.5.4)
_STATUS: Final = {"": 200, "wrong": 403, "missing": 400, "busy": 429, "stale": 403}
