"""What came of one page of a sign-in; what led to it is for the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from idjag.idp.signin.sessions import SignedIn
from idjag.protocol.errors import Refused

__all__ = ["Admitted", "Again", "Brought", "Continued", "Ended", "Enrolled", "Failed", "Locked", "Outcome"]


@dataclass(frozen=True, slots=True)
class Brought:
    """What a browser brought along: its session, the device it is remembered as, and how accounts know it."""

    session: SignedIn | None = None
    device: str | None = field(default=None, repr=False)
    known: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The person may go on: to the app with this code, or to our own page without.

    ``cookie`` is the session's new value, ``device`` that of the remembered browser, good for
    ``device_lifetime`` seconds, if there are such.  ``stepped``: it took more than one page.
    """

    code: str = field(repr=False)
    cookie: str | None = field(default=None, repr=False)
    device: str | None = field(default=None, repr=False)
    device_lifetime: int = 0
    stepped: bool = False


@dataclass(frozen=True, slots=True)
class Continued:
    """It was right and is not enough: there is another page, and ``cookie`` leads to it."""

    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A factor was set up; ``codes`` are shown now and never again."""

    cookie: str = field(repr=False)
    codes: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody is signed in; why is for the audit log alone, so that no page can say it (case 154)."""


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many wrong answers from here: nothing was looked at, and will not be for ``wait`` seconds."""

    wait: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Too many wrong codes of this account in a row: none is looked at any more (decision 0039)."""


@dataclass(frozen=True, slots=True)
class Again:
    """The step is over, or another page of it was answered at the same moment."""


Outcome: TypeAlias = Admitted | Continued | Enrolled | Failed | Locked | Ended | Again | Refused
"""``Refused``: we know who it is, and the app is not for this person now, or must be told why not."""
