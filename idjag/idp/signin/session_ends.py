"""The sessions of a person as a list, and the end of one: for themselves, for administrators, for logout."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.backchannel import session_ended
from idjag.idp.catalog import SignInPolicy
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Key, Row, Update, Verdict, Write

__all__ = ["Listed", "end", "end_some", "ends", "listed", "listed_keys"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A living session as a list shows it; times are NumericDate."""

    id: str
    created: int
    seen: int
    expires: int
    auth_time: int
    acr: str
    amr: tuple[str, ...]
    ip: str
    user_agent: str


def listed_keys(person_id: str) -> tuple[Key, ...]:
    """What to name in ``reads`` for ``listed``."""
    return (*facts.person_keys(person_id), Key("session", "person_id", person_id))


def listed(found: Facts, person_id: str, *, policy: SignInPolicy, now: int) -> tuple[Listed, ...]:
    """The person's living sessions, the one that was used last first."""
    person = facts.person(found, person_id)
    rows = found(Key("session", "person_id", person_id)) if person else ()
    alive = [_listed(row) for row in rows if person and _living(row, person, policy=policy, now=now)]
    return tuple(sorted(alive, key=lambda one: (-one.seen, one.id)))


def end(
    session_id: str,
    person_id: str,
    *,
    tenant: str,
    actor: Mapping[str, str],
    source: Source,
    revoked: bool = False,
) -> tuple[tuple[Write, ...], tuple[Event, ...]]:
    """What to write to end a session of this person, with what its apps are told and its audit event.

    ``revoked`` ends offline access too: an administrator stops it, or the person reports it (decision 0025).
    """
    values = {"ended": source.now, "revoked": source.now} if revoked else {"ended": source.now}
    still = {"revoked": None} if revoked else {"ended": None}
    writes = (
        Update("session", {"id": session_id, "person_id": person_id, **still}, values),
        session_ended(session_id, person_id=person_id, tenant=tenant, now=source.now),
    )
    event = Event(
        "session.revoked" if revoked else "session.ended",
        {
            **source.fields(),
            "actor": dict(actor),
            "subject": person_id,
            "before": {"row": session_id},
        },
    )
    return writes, (event,)


def end_some(
    services: Services,
    person_id: str,
    which: Callable[[Iterable[Listed]], Iterable[Listed]],
    *,
    actor: Mapping[str, str],
    source: Source,
    revoked: bool = False,
) -> int:
    """End those of a person's living sessions that ``which`` picks; how many.  Raises Unavailable.

    What is picked is decided on what there is in the transaction: a session that began meanwhile counts.
    """

    def decide(snapshot: Snapshot, found: Facts) -> Verdict[int]:
        picked = list(which(listed(found, person_id, policy=snapshot.sign_in, now=source.now)))
        ends = [
            end(one.id, person_id, tenant=services.tenant, actor=actor, source=source, revoked=revoked)
            for one in picked
        ]
        writes = [write for some, _ in ends for write in some]
        return Verdict(len(picked), [event for _, some in ends for event in some], writes)

    keys = listed_keys(person_id)
    return services.ledger.commit(
        Entry(services.tenant, source.decision_id, source.now, decide, reads=keys, urgent=True)
    )


def ends(row: Row, policy: SignInPolicy) -> int:
    """When the cookie of a session is over unless it is used before, by the limits as they are now."""
    auth_time, seen = integer(row, "auth_time"), integer(row, "seen")
    absolute = min(integer(row, "expires"), auth_time + policy.session_absolute)
    return min(absolute, max(seen, auth_time) + policy.session_idle)


def _living(row: Row, person: PersonFacts, *, policy: SignInPolicy, now: int) -> bool:
    over = row["ended"] is not None or row["revoked"] is not None or row["epoch"] != person.epoch
    return not over and now < ends(row, policy)


def _listed(row: Row) -> Listed:
    return Listed(
        id=string(row, "id"),
        created=integer(row, "created"),
        seen=max(integer(row, "seen"), integer(row, "auth_time")),
        expires=integer(row, "expires"),
        auth_time=integer(row, "auth_time"),
        acr=string(row, "acr"),
        amr=tuple(map(str, json.loads(string(row, "amr")))),
        ip=string(row, "ip"),
        user_agent=string(row, "user_agent"),
    )
