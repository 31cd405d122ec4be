"""The facts of people, read fresh by key inside the transaction of each decision; never cached."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from idjag.ledger.entry import Facts, Key, Row
from idjag.policy.model import Hold, HoldKind, Person

__all__ = [
    "PersonFacts",
    "hold_keys",
    "holds",
    "holds_of",
    "integer",
    "optional_integer",
    "person",
    "person_keys",
    "reached",
    "session",
    "session_key",
    "sid_key",
    "string",
]


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A person as rules and claims need it.  ``subs`` maps sector to sub; "" is the public one."""

    person: Person
    epoch: int
    email: str | None
    email_verified: bool
    name: str
    subs: dict[str, str]


def string(row: Row, column: str) -> str:
    """A text column that is never null."""
    value = row[column]
    if not isinstance(value, str):
        raise TypeError(f"{column} is not text")
    return value


def integer(row: Row, column: str) -> int:
    """A whole number that is never null."""
    value = row[column]
    if not isinstance(value, int):
        raise TypeError(f"{column} is not a number")
    return value


def optional_integer(row: Row, column: str) -> int | None:
    """A whole number or null."""
    return None if row[column] is None else integer(row, column)


def person_keys(person_id: str) -> tuple[Key, ...]:
    """What to name in ``reads`` for ``person``."""
    return (
        Key("person", "id", person_id),
        Key("membership", "person_id", person_id),
        Key("subject", "person_id", person_id),
    )


def person(facts: Facts, person_id: str) -> PersonFacts | None:
    """The person as of now; None when there is no such row."""
    person_key, membership_key, subject_key = person_keys(person_id)
    rows = facts(person_key)
    if not rows:
        return None
    row = rows[0]
    email = row["email"]
    return PersonFacts(
        person=Person(
            id=person_id,
            groups=frozenset(string(member, "group_id") for member in facts(membership_key)),
            active=row["status"] == "active",
            username=string(row, "username"),
            attributes=json.loads(string(row, "attributes")),
        ),
        epoch=integer(row, "epoch"),
        email=email if isinstance(email, str) else None,
        email_verified=row["email_verified"] == 1,
        name=string(row, "name"),
        subs={string(sub, "sector"): string(sub, "sub") for sub in facts(subject_key)},
    )


def session_key(session_id: str) -> Key:
    """What to name in ``reads`` for ``session``."""
    return Key("session", "id", session_id)


def session(facts: Facts, session_id: str, *, person: PersonFacts, now: int) -> Row | None:
    """The session's row if it is alive: not ended, revoked or expired, of this person and this epoch."""
    rows = facts(session_key(session_id))
    if not rows or integer(rows[0], "expires") <= now:
        return None
    if rows[0]["ended"] is not None or rows[0]["revoked"] is not None:
        return None
    alive = rows[0]["person_id"] == person.person.id and rows[0]["epoch"] == person.epoch
    return rows[0] if alive else None


def sid_key(sid: str) -> Key:
    """What to name in ``reads`` for ``reached``."""
    return Key("session_app", "sid", sid)


def reached(facts: Facts, sid: str, *, session_id: str, app_id: str) -> bool:
    """Whether this sid still names the session at the app: a replayed code takes it away (OIDC-06)."""
    here = (session_id, app_id)
    return any((row["session_id"], row["app_id"]) == here for row in facts(sid_key(sid)))


def hold_keys(*targets: str) -> tuple[Key, ...]:
    """What to name in ``reads`` for ``holds``: the ids of person, app, resource app and connection."""
    return tuple(Key("hold", "target", target) for target in dict.fromkeys(targets))


def holds(facts: Facts, *targets: str) -> tuple[Hold, ...]:
    """Every hold on these ids, whether it applies now or not."""
    return tuple(hold for key in hold_keys(*targets) for hold in holds_of(facts(key)))


def holds_of(rows: Iterable[Row]) -> tuple[Hold, ...]:
    """Holds from their rows."""
    return tuple(map(_hold, rows))


def _hold(row: Row) -> Hold:
    return Hold(
        id=string(row, "id"),
        kind=HoldKind(string(row, "kind")),
        target=string(row, "target"),
        app=string(row, "app"),
        reason=string(row, "reason"),
        by=string(row, "by"),
        since=integer(row, "since"),
        until=optional_integer(row, "until"),
    )
