"""A plan in the making: what every noun adds to it, and how keyed rows become changes and writes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from idjag.idp.catalog.references import Problem, References
from idjag.idp.state.changes import Change, changed, created, deleted
from idjag.idp.state.current import Current
from idjag.ledger.entry import Delete, Insert, Key, Row, Update, Write

__all__ = ["FILE", "Draft", "Keyed", "Names", "Premise", "gone", "plan_keyed"]

E = TypeVar("E")

FILE = "file"
"""``managed_by`` of what a file created."""

Premise = tuple[Key, tuple[Row, ...]]
"""Rows that the plan was computed on; the change is made only if they are still the same."""


@dataclass(frozen=True, slots=True)
class Names:
    """``known`` are the names that will be there, ``shown`` also those that will be gone."""

    known: References
    shown: References


@dataclass(slots=True)
class Draft:
    """Everything that a plan gathers; the writes in the order in which they must happen.

    ``unwanted`` has names of things that go although nothing else is said of them, by noun; ``managed_by``
    is what new rows say.
    """

    current: Current
    names: Names
    now: int
    new_id: Callable[[], str]
    prune: bool
    unwanted: Mapping[str, Collection[str]] = field(default_factory=dict)
    managed_by: str = FILE
    changes: list[Change] = field(default_factory=list)
    removals: list[Write] = field(default_factory=list)
    updates: list[Write] = field(default_factory=list)
    inserts: list[Write] = field(default_factory=list)
    premises: list[Premise] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def insert(self, table: str, row: Row) -> None:
        """A new row."""
        self.inserts.append(Insert(table, row))

    def update(self, table: str, row_id: str, values: Row) -> None:
        """New values for a row."""
        self.updates.append(Update(table, {"id": row_id}, values))

    def remove(self, table: str, where: Row) -> None:
        """Rows that go."""
        self.removals.append(Delete(table, where))

    def refuse(self, noun: str, key: str, path: tuple[str | int, ...], message: str) -> None:
        """What keeps the plan from being made."""
        self.problems.append(Problem(noun, key, path, message))

    def departing(self, noun: str, before: Mapping[str, Row], keys: Sequence[str] | None) -> list[str]:
        """What ``gone`` says, unless it may not go.

        What is under a hold stays: made again it would not be held, and a file never resumes what an
        administrator stopped.
        """
        departing = gone(before, keys, prune=self.prune, unwanted=self.unwanted.get(noun, ()))
        for key in departing:
            row_id = str(before[key]["id"])
            self.premises += [(Key("hold", name, row_id), ()) for name in ("target", "app")]
            if row_id in self.current.held:
                self.refuse(noun, key, (), "is under a hold and cannot be removed: release it first")
        return departing


def gone(
    before: Mapping[str, Row],
    keys: Sequence[str] | None,
    *,
    prune: bool,
    unwanted: Collection[str] = (),
) -> list[str]:
    """The names in ``unwanted``, and with prune those that a file created and does not name any more."""
    leaving = before.keys() & set(unwanted)
    if prune and keys is not None:
        leaving |= {key for key in before.keys() - set(keys) if before[key]["managed_by"] == FILE}
    return sorted(leaving)


@dataclass(frozen=True, slots=True)
class Keyed(Generic[E]):
    """How one keyed noun (app, resource app, connection, guardrail, group) is planned.

    ``columns(entry, row)`` is what the row will say, ``show(row)`` its form for people, ``about(row)`` the
    fields of its audit event.  A change of a column in ``unique`` moves the row out of the way first, so
    that two things can change places.  ``also`` are the tables whose rows go with it, by column.
    ``hidden`` are columns of which people read only that they changed, under another name.
    """

    noun: str
    table: str
    key_of: Callable[[E], str]
    columns: Callable[[E, Row | None], dict[str, Any]]
    show: Callable[[Row], dict[str, Any]]
    about: Callable[[Row], dict[str, Any]]
    ids: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    unique: tuple[str, ...] = ()
    also: tuple[tuple[str, str], ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    dated: bool = True


def plan_keyed(
    draft: Draft, noun: Keyed[E], before: Mapping[str, Row], entries: list[E] | None
) -> dict[str, Row]:
    """Plan one section; the rows as they will be, by name."""
    after = dict(before)
    keys = None if entries is None else [noun.key_of(entry) for entry in entries]
    for key in draft.departing(noun.noun, before, keys):
        _depart(draft, noun, after.pop(key), key)
    for entry in entries or ():
        key = noun.key_of(entry)
        row = before.get(key)
        columns = noun.columns(entry, row)
        after[key] = (
            _create(draft, noun, columns, key) if row is None else _change(draft, noun, row, columns, key)
        )
    return after


def _depart(draft: Draft, noun: Keyed[E], row: Row, key: str) -> None:
    row_id = str(row["id"])
    draft.remove(noun.table, {"id": row_id})
    for table, column in noun.also:
        draft.remove(table, {column: row_id})
    draft.changes.append(deleted(noun.noun, key, row_id, before=noun.show(row), about=noun.about(row)))


def _create(draft: Draft, noun: Keyed[E], columns: dict[str, Any], key: str) -> Row:
    row = {
        "id": noun.ids.get(key) or draft.new_id(),
        "tenant_id": draft.current.tenant,
        **noun.extra,
        **columns,
        "managed_by": draft.managed_by,
        "created": draft.now,
        **({"updated": draft.now} if noun.dated else {}),
    }
    draft.insert(noun.table, row)
    draft.changes.append(created(noun.noun, key, str(row["id"]), after=noun.show(row), about=noun.about(row)))
    return row


def _change(draft: Draft, noun: Keyed[E], before: Row, columns: dict[str, Any], key: str) -> Row:
    values = {name: value for name, value in columns.items() if before[name] != value}
    if not values:
        return before
    if noun.dated:
        values["updated"] = draft.now
    row_id, after = str(before["id"]), {**before, **values}
    if values.keys() & set(noun.unique):
        draft.remove(noun.table, {"id": row_id})
        draft.insert(noun.table, after)
    else:
        draft.update(noun.table, row_id, values)
    hidden = {label: "changed" for column, label in noun.hidden.items() if column in values}
    change = changed(
        noun.noun,
        key,
        row_id,
        before=noun.show(before),
        after={**noun.show(after), **hidden},
        about=noun.about(after),
    )
    # A connection whose rules alone changed says so by its rules.
    if change.before or change.after:
        draft.changes.append(change)
    return after
