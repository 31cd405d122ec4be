"""One file per grant type; each reads top to bottom, from the form to the durable reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idjag.idp.audit import Source
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import OneTime
from idjag.protocol.form import Form

__all__ = ["GrantRequest"]


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """A token request whose client has been authenticated.

    ``client(snapshot)`` authenticates again against other policy facts (cheap when nothing about the client
    changed) and raises Refused: a decision never rests on a registration that has been replaced.
    ``consume`` holds the client assertion, to be burned with whatever is decided.
    """

    form: Form
    client: Callable[[Snapshot], RegisteredApp]
    consume: tuple[OneTime, ...]
    source: Source
