"""Reports of people about apps: one event each, and a letter to administrators, where there is mail."""

from __future__ import annotations

import logging
from typing import Final

from idjag.idp import facts
from idjag.idp.administration.administrators import Everybody
from idjag.idp.administration.roles import Permission
from idjag.idp.limits import Limit, count_of, key_of
from idjag.idp.mail.letters import report_letter
from idjag.idp.me.access import Actor
from idjag.idp.me.visit import Visit
from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Unavailable, Verdict

__all__ = ["report"]

_LETTERS: Final = Limit(5, memory=24 * 3600, fixed=True)
"""Reports of one person that anybody is written to about; the others are in the log."""

log = logging.getLogger("idjag.idp.me")


def report(services: Services, visit: Visit, actor: Actor, reason: str, *, stopped: bool = False) -> None:
    """Record it, and tell those who can read it; ``reason`` are the person's words.  Raises Unavailable.

    ``stopped``: the person has stopped the app just now.
    """
    if _recorded(services, visit, actor, reason) and services.mail is not None:
        try:
            addresses = _addresses(services, now=visit.source.now)
        except Unavailable:
            addresses = ()
        if not addresses:
            log.warning("a report of a person was mailed to nobody ref=%s", visit.source.decision_id)
        place = services.issuer.partition("://")[2].rstrip("/")
        who, ref = visit.person.person.username, visit.source.decision_id
        for to in addresses:
            services.mail.post(
                report_letter(to, place, who, actor.app.name, reason, ref=ref, stopped=stopped)
            )


def _recorded(services: Services, visit: Visit, actor: Actor, reason: str) -> bool:
    """Whether a letter is due.  Words of people go into ``after``, which can be erased."""
    source, tenant = visit.source, services.tenant
    letters = key_of(tenant, "report", "person", visit.person_id)
    event = Event(
        "app.reported",
        {
            **source.fields(),
            "actor": dict(visit.actor),
            "subject": visit.person_id,
            "requesting_app": actor.app.id,
            "after": {"reason": reason},
        },
    )

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[bool]:
        before = count_of(found, letters)
        if _LETTERS.wait(before, now=source.now):
            return Verdict(False, (event,))
        count = _LETTERS.after(before, now=source.now)
        return Verdict(True, (event,), (count.written(letters, tenant=tenant),))

    return services.ledger.commit(Entry(tenant, source.decision_id, source.now, decide, reads=(letters,)))


def _addresses(services: Services, *, now: int) -> tuple[str, ...]:
    """Where reports go: to the operator's address, else to the administrators who can read them."""
    if services.reports_to:
        return (services.reports_to,)
    everybody = Everybody.of(services)
    found = services.ledger.read(everybody.keys)
    readers = [
        facts.person(found, each)
        for each in sorted(everybody.people)
        if Permission.AUDIT in everybody.permissions(found, each, now=now)
    ]
    # only an address that an administrator vouches for is written to
    return tuple(one.email for one in readers if one is not None and one.email and one.email_verified)
