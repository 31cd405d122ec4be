"""Whether a person may use an app now: asked of everything that came from an earlier sign-in."""

from __future__ import annotations

from typing import Final

from idjag.idp import facts
from idjag.idp.facts import PersonFacts
from idjag.idp.signin import assigned
from idjag.idp.snapshot import RegisteredApp
from idjag.ledger.entry import Facts
from idjag.protocol.errors import Reason, Refused

__all__ = ["ABOUT_THE_PERSON", "served"]

ABOUT_THE_PERSON: Final = frozenset({Reason.SUBJECT_UNKNOWN, Reason.PERSON_DISABLED, Reason.SESSION_ENDED})
"""Refusals of ``served`` whose texts speak of a subject token: where there is none, they need another."""


def served(found: Facts, client: RegisteredApp, person_id: str, *, epoch: int, now: int) -> PersonFacts:
    """The person of a code or a family, who may use the app now (case 160).

    Reads ``assigned.keys``.  Raises Refused SUBJECT_UNKNOWN, PERSON_DISABLED, SESSION_ENDED, HELD,
    NOT_ASSIGNED.
    """
    person = facts.person(found, person_id)
    if person is None:
        raise Refused(Reason.SUBJECT_UNKNOWN)
    if not person.person.active:
        raise Refused(Reason.PERSON_DISABLED)
    if person.epoch != epoch:
        raise Refused(Reason.SESSION_ENDED)
    assigned.check(found, client.app, person, now=now)
    return person
