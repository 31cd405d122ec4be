"""What callers of the admin API send: strict JSON, exact names, nothing unknown, nothing converted."""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import Field

from idjag.idp.api.problem import Problem
from idjag.idp.catalog.durations import Duration
from idjag.idp.catalog.fields import FileEntry, Name, Timestamp
from idjag.protocol.jose import JsonError
from idjag.protocol.jose import json as strict
from idjag.yaml_file import FileError, FileErrors, read, validate

__all__ = [
    "LONGEST",
    "HoldBody",
    "ReleaseBody",
    "RevokeBody",
    "RoleBody",
    "RotateBody",
    "SecretBody",
    "TokenBody",
    "checked",
    "nothing",
    "parsed",
    "value_of",
    "wrong",
]

M = TypeVar("M", bound=FileEntry)

LONGEST: Final = 64 * 1024
"""Bytes of a body; a state file may be longer."""

_DEEPEST: Final = 32
_LONGEST_REASON: Final = 500

RoleName: TypeAlias = Literal["viewer", "rule_editor", "app_admin", "auditor", "owner"]
Alg: TypeAlias = Literal["ES256", "RS256", "Ed25519"]
Reason: TypeAlias = Annotated[Name, Field(max_length=_LONGEST_REASON)]


class _Target(FileEntry):
    kind: Literal["user", "app", "connection", "resource-app"]
    """What kind of thing it is."""
    id: Name
    """The user name, or the id of the state file."""
    app: Name | None = None
    """With user: in this requesting app alone."""
    reason: Reason
    """Why; recorded."""


class HoldBody(_Target):
    """Stop something now."""

    until: Timestamp | None = None
    """When it ends by itself."""


class ReleaseBody(_Target):
    """Release every hold on something."""


class RotateBody(FileEntry):
    """Publish the next signing keys."""

    algs: list[Alg] = Field(default=["ES256", "RS256", "Ed25519"], min_length=1)
    """Of these algorithms."""
    ahead: Duration = 24 * 3600
    """How long before they sign."""


class RoleBody(FileEntry):
    """What an administrator may do."""

    role: RoleName
    """The role."""


class TokenBody(FileEntry):
    """An API token to make."""

    name: Annotated[Name, Field(max_length=200)]
    """What it is for."""
    role: RoleName
    """What it may do, never more than whoever makes it."""
    lifetime: Duration = 90 * 24 * 3600
    """How long it lives."""


class SecretBody(FileEntry):
    """A further client secret."""

    overlap: Duration = 24 * 3600
    """How long the one that is there goes on."""
    expires: Timestamp | None = None
    """When the new one ends by itself."""


class Nothing(FileEntry):
    """There is nothing to say."""


class RevokeBody(FileEntry):
    """Trust a key no more."""

    reason: Reason
    """Why; recorded."""


def value_of(octets: bytes) -> dict[str, strict.JsonValue]:
    """The members of a JSON object; raises Problem 400."""
    try:
        return strict.parse_object(octets, max_depth=_DEEPEST, max_bytes=LONGEST)
    except JsonError as error:
        raise Problem(400, f"The body must be one JSON object ({error}).") from None


def parsed(octets: bytes, model: type[M]) -> M:
    """The body as what it must be; raises Problem 400 that names every place."""
    return checked(value_of(octets), model)


def nothing(octets: bytes) -> None:
    """Whoever sends something means something; raises Problem 400."""
    if octets:
        parsed(octets, Nothing)


def checked(value: dict[str, strict.JsonValue], model: type[M]) -> M:
    """Members as what they must be; raises Problem 400."""
    try:
        return validate(read(json.dumps(value, ensure_ascii=False), source="body"), model)
    except FileError as error:
        raise wrong(FileErrors([error]), lines=False) from None
    except FileErrors as errors:
        raise wrong(errors, lines=False) from None


def wrong(errors: FileErrors, *, lines: bool = True) -> Problem:
    """What is wrong with what was sent, place by place; each message names its field."""
    places = [(f"{error.line}:{error.column}" if lines else "body", error.message) for error in errors.errors]
    paths = [error.path for error in errors.errors]
    return Problem(400, "Something in the body must be changed.", places, paths=paths)
