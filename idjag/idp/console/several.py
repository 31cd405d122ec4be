"""Many connections or people changed alike: ticked in a list or all that a search finds, reviewed as one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from idjag.idp.api.problem import Problem
from idjag.idp.console.asked import Asked
from idjag.idp.console.changing import Proposal, Wanted, review
from idjag.idp.console.proposals import MOST, opened_all
from idjag.idp.console.visit import Desk, Visit
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply

__all__ = ["DEEDS", "HOLD", "OWNER", "Deed", "chosen", "owner_said", "propose"]

OWNER: Final = "owner"
HOLD: Final = "hold"
_NOUNS: Final = {"connection": ("connection", "connections"), "user": ("person", "people")}


@dataclass(frozen=True, slots=True)
class Deed:
    """What can be done to many: ``words`` of its choice, the fields that are ``laid`` over each entry.

    ``only``: the status of those that it is for; the others stay as they are.  "" is all.
    """

    words: str
    laid: Mapping[str, str] = field(default_factory=dict)
    only: str = ""


DEEDS: Final[Mapping[str, Mapping[str, Deed]]] = MappingProxyType(
    {
        "connection": {
            # a draft that is paused would not be a draft any more, and allows nothing as it is
            "pause": Deed("Pause them", {"status": "paused"}, only="active"),
            "activate": Deed("Activate them", {"status": "active"}),
            OWNER: Deed("Give them to a new owner"),
            HOLD: Deed("Stop them now (hold)"),
        },
        "user": {
            "disable": Deed("Disable them", {"status": "disabled"}),
            "enable": Deed("Enable them", {"status": "active"}),
            HOLD: Deed("Stop them now (hold)"),
        },
    }
)
"""By noun and by what the form sends."""


def chosen(asked: Asked, noun: str, found: Callable[[int], Collection[str]]) -> list[str]:
    """The names that are ticked, or all that ``found(limit)`` finds.

    Raises Problem 422 for none, and for more than anybody reviews.
    """
    one, many = _NOUNS[noun]
    keys = list(dict.fromkeys(found(MOST + 1) if asked.has("all") else asked.every("one")))
    if not keys:
        raise Problem(422, f"Tick at least one {one}, or all that the search finds.")
    if len(keys) > MOST:
        raise Problem(
            422, f"These are more than {MOST} {many}: at most {MOST} are changed at once. Narrow the search."
        )
    return keys


def propose(desk: Desk, visit: Visit, noun: str, keys: Sequence[str], *, back: str) -> Reply:
    """The page that shows what would change of these; raises Problem 422, Refused PARAMETER_WRONG."""
    name = visit.asked.one("do")
    deed = DEEDS[noun].get(name)
    if deed is None:
        raise Refused(Reason.PARAMETER_WRONG, parameter="do")
    if name == HOLD:
        return desk.show("hold_several.html", visit, noun=noun, keys=keys, back=back)
    laid = deed.laid or {"owner": owner_said(visit.asked)}
    there = opened_all(desk, noun, keys)
    wanted = tuple(
        Wanted(noun, key, {**one.entry, **laid}, one.seen, one.managed)
        for key, one in there.items()
        if any(one.entry.get(name) != value for name, value in laid.items())
        and deed.only in ("", one.entry.get("status"))
    )
    return review(desk, visit, Proposal(wanted, back, laid), note=_note(noun, len(keys) - len(wanted)))


def owner_said(asked: Asked) -> str:
    """Who shall answer for them; raises Problem 422 for nobody."""
    owner = asked.one("new_owner")
    if not owner:
        raise Problem(422, "Say who the new owner is.")
    return owner


def _note(noun: str, left: int) -> str:
    if not left:
        return ""
    one, many = _NOUNS[noun]
    return f"{left} {one if left == 1 else many} more that you chose: nothing changes there."
