"""The facts that many lookups of people need, read for all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import NoReturn

from idjag.ledger.batch import KeyedRows
from idjag.ledger.entry import Entry, Facts, Key, Row
from idjag.ras.ports import Outcome, Query
from idjag.ras.store_sql import name_ids
from idjag.ras.store_sql.tables import link_key

__all__ = ["Known", "about", "after"]


class Known:
    """A ledger that has been read already, as far as it was asked; nothing is written to it."""

    ready = True

    def __init__(self, read: Callable[[list[Key]], Facts]) -> None:
        self._read = read
        self._rows: dict[Key, tuple[Row, ...]] = {}

    def add(self, keys: Iterable[Key]) -> None:
        """Read what is not here yet, in one transaction."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._rows]
        if missing:
            found = self._read(missing)
            self._rows |= {key: found(key) for key in missing}

    def read(self, keys: Sequence[Key]) -> Facts:
        """The facts; raises LookupError for what was not added."""
        return KeyedRows(self._rows, keys)

    def commit(self, _entry: Entry[None, Outcome]) -> NoReturn:
        """Never."""
        raise AssertionError("a lookup writes nothing")

    def submit(self, _entry: Entry[None, Outcome]) -> Future[Outcome]:
        """Never."""
        raise AssertionError("a lookup writes nothing")


def about(query: Query) -> Iterator[Key]:
    """What is read of a person first."""
    yield link_key(query.link)
    if query.aud_sub is not None:
        yield Key("account", "id", query.aud_sub)
    if query.email is not None:
        yield Key("account", "email", query.email)
    if query.sub_id is not None:
        yield name_ids.looked_up(query.sub_id)


def after(query: Query, known: Known) -> Iterator[Key]:
    """What is read once that is known: the accounts that are named, and who else is linked to them."""
    for key in about(query):
        for row in known.read([key])(key):
            account = str(row["id"] if key.table == "account" else row["account_id"])
            yield Key("account", "id", account)
            yield Key("account_link", "account_id", account)
