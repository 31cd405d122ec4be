"""Whether a person may use an app at all, before any rule is asked: holds, and who is assigned."""

from __future__ import annotations

from idjag.idp import facts
from idjag.idp.facts import PersonFacts
from idjag.ledger.entry import Facts, Key
from idjag.policy.decide import held
from idjag.policy.model import App
from idjag.policy.question import Question
from idjag.protocol.errors import Reason, Refused

__all__ = ["check", "keys"]


def keys(person_id: str, app_id: str) -> tuple[Key, ...]:
    """What to name in ``reads`` for ``check``."""
    return (*facts.person_keys(person_id), *facts.hold_keys(person_id, app_id))


def check(found: Facts, app: App, person: PersonFacts, *, now: int) -> None:
    """Raise Refused HELD or NOT_ASSIGNED; that the app is active, its client registration says."""
    question = Question(app.id, "", person.person, now)
    if any(held(hold, question, None) for hold in facts.holds(found, person.person.id, app.id)):
        raise Refused(Reason.HELD)
    if not app.assigned.includes(person.person):
        raise Refused(Reason.NOT_ASSIGNED)
