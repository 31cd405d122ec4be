"""`idjag kek`: the key-encryption key rotated while everything serves, and what is under which key."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.cli.store import opened
from idjag.idp.app import Store
from idjag.idp.settings import Settings
from idjag.idp.store.kek_rewrap import TABLES, Rewrapping
from idjag.kek_ring import changing, load_keks
from idjag.kek_rotation import prepare, retire, rotate
from idjag.ledger.entry import Entry, Event, OneTime, Verdict
from idjag.seal import key_id_of

__all__ = ["register", "run"]

_POSTGRESQL = "postgresql"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("kek", help="the key-encryption key")
    actions = parser.add_subparsers(dest="action", required=True)
    status = actions.add_parser("status", help="the keys in the file, and how many values are under each")
    status.add_argument("--json", action="store_true", help="as JSON")
    actions.add_parser("prepare", help="write the next key into the file, for other nodes to have it first")
    actions.add_parser("rotate", help="bring everything under the next key; run it again if it was cut off")
    actions.add_parser("retire", help="take the old keys out of the file")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action; raises KekRefused, SealBroken, SchemaRefused, Unavailable."""
    settings = Settings.load(environ, Path(args.config) if args.config else None)
    file = settings.kek_file
    if file is None:
        raise Failed(
            "the key stands in IDJAG_KEK: write it into a file, and name that by IDJAG_KEK_FILE", code=2
        )
    rewrap = Rewrapping(settings.database_url)
    if args.action == "status":
        return _status(file, rewrap, as_json=args.json, out=out)
    with opened(args, environ, err) as store, changing(file):
        match args.action:
            case "prepare":
                made = prepare(file)
                if made:
                    _record(store, "kek.created", file)
                said = "is in the file" if made else "was in the file already"
                print(f"the next key {said}: copy {file} to every node, then idjag kek rotate", file=out)
            case "rotate":
                _check_prepared(file, settings)
                for step in rotate(file, rewrap):
                    print(step, file=out)
                _record(store, "kek.activated", file)
                print(
                    f"copy {file} to every node, then idjag kek retire; older backups need the old key",
                    file=out,
                )
            case "retire":
                gone = retire(file, rewrap)
                _record(store, "kek.retired", file)
                print(f"{gone} old keys are gone from {file}", file=out)
    return 0


def _check_prepared(file: Path, settings: Settings) -> None:
    """Where other nodes have files of their own, they must have the key before anything is under it."""
    prepared = any(kek.role == "next" for kek in load_keks(file))
    if settings.database_url.startswith(_POSTGRESQL) and not prepared:
        raise Failed("other nodes need the next key first: run idjag kek prepare", code=2)


def _status(file: Path, rewrap: Rewrapping, *, as_json: bool, out: TextIO) -> int:
    """Exit 1 when something is under a key that is not in the file."""
    under = Counter(key_id_of(row.sealed).hex() for name in TABLES for row in rewrap.rows(name))
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


def _record(store: Store, name: str, file: Path) -> None:
    after = {kek.sealer.key_id.hex(): kek.role for kek in load_keks(file)}
    holder = store.new_id()
    event = Event(name, {"decision_id": holder, "actor": operator(), "after": {"keys": after}})
    verdict: Verdict[None] = Verdict(None, (event,))
    store.ledger.commit(
        Entry(store.tenant, holder, store.clock(), lambda _snapshot, _facts: verdict, _never_lost)
    )


def _never_lost(one_time: OneTime) -> Verdict[None]:
    raise AssertionError(f"a rotation uses nothing up, and {one_time.kind} was lost")
