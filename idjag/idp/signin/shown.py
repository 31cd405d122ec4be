"""What one sign-in rests on, and how the person signed in by it: acr, amr and auth_time; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idjag.idp.factors import acr
from idjag.idp.factors.proof import Proof
from idjag.idp.signin import needs
from idjag.idp.signin.needs import Need
from idjag.idp.signin.sessions import Authentication, Session
from idjag.idp.signin.steps import Step
from idjag.ledger.entry import Event, Write

__all__ = ["NOBODY", "Shown"]

NOBODY: Final = Authentication("", (), 0)
"""What was shown is no sign-in."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a sign-in rests on: ``proofs`` of now and of before, and the session ``base`` that is raised.

    ``step`` is the page that this one answers; ``added`` was set up on it, and proves nothing by that;
    ``declined``: without what the app only wished for; ``remember`` this browser.
    """

    proofs: tuple[Proof, ...] = ()
    base: Session | None = None
    step: Step | None = None
    added: tuple[Proof, ...] = ()
    declined: bool = False
    remember: bool = False

    def by(self, wanted: tuple[Need, ...], *, now: int) -> Authentication:
        """How the person signed in: by what was shown now if that is enough, else by the session too.

        What rests on a session is no younger than that.
        """
        alone = self._alone()
        if self.base is None:
            return Authentication(alone.acr, alone.amr, now) if alone else NOBODY
        if alone and needs.met(wanted, alone.acr):
            return Authentication(alone.acr, alone.amr, now)
        if self.proofs and "pwd" in self.base.by.amr:
            both = acr.context((Proof("password", ""), *self.proofs))
            return Authentication(both.acr, both.amr, self.base.by.auth_time)
        return self.base.by

    @property
    def writes(self) -> tuple[Write, ...]:
        """What must be written for it to count."""
        return tuple(write for proof in (*self.proofs, *self.added) for write in proof.writes)

    @property
    def events(self) -> tuple[Event, ...]:
        """What the audit log is told of it."""
        return tuple(event for proof in (*self.proofs, *self.added) for event in proof.events)

    def _alone(self) -> acr.Context | None:
        try:
            return acr.context(self.proofs)
        except ValueError:  # a code without its password
            return None
