"""The users section of a plan: people, their groups, their public sub, their first password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idjag.idp.backchannel import person_ended
from idjag.idp.catalog.user import PUBLIC, UserEntry, user_columns, user_entry
from idjag.idp.state.changes import changed, created, deleted
from idjag.idp.state.draft import Draft
from idjag.ledger.entry import Key, Row

__all__ = ["FirstPassword", "People", "plan_people"]

# What a person has elsewhere; sessions take their apps' rows along when the change is committed.
_OF_A_PERSON = (
    *("credential", "membership", "subject", "session", "code", "family", "refresh_token", "access_token"),
    *("sign_in_step", "device", "link", "administrator", "console_session"),
)


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """A password that is still to be resolved and hashed; ``number`` is the entry's place in the section."""

    person_id: str
    username: str
    number: int
    reference: str = field(repr=False)


@dataclass(slots=True)
class People:
    """The people as they will be, by user name."""

    rows: dict[str, Row]
    subs: dict[str, Mapping[str, str]]
    groups: dict[str, frozenset[str]]
    passwords: list[FirstPassword] = field(default_factory=list)
    departed: list[str] = field(default_factory=list)


def plan_people(draft: Draft, entries: list[UserEntry] | None) -> People:
    """Plan the section; the groups of everyone are surrogate ids, local and foreign ones."""
    current = draft.current
    people = People(
        rows=dict(current.people),
        subs=dict(current.subs),
        groups={
            person: frozenset(str(row["group_id"]) for row in rows)
            for person, rows in current.memberships.items()
        },
    )
    keys = None if entries is None else [entry.username for entry in entries]
    for username in draft.departing("user", current.people, keys):
        _depart(draft, people, username)
    for number, entry in enumerate(entries or ()):
        row = current.people.get(entry.username)
        if row is None:
            _create(draft, people, entry, number)
        else:
            _change(draft, people, entry, number=number, before=row)
    return people


def _show(draft: Draft, people: People, row: Row, *, groups: frozenset[str]) -> dict[str, Any]:
    subs = people.subs.get(str(row["id"]), {})
    return user_entry(row, subs=subs, groups=map(draft.names.shown.name, groups))


def _depart(draft: Draft, people: People, username: str) -> None:
    row = people.rows.pop(username)
    person = str(row["id"])
    shown = _show(draft, people, row, groups=draft.current.local_groups(person))
    draft.changes.append(deleted("user", username, person, before=shown, about={"subject": person}))
    draft.premises.append((Key("person", "id", person), (row,)))
    draft.remove("person", {"id": person})
    for table in _OF_A_PERSON:
        draft.remove(table, {"person_id": person})
    people.subs.pop(person, None)
    people.departed.append(person)


def _create(draft: Draft, people: People, entry: UserEntry, number: int) -> None:
    person = draft.names.known.people[entry.username]
    row = {
        "id": person,
        "tenant_id": draft.current.tenant,
        **user_columns(entry),
        "epoch": 0,
        "managed_by": draft.managed_by,
        "created": draft.now,
        "updated": draft.now,
    }
    draft.insert("person", row)
    _add_subs(draft, people, person, {PUBLIC: entry.sub or draft.new_id(), **entry.pairwise_subs})
    groups = _groups(draft, entry)
    _move(draft, people, person, before=frozenset(), after=groups)
    people.rows[entry.username] = row
    shown = _show(draft, people, row, groups=groups) | _first_password(people, entry, number, person=person)
    draft.changes.append(created("user", entry.username, person, after=shown, about={"subject": person}))


def _change(draft: Draft, people: People, entry: UserEntry, *, number: int, before: Row) -> None:
    person = str(before["id"])
    old_groups = draft.current.local_groups(person)
    shown = _show(draft, people, before, groups=old_groups)
    values = _values(draft, entry, before)
    row = people.rows[entry.username] = {**before, **values}
    if values:
        draft.update("person", person, values)
    if "epoch" in values:  # every session has ended with it, and their apps are to be told
        draft.updates.append(person_ended(person, tenant=draft.current.tenant, now=draft.now))
    groups = _groups(draft, entry)
    _move(draft, people, person, before=old_groups, after=groups)
    _import_subs(draft, people, entry, person=person)
    after = _show(draft, people, row, groups=groups)
    if person not in draft.current.credentialed and entry.password is not None:
        after |= _first_password(people, entry, number, person=person)
        draft.premises.append((Key("credential", "person_id", person), ()))
    change = changed("user", entry.username, person, before=shown, after=after, about={"subject": person})
    if change.before or change.after:
        draft.changes.append(change)
        draft.premises += _premises(draft, before)


def _values(draft: Draft, entry: UserEntry, before: Row) -> dict[str, Any]:
    columns = user_columns(entry)
    values = {name: value for name, value in columns.items() if before[name] != value}
    epoch = before["epoch"]
    if values.get("status") == "disabled" and isinstance(epoch, int):
        # Ends every session, code and refresh family: enabling the person later revives none of them.
        values["epoch"] = epoch + 1
    return {**values, "updated": draft.now} if values else {}


def _premises(draft: Draft, row: Row) -> list[tuple[Key, tuple[Row, ...]]]:
    """The rows of this person that the change was computed on."""
    person = str(row["id"])
    memberships = draft.current.memberships.get(person, ())
    return [(Key("person", "id", person), (row,)), (Key("membership", "person_id", person), memberships)]


def _groups(draft: Draft, entry: UserEntry) -> frozenset[str]:
    return frozenset(draft.names.known.groups[name] for name in entry.groups)


def _move(
    draft: Draft, people: People, person: str, *, before: frozenset[str], after: frozenset[str]
) -> None:
    """Into and out of local groups; those of other sources are not a file's to say."""
    for group in sorted(before - after):
        draft.remove("membership", {"id": f"{group}:{person}"})
    for group in sorted(after - before):
        row = {
            "id": f"{group}:{person}",
            "tenant_id": draft.current.tenant,
            "person_id": person,
            "group_id": group,
        }
        draft.insert("membership", row)
    people.groups[person] = (people.groups.get(person, frozenset()) - before) | after


def _import_subs(draft: Draft, people: People, entry: UserEntry, *, person: str) -> None:
    """The subs that the file gives and the person does not have; one that the person has never changes."""
    known = people.subs.get(person, {})
    for sector, sub in entry.subs.items():
        if known.get(sector, sub) != sub:
            message = "this person has another sub already, and a sub never changes"
            draft.refuse("user", entry.username, ("pairwise_subs", sector) if sector else ("sub",), message)
    fresh = {sector: sub for sector, sub in entry.subs.items() if sector not in known}
    _add_subs(draft, people, person, fresh)


def _add_subs(draft: Draft, people: People, person: str, subs: Mapping[str, str]) -> None:
    people.subs[person] = {**people.subs.get(person, {}), **subs}
    for sector, sub in subs.items():
        row = {
            "id": draft.new_id(),
            "tenant_id": draft.current.tenant,
            "person_id": person,
            "sector": sector,
            "sub": sub,
        }
        draft.insert("subject", row)


def _first_password(people: People, entry: UserEntry, number: int, *, person: str) -> dict[str, str]:
    """Noted, to be hashed when the plan is carried out; what people read of it."""
    if entry.password is None:
        return {}
    people.passwords.append(FirstPassword(person, entry.username, number, entry.password))
    return {"password": "set"}
