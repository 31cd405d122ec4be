"""Events of the audit log as lines that people read: who, from where to where, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from idjag.idp.audit_actors import named
from idjag.idp.console.audit_actors import Actors, actors_of
from idjag.idp.console.visit import Desk
from idjag.idp.console.words import event_said
from idjag.ledger import trail
from idjag.ledger.entry import Row
from idjag.policy.index import Policy
from idjag.policy.words import Names

__all__ = ["OUTCOMES", "Line", "lines"]

OUTCOMES: Final[Mapping[str, str]] = {
    "id_jag.issued": "Issued",
    "id_jag.denied": "Denied",
    "id_jag.redeemed": "Redeemed",
    "id_jag.refused": "Refused by the resource app",
}
"""The two halves of an ID-JAG, in the words of the console."""

_GOOD: Final = frozenset({"id_jag.issued", "id_jag.redeemed", "login.succeeded"})
_DENIED: Final = "id_jag.denied"
_SAVED: Final = "state.applied"


@dataclass(frozen=True, slots=True)
class Line:
    """One event.  ``ask`` fills in the question that it answered; empty where there was none.

    ``by``: the filter that finds whatever else the actor did; empty for apps and strangers.
    ``about``: what was changed, where it is none of the others, or why everything was saved.
    """

    no: int
    time: int
    event: str
    outcome: str
    good: bool
    actor: str
    by: str
    subject: str
    requesting_app: str
    resource_app: str
    reason: str
    about: str
    decision_id: str
    jti: str
    ask: tuple[tuple[str, str], ...]
    fields: Mapping[str, Any]


def lines(desk: Desk, rows: Sequence[Row]) -> list[Line]:
    """Rows of the log in words; ids of people and apps by their names, as far as these are there still."""
    events = [_event(row) for row in rows]
    people = frozenset(str(event["subject"]) for event in events if event["subject"])
    actors = actors_of(desk, events, people=people)
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    return [_line(event, actors, policy) for event in events]


def _event(row: Row) -> dict[str, Any]:
    """With values of the kinds that we write; in the place of others, what cannot be read says so."""
    event: dict[str, Any] = dict(trail.event_of(row))
    if event["time"] and all(_is(event[name], kind) for name, kind in _KINDS.items()):
        return event
    return {**dict.fromkeys(event), "id": event["id"], "time": 0, "event": _UNREADABLE}


def _is(value: object, kind: type) -> bool:
    if isinstance(value, list):
        return kind is list and all(isinstance(one, str) for one in value)
    return value is None or isinstance(value, kind)


_UNREADABLE: Final = "a row that cannot be read"
_TEXTS: Final = (
    *("event", "decision_id", "subject", "requesting_app", "resource_app", "reason", "jti", "acr"),
    *("ip", "user_agent"),
)
_KINDS: Final[Mapping[str, type]] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("time", "auth_time"), int),
    **dict.fromkeys(("actor", "inputs", "before", "after"), dict),
    **dict.fromkeys(("scopes_requested", "resources", "amr"), list),
}


def _line(event: Mapping[str, Any], actors: Actors, policy: Policy) -> Line:
    names = actors.names
    app, target = policy.apps.get(event["requesting_app"]), policy.resource_apps.get(event["resource_app"])
    subject = str(event["subject"] or "")
    return Line(
        no=int(event["id"]),
        time=int(event["time"]),
        event=str(event["event"]),
        outcome=OUTCOMES.get(str(event["event"]), event_said(str(event["event"]))),
        good=event["event"] in _GOOD,
        actor=_actor(event["actor"] or {}, actors, policy),
        by=named(event["actor"] or {}),
        subject=names.person(subject) if subject else "",
        requesting_app=app.name if app else str(event["requesting_app"] or ""),
        resource_app=target.name if target else str(event["resource_app"] or ""),
        reason=str(event["reason"] or ""),
        about=_about(event),
        decision_id=str(event["decision_id"] or ""),
        jti=str(event["jti"] or ""),
        ask=_ask(event, names, policy) if event["event"] == _DENIED and app and target else (),
        fields={name: value for name, value in event.items() if value not in (None, "", [], {})},
    )


def _about(event: Mapping[str, Any]) -> str:
    """The name of what was made, changed or removed; of a whole change, why."""
    said: Mapping[str, Any] = {**(event["before"] or {}), **(event["after"] or {})}
    if event["event"] == _SAVED:
        return f"“{said['reason']}”" if said.get("reason") else ""
    return str(said.get("key") or said.get("name") or "") if not event["subject"] else ""


def _actor(actor: Mapping[str, Any], actors: Actors, policy: Policy) -> str:
    who = str(actor.get("id", ""))
    return policy.apps[who].name if actor.get("kind") == "app" and who in policy.apps else actors.said(actor)


def _ask(event: Mapping[str, Any], names: Names, policy: Policy) -> tuple[tuple[str, str], ...]:
    """The fields of the page Ask, as the question was; what was decided is decided again now."""
    asked: Mapping[str, Any] = event["inputs"] or {}
    age = int(event["time"]) - int(event["auth_time"]) if event["auth_time"] else 0
    filled = {
        "user": names.people.get(str(event["subject"]), ""),
        "from": policy.apps[event["requesting_app"]].key,
        "to": policy.resource_apps[event["resource_app"]].key,
        "scopes": " ".join(event["scopes_requested"] or ()),
        "resources": " ".join(event["resources"] or ()),
        "acr": str(event["acr"] or ""),
        "auth_age": f"{age}s" if age > 0 else "",
        "address": str(asked.get("address") or ""),
        "signin_address": str(asked.get("signin_address") or ""),
        "key_bound": "yes" if asked.get("key_bound") else "",
    }
    methods = [("amr", str(method)) for method in event["amr"] or ()]
    return (*((name, value) for name, value in filled.items() if value), *methods)
