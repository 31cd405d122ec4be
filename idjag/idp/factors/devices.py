"""Remembered devices: browsers that need not show a second factor for some time (decision 0030).

The cookie's digest is a row.  It counts only beside the right password of its person, in this epoch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from idjag.idp.audit import Source
from idjag.idp.factors.proof import Proof
from idjag.idp.facts import PersonFacts, integer, string
from idjag.ledger.entry import Delete, Event, Facts, Insert, Key, Row, Update, Write

__all__ = ["LIFETIME", "Device", "check", "forget_all", "key", "keys", "listed", "remember", "remembered"]

TABLE: Final = "device"
LIFETIME: Final = 30 * 24 * 3600  # seconds; fixed from the day on which the second factor was shown


@dataclass(frozen=True, slots=True)
class Device:
    """A remembered browser, as its owner sees it."""

    id: str
    user_agent: str
    created: int
    last_used: int
    expires: int


def key(person_id: str) -> Key:
    """What to name in ``reads`` for ``listed``."""
    return Key(TABLE, "person_id", person_id)


def keys(cookie: str | None, person_id: str) -> tuple[Key, ...]:
    """What to name in ``reads`` for ``check``."""
    return (key(person_id),) if cookie else ()


def check(found: Facts, person: PersonFacts, cookie: str | None, *, now: int) -> Proof | None:
    """The browser's proof, which spares the person a second factor and proves nothing else."""
    id_ = _digest(cookie) if cookie else ""
    for row in found(key(person.person.id)) if cookie else ():
        if row["id"] == id_ and _alive(row, person, now=now):
            return Proof("device", id_, (Update(TABLE, {"id": id_}, {"last_used": now}),))
    return None


def remember(
    person: PersonFacts, cookie: str, *, tenant: str, source: Source, lifetime: int = LIFETIME
) -> Insert:
    """The row of a browser in which a second factor was shown just now.

    ``cookie`` has 256 random bits.  Not after a recovery code: whoever has lost the factor may have lost it
    to somebody.
    """
    row: Row = {
        "id": _digest(cookie),
        "tenant_id": tenant,
        "person_id": person.person.id,
        "epoch": person.epoch,
        "user_agent": source.user_agent,
        "created": source.now,
        "last_used": source.now,
        "expires": source.now + lifetime,
    }
    return Insert(TABLE, row)


def remembered(row: Insert, *, source: Source) -> Event:
    """The audit event of ``remember``."""
    person_id = row.row["person_id"]
    known: dict[str, object] = {
        "subject": person_id,
        "actor": {"kind": "person", "id": person_id},
        "after": {"row": row.row["id"], "expires": row.row["expires"]},
    }
    return Event("device.remembered", {**source.fields(), **known})


def listed(found: Facts, person: PersonFacts, *, now: int) -> tuple[Device, ...]:
    """The browsers that are remembered now, the newest first."""
    alive = [row for row in found(key(person.person.id)) if _alive(row, person, now=now)]
    shown = [
        Device(
            string(row, "id"),
            string(row, "user_agent"),
            integer(row, "created"),
            integer(row, "last_used"),
            integer(row, "expires"),
        )
        for row in alive
    ]
    return tuple(sorted(shown, key=lambda device: (device.created, device.id), reverse=True))


def forget_all(person_id: str) -> Write:
    """The write that makes every browser of a person unknown."""
    return Delete(TABLE, {"person_id": person_id})


def _alive(row: Row, person: PersonFacts, *, now: int) -> bool:
    mine = (row["person_id"], row["epoch"]) == (person.person.id, person.epoch)
    return mine and now < integer(row, "expires")


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
