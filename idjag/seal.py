"""Secrets at rest: AES-256-GCM under a key-encryption key (KEK), and the file that the KEK comes from.

Used by the IdP and by the RAS's own store; knows neither tables nor settings.

A sealed value is an envelope: a random data key, wrapped by the KEK, and what that data key encrypts.
A new KEK therefore re-wraps 48 bytes a row and never touches what is inside.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import stat
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = [
    "KekRefused",
    "KekSealer",
    "NothingSeals",
    "SealBroken",
    "Sealer",
    "context_of",
    "key_id_of",
    "parse_kek",
    "read_private",
    "sync_folder",
]

KEY_BYTES = 32
_VERSION = b"\x01"
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_WRAPPED_BYTES = KEY_BYTES + 16
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES
_LEAST_BYTES = _HEADER_BYTES + 2 * _NONCE_BYTES + _WRAPPED_BYTES + 16

_MAX_FILE_BYTES = 1024  # the texts of a few keys and some white space
_FEWEST_DISTINCT = 16  # 32 random bytes have about 30 different ones, and fewer than 16 never


class SealBroken(Exception):
    """A sealed value does not open: another key, another place, or altered."""


class KekRefused(Exception):
    """The key-encryption key cannot be used; the message says what to change, never the key."""


class Sealer(Protocol):
    """Encrypts what is stored; a KMS may stand behind it."""

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """The sealed bytes; ``context`` is the place that they belong to (see ``context_of``)."""
        ...

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """What was sealed for that very place; raises SealBroken."""
        ...


class NothingSeals:
    """The Sealer of a place without a key: what needs one fails there, and nothing is stored in the clear."""

    def seal(self, plain: bytes, *, context: str) -> bytes:  # noqa: ARG002
        """Raises KekRefused."""
        raise KekRefused("no key-encryption key is given")

    def open(self, sealed: bytes, *, context: str) -> bytes:  # noqa: ARG002
        """Raises SealBroken."""
        raise SealBroken("no key-encryption key is given")


class KekSealer:
    """The Sealer of a key-encryption key that this process holds.

    Sealed, in bytes: version 1, key id 8, nonce 12, data key wrapped by the KEK 48, nonce 12, then
    ciphertext and tag.
    """

    __slots__ = ("_kek", "key_id")

    def __init__(self, kek: bytes) -> None:
        if len(kek) != KEY_BYTES:
            raise KekRefused(f"the key-encryption key must have {KEY_BYTES} bytes")
        self._kek = AESGCM(kek)
        self.key_id = hmac.digest(kek, b"idjag kek id", "sha256")[:_KEY_ID_BYTES]

    def __repr__(self) -> str:
        return f"KekSealer(key_id={self.key_id.hex()!r})"

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """The sealed bytes; two calls never give the same."""
        data_key = AESGCM.generate_key(bit_length=8 * KEY_BYTES)
        header = _VERSION + self.key_id
        wrap_nonce, nonce = os.urandom(_NONCE_BYTES), os.urandom(_NONCE_BYTES)
        wrapped = self._kek.encrypt(wrap_nonce, data_key, _bound(b"key", header, context))
        # The inner part does not name the KEK: re-wrapping under a new one must leave it valid.
        body = AESGCM(data_key).encrypt(nonce, plain, _bound(b"body", _VERSION, context))
        return header + wrap_nonce + wrapped + nonce + body

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """What was sealed for that context; raises SealBroken."""
        return self._opened(sealed, context=context)[1]

    def rewrap(self, sealed: bytes, *, context: str, to: KekSealer) -> bytes:
        """The same value under another key; what is inside is not written anew.  Raises SealBroken."""
        data_key, _ = self._opened(sealed, context=context)
        header, nonce = _VERSION + to.key_id, os.urandom(_NONCE_BYTES)
        wrapped = to._kek.encrypt(nonce, data_key, _bound(b"key", header, context))
        return header + nonce + wrapped + sealed[_HEADER_BYTES + _NONCE_BYTES + _WRAPPED_BYTES :]

    def _opened(self, sealed: bytes, *, context: str) -> tuple[bytes, bytes]:
        """The data key, and what it opens."""
        if key_id_of(sealed) != self.key_id:
            raise SealBroken("sealed under another key-encryption key")
        header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        wrap_nonce, rest = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        wrapped, rest = rest[:_WRAPPED_BYTES], rest[_WRAPPED_BYTES:]
        nonce, body = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            data_key = self._kek.decrypt(wrap_nonce, wrapped, _bound(b"key", header, context))
            return data_key, AESGCM(data_key).decrypt(nonce, body, _bound(b"body", _VERSION, context))
        except InvalidTag:
            raise SealBroken("altered, or sealed for another place") from None


def key_id_of(sealed: bytes) -> bytes:
    """Which key a value says that it is sealed under; raises SealBroken for no sealed value."""
    if len(sealed) < _LEAST_BYTES or not sealed.startswith(_VERSION):
        raise SealBroken("not a sealed value of this version")
    return sealed[len(_VERSION) : _HEADER_BYTES]


def context_of(tenant: str, table: str, column: str, row: str) -> str:
    """The place that a sealed value belongs to, so that ciphertexts cannot change places.

    ``tenant`` is "" for what belongs to no tenant.  Raises ValueError for a part with a slash in it:
    two places must never have one name.
    """
    parts = (tenant, table, column, row)
    if any("/" in part for part in parts) or not all(parts[1:]):
        raise ValueError("a place is tenant, table, column and row id, none with a slash")
    return "/".join(parts)


def parse_kek(text: str) -> bytes:
    """The key from its text: 32 bytes in hex or base64.  Raises KekRefused."""
    text = text.strip()
    try:
        kek = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else _from_base64(text)
    except (ValueError, binascii.Error):
        kek = b""
    if len(kek) != KEY_BYTES:
        raise KekRefused(f"the key-encryption key must be {KEY_BYTES} random bytes in hex or base64")
    # 00...00, 00 01 02... and sample text are somebody's example and therefore everybody's key.
    steps = {(after - before) % 256 for before, after in pairwise(kek)}
    if len(set(kek)) < _FEWEST_DISTINCT or len(steps) == 1 or all(32 <= byte < 127 for byte in kek):
        raise KekRefused("the key-encryption key is not random: make one with `openssl rand -hex 32`")
    return kek


def read_private(path: Path, *, create: bool) -> str:
    """What stands in a file of keys, which must be ours alone.

    ``create`` makes a file with a new key when there is none; two processes that both do get the same.
    Raises KekRefused.
    """
    try:
        path = path.resolve()
        _check_outside_git(path)
        if create and not path.exists():
            _create(path)
        return _read(path)
    except FileNotFoundError:
        raise KekRefused(f"{path} does not exist: put the key-encryption key back") from None
    except OSError as error:
        raise KekRefused(f"{path} cannot be used: {error.strerror}") from None


def _check_outside_git(path: Path) -> None:
    for folder in path.parents:
        if (folder / ".git").exists():
            raise KekRefused(f"{path} is inside the git work tree {folder}: keep the key elsewhere")


def _read(path: Path) -> str:
    # Non-blocking: a FIFO in that place must not hang the start.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_private(path, os.fstat(descriptor), uid=os.geteuid())
        content = os.read(descriptor, _MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    return content.decode("ascii", errors="replace") if len(content) <= _MAX_FILE_BYTES else ""


def _check_private(path: Path, status: os.stat_result, *, uid: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KekRefused(f"{path} is not a regular file")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KekRefused(f"{path} is open to other users: chmod 600 {path}")
    if status.st_uid != uid:
        raise KekRefused(f"{path} belongs to uid {status.st_uid}, this process runs as uid {uid}")


def _create(path: Path) -> None:
    """Write the whole file first and name it last, so that nobody ever reads half a key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".kek-")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES).hex().encode("ascii") + b"\n")
            file.flush()
            os.fsync(descriptor)
        try:
            # Unlike rename, link never takes the place of a key that another process made meanwhile.
            os.link(draft, path)
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        Path(draft).unlink()


def sync_folder(folder: Path) -> None:
    """Make durable what files have which names."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _from_base64(text: str) -> bytes:
    """Standard or URL-safe alphabet, with or without padding."""
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    return base64.b64decode(padded, altchars=b"-_" if set("-_") & set(text) else None, validate=True)


def _bound(purpose: bytes, header: bytes, context: str) -> bytes:
    """Associated data: what this ciphertext is, and where it belongs; unambiguous by fixed lengths."""
    return b"idjag seal " + purpose + b"\0" + header + context.encode("utf-8")
