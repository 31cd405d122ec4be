"""Who did something: what screens call them, how the audit log finds what they did, and the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from idjag.idp.administration import tokens
from idjag.idp.audit_actors import ALONE, APPS, NAMED, WrongActor, named, parsed
from idjag.idp.console.visit import Desk
from idjag.idp.naming import names_of
from idjag.idp.questions import UnknownName, find_person
from idjag.ledger.entry import Key
from idjag.policy.words import Names

__all__ = ["Actors", "actors_of", "around", "found", "lately", "shown"]

_DAY: Final = 86_400
_LATELY: Final = 30 * _DAY


@dataclass(frozen=True, slots=True)
class Actors:
    """People and API tokens by what they are called now; what has no name any more keeps its id."""

    names: Names
    tokens: Mapping[str, str] = field(default_factory=dict)

    def said(self, actor: Mapping[str, Any]) -> str:
        """What an actor is called."""
        kind, who = actor.get("kind"), str(actor.get("id", ""))
        if kind == "person":
            return self.names.person(who)
        name = self.tokens.get(who) if kind == "api_token" else actor.get("name")
        return f"{_WORDS.get(str(kind), kind) or 'somebody'} {name or who}".strip()


_WORDS: Final = {"api_token": "API token", "resource_app": "resource app"}


def actors_of(
    desk: Desk, events: Sequence[Mapping[str, Any]], *, people: frozenset[str] = frozenset()
) -> Actors:
    """Whoever did these, and these people; raises Unavailable."""
    actors = [event["actor"] or {} for event in events]
    theirs = {str(each.get("id")) for each in actors if each.get("kind") == "person"}
    some = any(each.get("kind") == "api_token" for each in actors)
    return Actors(names_of(desk.office, (), people=people | theirs), _token_names(desk) if some else {})


def found(desk: Desk, text: str) -> str:
    """The filter's value for what somebody typed: a user name, or what ``parsed`` takes, with names for ids.

    Raises UnknownName, WrongActor.
    """
    kind, colon, who = text.partition(":")
    if colon and kind in APPS:
        raise WrongActor("What an app did is under Requesting app, or Resource app")
    if text not in ALONE and not (colon and kind in (*NAMED, *ALONE)):
        return f"person:{find_person(desk.office, text)}"
    if not who or kind not in NAMED:
        return parsed(text)
    return f"{kind}:{_person(desk, who) if kind == 'person' else _token(desk, who)}"


def shown(desk: Desk, text: str) -> str:
    """The same with a name in the place of an id, for its field; as it was typed where there is none."""
    kind, _, who = text.partition(":")
    if kind == "api_token":
        known = _token_names(desk)
        name = known.get(who, "")
        return f"{kind}:{name}" if name and list(known.values()).count(name) == 1 else text
    name = names_of(desk.office, (), people=[who]).people.get(who, "") if kind == "person" else ""
    # one that reads like something else is said to be a user name
    plain = name not in ALONE and name.partition(":")[0] not in (*NAMED, *ALONE, *APPS)
    return (name if plain else f"person:{name}") if name else text


def around(actor: Mapping[str, Any], time: int) -> dict[str, str]:
    """What else they did the day before and the day after, as the query of the audit log; empty of nobody."""
    who = named(actor)
    return {"by": who, "since": _moment(time - _DAY), "until": _moment(time + _DAY)} if who else {}


def lately(who: str, *, now: int) -> dict[str, str]:
    """What they did in the last month, as the query of the audit log."""
    return {"by": who, "since": _moment(now - _LATELY)}


def _moment(time: int) -> str:
    return f"{datetime.fromtimestamp(max(0, time), UTC):%Y-%m-%d %H:%M}"


def _token_names(desk: Desk) -> dict[str, str]:
    """What each API token is for, by its handle; those that have ended, too."""
    return {token.handle: token.name for token in tokens.listed(desk.office)}


def _person(desk: Desk, who: str) -> str:
    """An id before a user name: nobody hides what somebody did behind a name that looks like their id."""
    key = Key("person", "id", who)
    if any(row["tenant_id"] == desk.office.tenant for row in desk.office.ledger.read((key,))(key)):
        return who
    try:
        return find_person(desk.office, who)
    except UnknownName:
        if _has_acted(desk, f"person:{who}"):
            return who
        raise


def _token(desk: Desk, who: str) -> str:
    known = _token_names(desk)
    handles = [handle for handle, name in known.items() if name == who]
    if who in known or (not handles and _has_acted(desk, f"api_token:{who}")):
        return who
    if not handles:
        raise UnknownName(f"unknown API token: {who}")
    if len(handles) > 1:
        raise WrongActor(f"Several API tokens are called so; say which: {', '.join(sorted(handles))}")
    return handles[0]


def _has_acted(desk: Desk, value: str) -> bool:
    """Whoever is gone, but in the log; a slip of the pen must not look like somebody who did nothing."""
    rows = desk.office.lookups.audit(about={"actor": value}, since=None, until=None, before_no=None, limit=1)
    return bool(rows)
