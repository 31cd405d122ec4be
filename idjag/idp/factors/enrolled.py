"""The factors that a person has, as rows: what is listed, what can be asked for, how a new one is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from idjag.idp.audit import Source
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.facts import integer, optional_integer, string
from idjag.ledger.entry import Event, Facts, Insert, Key, OneTime, Row, Update, Upsert, Value
from idjag.protocol.errors import Reason
from idjag.protocol.jose.json import canonical

__all__ = [
    "MOST",
    "TABLE",
    "Enrolled",
    "Enrolment",
    "NewFactor",
    "Strong",
    "clean",
    "enrolled",
    "key",
    "keys",
    "kinds",
    "next_version",
    "rows",
    "spec",
    "used",
    "version",
    "written",
]

TABLE: Final = "credential"
MOST: Final = 20  # authenticator apps and passkeys of one person
_LONGEST_LABEL: Final = 64
_STRONG: Final = ("passkey", "totp")
_SET: Final = "set"  # one row of a person stands for all of them together

Strong: TypeAlias = Literal["passkey", "totp"]
"""What is a second factor by itself; recovery codes stand in for one of these."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One authenticator app or passkey, as its owner sees it; ``synced``: copies of the key are elsewhere."""

    id: str
    kind: Strong
    label: str
    created: int
    last_used: int | None
    synced: bool = False


@dataclass(frozen=True, slots=True)
class NewFactor:
    """A factor that is about to be added; ``id`` is random, ``label`` the person's own name for it."""

    id: str
    tenant: str
    person_id: str
    label: str
    source: Source

    def row(self, kind: Strong, **values: Value) -> Insert:
        """The row to write."""
        row: dict[str, Value] = {
            "id": self.id,
            "tenant_id": self.tenant,
            "person_id": self.person_id,
            "kind": kind,
            "secret": "",
            "sealed": None,
            "created": self.source.now,
            "label": clean(self.label),
            "spec": "{}",
            "handle": None,
            "last_used": self.source.now,
        }
        return Insert(TABLE, {**row, **values})


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A factor that its owner has just shown to have: made before the decision that adds it.

    ``once`` belongs into ``consume_on_success``, ``reads`` into ``reads`` of the entry.
    """

    new: NewFactor
    kind: Strong
    row: Insert
    once: tuple[OneTime, ...]

    @property
    def reads(self) -> tuple[Key, ...]:
        """What ``enrol`` needs."""
        handle = self.row.row["handle"]
        same = (Key(TABLE, "handle", handle),) if isinstance(handle, str) else ()
        return (*keys(self.new.person_id), *same)

    def enrol(self, found: Facts) -> Proof | Wrong:
        """The proof whose writes add it, and whose event tells of it."""
        if any(found(each) for each in self.reads if each.column == "handle"):
            return Wrong(Reason.FACTOR_KNOWN)
        if len(enrolled(found, self.new.person_id)) >= MOST:
            return Wrong(Reason.FACTOR_TOO_MANY)
        person_id, source = self.new.person_id, self.new.source
        fields: dict[str, object] = {
            **source.fields(),
            "subject": person_id,
            "actor": {"kind": "person", "id": person_id},
            "after": {"row": self.new.id, "kind": self.kind, "label": self.row.row["label"]},
        }
        return Proof(self.kind, self.new.id, (self.row,), (Event("factor.added", fields),))


def key(person_id: str) -> Key:
    """The rows of all credentials of a person."""
    return Key(TABLE, "person_id", person_id)


def keys(person_id: str) -> tuple[Key, ...]:
    """What to name in ``reads`` for every check of a factor but remembered devices."""
    return (key(person_id),)


def rows(found: Facts, person_id: str, kind: str) -> list[Row]:
    """The rows of one kind, the oldest first."""
    mine = [row for row in found(key(person_id)) if row["kind"] == kind]
    return sorted(mine, key=lambda row: (integer(row, "created"), string(row, "id")))


def enrolled(found: Facts, person_id: str) -> tuple[Enrolled, ...]:
    """The authenticator apps and passkeys of a person, the oldest first."""
    each = [row for kind in _STRONG for row in rows(found, person_id, kind)]
    listed = [_listed(row) for row in each]
    return tuple(sorted(listed, key=lambda one: (one.created, one.id)))


def kinds(found: Facts, person_id: str) -> frozenset[str]:
    """What this person can be asked for: totp, passkey, and recovery beside one of these."""
    strong = frozenset(one.kind for one in enrolled(found, person_id))
    return strong | {"recovery"} if strong and rows(found, person_id, "recovery") else frozenset(strong)


def spec(row: Row) -> Mapping[str, Any]:
    """What else a row's kind needs."""
    read: Mapping[str, Any] = json.loads(string(row, "spec"))
    return read


def written(values: Mapping[str, Any]) -> str:
    """The same as the text of a column."""
    return canonical(dict(values)).decode()


def used(row: Row, changed: Mapping[str, Any], *, now: int) -> Update:
    """The write that notes a use, with what of ``spec`` it changes."""
    values: dict[str, Value] = {"spec": written({**spec(row), **changed}), "last_used": now}
    return Update(TABLE, {"id": string(row, "id")}, values)


def clean(label: str) -> str:
    """A person's own name for a factor, as far as it can be shown and stored; "" has a name of ours."""
    return "".join(filter(str.isprintable, label)).strip()[:_LONGEST_LABEL].strip()


def version(found: Facts, person_id: str) -> str:
    """The version that the set of factors is in; "" before its first change."""
    return next((string(row, "secret") for row in rows(found, person_id, _SET)), "")


def next_version(person_id: str, *, tenant: str, value: str, now: int) -> Upsert:
    """The write that takes the set to another version; ``value`` is random and never comes again."""
    row: Row = {
        "id": f"{person_id}:{_SET}",
        "tenant_id": tenant,
        "person_id": person_id,
        "kind": _SET,
        "secret": value,
        "created": now,
        "label": "",
        "spec": "{}",
    }
    return Upsert(TABLE, row)


def _listed(row: Row) -> Enrolled:
    return Enrolled(
        id=string(row, "id"),
        kind="passkey" if row["kind"] == "passkey" else "totp",
        label=string(row, "label"),
        created=integer(row, "created"),
        last_used=optional_integer(row, "last_used"),
        synced=bool(spec(row).get("backed_up", False)),
    )
