"""``/password``: a person who is signed in changes the password; this session goes on, all others end.

OIDC-26, attack case 149.  It takes a recent sign-in, the old password, and its guesses are counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.facts import PersonFacts
from idjag.idp.mail.letters import changed_letter
from idjag.idp.passwords.setting import NewPassword, credential_key, password_hashes, weakness
from idjag.idp.signin import browser, own_pages, sessions
from idjag.idp.signin.guesses import Attempt, forgotten
from idjag.idp.signin.pages import redirect, text
from idjag.idp.signin.password_forms import WEAKNESSES, Forms
from idjag.idp.signin.passwords import Busy
from idjag.idp.signin.sessions import SignedIn
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Key, Verdict
from idjag.protocol.errors import Reason
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["change"]

_PURPOSE: Final = "password-change"
_AGAIN: Final = text("The two new passwords are not the same.")
_SAME: Final = text("The new password is the old one.")
_STATUS: Final = {"": 200, "wrong": 403, "locked": 429, "busy": 429, "stale": 403}


@dataclass(frozen=True, slots=True)
class _Asked:
    """One form that was sent, by whom, and what is known of them before anything slow is done."""

    session: SignedIn
    person: PersonFacts
    attempt: Attempt
    stored: str | None = field(repr=False)
    old: str = field(repr=False)
    new: str = field(repr=False)
    again: str = field(repr=False)

    @property
    def reads(self) -> tuple[Key, ...]:
        """What the decision needs."""
        person_id = self.person.person.id
        own = (*facts.person_keys(person_id), *facts.hold_keys(person_id), credential_key(person_id))
        return (*own, *self.session.reads, *self.attempt.reads)


def change(forms: Forms, request: TokenRequest) -> Reply:
    """``GET`` and ``POST /password``."""
    return forms.answered(request, lambda source: _change(forms, request, source))


def _change(forms: Forms, request: TokenRequest, source: Source) -> Reply:
    session = sessions.signed_in(request, forms.services, now=source.now)
    if session is None or not sessions.may_change(session, forms.services, now=source.now):
        return _sign_in_first(forms)
    if request.method == "GET":
        return _page(forms, request, session)
    sent = forms.sent(request, source)
    if isinstance(sent, Reply):
        return sent
    token = sent.one("form_token")
    if not browser.form_token_fits(token, session.secret, purpose=_PURPOSE, content=""):
        return _page(forms, request, session, notice="stale")
    asked = _asked(forms, request, session, sent, source)
    if asked is None:
        return _sign_in_first(forms)
    return _judged(forms, request, asked, source)


def _asked(
    forms: Forms, request: TokenRequest, session: SignedIn, sent: Form, source: Source
) -> _Asked | None:
    services = forms.services
    keys = (*facts.person_keys(session.person_id), credential_key(session.person_id))
    found = services.ledger.read(keys)
    person = facts.person(found, session.person_id)
    if person is None:
        return None
    known = forms.cookies.read(forms.cookies.known, request)
    attempt = Attempt(services.tenant, person.person.username, source, known)
    stored = password_hashes(found, session.person_id)
    old, new, again = (sent.one(name) or "" for name in ("password", "new_password", "again"))
    return _Asked(session, person, attempt, stored[0] if stored else None, old, new, again)


def _judged(forms: Forms, request: TokenRequest, asked: _Asked, source: Source) -> Reply:
    """The new password first, which costs nothing and tells nothing; then the old one."""
    services = forms.services
    wrong = _what_is_wrong(forms, asked)
    if wrong:
        return _page(forms, request, asked.session, problem=wrong)
    if asked.attempt.stopped(services.ledger.read(asked.attempt.reads)):
        return _page(forms, request, asked.session, notice="locked")
    try:
        right = services.passwords.verify(asked.stored, asked.old)
        encoded = services.passwords.hash(asked.new) if right else ""
    except Busy:
        return _page(forms, request, asked.session, notice="busy")
    cookie = services.new_id() + services.new_id()
    new = NewPassword(encoded, services.new_id()) if right else None
    outcome = services.ledger.commit(_entry(forms, asked, new, cookie=cookie, source=source))
    if outcome is not None:
        return _page(forms, request, asked.session, notice=outcome)
    if asked.person.email and asked.person.email_verified and services.mail:
        services.mail.post(changed_letter(asked.person.email, _place(forms), forms.viewer(request).language))
    return redirect(forms.pages.url("/password/done"), forms.cookies.set(forms.cookies.session, cookie))


def _what_is_wrong(forms: Forms, asked: _Asked) -> str:
    if asked.new != asked.again:
        return _AGAIN
    if asked.new == asked.old:
        return _SAME
    found = weakness(forms.policy, asked.new, asked.person, forms.organisation, _place(forms))
    return WEAKNESSES[found] if found else ""


def _entry(
    forms: Forms, asked: _Asked, new: NewPassword | None, *, cookie: str, source: Source
) -> Entry[Snapshot, str | None]:
    """The change; its reply is None, or the notice that says why nothing was changed."""
    services, attempt, person_id = forms.services, asked.attempt, asked.person.person.id

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[str | None]:
        person = facts.person(found, person_id)
        current = asked.session.current(found, person, policy=snapshot.sign_in, now=source.now)
        if person is None or current is None:
            return Verdict("stale", (), succeeded=False)
        if attempt.stopped(found):
            return Verdict("locked", (), succeeded=False)
        # read before the slow work: a password changed meanwhile counts as wrong
        if new is None or asked.stored not in password_hashes(found, person_id):
            noted = attempt.failed(found, person_id)
            event = Event(
                "password.refused", {**_shared(source, person_id), "reason": Reason.PASSWORD_WRONG.value}
            )
            return Verdict("wrong", (event, *noted.events), noted.writes, succeeded=False)
        writes = new.writes(found, person, tenant=services.tenant, now=source.now)
        moved = sessions.moved(asked.session.id, cookie=cookie, epoch=person.epoch + 1)
        event = new.event(person, shared=source.fields(), by="change")
        unlocked = forgotten(services.tenant, person.person.username)
        return Verdict(None, (event,), (*writes, moved, unlocked))

    return Entry(services.tenant, source.decision_id, source.now, decide, reads=asked.reads)


def _shared(source: Source, person_id: str) -> dict[str, object]:
    return {**source.fields(), "actor": {"kind": "person", "id": person_id}, "subject": person_id}


def _page(
    forms: Forms, request: TokenRequest, session: SignedIn, *, notice: str = "", problem: str = ""
) -> Reply:
    token = browser.form_token(session.secret, purpose=_PURPOSE, content="")
    return forms.pages.show(
        "change_password.html",
        viewer=forms.viewer(request, here="/password"),
        status=400 if problem else _STATUS[notice],
        form_token=token,
        notice=notice,
        problem=problem,
        shortest=forms.policy.shortest,
    )


def _sign_in_first(forms: Forms) -> Reply:
    return redirect(own_pages.sign_in(forms.services, "password", recent=True))


def _place(forms: Forms) -> str:
    return forms.services.issuer.partition("://")[2].rstrip("/")
