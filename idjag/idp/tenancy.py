"""What commands, pages and the admin API work with: one tenant's ledger, its names, its clock and its ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from idjag.idp.facts import string
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Key, Ledger, Unavailable

__all__ = ["Store", "organisation"]


class Store(Protocol):
    """What ``idjag.idp.app.open_store`` and Services give."""

    @property
    def ledger(self) -> Ledger[Snapshot]:
        """The ledger."""
        ...

    @property
    def tenant(self) -> str:
        """The tenant's id."""
        ...

    @property
    def issuer(self) -> str:
        """The tenant's issuer, byte for byte."""
        ...

    @property
    def clock(self) -> Callable[[], int]:
        """NumericDate."""
        ...

    @property
    def new_id(self) -> Callable[[], str]:
        """128 random bits in base64url."""
        ...


def organisation(store: Store) -> str:
    """The tenant's name for people; "" when it cannot be read, as on the page that says so."""
    key = Key("tenant", "id", store.tenant)
    try:
        rows = store.ledger.read((key,))(key)
    except Unavailable:
        return ""
    return string(rows[0], "name") if rows else ""
