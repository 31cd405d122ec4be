"""``/me``: the apps that can act as me and the places where I am signed in; stop, report, release, end."""

from __future__ import annotations

from typing import Final

from idjag.idp import holds
from idjag.idp.me import access, reports
from idjag.idp.me.access import Actor
from idjag.idp.me.browsers import browser_name
from idjag.idp.me.visit import Desk, Visit
from idjag.idp.signin import problems, session_ends
from idjag.idp.signin.pages import text
from idjag.policy.model import HoldKind
from idjag.protocol.http import Reply

__all__ = ["app", "end", "end_others", "overview", "release", "stop"]

_LONGEST_REASON: Final = 500

_DONE: Final = {
    "stopped": text("Stopped. From now on this app can neither act for you nor sign you in."),
    "reported": text("Thank you. Your administrators find your report in the audit log."),
    "released": text("The app can act for you again."),
    "ended": text("That session has ended."),
    "others-ended": text("All other sessions have ended."),
}


def overview(desk: Desk, visit: Visit) -> Reply:
    """The page itself."""
    services, now = desk.services, visit.source.now
    found = services.ledger.read(session_ends.listed_keys(visit.person_id))
    policy = services.ledger.fresh(services.tenant).sign_in
    sessions = session_ends.listed(found, visit.person_id, policy=policy, now=now)
    return desk.show(
        "overview.html",
        visit,
        done=_DONE.get(visit.asked.one("done") or "", ""),
        actors=access.actors(services, visit.person.person, now=now),
        sessions=[
            (one, browser_name(one.user_agent), one.id == visit.session.id)
            for one in sorted(sessions, key=lambda one: one.id != visit.session.id)
        ],
    )


def app(desk: Desk, visit: Visit) -> Reply:
    """One app: what it may do, and how to stop it."""
    actor = _actor(desk, visit)
    return _app_page(desk, visit, actor) if actor else _nowhere(desk, visit)


def stop(desk: Desk, visit: Visit) -> Reply:
    """Hold me in that app, or only tell the administrators; both say why, in my own words."""
    actor = _actor(desk, visit)
    if actor is None:
        return _nowhere(desk, visit)
    reason = " ".join((visit.asked.one("reason") or "").split())[:_LONGEST_REASON]
    if visit.asked.one("only") == "report":
        if not reason:
            return _app_page(desk, visit, actor, notice="missing")
        reports.report(desk.services, visit, actor, reason)
        return desk.go("/me", done="reported")
    if not actor.stops:
        target = _target(visit, actor)
        holds.place(desk.services, target, actor=visit.actor, reason=reason or "stopped at My access")
        if reason:  # whoever says what happened wants it read
            reports.report(desk.services, visit, actor, reason, stopped=True)
    return desk.go("/me", done="stopped")


def release(desk: Desk, visit: Visit) -> Reply:
    """Take my own holds on the app away; an administrator's stay."""
    actor = _actor(desk, visit)
    if actor is None:
        return _nowhere(desk, visit)
    holds.release(
        desk.services,
        _target(visit, actor),
        actor=visit.actor,
        reason="released at My access",
        only_by=f"person {visit.person_id}",
    )
    return desk.go("/me", done="released")


def end(desk: Desk, visit: Visit) -> Reply:
    """End one session: the browser there is signed out, and its apps are told."""
    wanted = visit.asked.one("id")
    session_ends.end_some(
        desk.services,
        visit.person_id,
        lambda listed: [one for one in listed if one.id == wanted],
        actor=visit.actor,
        source=visit.source,
        revoked=True,
    )
    return desk.go("/me", done="ended")


def end_others(desk: Desk, visit: Visit) -> Reply:
    """End all sessions but this one."""
    session_ends.end_some(
        desk.services,
        visit.person_id,
        lambda listed: [one for one in listed if one.id != visit.session.id],
        actor=visit.actor,
        source=visit.source,
        revoked=True,
    )
    return desk.go("/me", done="others-ended")


def _actor(desk: Desk, visit: Visit) -> Actor | None:
    app_id = visit.asked.one("id") or ""
    return access.actor(desk.services, visit.person.person, app_id, now=visit.source.now)


def _app_page(desk: Desk, visit: Visit, actor: Actor, *, notice: str = "") -> Reply:
    return desk.show("app.html", visit, status=400 if notice else 200, actor=actor, notice=notice)


def _nowhere(desk: Desk, visit: Visit) -> Reply:
    return desk.pages.problem(problems.NOT_FOUND, viewer=visit.viewer, reference="")


def _target(visit: Visit, actor: Actor) -> holds.Target:
    about = {"subject": visit.person_id, "requesting_app": actor.app.id}
    username = visit.person.person.username
    return holds.Target(HoldKind.USER_IN_APP, visit.person_id, username, actor.app.id, actor.app.key, about)
