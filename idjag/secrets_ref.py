"""Turns what a file says of a secret (env:NAME, file:PATH, hash:...) into the secret; shows none, ever."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PasswordHash", "Secret", "SecretUnusable", "resolve"]

MAX_BYTES = 16 * 1024

_FORMS = ("env", "file", "hash")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# The text form of argon2 with its parameters in their one order; salt and hash in unpadded base64.
_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,9})"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,171}"
)
# Above these one sign-in costs the server a quarter of a gigabyte or a second: a lever for whoever wrote it.
_MAX_KIBIBYTES = 256 * 1024
_MAX_PASSES = 16
_MAX_LANES = 16


class SecretUnusable(Exception):
    """The reference leads to no secret; the message names the form and never a value."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in clear, kept out of representations."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """An argon2id hash in its text form; as good as the password to a guesser, so not shown either."""

    encoded: str = field(repr=False)


def resolve(
    reference: str, *, environ: Mapping[str, str], loopback: bool, base: Path, hashes: bool = False
) -> Secret | PasswordHash:
    """The secret that a file means; raises SecretUnusable.

    ``loopback``: our issuer is loopback, so that a literal may stand in the file. ``base``: the folder of
    the file, where relative paths begin. ``hashes``: a password is meant, so that a hash will do.
    """
    form, colon, rest = reference.partition(":")
    if colon and form in _FORMS:
        match form:
            case "env":
                return Secret(_checked(_from_environment(rest, environ), f"env:{rest}"))
            case "file":
                return Secret(_checked(_from_file(rest, base), f"file:{rest}"))
            case _:
                return _hash(rest, hashes=hashes)
    if colon and form.strip().lower() in _FORMS:
        raise SecretUnusable(f"write {form.strip().lower()}: in lower case and without spaces")
    if not loopback:
        raise SecretUnusable(
            "a secret in the file itself is for a loopback issuer alone: use env:NAME or file:PATH"
        )
    return Secret(_checked(reference, "the secret in the file itself"))


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if not _NAME.fullmatch(name):
        # Not shown: somebody may have written the secret where the name belongs.
        raise SecretUnusable("env: must be followed by the name of an environment variable")
    if name not in environ:
        raise SecretUnusable(f"env:{name}: this variable is not set")
    return environ[name]


def _from_file(text: str, base: Path) -> str:
    if not text or _CONTROL.search(text):
        raise SecretUnusable("file: must be followed by a path")
    path = base / text
    try:
        # Not a pipe or a device: reading one might never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SecretUnusable(f"file:{text}: is not a file")
        with path.open("rb") as file:
            octets = file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = (error.strerror or "cannot be read").lower()
        raise SecretUnusable(f"file:{text}: {problem}") from None
    if len(octets) > MAX_BYTES:
        raise SecretUnusable(f"file:{text}: longer than {MAX_BYTES} bytes")
    try:
        secret = octets.decode("utf-8")
    except UnicodeDecodeError:
        # Without its cause, which holds the bytes.
        raise SecretUnusable(f"file:{text}: is not UTF-8 text") from None
    return secret.removesuffix("\n").removesuffix("\r")


def _hash(encoded: str, *, hashes: bool) -> PasswordHash:
    if not hashes:
        raise SecretUnusable("hash: is for passwords of people alone: use env:NAME or file:PATH")
    match = _ARGON2ID.fullmatch(encoded)
    if not match:
        raise SecretUnusable("hash: must be followed by $argon2id$v=19$m=...,t=...,p=...$salt$hash")
    memory, passes, lanes = map(int, match.groups())
    if memory > _MAX_KIBIBYTES or passes > _MAX_PASSES or lanes > _MAX_LANES:
        raise SecretUnusable(f"hash: at most m={_MAX_KIBIBYTES}, t={_MAX_PASSES}, p={_MAX_LANES}")
    if memory < 8 * lanes:
        raise SecretUnusable("hash: m must be at least 8 times p")
    return PasswordHash(encoded)


def _checked(secret: str, origin: str) -> str:
    """A secret that can be sent and compared as it is."""
    if not secret.strip():
        raise SecretUnusable(f"{origin}: is empty")
    if _CONTROL.search(secret):
        raise SecretUnusable(f"{origin}: holds a line break or another control character")
    if any("\ud800" <= character <= "\udfff" for character in secret):
        # How Python shows bytes of the environment that are not UTF-8.
        raise SecretUnusable(f"{origin}: is not UTF-8 text")
    return secret
