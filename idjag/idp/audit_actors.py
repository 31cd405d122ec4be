"""Who did something, as filters of the audit log name them: `kind:id`, as `idjag audit list` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["ALONE", "APPS", "NAMED", "WrongActor", "named", "parsed", "told"]

NAMED: Final = ("person", "api_token")
"""Kinds that mean somebody with their id alone."""

ALONE: Final = ("operator", "system")
"""Kinds that mean something by themselves, too: whatever was done on the host, and by idjag itself."""

APPS: Final = ("app", "resource_app")
"""Kinds that are looked for by other filters."""


class WrongActor(ValueError):
    """A text that names nobody who is looked for; the message says what would."""


def parsed(text: str) -> str:
    """The filter's value; raises WrongActor.

    Apps are no actors that one looks for: what an app did has it as its requesting app, and a receipt its
    resource app, which are filters by themselves.
    """
    kind, colon, who = text.partition(":")
    if kind in APPS:
        raise WrongActor("What an app did is found by requesting_app or resource_app")
    if not (kind in (*NAMED, *ALONE) and who) and not (kind in ALONE and not colon):
        raise WrongActor("Who did it is person:ID, api_token:HANDLE, operator:UID@HOST, operator or system")
    return text


def named(actor: Mapping[str, Any]) -> str:
    """The filter's value for the actor of an event; empty for one who is not looked for by it."""
    kind, who = actor.get("kind"), actor.get("id")
    return f"{kind}:{who}" if kind in (*NAMED, *ALONE) and isinstance(who, str) and who else ""


def told(about: Mapping[str, str], *, text: str = "") -> dict[str, Any]:
    """What was looked for, as the log says it: an id stands by itself, so that erasing a person finds it."""
    said: dict[str, Any] = {**about, **({"text": text} if text else {})}
    if "actor" in about:
        kind, _, who = about["actor"].partition(":")
        said["actor"] = {"kind": kind, "id": who} if who else {"kind": kind}
    return said
