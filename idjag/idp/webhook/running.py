"""The webhook of a serving process: it watches and sends beside the requests, while the ``with`` lasts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from idjag.idp.settings import Settings, SettingsWrong
from idjag.idp.tenancy import Store
from idjag.idp.webhook.delivery import Delivery, Sender
from idjag.idp.webhook.watch import Looks, Watch
from idjag.ledger.recurring import Recurring

__all__ = ["Rounds", "noticing"]

_WATCHING_EVERY: Final = 300.0
_SENDING_EVERY: Final = 10.0


@dataclass(slots=True)
class Rounds:
    """Looks now and then, and sends each time; ``elapsed`` is a clock in seconds that only goes forward."""

    watch: Callable[[], None] = field(repr=False)
    send: Callable[[Callable[[float], bool]], None] = field(repr=False)
    elapsed: Callable[[], float] = time.monotonic
    next: float = 0.0

    def run(self, stopping: Callable[[float], bool]) -> None:
        """One round; what waits is sent also when there is nothing to be seen, and then that is raised."""
        try:
            if self.elapsed() >= self.next:
                self.next = self.elapsed() + _WATCHING_EVERY
                self.watch()
        finally:
            self.send(stopping)


@contextmanager
def noticing(
    settings: Settings, store: Store, looks: Looks, sender: Sender, *, due: Callable[..., Sequence[str]]
) -> Iterator[None]:
    """Nothing at all without an address; raises SettingsWrong for a secret that cannot be read."""
    url = settings.webhook.url
    if url is None:
        yield
        return
    try:
        secret = settings.webhook.secret()
    except ValueError as wrong:
        raise SettingsWrong(str(wrong)) from None
    delivery = Delivery(store, sender, url, secret, due)
    rounds = Rounds(Watch(store, looks).run, delivery.run)
    with Recurring("webhook", rounds.run, seconds=_SENDING_EVERY):
        yield
