"""Settings: how people sign in, and how it stands with the webhook, which the host's operator has set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.entries import etag
from idjag.idp.api.problem import Problem
from idjag.idp.catalog.sign_in import sign_in_entry
from idjag.idp.console.asked import Asked
from idjag.idp.console.changing import TENANT, Proposal, review
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.facts import integer
from idjag.idp.webhook import queue
from idjag.ledger.entry import Key
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_HERE: Final = "/admin/settings"
_TEST: Final = "/admin/settings/webhook"
_PATHS: Final[Mapping[str, str]] = {
    "second_factor": "second_factor",
    "session.idle": "idle",
    "session.absolute": "absolute",
    "remember_device": "remember_device",
    "password.min_length": "min_length",
}


def _show(desk: Desk, visit: Visit) -> Reply:
    entry = _now(desk)
    return _shown(desk, visit, entry, seen=etag(entry))


def _now(desk: Desk) -> dict[str, Any]:
    key = Key("tenant", "id", desk.office.tenant)
    return sign_in_entry(next(iter(desk.office.ledger.read((key,))(key)), None))


def _check(desk: Desk, visit: Visit) -> Reply:
    entry, seen = _entry(visit.asked), visit.asked.one("seen")
    try:
        return review(desk, visit, Proposal.of(TENANT, "", entry, seen, _HERE))
    except Problem as problem:
        return _shown(desk, visit, entry, seen=seen, wrong=wrong(problem, _PATHS, depth=1))


def _entry(asked: Asked) -> dict[str, Any]:
    length = asked.one("min_length")
    entry: dict[str, Any] = {
        "second_factor": asked.one("second_factor"),
        "session": {"idle": asked.one("idle"), "absolute": asked.one("absolute")},
        "remember_device": asked.one("remember_device") or "none",
        "password": {"min_length": int(length) if length.isdecimal() and len(length) < 4 else length},
    }
    if not length:
        entry["password"] = {}
    return entry


def _shown(
    desk: Desk, visit: Visit, entry: Mapping[str, Any], *, seen: str, wrong: Wrong = NOTHING_WRONG
) -> Reply:
    return desk.show(
        "settings.html",
        visit,
        status=422 if wrong.problem else 200,
        entry=entry,
        seen=seen,
        wrong=wrong,
        webhook=desk.services.webhook,
        waiting=queue.waiting(desk.office),
        taken=_taken(desk),
    )


def _taken(desk: Desk) -> int | None:
    """When the webhook last took something, as far as the audit log goes back."""
    about = {"event": "notice.delivered"}
    rows = desk.office.lookups.audit(about=about, since=None, until=None, before_no=None, limit=1)
    return integer(rows[0], "time") if rows else None


def _test(desk: Desk, visit: Visit) -> Reply:
    """Send a line that says nothing, so that the receiver can be tried out."""
    if desk.services.webhook is None:
        raise Problem(422, "This server has no webhook: its operator sets IDJAG_WEBHOOK_URL.")
    queue.test(desk.office, visit.actor)
    return desk.go(_HERE, done="ordered")


PLACES: Final = {
    _HERE: Place(Permission.READ, show=_show, change=_check, changing=Permission.SETTINGS, under=_HERE),
    _TEST: Place(Permission.SETTINGS, change=_test, under=_HERE),
}
