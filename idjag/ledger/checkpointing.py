"""Writes checkpoints of an audit log while a process serves: to a file elsewhere, or to standard error.

By a thread of its own that reads one row now and then: no request waits for it, and its failures end nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from idjag.ledger import checkpoint, landmarks
from idjag.ledger.entry import Head
from idjag.ledger.failure import log_failure
from idjag.ledger.recurring import Recurring
from idjag.ledger.verification import Trail

__all__ = ["EVERY", "Checkpoints", "CheckpointsWrong", "checkpointing"]

EVERY: Final = 25.0
"""Seconds between two looks at the head: a minute is promised, and one look may fail."""

_SETTING: Final = "IDJAG_AUDIT_CHECKPOINT"
_TAIL: Final = 64 * 1024


class CheckpointsWrong(Exception):
    """Checkpoints that cannot be written, or that know more than the database; the message says which."""


class Checkpoints:
    """Checkpoints of one tenant; ``to`` is a file or "stderr"."""

    def __init__(
        self, ledger: Trail, tenant: str, *, to: Path | str, key: bytes, clock: Callable[[], int]
    ) -> None:
        self._ledger = ledger
        self._tenant = tenant
        self._to = to
        self._key = key
        self._clock = clock
        self._written: Head | None = None

    def check(self, *, restored: str) -> None:
        """Refuse a database that is older than the file knows it: CheckpointsWrong.  Raises OSError.

        Whoever restores a backup says so (``restored``: how), or what was revoked since would be good again.
        """
        if not isinstance(self._to, Path) or not self._to.exists():
            return
        head = self._ledger.head(self._tenant)
        ended = landmarks.restores(self._ledger, self._tenant, key=self._key)
        epochs = {epoch for each in ended for epoch in each.epochs}
        for each in checkpoint.read(_latest(self._to), key=self._key):
            if not each.genuine or each.tenant != self._tenant or each.head.epoch in epochs:
                continue
            if each.head.epoch != head.epoch or each.head.audit_no > head.audit_no:
                raise CheckpointsWrong(
                    f"the database is at row {head.audit_no} of its audit log, and {_SETTING}, "
                    f"{self._to}, knows row {each.head.audit_no}: was it restored? {restored}"
                )

    def write(self) -> None:
        """Write where the log stands, if it has grown.  Raises OSError, Unavailable."""
        head = self._ledger.head(self._tenant)
        before = self._written
        if before is not None and (before.epoch, before.audit_no) == (head.epoch, head.audit_no):
            return
        text = checkpoint.line(head, tenant=self._tenant, now=self._clock(), key=self._key)
        if isinstance(self._to, Path):
            checkpoint.append(self._to, text)
        else:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
        self._written = head


def _latest(path: Path) -> list[str]:
    """The last lines of a file that may be years long."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return file.read().decode("utf-8", errors="replace").splitlines()


@contextmanager
def checkpointing(checkpoints: Checkpoints, *, to: Path | str, restored: str) -> Iterator[None]:
    """Write checkpoints while the ``with`` lasts, the last one at its end.

    A place (``to``) that cannot be written stops the start, and so does a database that is older than it:
    CheckpointsWrong.
    """
    try:
        checkpoints.check(restored=restored)
        checkpoints.write()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CheckpointsWrong(f"{_SETTING}: {to}: {reason}") from None
    try:
        with Recurring("checkpoint", lambda _stopping: checkpoints.write(), seconds=EVERY):
            yield
    finally:  # a server that is told to stop leaves by an exception
        try:
            checkpoints.write()
        except Exception as error:  # noqa: BLE001  # it stops anyway
            log_failure("the last checkpoint failed", error)
