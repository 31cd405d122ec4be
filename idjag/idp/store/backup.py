"""A copy of the SQLite database, of one moment, made while others read and write it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from idjag.idp.settings import sqlite_path
from idjag.idp.store import schema

__all__ = ["Backup", "BackupFailed", "backup"]


class BackupFailed(Exception):
    """No backup was made; the message says why."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a copy holds: its schema's revision, and how many rows the audit logs had."""

    revision: str
    audit_rows: int


def backup(url: str, to: Path) -> Backup:
    """Copy the database to a new file, 0600, complete when it has its name.  Raises BackupFailed.

    The key-encryption key is not in it: without that key nothing sealed in the copy can be opened.
    """
    path = sqlite_path(url)
    if path is None:
        raise BackupFailed(
            "this copies SQLite alone: back up PostgreSQL with its own tools (docs/operating.md)"
        )
    schema.check(url)
    if to.exists():
        raise BackupFailed(f"{to} is there already: name a new file")
    try:
        file, name = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}-")  # mkstemp makes it 0600
    except OSError as error:
        raise BackupFailed(f"{to}: {(error.strerror or str(error)).lower()}") from None
    os.close(file)
    draft = Path(name)
    try:
        made = _copy(path, draft)
        _name(draft, to)
    except (sqlite3.Error, OSError) as error:
        raise BackupFailed(f"{to}: {error}") from None
    finally:
        for left in (draft, *(draft.with_name(f"{draft.name}{end}") for end in ("-wal", "-shm"))):
            with suppress(FileNotFoundError):
                left.unlink()
    return made


def _copy(path: Path, draft: Path) -> Backup:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(draft)) as target:
        # In one step: a snapshot holds up no writer in this journal mode, and many steps would begin anew
        # whenever somebody writes.
        source.backup(target)
        # One file, whole by itself, until somebody serves from it.
        target.execute("PRAGMA journal_mode = DELETE")
        (state,) = target.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(f"the database is damaged: {state}")
        (revision,) = target.execute("SELECT version_num FROM alembic_version").fetchone()
        (rows,) = target.execute("SELECT coalesce(sum(audit_no), 0) FROM ledger_head").fetchone()
    return Backup(str(revision), int(rows))


def _name(draft: Path, to: Path) -> None:
    for each, flags in ((draft, os.O_RDONLY), (to.parent, os.O_RDONLY | os.O_DIRECTORY)):
        file = os.open(each, flags)
        try:
            os.fsync(file)
            if each is draft:
                # Unlike rename, link never takes the place of what somebody else has put there meanwhile.
                os.link(draft, to)
        finally:
            os.close(file)
