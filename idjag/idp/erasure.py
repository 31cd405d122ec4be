"""Takes one person's data out of the audit log; every row verifies as before, and what happened stays.

Personal fields enter a row's hash as salted digests: the value and its salt go, the digest stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import bindparam, column, table, update

from idjag.idp.facts import string
from idjag.idp.settings import sqlite_path
from idjag.idp.store import schema
from idjag.ledger import landmarks
from idjag.ledger.chain import PERSONAL, erased
from idjag.ledger.entry import Key, Row
from idjag.ledger.sqlite import connect
from idjag.ledger.verification import Trail

__all__ = ["Erasure", "Somebody"]

_PAGE: Final = 500
_AT_ONCE: Final = 100
# They say where the log begins and what it was restored from, and are about nobody.
_LANDMARKS: Final = frozenset({landmarks.PRUNED, landmarks.RESTORED})
_AUDIT = table("audit", *map(column, ("tenant", "no", "hash", "body", "salts", "subject")))


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person by everything that names them: ``ids`` mean nobody else, ``names`` may be used again."""

    ids: frozenset[str] = field(repr=False)
    names: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Erasure:
    """The audit log of one tenant, to be changed in its database."""

    ledger: Trail = field(repr=False)
    url: str = field(repr=False)
    tenant: str

    def find(self, user: str) -> Somebody | None:
        """The person with this username or id, or who had it while the log was written."""
        ids = {user} if self._known(user) else set()
        here = Key("person", "username", user)
        ids |= {string(row, "id") for row in self.ledger.read((here,))(here)}
        ids = ids or {each for row in self._rows() for each in _once_called(row, user)}
        if not ids:
            return None
        names = {user}
        for each in list(ids):
            person, subjects = Key("person", "id", each), Key("subject", "person_id", each)
            found = self.ledger.read((person, subjects))
            ids |= {string(row, "sub") for row in found(subjects)}
            for row in found(person):
                names |= {str(row[name]) for name in ("username", "email", "name") if row[name]}
        return Somebody(frozenset(ids), frozenset(names))

    def run(self, somebody: Somebody) -> int:
        """Erase; how many rows had something.  Can be run again.  Raises SchemaRefused, Unavailable."""
        count = 0
        waiting: list[Row] = []
        for row in self._rows():
            if fields := _about(row, somebody):
                waiting.append(erased(row, fields))
            if len(waiting) >= _AT_ONCE:
                self._write(waiting)
                count += len(waiting)
                waiting = []
        self._write(waiting)
        self._forget_the_log_of_writes()
        return count + len(waiting)

    def _forget_the_log_of_writes(self) -> None:
        """SQLite's has the old values until it is written back; readers may hold up a part of it."""
        path = sqlite_path(self.url)
        if path is not None:
            with closing(connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _known(self, id_: str) -> bool:
        key = Key("person", "id", id_)
        return bool(self.ledger.read((key,))(key)) or any(row["subject"] == id_ for row in self._rows())

    def _rows(self) -> Iterator[Row]:
        after_no = 0
        while page := self.ledger.audit_rows(self.tenant, after_no=after_no, limit=_PAGE):
            yield from page
            after_no = int(str(page[-1]["no"]))

    def _write(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        with schema.writing(self.url) as connection:
            if connection.dialect.name == "sqlite":
                # what is overwritten shall not stand in a free part of the file
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            same = [_AUDIT.c[name] == bindparam(f"its_{name}") for name in ("tenant", "no", "hash")]
            change = update(_AUDIT).where(*same)
            for row in rows:
                values = {name: row[name] for name in ("body", "salts", "subject")}
                its = {f"its_{name}": row[name] for name in ("tenant", "no", "hash")}
                connection.execute(change.values(**values), its)


def _once_called(row: Row, user: str) -> Iterator[str]:
    """The ids of those who had this username, as far as a row tells."""
    if not str(row["event"]).startswith("user."):
        return
    body = json.loads(str(row["body"]))
    for each in (body.get("before"), body.get("after")):
        if isinstance(each, Mapping) and each.get("key") == user and isinstance(each.get("row"), str):
            yield each["row"]


def _about(row: Row, somebody: Somebody) -> list[str]:
    """The fields of a row that tell something of the person."""
    if row["event"] in _LANDMARKS:
        return []
    body = json.loads(str(row["body"]))
    actor = body.get("actor")
    acts = isinstance(actor, Mapping) and actor.get("id") in somebody.ids
    if body.get("subject") in somebody.ids or acts:
        theirs = PERSONAL if acts else PERSONAL - {"actor"}
        return [name for name in theirs if name in body]
    # a name alone means the person where events are about people; elsewhere it may be a group's
    people = str(row["event"]).startswith(("user.", "login.", "group."))
    wanted = somebody.ids | somebody.names if people else somebody.ids
    return [name for name in PERSONAL if name in body and not wanted.isdisjoint(_texts(body[name]))]


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for name, each in value.items():
                yield str(name)
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
