"""Audit log: filters, one decision whole, the thread of one ID-JAG, live tail, export."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.audit_actors import WrongActor, told
from idjag.idp.audit_files import Kind, Leaving
from idjag.idp.audit_files import lines as lines_of_file
from idjag.idp.audit_reading import LONGEST_WINDOW, Following, WrongWindow, exported, noted, window
from idjag.idp.console.asked import Asked
from idjag.idp.console.audit_actors import around, found, shown
from idjag.idp.console.audit_chain import chain
from idjag.idp.console.audit_lines import OUTCOMES, lines
from idjag.idp.console.fields import NOTHING_WRONG, Wrong
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.words import event_said
from idjag.idp.lookups import TooMuch
from idjag.idp.questions import UnknownName, find_app, find_person, find_resource_app
from idjag.ledger.entry import Row
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_LOG: Final = "/admin/audit"
_THREAD: Final = "/admin/audit/thread"
_DECISION: Final = "/admin/audit/decision"
_EXPORT: Final = "/admin/audit/export"
_PAGE: Final = 50
_LONGEST: Final = 256
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::\d\d)?Z?")


@dataclass(frozen=True, slots=True)
class _Filter:
    """What is looked for, by ids; ``since`` and ``until`` are NumericDate."""

    about: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    since: int | None = None
    until: int | None = None
    before: int | None = None

    def within(self, *, now: int) -> tuple[int | None, int | None]:
        """The time that is looked at: all of it for what is somewhere alone."""
        if self.about.keys() & {"decision_id", "jti"} and not self.text:
            return self.since, self.until
        return window(self.since, self.until, now=now)

    @property
    def seen(self) -> dict[str, object]:
        """What one look differs by from another."""
        return {**self.told, "since": self.since, "until": self.until, "before": self.before}

    @property
    def told(self) -> dict[str, object]:
        """As the log says what somebody looked for."""
        return told(self.about, text=self.text)


_FOLLOWING: Final = Following()


class _Mistyped(Exception):
    """What a filter says wrongly, at which field."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.wrong = Wrong("This cannot be looked for.", {name: message})


def _log(desk: Desk, visit: Visit) -> Reply:
    try:
        wanted = _filter(desk, visit.asked)
        rows = _rows(desk, wanted, limit=_PAGE + 1)
    except _Mistyped as mistyped:
        return _shown(desk, visit, wrong=mistyped.wrong)
    except TooMuch as too_much:
        return _shown(desk, visit, wrong=Wrong(f"{too_much}"))
    is_news = _FOLLOWING.is_news(visit.administrator.secret, wanted.seen, now=desk.now)
    if is_news or not visit.live or not visit.asked.has("live"):
        noted(desk.office, actor=visit.actor, source=visit.source.fields(), about=wanted.told)
    found = lines(desk, rows[:_PAGE])
    older = found[-1].no if len(rows) > _PAGE else None
    return _shown(desk, visit, lines=found, older=older)


def _rows(desk: Desk, wanted: _Filter, *, limit: int) -> list[Row]:
    since, until = wanted.within(now=desk.now)
    found = desk.office.lookups.audit(
        about=wanted.about, since=since, until=until, before_no=wanted.before, limit=limit, text=wanted.text
    )
    return list(found)


def _filter(desk: Desk, asked: Asked) -> _Filter:
    """Names become ids; raises _Mistyped."""
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    plain = ("event", "reason", "decision_id", "jti")
    about = {name: _short(name, asked.one(name)) for name in plain if asked.one(name)}
    finders: dict[str, tuple[str, Callable[[str], str]]] = {
        "actor": ("by", lambda name: found(desk, name)),
        "subject": ("user", lambda name: find_person(desk.office, name)),
        "requesting_app": ("from", lambda name: find_app(policy, name).id),
        "resource_app": ("to", lambda name: find_resource_app(policy, name).id),
    }
    for column, (name, find) in finders.items():
        if asked.one(name):
            try:
                about[column] = find(_short(name, asked.one(name)))
            except (UnknownName, WrongActor) as unknown:
                raise _Mistyped(name, f"{unknown}.") from None
    wanted = _Filter(
        about,
        _short("text", asked.one("text")),
        _moment("since", asked.one("since")),
        _moment("until", asked.one("until")),
        asked.number("before"),
    )
    try:
        window(wanted.since, wanted.until, now=desk.now)
    except WrongWindow as wrong:
        raise _Mistyped("since", str(wrong)) from None
    return wanted


def _short(name: str, value: str) -> str:
    if len(value) > _LONGEST or not value.isprintable():
        raise _Mistyped(name, f"At most {_LONGEST} visible characters.")
    return value


def _moment(name: str, value: str) -> int | None:
    """NumericDate of a UTC time; None when nothing was said."""
    if not value:
        return None
    written = _TIME.fullmatch(value)
    try:
        if written is not None:
            return int(datetime.fromisoformat(f"{written[1]}T{written[2]}").replace(tzinfo=UTC).timestamp())
    except ValueError:
        pass
    raise _Mistyped(name, "A time is written like 2027-06-30 09:00, in UTC.")


def _shown(
    desk: Desk,
    visit: Visit,
    *,
    lines: object = (),
    older: int | None = None,
    wrong: Wrong = NOTHING_WRONG,
) -> Reply:
    asked = visit.asked
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    query = {
        name: asked.one(name) for name in asked.values if name not in ("before", "live") and asked.one(name)
    }
    return desk.show(
        "audit_rows.html" if visit.live else "audit.html",
        visit,
        status=422 if wrong.problem else 200,
        lines=lines,
        older=older,
        wrong=wrong,
        asked=asked,
        query=query,
        window={name: query[name] for name in ("since", "until") if name in query},
        who=asked.one("by") if wrong.problem else shown(desk, asked.one("by")),
        follow=asked.has("live") and not asked.one("before"),
        events=[("", "Any"), *OUTCOMES.items(), *((each, event_said(each)) for each in _OTHERS)],
        apps=[("", "Any"), *sorted((app.key, app.name) for app in policy.apps.values())],
        resource_apps=[("", "Any"), *sorted((one.key, one.name) for one in policy.resource_apps.values())],
        window_days=LONGEST_WINDOW // 86_400,
        chain=None if visit.live else chain(desk),
    )


_OTHERS: Final = (
    "login.succeeded",
    "login.failed",
    "hold.placed",
    "hold.released",
    "state.applied",
    "connection.created",
    "connection.updated",
    "connection.deleted",
    "rule.created",
    "rule.updated",
    "rule.deleted",
    "guardrail.created",
    "guardrail.updated",
    "guardrail.deleted",
    "app.created",
    "app.updated",
    "app.deleted",
    "resource_app.created",
    "resource_app.updated",
    "resource_app.deleted",
    "user.created",
    "user.updated",
    "user.deleted",
    "group.created",
    "group.deleted",
    "admin.created",
    "admin.updated",
    "admin.deleted",
    "admin.entered",
    "admin.refused",
    "api_token.created",
    "api_token.revoked",
    "refused.before_authentication",
    "lens.used",
    "audit.broken",
)


def _thread(desk: Desk, visit: Visit) -> Reply:
    """Everything about one ID-JAG: issued, redeemed, refused again."""
    jti = visit.asked.one("jti")
    if not 0 < len(jti) <= _LONGEST:
        raise Problem(404, "Name the jti of an ID-JAG.")
    found = lines(desk, desk.office.lookups.thread(jti))
    noted(desk.office, actor=visit.actor, source=visit.source.fields(), about={"jti": jti})
    redeemed = any(line.event == "id_jag.redeemed" for line in found)
    return desk.show("audit_thread.html", visit, jti=jti, lines=found, redeemed=redeemed)


def _decision(desk: Desk, visit: Visit) -> Reply:
    """All events of one decision, with every field."""
    decision_id = visit.asked.one("id")
    if not 0 < len(decision_id) <= _LONGEST:
        raise Problem(404, "Name a decision id: it is in the reference of every refusal.")
    rows = desk.office.lookups.audit(
        about={"decision_id": decision_id}, since=None, until=None, before_no=None, limit=200
    )
    if not rows:
        raise Problem(404, "The audit log has no such decision (any more).")
    noted(desk.office, actor=visit.actor, source=visit.source.fields(), about={"decision_id": decision_id})
    return desk.show(
        "audit_decision.html", visit, decision_id=decision_id, lines=lines(desk, rows), around=around
    )


def _export(desk: Desk, visit: Visit) -> Leaving:
    """All that the filters find, as a file; the latest first."""
    try:
        wanted = _filter(desk, visit.asked)
    except _Mistyped as mistyped:
        raise Problem(422, f"{mistyped}") from None
    since, until = wanted.within(now=desk.now)
    kind: Kind = "csv" if visit.asked.one("format") == "csv" else "ndjson"
    rows = desk.office.lookups.export(about=wanted.about, since=since, until=until, text=wanted.text)
    texts = lines_of_file(rows, kind)
    about = exported(wanted.told, since=since, until=until, kind=kind)
    noted(desk.office, actor=visit.actor, source=visit.source.fields(), about=about, event="audit.exported")
    return Leaving(texts, kind, ref=visit.source.decision_id)


PLACES: Final = {
    _LOG: Place(Permission.AUDIT, show=_log, under=_LOG),
    _THREAD: Place(Permission.AUDIT, show=_thread, under=_LOG),
    _DECISION: Place(Permission.AUDIT, show=_decision, under=_LOG),
    _EXPORT: Place(Permission.AUDIT, show=_export, recent=True, under=_LOG),
}
