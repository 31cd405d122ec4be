"""Letters on their way: taken at once, sent by a thread of its own, so that no answer's time tells it."""

from __future__ import annotations

import logging
import queue
import threading
from types import TracebackType
from typing import Final, Self

from idjag.idp.mail.letter import Letter, Mail, MailFailed

__all__ = ["Outbox"]

_MOST: Final = 500
_PAUSES: Final = (1.0, 10.0, 60.0)
"""Seconds before each further attempt; after the last the letter is given up."""

_TICK: Final = 0.05

log = logging.getLogger("idjag.idp.mail")


class Outbox:
    """Holds at most ``most`` letters; more are dropped and counted in the log, and people ask again.

    A letter that nobody has taken when the process ends is lost: links live for minutes.
    """

    def __init__(self, mail: Mail, *, most: int = _MOST, pauses: tuple[float, ...] = _PAUSES) -> None:
        self._mail, self._pauses = mail, pauses
        self._letters: queue.Queue[Letter | None] = queue.Queue(most)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="idjag-mail")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send what is waiting, each once and until one is not taken, and stop."""
        self._stopping.set()
        while self._thread.is_alive():
            try:
                self._letters.put(None, timeout=_TICK)
            except queue.Full:
                continue
            break
        self._thread.join()

    def post(self, letter: Letter) -> None:
        """Take a letter; returns at once."""
        try:
            self._letters.put_nowait(letter)
        except queue.Full:
            log.warning("a letter was dropped: too many are waiting for the mail server")

    def _work(self) -> None:
        while (letter := self._letters.get()) is not None:
            if not self._deliver(letter) and self._stopping.is_set():
                return

    def _deliver(self, letter: Letter) -> bool:
        """Whether there is a mail server that answers."""
        for pause in (*self._pauses, None):
            try:
                self._mail.send(letter.to, letter.subject, letter.text)
            except MailFailed as failed:
                if failed.lasting or pause is None or self._stopping.is_set():
                    log.error("a letter was not sent: %s", failed)  # noqa: TRY400  # what it says is all
                    return failed.lasting
                log.warning("a letter waits: %s", failed)
                self._stopping.wait(pause)
            except Exception as error:  # noqa: BLE001  # the thread goes on with the next letter
                # what it says may quote this one
                log.error("a letter was not sent: %s", type(error).__qualname__)  # noqa: TRY400
                return True
            else:
                return True
        return False
