"""Links that set a password: 256 random bits, of which the digest is stored; each works once, for minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from idjag.idp.facts import PersonFacts, integer, string
from idjag.ledger.entry import Delete, Facts, Insert, Key, OneTime, Row, Write

__all__ = ["LIFETIMES", "Link", "LinkKind", "link_key", "link_of", "new_link", "one_time", "used"]

_REMEMBERED: Final = 600


class LinkKind(StrEnum):
    """Who asked for it: the person, by mail; or an administrator."""

    RESET = "password_reset"
    SET = "password_set"


LIFETIMES: Final = {LinkKind.RESET: 1800, LinkKind.SET: 3600}


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is stored; it is good for the person of this epoch, and no longer after it has risen."""

    id: str = field(repr=False)
    person_id: str
    kind: LinkKind
    epoch: int
    expires: int

    def alive(self, person: PersonFacts | None, *, now: int) -> bool:
        """Whether it still sets this person's password; a person who may not sign in has no use for it."""
        if person is None or person.person.id != self.person_id or not person.person.active:
            return False
        return person.epoch == self.epoch and now < self.expires


def new_link(
    person_id: str, kind: LinkKind, *, epoch: int, tenant: str, now: int, new_id: Callable[[], str]
) -> tuple[str, Insert]:
    """The value that the person gets, and the row to write."""
    value = new_id() + new_id()
    row: Row = {
        "id": link_key(value).value,
        "tenant_id": tenant,
        "person_id": person_id,
        "kind": kind.value,
        "epoch": epoch,
        "created": now,
        "expires": now + LIFETIMES[kind],
    }
    return value, Insert("link", row)


def link_key(value: str) -> Key:
    """What to read for the link with this value."""
    return Key("link", "id", hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest())


def link_of(found: Facts, value: str, *, tenant: str) -> Link | None:
    """The link with this value, alive or not; None when there is none here."""
    for row in found(link_key(value)):
        if row["tenant_id"] == tenant and row["kind"] in set(LinkKind):
            kind = LinkKind(string(row, "kind"))
            numbers = integer(row, "epoch"), integer(row, "expires")
            return Link(string(row, "id"), string(row, "person_id"), kind, *numbers)
    return None


def one_time(value: str, *, now: int) -> OneTime:
    """Claimed by the use that succeeds: of two at once, on any nodes, one wins."""
    return OneTime("link", "", link_key(value).value, now + max(LIFETIMES.values()) + _REMEMBERED)


def used(link: Link) -> tuple[Write, ...]:
    """What its use leaves behind: no link of that person, this one or another."""
    return (Delete("link", {"person_id": link.person_id}),)
