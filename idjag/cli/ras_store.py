"""Opening the database of a RAS for a command on its host, beside a server that may be running."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from idjag.cli import Failed
from idjag.cli.operator import operator

if TYPE_CHECKING:
    from idjag.ras.places import Places
    from idjag.ras.store_sql import Database
    from idjag.ras.store_sql.operations import Operations

__all__ = ["Opened", "add_file", "located", "opened"]


@dataclass(frozen=True, slots=True)
class Opened:
    """One deployment at one instant (``now`` is NumericDate)."""

    places: Places
    database: Database = field(repr=False)
    operations: Operations = field(repr=False)
    now: int


def add_file(parser: argparse.ArgumentParser) -> None:
    """Which deployment."""
    parser.add_argument("-f", "--file", required=True, metavar="FILE", help="ras.yaml")


def located(file: str) -> Places:
    """Where things are; raises FileError(s), Failed."""
    from idjag.ras.places import places

    try:
        return places(Path(file))
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise Failed(f"{error.filename or file}: {reason}", code=2) from None


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[Opened]:
    """The database that the file names; it must be there: a mistyped path holds no accounts to stop."""
    from idjag.ras.store_sql import is_made, open_database
    from idjag.ras.store_sql.operations import Operations

    places = located(args.file)
    if not is_made(places.database):
        raise Failed(f"{places.database}: no such database: `idjag ras serve` makes it", code=3)
    now = int(time.time())
    with closing(open_database(places.database, kek_file=places.kek_file)) as database:
        operations = Operations(database, actor=operator(), now=now)
        yield Opened(places, database, operations, now)
