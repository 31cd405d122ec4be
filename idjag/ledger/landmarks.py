"""Events about the log itself: where it begins after pruning, where the database was restored.

They stand in the log like all others, under its keyed hash, and are found by a decision id of their own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from idjag.ledger.chain import fault
from idjag.ledger.entry import Event, Facts, Head, Key, Row

__all__ = ["PRUNED", "RESTORED", "Reads", "Restored", "Start", "pruned", "restored", "restores", "start_of"]

PRUNED: Final = "audit.pruned"
RESTORED: Final = "database.restored"


class Reads(Protocol):
    """A ledger, as far as facts outside an entry are concerned."""

    def read(self, keys: Sequence[Key]) -> Facts:
        """Fresh facts."""
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """Where a pruned log begins: after ``head``; what was older than ``until`` (NumericDate) is gone."""

    head: Head
    until: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore: until row ``no`` the log is that of ``before``; ``epochs`` are all that came to an end."""

    no: int
    before: str
    epochs: frozenset[str]
    time: int


def pruned(start: Start, *, actor: dict[str, str]) -> Event:
    """The event that makes a start; its row must stand in the log before anything is removed."""
    after = {"no": start.head.audit_no, "link": start.head.link.hex(), "until": start.until}
    return Event(PRUNED, {"decision_id": PRUNED, "actor": actor, "after": after})


def restored(no: int, *, before: str, epochs: Sequence[str], actor: dict[str, str]) -> Event:
    """The event of a restore whose last row is ``no``."""
    after = {"no": no, "epoch": before, "epochs": sorted({before, *epochs})}
    return Event(RESTORED, {"decision_id": RESTORED, "actor": actor, "after": after})


def start_of(ledger: Reads, tenant: str, *, key: bytes) -> Start | None:
    """Where the log begins; None for the very beginning."""
    found = [(_whole(after["no"]), after) for _, after in _landmarks(ledger, tenant, PRUNED, key=key)]
    if not found:
        return None
    no, after = max(found, key=lambda each: each[0])
    return Start(Head("", 0, no, bytes.fromhex(str(after["link"]))), _whole(after["until"]))


def restores(ledger: Reads, tenant: str, *, key: bytes) -> list[Restored]:
    """Every restore that the log tells of, the first one first."""
    found = [
        Restored(
            no=_whole(after["no"]),
            before=str(after["epoch"]),
            epochs=frozenset(map(str, _several(after["epochs"]))),
            time=_whole(row["time"]),
        )
        for row, after in _landmarks(ledger, tenant, RESTORED, key=key)
    ]
    return sorted(found, key=lambda each: each.no)


def _landmarks(ledger: Reads, tenant: str, name: str, *, key: bytes) -> list[tuple[Row, dict[str, object]]]:
    """Rows of that name, without those that nobody with the key has written."""
    at = Key("audit", "decision_id", name)
    rows = [row for row in ledger.read((at,))(at) if (row["tenant"], row["event"]) == (tenant, name)]
    genuine = [row for row in rows if fault(row, tenant=tenant, key=key) is None]
    return [(row, json.loads(str(row["body"]))["after"]) for row in genuine]


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a landmark has whole numbers")
    return value


def _several(value: object) -> list[object]:
    return value if isinstance(value, list) else []
