"""Checkpoints of the audit log while the identity provider serves, as its settings say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from idjag.idp.settings import Settings, SettingsWrong
from idjag.ledger import checkpointing as writing
from idjag.ledger.verification import Trail

__all__ = ["checkpointing"]


@contextmanager
def checkpointing(
    settings: Settings, ledger: Trail, tenant: str, *, key: bytes, clock: Callable[[], int]
) -> Iterator[None]:
    """Write checkpoints while the ``with`` lasts; what is wrong with them stops the start: SettingsWrong."""
    to = settings.audit_checkpoint
    if to is None:
        yield
        return
    checkpoints = writing.Checkpoints(ledger, tenant, to=to, key=key, clock=clock)
    try:
        with writing.checkpointing(checkpoints, to=to, restored="idjag db after-restore"):
            yield
    except writing.CheckpointsWrong as wrong:
        raise SettingsWrong(str(wrong)) from None
