"""Opening the IdP's store for a command on the host: database and KEK, audited as the operator."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from idjag.idp.app import Store, open_store
from idjag.idp.settings import Settings

__all__ = ["opened"]


@contextmanager
def opened(args: argparse.Namespace, environ: Mapping[str, str], err: TextIO) -> Iterator[Store]:
    """The store that the settings name; warnings go to standard error."""
    settings = Settings.load(environ, Path(args.config) if args.config else None)
    for warning in settings.warnings:
        print(f"idjag: {warning}", file=err)
    with open_store(settings) as store:
        yield store
