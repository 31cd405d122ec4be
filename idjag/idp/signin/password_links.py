"""``/password/reset`` and ``/password/set``: a new password by a link that works once.

Asking for a link is answered alike, with the same work, whether anybody has that name or not (case 154).  A
link is used up by sending the form, never by opening it: mail scanners open links.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.facts import PersonFacts, string
from idjag.idp.limits import Limit, count_of, key_of
from idjag.idp.mail.letters import changed_letter, reset_letter
from idjag.idp.passwords.links import LIFETIMES, LinkKind, link_key, link_of, new_link, one_time, used
from idjag.idp.passwords.setting import NewPassword, credential_key, password_hashes, weakness
from idjag.idp.signin import browser, sessions
from idjag.idp.signin.guesses import Attempt, forgotten
from idjag.idp.signin.pages import redirect, text
from idjag.idp.signin.password_forms import WEAKNESSES, Forms
from idjag.idp.signin.passwords import Busy
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, OneTime, Verdict, Write
from idjag.protocol.addresses import network_of
from idjag.protocol.errors import Reason
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["ask", "done", "open_link", "sent", "set_password"]

_ASKING: Final = "password-reset"
_SETTING: Final = "password-set"
_VALUE: Final = re.compile(r"[A-Za-z0-9_\-]{32,128}")
_MAX_NAME: Final = 256
_AGAIN: Final = text("The two passwords are not the same.")
# Letters to one person, and requests from one network
_LETTERS: Final = Limit(3, memory=3600, fixed=True)
_REQUESTS: Final = Limit(20, memory=600, fixed=True)
_STATUS: Final = {"": 200, "missing": 400, "stale": 403, "busy": 429, "locked": 429}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What became of a request for a link; the person is told none of it."""

    stopped: bool = False
    to: str | None = field(default=None, repr=False)


def ask(forms: Forms, request: TokenRequest) -> Reply:
    """``GET`` and ``POST /password/reset``: the form that asks for a link."""
    return forms.answered(request, lambda source: _ask(forms, request, source))


def sent(forms: Forms, request: TokenRequest) -> Reply:
    """``GET /password/sent``: what everybody reads who asked."""
    minutes = LIFETIMES[LinkKind.RESET] // 60
    viewer = forms.viewer(request, here="/password/sent")
    return forms.pages.show("reset_sent.html", viewer=viewer, minutes=minutes)


def done(forms: Forms, request: TokenRequest) -> Reply:
    """``GET /password/done``: the password is a new one."""
    return forms.pages.show("password_done.html", viewer=forms.viewer(request, here="/password/done"))


def open_link(forms: Forms, request: TokenRequest, value: str) -> Reply:
    """``GET /password/set/{value}``: takes the value out of the address bar, and uses nothing up."""
    return forms.answered(request, lambda source: _open(forms, request, value, source))


def set_password(forms: Forms, request: TokenRequest) -> Reply:
    """``GET`` and ``POST /password/set``: the form that sets the password."""
    return forms.answered(request, lambda source: _set(forms, request, source))


def _ask(forms: Forms, request: TokenRequest, source: Source) -> Reply:
    if forms.services.mail is None:
        return forms.pages.show(
            "reset_unavailable.html", viewer=forms.viewer(request, here="/password/reset")
        )
    if request.method == "GET":
        return _asking(forms, request)
    form = forms.sent(request, source)
    if isinstance(form, Reply):
        return form
    secret = forms.cookies.read(forms.cookies.form, request)
    name = (form.one("username") or "").strip()
    if not browser.form_token_fits(form.one("form_token"), secret, purpose=_ASKING, content=""):
        return _asking(forms, request, notice="stale", username=name)
    if not 0 < len(name) <= _MAX_NAME:
        return _asking(forms, request, notice="missing", username=name)
    value, entry = _request(forms, name, source)
    answer = forms.services.ledger.commit(entry)
    if answer.stopped:
        return _asking(forms, request, notice="locked", username=name)
    if answer.to is not None:
        link, place = f"{forms.services.base}/password/set/{value}", _place(forms)
        minutes, language = LIFETIMES[LinkKind.RESET] // 60, forms.viewer(request).language
        forms.services.mail.post(reset_letter(answer.to, place, link, language, minutes=minutes))
    return redirect(forms.pages.url("/password/sent"))


def _asking(forms: Forms, request: TokenRequest, *, notice: str = "", username: str = "") -> Reply:
    known = forms.cookies.read(forms.cookies.form, request)
    secret = known or forms.services.new_id() + forms.services.new_id()
    page = forms.pages.show(
        "reset_request.html",
        viewer=forms.viewer(request, here="/password/reset"),
        status=_STATUS[notice],
        form_token=browser.form_token(secret, purpose=_ASKING, content=""),
        username=username[:_MAX_NAME],
        notice=notice,
    )
    extra = [] if known else [forms.cookies.set(forms.cookies.form, secret)]
    return Reply(page.status, (*page.headers, *extra), page.body)


def _request(forms: Forms, name: str, source: Source) -> tuple[str, Entry[Snapshot, _Answer]]:
    """The link's value, and the entry that stores it: for nobody, when nobody has that name."""
    services = forms.services
    person_id = _meant(forms, name)
    network = key_of(services.tenant, "reset", "network", network_of(source.ip))
    letters = key_of(services.tenant, "reset", "person", person_id)
    value, for_nobody = new_link(
        "", LinkKind.RESET, epoch=0, tenant=services.tenant, now=source.now, new_id=services.new_id
    )

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[_Answer]:
        if _REQUESTS.wait(count_of(found, network), now=source.now):
            return Verdict(_Answer(stopped=True), (), succeeded=False)
        person = facts.person(found, person_id)
        reason = _no_link(found, person, now=source.now)
        if reason is None and _LETTERS.wait(count_of(found, letters), now=source.now):
            reason = Reason.TOO_MANY_FAILURES
        writes: list[Write] = [
            limit.after(count_of(found, key), now=source.now).written(key, tenant=services.tenant)
            for limit, key in ((_REQUESTS, network), (_LETTERS, letters))
        ]
        row = dict(for_nobody.row)
        if person is not None and reason is None:
            row |= {"person_id": person_id, "epoch": person.epoch}
        event = Event(
            "password.link_sent" if reason is None else "password.link_refused",
            {
                **source.fields(),
                "actor": {"kind": "stranger", "id": source.ip},
                "subject": person_id or None,
                "reason": reason.value if reason else None,
            },
        )
        to = person.email if person is not None and reason is None else None
        return Verdict(_Answer(to=to), (event,), (*writes, Insert("link", row)))

    reads = (*_person_reads(person_id), network, letters)
    return value, Entry(services.tenant, source.decision_id, source.now, decide, reads=reads)


def _meant(forms: Forms, name: str) -> str:
    """Whose name or address it is; "" when it is nobody's, or several people's."""
    keys = Key("person", "username", name), Key("person", "email", name)
    found = forms.services.ledger.read(keys)
    for key in keys:
        people = {string(row, "id") for row in found(key) if row["tenant_id"] == forms.services.tenant}
        if len(people) == 1:
            return people.pop()
    return ""


def _no_link(found: Facts, person: PersonFacts | None, *, now: int) -> Reason | None:
    """Why nobody gets a letter, if so: only an address that an administrator vouches for is written to."""
    if person is None:
        return Reason.SUBJECT_UNKNOWN
    if reason := sessions.stopped(found, person, now=now):
        return reason
    reachable = person.email is not None and person.email_verified
    return None if reachable and password_hashes(found, person.person.id) else Reason.NO_ADDRESS


def _open(forms: Forms, request: TokenRequest, value: str, source: Source) -> Reply:
    if not _VALUE.fullmatch(value) or _person_of(forms, value, source) is None:
        return _dead(forms, request)
    return redirect(forms.pages.url("/password/set"), forms.cookies.set(forms.cookies.link, value))


def _set(forms: Forms, request: TokenRequest, source: Source) -> Reply:
    value = forms.cookies.read(forms.cookies.link, request)
    person = _person_of(forms, value, source) if value else None
    if value is None or person is None:
        return _dead(forms, request)
    if request.method == "GET":
        return _setting(forms, request, value, person)
    form = forms.sent(request, source)
    if isinstance(form, Reply):
        return form
    if not browser.form_token_fits(form.one("form_token"), value, purpose=_SETTING, content=""):
        return _setting(forms, request, value, person, notice="stale")
    if problem := _what_is_wrong(forms, form, person):
        return _setting(forms, request, value, person, problem=problem)
    try:
        encoded = forms.services.passwords.hash(form.one("new_password") or "")
    except Busy:
        return _setting(forms, request, value, person, notice="busy")
    new = NewPassword(encoded, forms.services.new_id())
    attempt = _attempt(forms, request, person, source)
    changed = forms.services.ledger.commit(_use(forms, value, new, attempt=attempt, before=person))
    if changed is None:
        return _dead(forms, request)
    if changed.email and changed.email_verified and forms.services.mail:
        language = forms.viewer(request).language
        forms.services.mail.post(changed_letter(changed.email, _place(forms), language))
    return redirect(forms.pages.url("/password/done"), forms.cookies.clear(forms.cookies.link))


def _use(
    forms: Forms, value: str, new: NewPassword, *, attempt: Attempt, before: PersonFacts
) -> Entry[Snapshot, PersonFacts | None]:
    """Sets the password and uses the link up; its reply is None when the link was dead."""
    tenant, person_id, source = forms.services.tenant, before.person.id, attempt.source

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[PersonFacts | None]:
        link, person = link_of(found, value, tenant=tenant), facts.person(found, person_id)
        if link is None or person is None or not link.alive(person, now=source.now):
            return _too_late(source)
        if sessions.stopped(found, person, now=source.now):
            return _too_late(source)
        event = new.event(person, shared=source.fields(), by=link.kind.value)
        # whoever has the link is the person: what strangers have failed at keeps nobody out any more
        unlocked = forgotten(tenant, person.person.username)
        writes = (*used(link), *attempt.admitted(), unlocked)
        return Verdict(person, (event,), (*new.writes(found, person, tenant=tenant, now=source.now), *writes))

    def lost(_one_time: OneTime) -> Verdict[PersonFacts | None]:
        return _too_late(source)

    return Entry(
        tenant,
        source.decision_id,
        source.now,
        decide,
        lost,
        reads=(*_person_reads(person_id), link_key(value), *attempt.reads),
        consume_on_success=(one_time(value, now=source.now),),
    )


def _too_late(source: Source) -> Verdict[PersonFacts | None]:
    stranger = {"kind": "stranger", "id": source.ip}
    event = Event(
        "password.refused", {**source.fields(), "actor": stranger, "reason": Reason.LINK_DEAD.value}
    )
    return Verdict(None, (event,), succeeded=False)


def _what_is_wrong(forms: Forms, form: Form, person: PersonFacts) -> str:
    password = form.one("new_password") or ""
    if password != (form.one("again") or ""):
        return _AGAIN
    found = weakness(forms.policy, password, person, forms.organisation, _place(forms))
    return WEAKNESSES[found] if found else ""


def _attempt(forms: Forms, request: TokenRequest, person: PersonFacts, source: Source) -> Attempt:
    known = forms.cookies.read(forms.cookies.known, request)
    return Attempt(forms.services.tenant, person.person.username, source, known)


def _person_of(forms: Forms, value: str, source: Source) -> PersonFacts | None:
    """Whose password a link sets as of now; None when it sets nobody's."""
    ledger = forms.services.ledger
    link = link_of(ledger.read((link_key(value),)), value, tenant=forms.services.tenant)
    if link is None:
        return None
    found = ledger.read(_person_reads(link.person_id))
    person = facts.person(found, link.person_id)
    if person is None or not link.alive(person, now=source.now):
        return None
    return None if sessions.stopped(found, person, now=source.now) else person


def _person_reads(person_id: str) -> tuple[Key, ...]:
    return (*facts.person_keys(person_id), *facts.hold_keys(person_id), credential_key(person_id))


def _setting(
    forms: Forms,
    request: TokenRequest,
    value: str,
    person: PersonFacts,
    *,
    notice: str = "",
    problem: str = "",
) -> Reply:
    return forms.pages.show(
        "set_password.html",
        viewer=forms.viewer(request, here="/password/set"),
        status=400 if problem else _STATUS[notice],
        form_token=browser.form_token(value, purpose=_SETTING, content=""),
        username=person.person.username,
        notice=notice,
        problem=problem,
        shortest=forms.policy.shortest,
    )


def _dead(forms: Forms, request: TokenRequest) -> Reply:
    page = forms.pages.show("link_dead.html", viewer=forms.viewer(request), status=410)
    return Reply(page.status, (*page.headers, forms.cookies.clear(forms.cookies.link)), page.body)


def _place(forms: Forms) -> str:
    return forms.services.issuer.partition("://")[2].rstrip("/")
