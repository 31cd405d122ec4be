"""What a state file names: the rows that have to be read before it can be planned."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from idjag.idp.catalog.who import WhoEntry
from idjag.idp.state.file import StateFile

__all__ = ["REFERRED_TO", "named_connections", "named_people"]

_FEW: Final = 20
"""Connections that are read by their names; from there on all are."""

REFERRED_TO: Final = ("group", "user", "app", "resource_app")
"""What connections refer to."""


def named_people(state: StateFile) -> Iterator[str]:
    """The user names that the file mentions outside its own users section."""
    for app in state.apps or ():
        yield from _users(app.assigned)
    for connection in state.connections or ():
        for rule in connection.rules:
            yield from _users(rule.who)
    for guardrail in state.guardrails or ():
        yield from _users(guardrail.who)
    yield from (test.ask.user for test in state.tests)


def named_connections(
    state: StateFile, unwanted: Mapping[str, Collection[str]]
) -> list[tuple[str, str]] | None:
    """The connections that a change is about, with their requesting apps; None when all of them matter.

    They do to tests, to whatever else is removed (something may refer to it), and when there are many.
    """
    if state.tests or any(unwanted.get(noun) for noun in REFERRED_TO):
        return None
    changed = [(entry.id, entry.requesting_app) for entry in state.connections or ()]
    about = [*changed, *((key, "") for key in unwanted.get("connection", ()))]
    return about if len(about) <= _FEW else None


def _users(who: WhoEntry | None) -> Iterator[str]:
    if who is not None:
        yield from who.users or ()
        yield from (who.exceptions and who.exceptions.users) or ()
