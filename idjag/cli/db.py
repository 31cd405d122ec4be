"""`idjag db`: the schema of the database, its backup, and what comes after a restore."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.cli.store import opened
from idjag.idp.app import Store
from idjag.idp.restore import Restore
from idjag.idp.settings import Settings
from idjag.idp.store import schema
from idjag.idp.store.backup import BackupFailed, backup
from idjag.ledger import checkpoint

__all__ = ["register", "run"]

_POSTGRESQL = "postgresql"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("db", help="the database: schema, backup, after a restore")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("upgrade", help="make the database, or its schema the newest")
    current = actions.add_parser("current", help="the schema it has; exit 1 unless that is the newest")
    current.add_argument("--json", action="store_true", help="as JSON")
    copy = actions.add_parser("backup", help="copy the SQLite database while it serves; without the key")
    copy.add_argument("to", type=Path, metavar="TO", help="a new file")
    actions.add_parser("after-restore", help="end all that was given out before; run it before you serve")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action; raises SettingsWrong, SchemaRefused, Failed."""
    settings = Settings.load(environ, Path(args.config) if args.config else None)
    url = settings.database_url
    match args.action:
        case "upgrade":
            return _upgrade(url, out=out)
        case "backup":
            return _backup(url, args.to, out=out)
        case "after-restore":
            with opened(args, environ, err) as store:
                return _after_restore(store, settings, out=out)
    return _current(url, args, out=out)


def _backup(url: str, to: Path, *, out: TextIO) -> int:
    if url.startswith(_POSTGRESQL):
        raise Failed(
            "db backup is for SQLite; use PostgreSQL's own: pg_basebackup with archived WAL, or pg_dump. "
            "Keep the key-encryption key elsewhere, and run idjag db after-restore after a restore",
            code=2,
        )
    try:
        made = backup(url, to.absolute())
    except BackupFailed as failed:
        raise Failed(str(failed), code=3) from None
    print(f"{to}: schema {made.revision}, {made.audit_rows} audit rows; the key is not in it", file=out)
    return 0


def _after_restore(store: Store, settings: Settings, *, out: TextIO) -> int:
    restore = Restore(
        store.ledger,
        store.sealer,
        settings.database_url,
        store.tenant,
        store.new_id,
        epochs=_known_outside(store, settings.audit_checkpoint),
    )
    ended = restore.run(now=store.clock(), actor=operator())
    what = f"{ended.sessions} sessions, {ended.families} families of tokens, {ended.keys} signing keys"
    print(f"ended: {what}; everybody signs in again", file=out)
    if ended.newest is not None:
        newest = datetime.fromtimestamp(ended.newest, UTC)
        print(f"what was changed after {newest:%Y-%m-%dT%H:%M:%SZ} is not in this database:", file=out)
        print("apply the state file, place holds again, change again what secrets were changed", file=out)
    return 0


def _known_outside(store: Store, file: Path | str | None) -> frozenset[str]:
    """The epochs that checkpoints know, so that they can be told from forged ones later."""
    if not isinstance(file, Path) or not file.exists():
        return frozenset()
    found = checkpoint.of_file(file, key=store.chain_key)
    return frozenset(each.head.epoch for each in found if each.genuine and each.tenant == store.tenant)


def _upgrade(url: str, *, out: TextIO) -> int:
    before, after = schema.current(url), schema.upgrade(url)
    change = "nothing to do" if before == after else f"was {before or 'none'}"
    print(f"schema {after}, {change}", file=out)
    return 0


def _current(url: str, args: argparse.Namespace, *, out: TextIO) -> int:
    current, newest = schema.current(url), schema.head()
    if args.json:
        print(json.dumps({"current": current, "newest": newest}), file=out)
    elif current == newest:
        print(f"schema {current}, the newest", file=out)
    else:
        print(f"schema {current or 'none'}, the newest is {newest}: run idjag db upgrade", file=out)
    return 0 if current == newest else 1
