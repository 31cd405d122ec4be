"""What apply, export and check share: the file, who asks, and how its problems reach the reader."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TextIO, TypeVar

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.idp.administration.appointments import LastOwner
from idjag.idp.app import password_list_of
from idjag.idp.passwords.lists import PasswordList
from idjag.idp.passwords.policy import Policy
from idjag.idp.settings import Settings, is_loopback
from idjag.idp.signin.passwords import SHORTEST, PasswordRefused, Passwords
from idjag.idp.state.apply import TestsFailed
from idjag.idp.state.credentials import Credentials, credentials_of
from idjag.idp.state.plan import Problems
from idjag.idp.state.read import Source, read
from idjag.ledger.entry import Conflict
from idjag.secrets_ref import Secret, SecretUnusable, resolve
from idjag.yaml_file import MAX_BYTES, FileErrors
from idjag.yaml_file import read as read_document

__all__ = [
    "StateFileText",
    "add_file",
    "answered",
    "credentials",
    "known_passwords",
    "operator",
    "resolved",
    "state_file",
]

T = TypeVar("T")


class StateFileText:
    """A state file as it was found: typed, located, and the digest of its bytes for the audit log."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                octets = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise Failed(f"{path}: {(error.strerror or 'cannot be read').lower()}", code=2) from None
        self.path = path
        self.digest = hashlib.sha256(octets).hexdigest()
        self.source: Source = read(read_document(octets, source=str(path)))


def add_file(parser: argparse.ArgumentParser) -> None:
    """The file, and whether a script reads the answer."""
    parser.add_argument("-f", "--file", required=True, metavar="FILE", type=Path, help="the state file")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def state_file(args: argparse.Namespace) -> StateFileText:
    """Read the file before anything else is opened; raises FileError, FileErrors, Failed."""
    return StateFileText(args.file)


def credentials(
    file: StateFileText, *, environ: Mapping[str, str], issuer: str, listed: PasswordList | None = None
) -> Credentials:
    """How the file's references are resolved: beside the file, in this environment.

    ``listed``: the operator's own list of passwords that are known.
    """
    # Made on first use: most files set no password any more, and a hasher costs a hash to make.
    passwords = cache(lambda: Passwords(parallel=1))

    def first_password(password: str) -> str:
        # The length that the tenant wants is for what people choose; what is guessed first is nobody's.
        policy = Policy(SHORTEST, listed)
        if weakness := policy.weakness(password):
            raise PasswordRefused(policy.sentence(weakness))
        return passwords().hash(password)

    return credentials_of(
        environ=environ,
        base=file.path.parent,
        loopback=is_loopback(issuer),
        hash_password=first_password,
    )


def known_passwords(args: argparse.Namespace, environ: Mapping[str, str]) -> PasswordList | None:
    """The operator's own list (IDJAG_PASSWORD_LIST); raises SettingsWrong."""
    return password_list_of(Settings.load(environ, Path(args.config) if args.config else None))


def resolved(file: StateFileText, reference: str, *, environ: Mapping[str, str], loopback: bool) -> str:
    """What a reference of the file leads to here; a hash stays what it is.  Raises Failed."""
    try:
        found = resolve(
            reference,
            environ=environ,
            loopback=loopback,
            base=file.path.parent,
            hashes=reference[:5] == "hash:",
        )
    except SecretUnusable as unusable:
        raise Failed(f"{file.path}: {unusable}", code=2) from None
    return found.value if isinstance(found, Secret) else reference


def answered(file: StateFileText, ask: Callable[[], T], *, err: TextIO) -> T | None:
    """The answer; None when tests failed, which are listed.  Raises FileErrors, Failed."""
    try:
        return ask()
    except Problems as found:
        raise file.source.located(found.problems) from None
    except TestsFailed as failed:
        print_errors(file.source.failed(failed.failures), err)
        return None
    except LastOwner as last:
        raise Failed(f"nothing was changed: {last}", code=1) from None
    except Conflict as conflict:
        raise Failed(str(conflict), code=3) from None


def print_errors(errors: FileErrors, err: TextIO) -> None:
    """One line each."""
    for line in str(errors).splitlines():
        print(f"idjag: {line}", file=err)


def print_json(value: Mapping[str, Any], out: TextIO) -> None:
    """One JSON object."""
    print(json.dumps(value, ensure_ascii=False, indent=2), file=out)
