"""What is written when a person gets a new password, and what ends with the old one.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from idjag.idp import backchannel
from idjag.idp.facts import PersonFacts, string
from idjag.idp.passwords.policy import Policy, Weakness
from idjag.ledger.entry import Delete, Event, Facts, Insert, Key, Row, Update, Write

__all__ = ["NewPassword", "about", "credential_key", "password_hashes", "risen", "weakness"]


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that passed the policy, hashed; ``row_id`` is the credential's."""

    encoded: str = field(repr=False)
    row_id: str

    def writes(self, found: Facts, person: PersonFacts, *, tenant: str, now: int) -> tuple[Write, ...]:
        """Take the old one's place and raise the person's epoch: sessions, families, devices, links end.

        Second factors stay.  ``found`` has ``credential_key``.
        """
        person_id = person.person.id
        old = [row for row in found(credential_key(person_id)) if row["kind"] == "password"]
        row: Row = {
            "id": self.row_id,
            "tenant_id": tenant,
            "person_id": person_id,
            "kind": "password",
            "secret": self.encoded,
            "created": now,
        }
        return (
            *(Delete("credential", {"id": string(each, "id")}) for each in old),
            Insert("credential", row),
            *risen(person, tenant=tenant, now=now),
        )

    def event(self, person: PersonFacts, *, shared: Mapping[str, object], by: str) -> Event:
        """``by``: change, or the kind of the link; the person has proven to be who they are."""
        actor = {"kind": "person", "id": person.person.id}
        known = {"actor": actor, "subject": person.person.id, "inputs": {"by": by}}
        return Event("password.changed", {**shared, **known})


def risen(person: PersonFacts, *, tenant: str, now: int) -> tuple[Write, ...]:
    """Raise the epoch: whatever was born under the old one ends, and the apps are told."""
    values = {"epoch": person.epoch + 1, "updated": now}
    person_id = person.person.id
    return (
        Update("person", {"id": person_id, "epoch": person.epoch}, values),
        backchannel.person_ended(person_id, tenant=tenant, now=now),
    )


def credential_key(person_id: str) -> Key:
    """What to name in ``reads`` for a person's credentials."""
    return Key("credential", "person_id", person_id)


def password_hashes(found: Facts, person_id: str) -> list[str]:
    """The stored hashes of a person: one, or none."""
    rows = found(credential_key(person_id))
    return [string(row, "secret") for row in rows if row["kind"] == "password"]


def about(person: PersonFacts, *places: str) -> Iterable[str]:
    """What a guesser knows of the person and of where this is."""
    return filter(None, (person.person.username, person.email, person.name, *places))


def weakness(policy: Policy, password: str, person: PersonFacts, *places: str) -> Weakness | None:
    """What is wrong with a new password of this person, if anything."""
    return policy.weakness(password, about=about(person, *places))
