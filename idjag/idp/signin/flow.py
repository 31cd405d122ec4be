"""The first page of a sign-in, from bytes to reply: ``GET /authorize``, ``GET`` and ``POST /signin``.

Until the app and its redirection URI are proven, an error is a page; after that, it goes to the app.
"""

from __future__ import annotations

from typing import Final

from idjag.idp.audit import Source
from idjag.idp.factors import passkeys, responses
from idjag.idp.factors.ceremony import Ceremony
from idjag.idp.factors.relying_party import relying_party
from idjag.idp.facts import string
from idjag.idp.services import Services
from idjag.idp.signin import authorize, browser, needs, own_pages, proving
from idjag.idp.signin.admission import Asked
from idjag.idp.signin.authorize import AuthorizationRequest
from idjag.idp.signin.frame import Frame
from idjag.idp.signin.outcomes import Again, Brought, Continued, Ended, Enrolled, Failed, Locked, Outcome
from idjag.idp.signin.own_pages import OwnPage
from idjag.idp.signin.pages import Pages
from idjag.idp.signin.passwords import Busy
from idjag.idp.signin.reading import Returned
from idjag.ledger.entry import Key
from idjag.protocol import form
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, form_of

__all__ = ["SignIn"]

_PURPOSE: Final = "sign-in"
_MAX_USERNAME: Final = 256
# 403 tells a password manager that what it filled in was wrong (RFC 9110 section 15.5.4)
_STATUS: Final = {
    "": 200,
    "wrong": 403,
    "missing": 400,
    "busy": 429,
    "stale": 403,
    "locked": 429,
    "over": 200,
    "passkey": 403,
}


class SignIn:
    """The authorization endpoint and the sign-in form of one tenant."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services, self._pages = services, pages
        self._frame = Frame(services, pages)
        self._rp = relying_party(services.issuer, "")

    def authorize(self, request: TokenRequest) -> Reply:
        """``GET`` or ``POST /authorize`` (OpenID Connect Core section 3.1.2.1)."""
        source = self._frame.source(request)
        return self._frame.guarded(request, source, lambda: self._authorize(request, source))

    def own_page(self, request: TokenRequest) -> Reply:
        """``GET /signin``: to one of our own pages, by way of the sign-in if one is needed."""
        source = self._frame.source(request)
        return self._frame.guarded(request, source, lambda: self._own_page(request, source))

    def submit(self, request: TokenRequest) -> Reply:
        """``POST /signin``: username and password, or a passkey, with the request that the form carries."""
        source = self._frame.source(request)
        return self._frame.guarded(request, source, lambda: self._submit(request, source))

    def begin_again(self, raw: Form, request: TokenRequest, *, source: Source, notice: str) -> Reply:
        """The first page once more, for a sign-in whose later pages are over."""
        asked = self._frame.read(raw, source=source, begun=True)
        return self._form(asked, raw, request, source=source, notice=notice)

    def _authorize(self, request: TokenRequest, source: Source) -> Reply:
        raw = form_of(request) if request.method == "POST" else form.parse(request.query)
        asked = self._frame.read(raw, source=source, begun=False)
        if isinstance(asked, OwnPage):
            raise Refused(Reason.PARAMETER_WRONG, parameter="page")
        self._reachable(asked)
        return self._by_session(asked, raw, request, source)

    def _own_page(self, request: TokenRequest, source: Source) -> Reply:
        raw = form.parse(request.query)
        asked = own_pages.parse(raw, self._services)
        if asked is None:
            raise Refused(Reason.PARAMETER_MISSING, parameter="page")
        return self._by_session(asked, raw, request, source)

    def _by_session(self, asked: Asked, raw: Form, request: TokenRequest, source: Source) -> Reply:
        brought = self._frame.brought(request, source)
        session = brought.session
        if session and asked.satisfied_by(auth_time=session.auth_time, now=source.now):
            outcome = proving.by_session(
                self._services, asked, _carried(asked, raw), session, brought=brought, source=source
            )
            # else the session ended just now, or it is somebody else's than the app expects
            if not isinstance(outcome, Failed) and not _somebody_else(outcome):
                return self._settled(outcome, asked, raw, request, brought=brought, source=source)
        if isinstance(asked, AuthorizationRequest) and asked.silent:  # OIDC-09
            raise Returned(asked.to, Refused(Reason.LOGIN_REQUIRED))
        hint = asked.login_hint if isinstance(asked, AuthorizationRequest) else ""
        return self._form(asked, raw, request, source=source, username=hint or self._username(brought))

    def _reachable(self, asked: AuthorizationRequest) -> None:
        """What nobody could ever show is told at once, before anybody types anything (OIDC-11)."""
        known = self._services.snapshot.policy.sign_ins
        if asked.essential_acr and not needs.known(asked.essential_acr, known):
            raise Returned(asked.to, Refused(Reason.ACR_UNMET))

    def _submit(self, request: TokenRequest, source: Source) -> Reply:
        sent = form_of(request)
        if elsewhere := self._frame.from_elsewhere(request, source):
            return elsewhere
        carried = sent.required("request")
        raw = form.parse(carried.encode())
        asked = self._frame.read(raw, source=source, begun=True)
        username = (sent.one("username") or "").strip()
        secret = self._frame.cookies.read(self._frame.cookies.form, request)
        if not browser.form_token_fits(sent.one("form_token"), secret, purpose=_PURPOSE, content=carried):
            return self._form(asked, raw, request, source=source, username=username, notice="stale")
        brought = self._frame.brought(request, source)
        if credential := sent.one("credential"):
            outcome = self._passkey(asked, carried, credential, secret or "", brought=brought, source=source)
            notice = "passkey"
        else:
            password, notice = sent.one("password") or "", "wrong"
            if not username or not password or len(username) > _MAX_USERNAME:
                return self._form(asked, raw, request, source=source, username=username, notice="missing")
            try:
                outcome = proving.by_password(
                    self._services,
                    asked,
                    carried,
                    username=username,
                    password=password,
                    brought=brought,
                    source=source,
                )
            except Busy:
                return self._form(asked, raw, request, source=source, username=username, notice="busy")
        if isinstance(outcome, Failed):
            return self._form(asked, raw, request, source=source, username=username, notice=notice)
        return self._settled(outcome, asked, raw, request, brought=brought, source=source, username=username)

    def _passkey(
        self,
        asked: Asked,
        carried: str,
        credential: str,
        secret: str,
        *,
        brought: Brought,
        source: Source,
    ) -> Outcome:
        """A passkey without a password before it."""
        if self._rp is None:
            return Failed()
        try:
            assertion = responses.assertion(credential)
        except Refused:
            return Failed()
        ceremony = Ceremony(self._rp, secret, _PURPOSE)
        return proving.by_passkey(
            self._services, asked, carried, assertion, ceremony=ceremony, brought=brought, source=source
        )

    def _settled(
        self,
        outcome: Outcome,
        asked: Asked,
        raw: Form,
        request: TokenRequest,
        *,
        brought: Brought,
        source: Source,
        username: str = "",
    ) -> Reply:
        match outcome:
            case Continued():
                return self._frame.to_next_page(outcome)
            case Locked(wait):
                page = self._form(asked, raw, request, source=source, username=username, notice="locked")
                return _retry_after(page, wait)
            case Failed() | Ended() | Again() | Enrolled():
                return self._form(asked, raw, request, source=source, username=username, notice="over")
        return self._frame.settled(outcome, asked, request, brought=brought, source=source)

    def _form(
        self,
        asked: Asked,
        raw: Form,
        request: TokenRequest,
        *,
        source: Source,
        username: str = "",
        notice: str = "",
    ) -> Reply:
        """The sign-in page, bound to this browser by a cookie that it gets if it has none."""
        frame, carried = self._frame, _carried(asked, raw)
        known = frame.cookies.read(frame.cookies.form, request)
        secret = known or self._services.new_id() + self._services.new_id()
        own = isinstance(asked, OwnPage)
        here = f"/signin?{carried}" if own else f"/authorize?{carried}"
        page = self._pages.show(
            "sign_in.html",
            viewer=frame.viewer(request, ui_locales=raw.one("ui_locales") or "", here=here),
            status=_STATUS[notice],
            form_action=frame.form_action(asked),
            script="passkey.js" if self._rp else "",
            app=frame.name_of(asked),
            own=own,
            request=carried,
            form_token=browser.form_token(secret, purpose=_PURPOSE, content=carried),
            username=username[:_MAX_USERNAME],
            goes_to=frame.goes_to(asked),
            notice=notice,
            passkey=self._passkey_options(secret, now=source.now),
        )
        extra = [] if known else [frame.cookies.set(frame.cookies.form, secret)]
        return Reply(page.status, (*page.headers, *extra), page.body)

    def _passkey_options(self, secret: str, *, now: int) -> dict[str, object] | None:
        """What the browser is asked for, if passkeys work here at all."""
        if self._rp is None:
            return None
        ceremony = Ceremony(self._rp, secret, _PURPOSE)
        challenge = ceremony.challenge(now=now, nonce=self._services.new_id())
        return passkeys.request_options(ceremony, challenge=challenge)

    def _username(self, brought: Brought) -> str:
        """Who signs in again in this browser, so that nobody types a name that we know."""
        if brought.session is None:
            return ""
        key = Key("person", "id", brought.session.person_id)
        rows = self._services.ledger.read((key,))(key)
        return string(rows[0], "username") if rows else ""


def _carried(asked: Asked, raw: Form) -> str:
    return asked.carried if isinstance(asked, OwnPage) else authorize.carried(raw)


def _somebody_else(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.reason is Reason.LOGIN_REQUIRED


def _retry_after(page: Reply, wait: int) -> Reply:
    headers = [header for header in page.headers if header[0] != b"retry-after"]
    return Reply(page.status, (*headers, (b"retry-after", str(wait).encode())), page.body)
