"""The file of key-encryption keys while they are rotated: which one seals, and which others still open.

A line is a key.  One line has no word before it: that key seals.  ``next`` marks the key that is to take
over, ``old`` one that has; both open what was sealed under them.  A file with one key is a ring of one.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from idjag.seal import (
    KEY_BYTES,
    KekRefused,
    KekSealer,
    SealBroken,
    key_id_of,
    parse_kek,
    read_private,
    sync_folder,
)

__all__ = ["Kek", "KekRing", "changing", "file_ring", "load_keks", "new_kek", "parse_keks", "write_keks"]

Role: TypeAlias = Literal["current", "next", "old"]
_WORDS: Final[dict[str, Role]] = {"next": "next", "old": "old"}


@dataclass(frozen=True, slots=True)
class Kek:
    """One key of a ring."""

    role: Role
    key: bytes = field(repr=False)

    @property
    def sealer(self) -> KekSealer:
        """What it seals and opens with."""
        return KekSealer(self.key)


class KekRing:
    """The Sealer of several keys: seals under the current one, opens what any of them has sealed.

    ``read`` gives the keys as they are now; it is asked again for a key that is not known yet, so that a
    running process follows a rotation.  Raises KekRefused.
    """

    def __init__(self, read: Callable[[], Sequence[Kek]]) -> None:
        self._read = read
        self._keks = tuple(read())

    def __repr__(self) -> str:
        return f"KekRing({', '.join(f'{kek.role}: {kek.sealer.key_id.hex()}' for kek in self._keks)})"

    @property
    def keks(self) -> tuple[Kek, ...]:
        """The keys as they were read last."""
        return self._keks

    def only(self, role: Role) -> KekSealer | None:
        """The key in that role, of which there is one at the most: current or next."""
        return next((kek.sealer for kek in self._keks if kek.role == role), None)

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """The sealed bytes, under the key that is the current one now."""
        with suppress(KekRefused):  # the file may be out of reach; the keys at hand still open what is sealed
            self.reload()
        current = self.only("current")
        if current is None:
            raise KekRefused("no key seals")
        return current.seal(plain, context=context)

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """What was sealed for that context; raises SealBroken."""
        return self._of(sealed).open(sealed, context=context)

    def rewrap(self, sealed: bytes, *, context: str, to: KekSealer) -> bytes:
        """The same value under a certain key; raises SealBroken."""
        return self._of(sealed).rewrap(sealed, context=context, to=to)

    def reload(self) -> None:
        """Read the keys again; raises KekRefused."""
        self._keks = tuple(self._read())

    def _of(self, sealed: bytes) -> KekSealer:
        key_id = key_id_of(sealed)
        found = self._with(key_id)
        if found is None:
            with suppress(KekRefused):
                self.reload()
            found = self._with(key_id)
        if found is None:
            raise SealBroken("sealed under another key-encryption key")
        return found

    def _with(self, key_id: bytes) -> KekSealer | None:
        return next((kek.sealer for kek in self._keks if kek.sealer.key_id == key_id), None)


def file_ring(path: Path, *, create: bool = False) -> KekRing:
    """The ring in a file; ``create`` makes one with a new key when there is none.  Raises KekRefused."""
    load_keks(path, create=create)
    return KekRing(lambda: load_keks(path))


def load_keks(path: Path, *, create: bool = False) -> tuple[Kek, ...]:
    """The keys in a file, which must be ours alone; raises KekRefused."""
    text = read_private(path, create=create)
    try:
        return parse_keks(text)
    except KekRefused as error:
        raise KekRefused(f"{path.resolve()}: {error}") from None


def parse_keks(text: str) -> tuple[Kek, ...]:
    """The keys, one a line; raises KekRefused."""
    lines = [line.split() for line in text.splitlines() if line.strip()] or [[""]]
    keks = []
    for words in lines:
        role = _WORDS.get(words[0]) if len(words) == 2 else "current"
        if role is None or len(words) > 2:
            raise KekRefused("a line is a key, alone or after `next` or `old`")
        keks.append(Kek(role, parse_kek(words[-1])))
    roles = [kek.role for kek in keks]
    if roles.count("current") != 1 or roles.count("next") > 1:
        raise KekRefused("one line must be a key alone, and one at the most begin with `next`")
    if len({kek.key for kek in keks}) != len(keks):
        raise KekRefused("the same key stands there twice")
    return tuple(keks)


def new_kek() -> bytes:
    """A random key."""
    return os.urandom(KEY_BYTES)


def write_keks(path: Path, keks: Sequence[Kek]) -> None:
    """Put other keys into the file, all at once, durably, for its owner alone; raises OSError."""
    path = path.resolve()
    owner = path.stat()
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".kek-")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            for kek in keks:
                word = "" if kek.role == "current" else f"{kek.role} "
                file.write(f"{word}{kek.key.hex()}\n".encode("ascii"))
            file.flush()
            os.fsync(descriptor)
            if os.geteuid() == 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
        Path(draft).replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            Path(draft).unlink()


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Nobody else changes the file meanwhile; raises KekRefused when somebody does."""
    folder = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise KekRefused(f"{path}: another rotation is under way") from None
    finally:
        os.close(folder)
