"""The part of a form that says whom a rule, a guardrail or an assignment means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from idjag.idp.catalog.group import LOCAL
from idjag.idp.console.asked import Asked
from idjag.idp.console.visit import Desk
from idjag.ledger.entry import Key

__all__ = ["FIELDS", "WhoForm", "groups_offered"]

FIELDS: Final[Mapping[str, str]] = {
    "who": "who",
    "who.everyone": "who",
    "who.groups": "who_groups",
    "who.users": "who_users",
    "who.except": "not_groups",
    "who.except.groups": "not_groups",
    "who.except.users": "not_users",
}
"""Where in the form a path of the entry is (``fields.wrong``)."""

_MOST_BOXES: Final = 60


@dataclass(frozen=True, slots=True)
class WhoForm:
    """What the fields hold: names of groups, user names; ``chosen`` is everyone, these, or "" for nobody."""

    chosen: str = ""
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    not_groups: tuple[str, ...] = ()
    not_users: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Mapping[str, Any] | None) -> WhoForm:
        """Filled with what the state file's form of it says."""
        entry = entry or {}
        exceptions = entry.get("except", {})
        named = entry.get("groups") or entry.get("users")
        return cls(
            "everyone" if entry.get("everyone") else "these" if named else "",
            tuple(entry.get("groups", ())),
            tuple(entry.get("users", ())),
            tuple(exceptions.get("groups", ())),
            tuple(exceptions.get("users", ())),
        )

    @classmethod
    def sent(cls, asked: Asked) -> WhoForm:
        """As it came back from the browser."""
        return cls(
            asked.one("who"),
            _names(asked, "who_groups"),
            _names(asked, "who_users"),
            _names(asked, "not_groups"),
            _names(asked, "not_users"),
        )

    @property
    def entry(self) -> dict[str, Any]:
        """The state file's form of it; what names nobody is for the catalog to refuse."""
        entry: dict[str, Any] = {"everyone": True} if self.chosen == "everyone" else {}
        if self.chosen != "everyone":
            entry = _some(groups=self.groups, users=self.users)
        exceptions = _some(groups=self.not_groups, users=self.not_users)
        return entry | ({"except": exceptions} if exceptions else {})


def groups_offered(desk: Desk, *chosen: str) -> list[str]:
    """The names of groups to tick, those that are ticked among them; none when they are too many for that.

    Raises Unavailable.
    """
    key = Key("person_group", "tenant_id", desk.office.tenant)
    rows = desk.office.ledger.read((key,))(key)
    names = {str(row["name"]) for row in rows if row["source"] == LOCAL} | set(chosen)
    return sorted(names) if len(names) <= _MOST_BOXES else []


def _names(asked: Asked, name: str) -> tuple[str, ...]:
    """Boxes, or lines of a text: a form has one or the other."""
    sent = asked.every(name)
    return tuple(dict.fromkeys(line.strip() for value in sent for line in value.splitlines() if line.strip()))


def _some(**lists: tuple[str, ...]) -> dict[str, Any]:
    return {name: list(values) for name, values in lists.items() if values}
