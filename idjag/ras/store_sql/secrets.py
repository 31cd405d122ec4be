"""What a RAS's database keeps sealed beside its keys: proof of the key-encryption key, the chain's key."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from idjag.kek_ring import KekRing, file_ring
from idjag.ras.store_sql.tables import TENANT
from idjag.seal import KekRefused, SealBroken, Sealer, context_of

__all__ = ["open_secrets"]

_CHAIN_KEY_OCTETS = 32
_CHECK = b"idjag ras kek check"
_TABLE = "ras_secret"


def open_secrets(
    stored: Mapping[str, bytes], keep: Callable[[str, bytes], object], *, kek_file: Path, make_kek: bool
) -> tuple[KekRing, bytes]:
    """The sealer, proven, and the key of the audit chain; ``keep`` is given what an empty database needs.

    Whoever calls lets nobody else do this meanwhile.  ``make_kek``: an empty database may have a new key.
    A missing or wrong one never makes anything.  Raises KekRefused.
    """
    sealer = file_ring(kek_file, create=make_kek and not stored)
    secrets = dict(stored) or _made(sealer, keep)
    try:
        sealer.open(secrets["check"], context=_place("check"))
        return sealer, sealer.open(secrets["audit_chain"], context=_place("audit_chain"))
    except (KeyError, SealBroken) as wrong:
        raise KekRefused(
            f"{kek_file} is not the key-encryption key of this database ({wrong}): put the right one back"
        ) from None


def _made(sealer: Sealer, keep: Callable[[str, bytes], object]) -> dict[str, bytes]:
    plain = {"check": _CHECK, "audit_chain": os.urandom(_CHAIN_KEY_OCTETS)}
    made = {name: sealer.seal(octets, context=_place(name)) for name, octets in plain.items()}
    for name, sealed in made.items():
        keep(name, sealed)
    return made


def _place(name: str) -> str:
    return context_of(TENANT, _TABLE, "sealed", name)
