"""Rotating a key-encryption key in steps, each durable and each harmless to repeat; knows no database.

At every moment between two steps whoever reads the file can open every row, be its process old or new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from idjag.kek_ring import Kek, KekRing, load_keks, new_kek, write_keks
from idjag.seal import KekRefused, KekSealer

__all__ = ["Rewrap", "prepare", "retire", "rotate"]


class Rewrap(Protocol):
    """A database, as far as what is sealed in it is concerned."""

    def __call__(self, ring: KekRing, to: KekSealer) -> int:
        """Bring every sealed value under ``to``; how many were not."""
        ...


def prepare(path: Path) -> bool:
    """Write the next key into the file, if there is none; whether that was done.  Raises KekRefused."""
    keks = load_keks(path)
    if any(kek.role == "next" for kek in keks):
        return False
    write_keks(path, [*keks, Kek("next", new_kek())])
    return True


def rotate(path: Path, rewrap: Rewrap) -> Iterator[str]:
    """Go through the steps; each item says what has been done.  Raises KekRefused, SealBroken."""
    if prepare(path):
        yield "the next key is in the file"
    ring = KekRing(lambda: load_keks(path))
    coming = ring.only("next")
    if coming is None:
        raise KekRefused(f"{path}: there is no next key")
    yield f"{rewrap(ring, coming)} values are under the next key"
    write_keks(path, [_after(kek) for kek in _in_order(ring.keks)])
    yield "the next key is the current one"
    ring.reload()
    # whoever sealed something under the old key meanwhile had read the file before
    yield f"{_all(ring, rewrap)} more values are under the current key"


def retire(path: Path, rewrap: Rewrap) -> int:
    """Take the old keys out of the file when nothing is sealed under them any more; how many went.

    Raises KekRefused, SealBroken.
    """
    ring = KekRing(lambda: load_keks(path))
    if ring.only("next") is not None:
        raise KekRefused(f"{path}: a rotation is under way: end it with idjag kek rotate")
    while _all(ring, rewrap):
        pass
    kept = [kek for kek in ring.keks if kek.role == "current"]
    if len(kept) < len(ring.keks):
        write_keks(path, kept)
    return len(ring.keks) - len(kept)


def _all(ring: KekRing, rewrap: Callable[[KekRing, KekSealer], int]) -> int:
    current = ring.only("current")
    if current is None:
        raise KekRefused("no key seals")
    return rewrap(ring, current)


def _in_order(keks: tuple[Kek, ...]) -> list[Kek]:
    return sorted(keks, key=lambda kek: kek.role != "next")


def _after(kek: Kek) -> Kek:
    return Kek("current" if kek.role == "next" else "old", kek.key)
