"""The process that reads many rows of the audit log: asked by a line on its input, it answers by one.

It opens the database to read alone, and has the lowest priority.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

from idjag.idp.snapshot import Snapshot
from idjag.idp.store.ledgers import ledger_of
from idjag.ledger.entry import Head, Reader
from idjag.ledger.verified import Known, advanced

__all__ = ["main"]

_LONGEST: Final = 45.0  # seconds, for half a million rows or more; what is left is for the next time
_LOWEST: Final = 19


def main() -> int:
    """Exit 1 when the database could not be read."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked ends this
    os.nice(_LOWEST)
    try:
        found = _found(json.load(sys.stdin))
    except Exception:  # noqa: BLE001  # its text may hold where the database is; whoever asked says that it failed
        return 1
    json.dump(asdict(found), sys.stdout)
    return 0


def _found(asked: Mapping[str, Any]) -> Known:
    key = bytes.fromhex(asked["key"])
    with closing(ledger_of(asked["url"], load=_nothing, chain_key=key)) as trail:
        return advanced(
            trail,
            asked["tenant"],
            key=key,
            known=Known(**asked["known"]),
            again=asked["again"],
            enough=_Turns(),
            now=asked["now"],
            by=asked["by"],
        )


class _Turns:
    """Half of the time is the database's, whose work has no lower priority; until the time is over."""

    def __init__(self) -> None:
        self._woke = time.monotonic()
        self._ends = self._woke + _LONGEST

    def __call__(self) -> bool:
        now = time.monotonic()
        time.sleep(now - self._woke)
        self._woke = time.monotonic()
        return self._woke > self._ends


def _nothing(_reader: Reader, _tenant: str, _head: Head) -> Snapshot:
    raise AssertionError("nothing is decided here")


if __name__ == "__main__":
    sys.exit(main())
