"""What is done to an account, and what is said of it: the same for commands and the admin API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from idjag.idp import accounts
from idjag.idp.accounts import Gone, Status
from idjag.idp.administration.appointments import here
from idjag.idp.audit import Source
from idjag.idp.tenancy import Store
from idjag.protocol.errors import Refused

__all__ = ["STEPS", "Step"]

Actor: TypeAlias = Mapping[str, str]
Step: TypeAlias = Callable[[Store, str, Actor, "Source | None"], dict[str, Any]]
"""Of one person, by their id; ``source`` is the request, if it came by one.

Each is one audited entry.  Raises Gone, LastOwner, Unavailable.
"""


def _set(status: Status) -> Step:
    def step(store: Store, person_id: str, actor: Actor, source: Source | None) -> dict[str, Any]:
        done = accounts.set_status(store, person_id, status, actor=actor, source=source)
        return {"status": status, "changed": done}

    return step


def _unlock(store: Store, person_id: str, actor: Actor, source: Source | None) -> dict[str, Any]:
    return {"failures": accounts.unlock(store, person_id, actor=actor, source=source)}


def _end_sessions(store: Store, person_id: str, actor: Actor, source: Source | None) -> dict[str, Any]:
    return {"sessions": accounts.end_sessions(store, person_id, actor=actor, source=source)}


def _reset_factors(store: Store, person_id: str, actor: Actor, source: Source | None) -> dict[str, Any]:
    source = source or here(store)
    try:
        removed = accounts.reset_factors(store, person_id, actor=actor, now=source.now, source=source)
    except Refused:
        raise Gone("the user was deleted just now") from None
    return {"factors": [{"id": one.id, "kind": one.kind, "label": one.label} for one in removed]}


def _link(store: Store, person_id: str, actor: Actor, source: Source | None) -> dict[str, Any]:
    link = accounts.password_link(store, person_id, actor=actor, source=source)
    return {"link": link.url, "expires": link.expires}


STEPS: Final[Mapping[str, Step]] = {
    "disable": _set("disabled"),
    "enable": _set("active"),
    "unlock": _unlock,
    "end-sessions": _end_sessions,
    "reset-factors": _reset_factors,
    "set-password-link": _link,
}
"""By the names of `idjag users`."""
