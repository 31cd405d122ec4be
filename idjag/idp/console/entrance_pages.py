"""The pages before the console: ``/admin/enter``, ``/admin/leave``, ``/admin/first`` for one-time links."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, Final

from idjag.idp import facts
from idjag.idp.administration import arrival
from idjag.idp.audit import Source
from idjag.idp.console import entrance
from idjag.idp.facts import PersonFacts
from idjag.idp.passwords.setting import NewPassword, weakness
from idjag.idp.signin import browser, own_pages, problems, sessions
from idjag.idp.signin.pages import Viewer, redirect
from idjag.idp.signin.password_forms import WEAKNESSES, Forms
from idjag.idp.signin.passwords import Busy
from idjag.idp.signin.sessions import SignedIn
from idjag.protocol.addresses import is_loopback
from idjag.protocol.form import Form, parse
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["enter", "first", "leave"]

_ENTER: Final = "console-enter"
_LINK: Final = "admin-link"
_FIRST: Final = "admin-first"
_CONSOLE: Final = "console"
"""The purpose of every form that is sent from inside the console."""

_AGAIN: Final = "The two passwords are not the same."
_MISSING: Final = "This link does nothing any more, or was not copied whole."

log = logging.getLogger("idjag.idp.console")


def enter(forms: Forms, request: TokenRequest) -> Reply:
    """``GET`` and ``POST /admin/enter``: on top of a recent sign-in, a session of the console."""
    return forms.answered(request, lambda source: _enter(forms, request, source))


def leave(forms: Forms, request: TokenRequest) -> Reply:
    """``POST /admin/leave``: the console session ends, the sign-in stays."""
    return forms.answered(request, lambda source: _leave(forms, request, source))


def first(forms: Forms, request: TokenRequest) -> Reply:
    """``GET`` and ``POST /admin/first``: a link from the host's terminal, then the password."""
    return forms.answered(request, lambda source: _first(forms, request, source))


def _enter(forms: Forms, request: TokenRequest, source: Source) -> Reply:
    services = forms.services
    sent = forms.sent(request, source) if request.method == "POST" else parse(request.query)
    if isinstance(sent, Reply):
        return sent
    to = own_pages.inner(sent.one("to") or "") or "/admin"
    session = sessions.signed_in(request, services, now=source.now)
    if session is None or not entrance.good(session, services, now=source.now):
        return redirect(own_pages.sign_in(services, own_pages.ADMIN, recent=True, to=to))
    person = _person(forms, session)
    if person is None or not entrance.is_administrator(services, session.person_id):
        return _show(forms, "no_administrator.html", status=403, username=_called(person))
    if request.method == "GET":
        return _entering(forms, session, person, to=to)
    token = sent.one("form_token")
    if not browser.form_token_fits(token, session.secret, purpose=_ENTER, content=to):
        return _entering(forms, session, person, to=to, stale=True)
    value = entrance.enter(services, session, source=source)
    if value is None:  # something ended just now: the first page says what is missing
        return redirect(entrance.way_in(services, to))
    return redirect(forms.pages.url(to), forms.cookies.set(forms.cookies.admin, value))


def _entering(
    forms: Forms,
    session: SignedIn,
    person: PersonFacts,
    *,
    to: str,
    stale: bool = False,
) -> Reply:
    return _show(
        forms,
        "enter.html",
        status=403 if stale else 200,
        form_token=browser.form_token(session.secret, purpose=_ENTER, content=to),
        to=to,
        name=_called(person),
        username=person.person.username,
        stale=stale,
        idle=entrance.IDLE // 60,
        hours=entrance.ABSOLUTE // 3600,
    )


def _leave(forms: Forms, request: TokenRequest, source: Source) -> Reply:
    services = forms.services
    sent = forms.sent(request, source)
    if isinstance(sent, Reply):
        return sent
    administrator = entrance.signed_in(request, services, now=source.now)
    if administrator is not None:
        token, secret = sent.one("form_token"), administrator.secret
        if not browser.form_token_fits(token, secret, purpose=_CONSOLE, content="/admin/leave"):
            return forms.pages.problem(problems.STALE, viewer=_viewer(forms), reference="")
        entrance.leave(services, administrator, source=source)
    return redirect(forms.pages.url("/me"), forms.cookies.clear(forms.cookies.admin))


def _first(forms: Forms, request: TokenRequest, source: Source) -> Reply:
    """Two steps under one address: the link's value is sent and kept in a cookie, then the password."""
    value = forms.cookies.read(forms.cookies.link, request)
    person = arrival.whose(forms.services, value, now=source.now) if value else None
    if request.method == "GET":
        if value is None or person is None:
            return _pasting(forms, request)
        return _setting(forms, value, person)
    sent = forms.sent(request, source)
    if isinstance(sent, Reply):
        return sent
    if sent.one("link") is not None:
        return _brought(forms, request, sent, source)
    if value is None or person is None:
        return _pasting(forms, request, problem=_MISSING, status=410)
    return _set(forms, request, _Asked(value, person, sent), source)


def _brought(forms: Forms, request: TokenRequest, sent: Form, source: Source) -> Reply:
    """The value of a link, from the script or pasted: the whole address does, too."""
    secret = forms.cookies.read(forms.cookies.form, request)
    if not browser.form_token_fits(sent.one("form_token"), secret, purpose=_LINK, content=""):
        return _pasting(forms, request, problem="This page had been open for too long.", status=403)
    value = (sent.one("link") or "").strip().rpartition("#")[2]
    if arrival.whose(forms.services, value, now=source.now) is None:
        return _pasting(forms, request, problem=_MISSING, status=410)
    return redirect(forms.pages.url("/admin/first"), forms.cookies.set(forms.cookies.link, value))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A password that was sent for whoever has this link."""

    value: str = field(repr=False)
    person: PersonFacts
    sent: Form = field(repr=False)


def _set(forms: Forms, request: TokenRequest, asked: _Asked, source: Source) -> Reply:
    value, person, sent = asked.value, asked.person, asked.sent
    if not browser.form_token_fits(sent.one("form_token"), value, purpose=_FIRST, content=""):
        return _setting(forms, value, person, problem="This page had been open for too long.")
    if problem := _what_is_wrong(forms, sent, person):
        return _setting(forms, value, person, problem=problem)
    try:
        encoded = forms.services.passwords.hash(sent.one("new_password") or "")
    except Busy:
        return _setting(forms, value, person, problem="Many people are signing in. Try again.")
    new = NewPassword(encoded, forms.services.new_id())
    gone = forms.cookies.clear(forms.cookies.link)
    if arrival.arrive(forms.services, value, new, before=person, source=source) is None:
        page = _pasting(forms, request, problem=_MISSING, status=410)
        return Reply(page.status, (*page.headers, gone), page.body)
    log.info("an administrator has set a password by a link ref=%s", source.decision_id)
    return redirect(forms.pages.url("/admin/enter"), gone)


def _what_is_wrong(forms: Forms, sent: Form, person: PersonFacts) -> str:
    password = sent.one("new_password") or ""
    if password != (sent.one("again") or ""):
        return _AGAIN
    place = forms.services.issuer.partition("://")[2].rstrip("/")
    found = weakness(forms.policy, password, person, forms.organisation, place)
    return WEAKNESSES[found] if found else ""


def _pasting(forms: Forms, request: TokenRequest, *, problem: str = "", status: int = 200) -> Reply:
    known = forms.cookies.read(forms.cookies.form, request)
    secret = known or forms.services.new_id() + forms.services.new_id()
    token = browser.form_token(secret, purpose=_LINK, content="")
    page = _show(
        forms,
        "first.html",
        status=status,
        script="link.js",
        form_token=token,
        username="",
        problem=problem,
        shortest=0,
    )
    extra = [] if known else [forms.cookies.set(forms.cookies.form, secret)]
    return Reply(page.status, (*page.headers, *extra), page.body)


def _setting(forms: Forms, value: str, person: PersonFacts, *, problem: str = "") -> Reply:
    return _show(
        forms,
        "first.html",
        status=400 if problem else 200,
        form_token=browser.form_token(value, purpose=_FIRST, content=""),
        username=person.person.username,
        problem=problem,
        shortest=forms.policy.shortest,
        factor=not is_loopback(forms.services.issuer),
    )


def _person(forms: Forms, session: SignedIn) -> PersonFacts | None:
    found = forms.services.ledger.read(facts.person_keys(session.person_id))
    return facts.person(found, session.person_id)


def _called(person: PersonFacts | None) -> str:
    return (person.name or person.person.username) if person else ""


def _show(forms: Forms, template: str, *, status: int = 200, script: str = "", **values: Any) -> Reply:
    return forms.pages.show(
        f"console/{template}", viewer=_viewer(forms), status=status, script=script, **values
    )


def _viewer(forms: Forms) -> Viewer:
    """The console is in English."""
    return Viewer(("en",), forms.organisation)
