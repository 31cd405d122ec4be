"""Another process on the same file: what the parent tells it to do, line by line on standard output."""

from __future__ import annotations

import os
import resource
import signal
import sys
from itertools import count
from pathlib import Path
from threading import Barrier, Thread

from idjag.ledger.entry import Unavailable, Verdict
from tests.ledger.parts import (
    AnyLedger,
    entry,
    event,
    eventually,
    is_ready,
    jti,
    postgres_ledger,
    sqlite_ledger,
)


def say(line: str) -> None:
    """One write, so that lines of several threads do not mix, and nothing stays in a buffer."""
    os.write(1, f"{line}\n".encode())


def storm(ledger: AnyLedger, *, name: str, threads: int = 4) -> None:
    """Say every decision that was acknowledged, the moment it was, until somebody ends this."""

    def run(thread: int) -> None:
        for n in count():
            decision_id = f"{name}-{thread}-{n}"
            if ledger.commit(entry(decision_id, on_success=(jti(decision_id),))) == "yes":
                say(decision_id)

    every = [Thread(target=run, args=(thread,)) for thread in range(threads)]
    for thread in every:
        thread.start()
    for thread in every:
        thread.join()


def race(ledger: AnyLedger, *, name: str, threads: int = 25, ids: int = 10) -> None:
    """When the parent says so, try to win every id; say which were won."""
    together = Barrier(threads + 1)

    def run(thread: int) -> None:
        together.wait()
        for n in range(ids):
            if ledger.commit(entry(f"{name}-{thread}-{n}", on_success=(jti(str(n)),))) == "yes":
                say(str(n))

    every = [Thread(target=run, args=(thread,)) for thread in range(threads)]
    for thread in every:
        thread.start()
    say("ready")
    sys.stdin.readline()
    together.wait()
    for thread in every:
        thread.join()


def full(ledger: AnyLedger, *, name: str) -> None:
    """Run into a full disk, get room again, and try until an entry is served; say which ones were.

    While the disk is only nearly full, a fresh connection has room for small entries and says so: it is
    full for whatever comes after that.
    """
    room, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    assert served(ledger, f"{name}-before")
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, most))
    while served(ledger, f"{name}-full"):
        pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, most))
    assert not served(ledger, f"{name}-fuller")
    eventually(lambda: not is_ready(ledger))  # it tries to write by itself
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    eventually(lambda: is_ready(ledger))
    assert served(ledger, f"{name}-after")


def unsteady(ledger: AnyLedger, *, name: str, wanted: int = 60) -> None:
    """Until so many were served: say which ones, and `refused` for each of the others."""
    numbers = count()
    while wanted:
        decision_id = f"{name}-{next(numbers)}"
        try:
            ledger.commit(entry(decision_id, on_success=(jti(decision_id),)))
        except Unavailable:
            say("refused")
        else:
            say(decision_id)
            wanted -= 1


def served(ledger: AnyLedger, decision_id: str) -> bool:
    """Whether an entry with a large record was."""
    verdict = Verdict("yes", [event(decision_id, "state.applied", after="x" * 200_000)])
    try:
        ledger.commit(entry(decision_id, lambda _policy, _facts: verdict))
    except Unavailable:
        return False
    say(decision_id)
    return True


if __name__ == "__main__":
    where = sys.argv[2]
    ledger = postgres_ledger(where) if where.startswith("postgresql:") else sqlite_ledger(Path(where))
    with ledger as opened:
        act = {"storm": storm, "race": race, "full": full, "unsteady": unsteady}[sys.argv[1]]
        act(opened, name=sys.argv[3])
