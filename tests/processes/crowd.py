"""Many at once: threads that work until the ``with`` is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def crowd(work: Callable[[int, threading.Event], None], *, threads: int) -> Iterator[None]:
    """Each calls ``work(number, over)``, which returns soon after ``over`` is set."""
    over = threading.Event()
    every = [threading.Thread(target=work, args=(number, over)) for number in range(threads)]
    for thread in every:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in every:
            thread.join()
