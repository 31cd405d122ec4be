"""Opening the IdP's store for a command on the host: database and KEK, audited as the operator."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from idjag.cli import Failed
from idjag.idp.app import Store, open_store
from idjag.idp.settings import Settings, sqlite_path

__all__ = ["opened"]


@contextmanager
def opened(
    args: argparse.Namespace,
    environ: Mapping[str, str],
    err: TextIO,
    *,
    create: bool = False,
    scratch: bool = False,
) -> Iterator[Store]:
    """The store that the settings name; warnings go to standard error.

    Without ``create`` a database that is not there is an error: a mistyped folder must not verify as empty.
    ``scratch``: it is an empty one, and gone afterwards: who only looks leaves nothing behind.
    """
    settings = Settings.load(environ, Path(args.config) if args.config else None)
    for warning in settings.warnings:
        print(f"idjag: {warning}", file=err)
    path = sqlite_path(settings.database_url)
    if scratch and path is not None and not path.exists():
        with (
            TemporaryDirectory(prefix="idjag-") as folder,
            open_store(_within(Path(folder), settings)) as empty,
        ):
            yield empty
        return
    if not create and path is not None and not path.exists():
        raise Failed(f"{path}: no such database: check IDJAG_DATA_DIR and IDJAG_DATABASE_URL", code=3)
    with open_store(settings) as store:
        yield store


def _within(folder: Path, settings: Settings) -> Settings:
    """The same with a database, and a key if there is none, in that folder."""
    kek = settings.kek_file and (settings.kek_file if settings.kek_file.exists() else folder / "kek")
    return replace(settings, data_dir=folder, database_url=f"sqlite:///{folder / 'idjag.db'}", kek_file=kek)
