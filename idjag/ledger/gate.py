"""The gate before a SQLite file: writers pass it one at a time, so that a busy one cannot starve the rest."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PATIENCE", "Gate", "sole_server", "write_gate"]

PATIENCE = 2.0
"""Seconds that a writer waits for the gate, and again for its transaction."""

_LOOK_AGAIN = 0.0005


class Gate:
    """An open gate file beside a database; one object per connection, each with a lock of its own."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path.with_name(f"{path.name}.gate"), owner_of=path)

    @contextmanager
    def passing(self, *, patience: float = PATIENCE) -> Iterator[None]:
        """Hold the gate around ``BEGIN IMMEDIATE``, and no longer; raises TimeoutError."""
        self._lock(patience)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file, which stays where it is."""
        os.close(self._file)

    def _lock(self, patience: float) -> None:
        """Look again and again: a lock that waits in the kernel would wait for a stopped process forever."""
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TimeoutError("another process holds the gate of the database") from None
                time.sleep(_LOOK_AGAIN)
            else:
                return


@contextmanager
def write_gate(path: str | Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """The gate for a writer that keeps none open, a command: its ``BEGIN IMMEDIATE`` stands inside.

    ``path`` is the database, ``patience`` is in seconds.  Raises TimeoutError.
    """
    gate = Gate(Path(path))
    try:
        with gate.passing(patience=patience):
            yield
    finally:
        gate.close()


@contextmanager
def sole_server(path: Path) -> Iterator[None]:
    """No other process serves this file while the ``with`` lasts; raises BlockingIOError when one does.

    Its end frees the file, whatever the end was.
    """
    file = _open(path.with_name(f"{path.name}.server"), owner_of=path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(file)


def _open(path: Path, *, owner_of: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if os.geteuid() == 0 and owner_of.exists():
        # A command run by root must not lock the service out of its own gate.
        owner = owner_of.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file
