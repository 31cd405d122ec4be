"""How the failure of an entry is told: to its waiter as Unavailable, to the log without a value of it."""

from __future__ import annotations

import logging
from pathlib import Path

from idjag.ledger.entry import Conflict, Unavailable
from idjag.ledger.transaction import Undone

__all__ = ["failed", "log_failure"]

log = logging.getLogger("idjag.ledger")


def failed(error: BaseException) -> Unavailable | Conflict:
    """What the waiter is told; everything but a conflict is logged."""
    if isinstance(error, Conflict):
        return error
    log_failure("an entry failed", error)
    if isinstance(error, Unavailable):
        return error
    told = Unavailable("the entry failed")
    told.__cause__ = error
    return told


def log_failure(what: str, error: BaseException) -> None:
    """One line with the kind of the error and where it arose; its text may hold values of a request."""
    told = isinstance(error, Unavailable | Undone)
    cause = error.__cause__ if told and error.__cause__ else error
    trace = cause.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "nowhere"
    state = getattr(cause, "sqlstate", None)
    log.error("%s: %s%s at %s", what, type(cause).__name__, f" {state}" if state else "", place)
