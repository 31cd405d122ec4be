"""The pages of a sign-in after the first: a second factor, setting one up, its recovery codes.

All of them are ``/signin/step``.  Which one it is, the facts say: a form brings an answer and no claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.factors import passkeys, qr
from idjag.idp.facts import PersonFacts
from idjag.idp.services import Services
from idjag.idp.signin import answers, browser, problems, steps
from idjag.idp.signin.admission import Admission, Asked
from idjag.idp.signin.flow import SignIn
from idjag.idp.signin.frame import STEP, Frame
from idjag.idp.signin.needs import Next, Ways
from idjag.idp.signin.outcomes import (
    Admitted,
    Again,
    Brought,
    Continued,
    Ended,
    Enrolled,
    Failed,
    Locked,
    Outcome,
)
from idjag.idp.signin.own_pages import OwnPage
from idjag.idp.signin.pages import Pages, redirect
from idjag.idp.signin.shown import Shown
from idjag.idp.signin.step_forms import PURPOSE, StepForms
from idjag.idp.signin.steps import Step
from idjag.ledger.entry import Facts
from idjag.protocol import form
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, form_of

__all__ = ["StepPages"]

_STATUS: Final = {"": 200, "wrong": 403, "stale": 403, "locked": 429, "ended": 403}
_NOTICES: Final[Mapping[type[Outcome], str]] = {Locked: "locked", Ended: "ended", Failed: "wrong"}


@dataclass(frozen=True, slots=True)
class _Now:
    """Where a sign-in stands as its next page is shown."""

    asked: Asked
    step: Step
    person: PersonFacts
    ways: Ways | None
    found: Facts


class StepPages:
    """The later pages of one tenant's sign-in; ``sign_in`` has the first."""

    def __init__(self, services: Services, pages: Pages, sign_in: SignIn) -> None:
        self._services, self._pages, self._sign_in = services, pages, sign_in
        self._frame = Frame(services, pages)
        self._forms = StepForms(services)

    def show(self, request: TokenRequest) -> Reply:
        """``GET /signin/step``: whatever is asked for next; ``use`` names a factor of several."""
        source = self._frame.source(request)
        return self._frame.guarded(request, source, lambda: self._show(request, source))

    def submit(self, request: TokenRequest) -> Reply:
        """``POST /signin/step``: the answer."""
        source = self._frame.source(request)
        return self._frame.guarded(request, source, lambda: self._submit(request, source))

    def _show(self, request: TokenRequest, source: Source) -> Reply:
        step = self._step(request, source)
        if step is None or step.spent:
            return self._over(step, request, source)
        use = form.parse(request.query).one("use") or ""
        return self._page(step, request, source, use=use)

    def _submit(self, request: TokenRequest, source: Source) -> Reply:
        sent = form_of(request)
        if elsewhere := self._frame.from_elsewhere(request, source):
            return elsewhere
        step = self._step(request, source)
        if step is None or step.spent:
            return self._over(step, request, source)
        if not browser.form_token_fits(sent.one("form_token"), step.secret, purpose=PURPOSE, content=step.id):
            return self._page(step, request, source, notice="stale")
        asked = self._frame.read(form.parse(step.request.encode()), source=source, begun=True)
        use = sent.one("do") or ""
        answer = self._forms.answer(sent, use, step, source=source)
        if answer is None:
            return self._page(step, request, source, use=use, notice="wrong", pending=sent.one("pending"))
        brought = self._frame.brought(request, source)
        outcome = answers.answered(self._services, asked, step, answer, brought=brought, source=source)
        return self._settled(outcome, asked, sent, request, brought=brought, source=source)

    def _settled(
        self,
        outcome: Outcome,
        asked: Asked,
        sent: Form,
        request: TokenRequest,
        *,
        brought: Brought,
        source: Source,
    ) -> Reply:
        use, pending = sent.one("do") or "", sent.one("pending")
        match outcome:
            case Continued():
                return self._frame.to_next_page(outcome)
            case Enrolled():
                return self._codes(outcome, asked, request)
            case Again():
                return redirect(self._pages.url(STEP))
            case Locked() | Ended() | Failed():
                step = self._step(request, source)
                if step is None or step.spent:
                    return self._over(step, request, source)
                notice = _NOTICES[type(outcome)]
                return self._page(step, request, source, use=use, notice=notice, pending=pending)
            case Admitted():
                return self._frame.settled(outcome, asked, request, brought=brought, source=source)
        return self._frame.settled(outcome, asked, request, brought=brought, source=source)

    def _page(
        self,
        step: Step,
        request: TokenRequest,
        source: Source,
        *,
        use: str = "",
        notice: str = "",
        pending: str | None = None,
    ) -> Reply:
        """The page that asks for what is missing now."""
        standing = self._standing(step, request, source)
        if standing is None:
            return self._over(step, request, source)
        ways = standing.ways
        if ways is None:
            return self._render("go_on.html", standing.asked, step, request, notice=notice)
        use = use.removeprefix("enrol_")
        kind = use if use in ways.kinds else ways.kinds[0]
        if ways.next is Next.ENROL:
            return self._enrol(standing, ways, kind, request, source, notice=notice, pending=pending)
        options, ceremony = None, self._forms.ceremony(step)
        if kind == "passkey" and ceremony:
            challenge = ceremony.challenge(now=source.now, nonce=self._services.new_id())
            options = passkeys.request_options(
                ceremony, challenge=challenge, found=standing.found, person_id=step.person_id
            )
        return self._render_way(
            "second_factor.html",
            standing,
            ways,
            request,
            notice=notice,
            kind=kind,
            passkey=options,
            only_passkey=ways.kinds == ("passkey",),
            remember_days=self._services.snapshot.sign_in.remember_device // 86400,
        )

    def _enrol(
        self,
        standing: _Now,
        ways: Ways,
        kind: str,
        request: TokenRequest,
        source: Source,
        *,
        notice: str,
        pending: str | None,
    ) -> Reply:
        """The page that sets up a factor; after a wrong code it shows the same seed."""
        step, person, services = standing.step, standing.person, self._services
        seed, options = None, None
        if kind == "totp":
            seed = self._forms.seed(person, pending, now=source.now)
        elif ceremony := self._forms.ceremony(step, enrolling=True):
            options = passkeys.creation_options(
                ceremony,
                challenge=ceremony.challenge(now=source.now, nonce=services.new_id()),
                tenant=services.tenant,
                person_id=step.person_id,
                username=person.person.username,
                name=person.name,
                found=standing.found,
            )
        return self._render_way(
            "enrol.html",
            standing,
            ways,
            request,
            notice=notice,
            kind=kind,
            passkey=options,
            seed=seed,
            picture=qr.svg(seed.uri) if seed else "",
        )

    def _codes(self, outcome: Enrolled, asked: Asked, request: TokenRequest) -> Reply:
        """The recovery codes, this once; the way on is the next answer."""
        step_id = steps.digest(outcome.cookie)
        page = self._pages.show(
            "recovery_codes.html",
            viewer=self._frame.viewer(request),
            form_action=self._frame.form_action(asked),
            app=self._frame.name_of(asked),
            own=isinstance(asked, OwnPage),
            codes=outcome.codes,
            form_token=browser.form_token(outcome.cookie, purpose=PURPOSE, content=step_id),
        )
        cookie = self._frame.cookies.set(self._frame.cookies.step, outcome.cookie)
        return Reply(page.status, (*page.headers, cookie), page.body)

    def _render_way(
        self,
        template: str,
        standing: _Now,
        ways: Ways,
        request: TokenRequest,
        *,
        notice: str,
        passkey: object,
        **values: Any,
    ) -> Reply:
        """A page on which one of several kinds of factor is used, or set up."""
        return self._render(
            template,
            standing.asked,
            standing.step,
            request,
            notice=notice,
            script="passkey.js" if passkey else "",
            kinds=ways.kinds,
            by=ways.need.by.value,
            wish=ways.wish,
            passkey=passkey,
            **values,
        )

    def _render(
        self,
        template: str,
        asked: Asked,
        step: Step,
        request: TokenRequest,
        *,
        notice: str,
        script: str = "",
        **values: Any,
    ) -> Reply:
        return self._pages.show(
            template,
            viewer=self._frame.viewer(request, here=STEP),
            status=_STATUS[notice],
            form_action=self._frame.form_action(asked),
            script=script,
            **values,
            app=self._frame.name_of(asked),
            own=isinstance(asked, OwnPage),
            goes_to=self._frame.goes_to(asked),
            form_token=browser.form_token(step.secret, purpose=PURPOSE, content=step.id),
            notice=notice,
        )

    def _standing(self, step: Step, request: TokenRequest, source: Source) -> _Now | None:
        """Where the sign-in stands now; None when it stands no more.  Nothing is decided on it."""
        services, brought = self._services, self._frame.brought(request, source)
        asked = self._frame.read(form.parse(step.request.encode()), source=source, begun=True)
        admission = Admission.make(services, asked, step.request, brought=brought, source=source)
        found = services.ledger.read((step.key, *admission.reads(step.person_id)))
        person, snapshot = facts.person(found, step.person_id), services.snapshot
        if person is None or not step.alive(found, person, now=source.now):
            return None
        session = brought.session
        base = None
        if step.session:
            if session is None or session.id != step.session:
                return None
            base = session.current(found, person, policy=snapshot.sign_in, now=source.now)
            if base is None:
                return None
        shown = Shown(step.proofs, base, step, declined=step.declined)
        ways = admission.ways(snapshot, found, person, shown=shown)
        return _Now(asked, step, person, ways, found)

    def _over(self, step: Step | None, request: TokenRequest, source: Source) -> Reply:
        """From the first page on, if we know for what; else back to the app."""
        if step is None:
            return self._pages.problem(
                problems.STEP_OVER, viewer=self._frame.viewer(request), reference=source.decision_id
            )
        raw = form.parse(step.request.encode())
        return self._sign_in.begin_again(raw, request, source=source, notice="over")

    def _step(self, request: TokenRequest, source: Source) -> Step | None:
        cookie = self._frame.cookies.read(self._frame.cookies.step, request)
        return steps.find(cookie, self._services, now=source.now)
