"""Several worker processes behind one listening socket: started, replaced when they end, stopped together."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NoReturn, TextIO

from idjag.cli.process import stop

__all__ = ["run"]

_GRACE = 30  # seconds for a worker whose parent is gone to finish what it has begun
_LEAST_LIFE = 1.0
"""Seconds: one that ends sooner is not replaced at once, or a broken database would keep us forking."""


def run(
    count: int,
    work: Callable[[], object],
    *,
    err: TextIO,
    stopping: Callable[[], object],
    passed_on: Iterable[signal.Signals] = (),
) -> None:
    """Keep ``count`` processes at work until SIGTERM or SIGINT; raises KeyboardInterrupt then.

    ``stopping`` is called when the workers have been told to stop, before they are waited for.
    ``passed_on``: signals that every worker is sent when the calling process gets them.

    The calling process has no other thread and nothing open but what all shall share.  A worker whose parent
    is gone ends itself: two generations must not serve side by side.
    """
    life, held = os.pipe()
    signal.signal(signal.SIGTERM, stop)
    born: dict[int, float] = {}

    def pass_on(number: int, _frame: object) -> None:
        for pid in list(born):
            with suppress(ProcessLookupError):  # it ended a moment ago
                os.kill(pid, number)

    ours = os.getpid()
    for each in passed_on:
        # a worker inherits this until it has a handler of its own: it must not hang up on its neighbours
        signal.signal(each, lambda number, frame: pass_on(number, frame) if os.getpid() == ours else None)
    try:
        while True:
            while len(born) < count:
                _fork(born, work, life=life, held=held)
            pid, status = os.wait()
            age = time.monotonic() - born.pop(pid, 0.0)
            code = os.waitstatus_to_exitcode(status)
            print(f"idjag: worker {pid} ended with {code}, another one takes its place", file=err, flush=True)
            time.sleep(max(0.0, _LEAST_LIFE - age))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _tell_all(born)
        stopping()
        for pid in born:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        os.close(held)
        os.close(life)


def _tell_all(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended, and the signal that ends us cut the news off
            os.kill(pid, signal.SIGTERM)


def _fork(born: dict[int, float], work: Callable[[], object], *, life: int, held: int) -> None:
    # What is buffered would be written by parent and child.
    sys.stdout.flush()
    sys.stderr.flush()
    # Held back in the worker until its server can act on it: while it starts, an exception may come where
    # those are swallowed (when a weak reference dies), and the worker would never end.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    if pid == 0:
        os.close(held)
        _be_a_worker(work, life)
    born[pid] = time.monotonic()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _be_a_worker(work: Callable[[], object], life: int) -> NoReturn:
    """Work to the end; never return into the parent's code."""
    code = 1
    try:
        threading.Thread(target=_end_with_the_parent, args=(life,), daemon=True, name="parent").start()
        work()
        code = 0
    except KeyboardInterrupt:
        code = 0
    except Exception as error:  # noqa: BLE001  # it has nowhere to go
        kind, where = type(error).__name__, traceback.extract_tb(error.__traceback__)[-1]
        print(f"idjag: worker: {kind} at {os.path.basename(where.filename)}:{where.lineno}", file=sys.stderr)  # noqa: PTH119
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _end_with_the_parent(life: int) -> None:
    os.read(life, 1)  # returns when nobody holds the other end any more
    os.kill(os.getpid(), signal.SIGTERM)  # once: another one would cut off what is done at the end
    time.sleep(_GRACE)
    os._exit(1)
