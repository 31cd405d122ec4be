"""How far a log has been verified, piece by piece while it grows, and what is remembered of that.

It stands in the database under a code of the chain key: whoever writes there without the key can take it away
or put an older one back, and make none.  The proof is ``verify`` with checkpoints from outside.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from idjag.ledger import landmarks
from idjag.ledger.chain import Break, Walk, fault, genesis
from idjag.ledger.entry import Head
from idjag.ledger.verification import Trail, Verified
from idjag.protocol.jose.json import canonical

__all__ = ["Known", "advanced", "of_text", "text_of", "whole"]

_PURPOSE: Final = b"idjag audit verified 1\0"
_PAGE: Final = 100
"""Rows between two looks at who else wants something: a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a log; times are NumericDate, links hex.

    Every row up to ``no`` was verified when it was new; ``whole_no``: up to where all rows were last read
    again, from the first one on, by ``whole_time``; ``whole_began``: when that, or a reading that has met a
    break since, began.  ``reading_no``: how far the reading has come that is under way.  ``asked``: when
    somebody last wanted one.  ``broken_no``: the row at which the log is not what was written, 0 for none.
    """

    no: int = 0
    link: str = ""
    time: int = 0
    by: str = ""
    whole_no: int = 0
    whole_began: int = 0
    whole_time: int = 0
    reading_no: int = 0
    reading_link: str = ""
    reading_began: int = 0
    asked: int = 0
    broken_no: int = 0
    broken_why: str = ""
    broken_time: int = 0

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for the whole log to be read again."""
        return self.asked > self.whole_began

    def asking(self, *, now: int) -> Known:
        """With somebody who wants it to be read again, from the beginning."""
        return replace(self, asked=max(now, self.whole_began + 1, self.reading_began + 1))

    def over(self, before: Known) -> Known:
        """In the place of what was known before; what somebody has asked meanwhile stays asked."""
        return replace(self, asked=max(self.asked, before.asked))

    def answered(self, began: int) -> Known:
        """With a break for whoever has asked; the next time looks at the same place."""
        return replace(self, whole_began=max(began, self.asked))

    def broken_at(self, found: Break, *, now: int) -> Known:
        """With a break, which was there before or is new."""
        if (self.broken_no, self.broken_why) == (found.no, found.why):
            return self
        return replace(self, broken_no=found.no, broken_why=found.why, broken_time=now)

    def mended(self, *, after_no: int, no: int) -> Known:
        """Without its break, if that is among the rows that were read just now."""
        if not after_no < self.broken_no <= no:
            return self
        return replace(self, broken_no=0, broken_why="", broken_time=0)


def text_of(known: Known, *, tenant: str, key: bytes) -> str:
    """As it is kept."""
    body = asdict(known)
    return canonical({**body, "mac": _mac(body, tenant, key)}).decode()


def of_text(text: str, *, tenant: str, key: bytes) -> Known | None:
    """What was kept; None when that was not written with this key for this tenant."""
    try:
        body: dict[str, Any] = json.loads(text)
        mac = str(body.pop("mac"))
        if hmac.compare_digest(mac.encode(), _mac(body, tenant, key).encode()):
            return Known(**{each.name: body[each.name] for each in fields(Known) if each.name in body})
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    return None


def whole(known: Known, done: Verified, *, began: int, now: int, by: str) -> Known:
    """With what ``verify`` has found of the whole log."""
    # what was written since it began is no loss
    short = done.last < known.no and began > known.time
    broken = done.broken or (_shorter(known, done.last) if short else None)
    if broken is not None:
        return replace(known.broken_at(broken, now=now), time=now, by=by)
    at = known if done.last < known.no else replace(known, no=done.last, link=done.link.hex())
    return _read(at, done.last, began=began, now=now, by=by)


def advanced(
    trail: Trail,
    tenant: str,
    *,
    key: bytes,
    known: Known,
    again: bool,
    enough: Callable[[], bool],
    now: int,
    by: str,
) -> Known:
    """Verify what is new; with ``again``, all from the first row on, where an earlier time has stopped.

    ``enough`` is asked after each page; what is left is for the next time.  Raises Unavailable.
    """
    head = trail.head(tenant)
    if head.audit_no < known.no:
        return replace(known.broken_at(_shorter(known, head.audit_no), now=now), time=now, by=by)
    piece = _Piece(trail, tenant, key, head, enough)
    if known.no:
        after = Head("", 0, known.no, bytes.fromhex(known.link))
        broken, at = piece.read(after)
        known = replace(known, no=at.audit_no, link=at.link.hex(), time=now, by=by)
        known = known.mended(after_no=after.audit_no, no=at.audit_no)
        if broken is not None:
            return known.broken_at(broken, now=now).answered(known.whole_began)
    return _again(piece, known, now=now, by=by) if again or not known.no else known


def _shorter(known: Known, no: int) -> Break:
    """A log never loses its end: a restore takes back what is remembered of it, too."""
    return Break(no + 1, f"rows are missing at the end: they were there up to {known.no}")


def _again(piece: _Piece, known: Known, *, now: int, by: str) -> Known:
    """Go on with reading everything, or begin: anew, if somebody has wanted it since."""
    began, after = known.reading_began, Head("", 0, 0, genesis(piece.tenant))
    if began and began >= known.asked:
        after = Head("", 0, known.reading_no, bytes.fromhex(known.reading_link))
    else:
        began = now
    broken, at = piece.read(after)
    known = replace(known, time=now, by=by).mended(after_no=after.audit_no, no=at.audit_no)
    if broken is None and at.audit_no == piece.head.audit_no:
        known = replace(known, no=at.audit_no, link=at.link.hex())
        return _read(known, at.audit_no, began=began, now=now, by=by)
    known = replace(known, reading_no=at.audit_no, reading_link=at.link.hex(), reading_began=began)
    if broken is None:
        return known
    return known.broken_at(broken, now=now).answered(began)


def _read(known: Known, no: int, *, began: int, now: int, by: str) -> Known:
    """Everything up to that row was read and is right."""
    return replace(
        known.mended(after_no=0, no=no),
        time=now,
        by=by,
        whole_no=no,
        whole_began=began,
        whole_time=now,
        reading_no=0,
        reading_link="",
        reading_began=0,
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """As much of a log as can be read now, up to a head."""

    trail: Trail
    tenant: str
    key: bytes
    head: Head
    enough: Callable[[], bool]

    def read(self, after: Head) -> tuple[Break | None, Head]:
        """The first break, if any, and the last end of a batch before it from which the next time goes on."""
        begin = self._start(after)
        broken, at = self._followed(begin)
        if broken is not None and (start := self._start(at)) is not at:
            return None, start  # what was missing was pruned meanwhile
        return broken, at

    def _start(self, after: Head) -> Head:
        """Where to begin: behind what was pruned."""
        start = landmarks.start_of(self.trail, self.tenant, key=self.key)
        return start.head if start is not None and start.head.audit_no > after.audit_no else after

    def _followed(self, after: Head) -> tuple[Break | None, Head]:
        walk, at = Walk(self.tenant, start=after, heads=(self.head,)), after
        while left := self.head.audit_no - walk.no:
            page = self.trail.audit_rows(self.tenant, after_no=walk.no, limit=min(_PAGE, left))
            if not page:
                break
            for row in page:
                before = Head("", 0, walk.no, walk.link) if walk.begins_batch(row) else at
                if found := walk.follow(row):
                    return found, at
                at = before  # a row that follows it says that a batch ends there
                if why := fault(row, tenant=self.tenant, key=self.key):
                    return Break(walk.no, why), at
            if at.audit_no > after.audit_no and self.enough():
                return None, at
        broken = walk.end()
        return broken, at if broken else Head("", 0, walk.no, walk.link)


def _mac(body: dict[str, Any], tenant: str, key: bytes) -> str:
    return hmac.digest(key, _PURPOSE + canonical({**body, "tenant": tenant}), hashlib.sha256).hex()
