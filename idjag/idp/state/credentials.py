"""What a file says of secrets and passwords, resolved for applying it: values that nothing ever shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from idjag.idp.signin.passwords import check_importable
from idjag.secrets_ref import PasswordHash, Secret, SecretUnusable, resolve

__all__ = ["Credentials", "credentials_of"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """How references become secrets and stored passwords.

    ``secret(reference)`` gives a client secret, ``password_hash(reference)`` the Argon2id hash to store.
    Both raise ValueError, with a message that never repeats a secret.
    """

    secret: Callable[[str], str]
    password_hash: Callable[[str], str]


def credentials_of(
    *, environ: Mapping[str, str], base: Path, loopback: bool, hash_password: Callable[[str], str]
) -> Credentials:
    """The credentials that a file in the folder ``base`` means.

    ``loopback``: our issuer is on this machine, so that secrets may stand in the file itself.
    """

    def found(reference: str, *, hashes: bool) -> Secret | PasswordHash:
        try:
            return resolve(reference, environ=environ, loopback=loopback, base=base, hashes=hashes)
        except SecretUnusable as unusable:
            raise ValueError(str(unusable)) from None

    def secret(reference: str) -> str:
        match found(reference, hashes=False):
            case Secret(value):
                return value
            case PasswordHash():
                raise ValueError("a client secret cannot be a password hash")

    def password_hash(reference: str) -> str:
        match found(reference, hashes=True):
            case Secret(value):
                return hash_password(value)
            case PasswordHash(encoded):
                return check_importable(encoded)

    return Credentials(secret, password_hash)
