"""Verifies the audit log while everything serves: what is new every few minutes, all of it once a day.

One node does it for all.  A few rows are read here, between other things; many by a process of its own, which
has the lowest priority, so that nobody waits for it.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from idjag.idp.verifications import Verifications
from idjag.ledger.entry import Unavailable
from idjag.ledger.verification import Trail
from idjag.ledger.verified import Known, advanced

__all__ = ["EVERY", "Verifying"]

EVERY: Final = 300
"""Seconds from one look at what is new to the next."""

_WHOLE_EVERY: Final = 24 * 3600
_FEW: Final = 2000
"""Rows that are read again each time, and here: less than a tenth of a second's work."""

_MOST: Final = 500_000
_PAUSE: Final = 0.01  # seconds between two pages
_PROCESS: Final = "idjag.idp.verifying_process"
_LOOK: Final = 0.2  # seconds between two looks at whether we stop
_PATIENCE: Final = 180.0  # seconds; it ends its work itself long before

log = logging.getLogger("idjag.idp.verifying")


@dataclass(frozen=True, slots=True)
class Verifying:
    """The verification of one tenant's log, in the database of a URL, as the node ``by``.

    ``few``: rows up to which no process is started; ``most``: new ones that wait for their time.
    """

    trail: Trail = field(repr=False)
    verifications: Verifications
    url: str = field(repr=False)
    by: str
    few: int = _FEW
    most: int = _MOST

    def run(self, stopping: Callable[[float], bool]) -> None:
        """Verify, if it is time and no other node does; raises Unavailable."""
        kept, now = self.verifications, self.verifications.clock()
        known = self._known()
        rows = self.trail.head(kept.tenant).audit_no
        quiet = 0 <= now - known.time < EVERY and not known.wanted and rows - known.no <= self.most
        if quiet or not kept.claim(now=now):
            return
        found = self._found(known, stopping, rows=rows, now=now)
        kept.keep(found, now=now)
        if found.broken_no and (found.broken_no, found.broken_why) != (known.broken_no, known.broken_why):
            log.error("the audit log is broken row=%s why=%r", found.broken_no, found.broken_why)

    def _known(self) -> Known:
        """What is known; nothing when somebody else has written it."""
        try:
            return self.verifications.known() or Known()
        except ValueError as forged:
            log.warning("%s: beginning anew", forged)
            return Known()

    def _found(self, known: Known, stopping: Callable[[float], bool], *, rows: int, now: int) -> Known:
        tenant = self.verifications.tenant
        again = (
            known.wanted
            or known.reading_began > 0
            or rows <= self.few
            or not 0 <= now - known.whole_began < _WHOLE_EVERY
        )
        if (rows if again else rows - known.no) > self.few:
            return self._elsewhere(known, stopping, again=again, now=now)
        return advanced(
            self.trail,
            tenant,
            key=self.verifications.key,
            known=known,
            again=again,
            enough=lambda: stopping(_PAUSE),
            now=now,
            by=self.by,
        )

    def _elsewhere(self, known: Known, stopping: Callable[[float], bool], *, again: bool, now: int) -> Known:
        """The same in a process of its own; raises Unavailable."""
        asked: dict[str, Any] = {
            "url": self.url,
            "tenant": self.verifications.tenant,
            "key": self.verifications.key.hex(),
            "known": asdict(known),
            "again": again,
            "now": now,
            "by": self.by,
        }
        # Not from where we stand, and nothing on its command line, which everybody can read.
        command = [sys.executable, "-P", "-m", _PROCESS]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(  # noqa: S603  # our own
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, text=True
        )
        with process:
            answer = _answer(process, json.dumps(asked), stopping)
        if process.returncode != 0:
            raise Unavailable("the process that verifies the audit log failed")
        return Known(**json.loads(answer))


def _answer(process: subprocess.Popen[str], asked: str, stopping: Callable[[float], bool]) -> str:
    """What it says in the end; it is ended when we stop, or when it takes far too long."""
    waited = 0.0
    rest: str | None = asked
    while True:
        try:
            return process.communicate(rest, timeout=_LOOK)[0]
        except subprocess.TimeoutExpired:
            rest = None  # it has been given all of it
            waited += _LOOK
            if stopping(0.0) or waited > _PATIENCE:
                process.kill()
