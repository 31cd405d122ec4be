"""Everything that a serving process does beside its requests, while it serves."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from idjag.idp.checkpoints import checkpointing
from idjag.idp.housekeeping import Housekeeping
from idjag.idp.retention import Retention
from idjag.idp.settings import Settings
from idjag.idp.store.counting import Counting
from idjag.idp.store.dead import dead
from idjag.idp.verifying import Verifying
from idjag.ledger.recurring import Recurring

if TYPE_CHECKING:
    from idjag.idp.app import Store

__all__ = ["upkeep"]

_HOUSEKEEPING_EVERY: Final = 30.0
_RETENTION_EVERY: Final = 3600.0
_COUNTING_EVERY: Final = 60.0
_VERIFYING_EVERY: Final = 30.0  # whether it is time: idjag.idp.verifying


@contextmanager
def upkeep(settings: Settings, store: Store) -> Iterator[None]:
    """Checkpoints, housekeeping, counting, verifying and retention while the ``with`` lasts, and no longer.

    Raises SettingsWrong for checkpoints that cannot be written, or that know more than the database.
    """
    url, ledger, tenant = settings.database_url, store.ledger, store.tenant
    key, clock, new_id = store.chain_key, store.clock, store.new_id
    house = Housekeeping(ledger, tenant, partial(dead, url), clock, new_id)
    with ExitStack() as stack:
        stack.enter_context(checkpointing(settings, ledger, tenant, key=key, clock=clock))
        stack.enter_context(Recurring("housekeeping", house.run, seconds=_HOUSEKEEPING_EVERY))
        counting = Counting(ledger, url, tenant)
        stack.enter_context(Recurring("counting", counting.run, seconds=_COUNTING_EVERY))
        verifying = Verifying(ledger, store.verifications, url, socket.gethostname())
        stack.enter_context(Recurring("verifying", verifying.run, seconds=_VERIFYING_EVERY))
        if settings.audit_retention is not None:
            kept = Retention(ledger, url, tenant, settings.audit_retention, key, clock, new_id)
            stack.enter_context(Recurring("retention", kept.run, seconds=_RETENTION_EVERY))
        yield
