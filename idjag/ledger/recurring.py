"""What a serving process does again and again beside its requests, in a thread of its own, until it stops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from idjag.ledger.failure import log_failure

__all__ = ["Recurring"]


class Recurring:
    """``work(stopping)`` every ``seconds``, the first time at once; a failure is logged, and tried again.

    ``stopping(seconds)`` waits, and says whether the process stops: long work asks it between its steps.
    """

    def __init__(self, name: str, work: Callable[[Callable[[float], bool]], None], *, seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._stop = threading.Event()
        # Never a daemon: one that is cut off in a write would leave half of it.
        self._thread = threading.Thread(target=self._run, name=f"idjag-{name}", daemon=False)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._work(self._stop.wait)
            except Exception as error:  # noqa: BLE001  # whatever it is, requests are served
                log_failure(f"{self._name} failed", error)
            if self._stop.wait(self._seconds):
                return
