"""`kek` of the IdP and of a resource authorization server: the same actions on a file of keys."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.kek_ring import changing, load_keks
from idjag.kek_rotation import Rewrap, prepare, retire, rotate
from idjag.ledger.entry import Event
from idjag.seal import key_id_of

__all__ = ["Keks", "add_actions", "change", "status"]


@dataclass(frozen=True, slots=True)
class Keks:
    """The keys of one deployment: their file, what is under them, and where an event of them goes.

    ``shared``: other nodes have copies of the file.  ``command`` is how the operator calls this one.
    """

    file: Path
    rewrap: Rewrap = field(repr=False)
    record: Callable[[Event, int], None] = field(repr=False)
    new_id: Callable[[], str]
    now: int
    shared: bool
    command: str


def add_actions(parser: argparse.ArgumentParser, *, dest: str) -> tuple[argparse.ArgumentParser, ...]:
    """Add the four actions; their parsers, for further options."""
    actions = parser.add_subparsers(dest=dest, required=True)
    looking = actions.add_parser("status", help="the keys in the file, and how many values are under each")
    looking.add_argument("--json", action="store_true", help="as JSON")
    return (
        looking,
        actions.add_parser("prepare", help="write the next key into the file: other nodes need it first"),
        actions.add_parser("rotate", help="bring everything under the next key; can be run again"),
        actions.add_parser("retire", help="take the old keys out of the file"),
    )


def status(file: Path, sealed: Iterable[bytes], *, as_json: bool, out: TextIO) -> int:
    """Exit 1 when something is under a key that is not in the file."""
    under = Counter(key_id_of(each).hex() for each in sealed)
    ids = {kek.sealer.key_id.hex(): kek.role for kek in load_keks(file)}
    rows = [
        {"key": each, "role": ids.get(each, "missing"), "values": under[each]}
        for each in sorted(ids.keys() | under.keys())
    ]
    if as_json:
        print(json.dumps(rows, indent=2), file=out)
    else:
        for row in rows:
            print(f"{row['key']}  {row['role']}  {row['values']} values", file=out)
    return 1 if any(row["role"] == "missing" for row in rows) else 0


def change(action: str, keks: Keks, *, out: TextIO) -> None:
    """Carry out one of the others; raises KekRefused, SealBroken, Unavailable, Failed."""
    file = keks.file
    with changing(file):
        match action:
            case "prepare":
                made = prepare(file)
                if made:
                    _record(keks, "kek.created")
                said = "is in the file" if made else "was in the file already"
                print(f"the next key {said}: copy {file} to every node, then {keks.command} rotate", file=out)
            case "rotate":
                _check_prepared(keks)
                for step in rotate(file, keks.rewrap):
                    print(step, file=out)
                _record(keks, "kek.activated")
                then = f"then {keks.command} retire; older backups need the old key"
                print(f"copy {file} to every node, {then}", file=out)
            case "retire":
                gone = retire(file, keks.rewrap)
                _record(keks, "kek.retired")
                print(f"{gone} old keys are gone from {file}", file=out)


def _check_prepared(keks: Keks) -> None:
    """Where other nodes have files of their own, they must have the key before anything is under it."""
    if keks.shared and not any(kek.role == "next" for kek in load_keks(keks.file)):
        raise Failed(f"other nodes need the next key first: run {keks.command} prepare", code=2)


def _record(keks: Keks, name: str) -> None:
    after = {kek.sealer.key_id.hex(): kek.role for kek in load_keks(keks.file)}
    fields = {"decision_id": keks.new_id(), "actor": operator(), "after": {"keys": after}}
    keks.record(Event(name, fields), keks.now)
