"""People: who they are, which local groups they are in, what administrators say about them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from idjag.idp.catalog.documents import document
from idjag.idp.catalog.fields import (
    Email,
    FileEntry,
    Id,
    Name,
    SecretReference,
    Sub,
    Text,
    is_clean,
    refused,
    unique,
)
from idjag.idp.catalog.references import Path, References, unknown
from idjag.ledger.entry import Row

__all__ = ["PUBLIC", "UserEntry", "folded", "user_columns", "user_entry", "user_problems"]

PUBLIC = ""
"""The sector of the subs that are the same for every app."""

_USERNAME = re.compile(r"[^\s\x00-\x20]{1,200}")
_SECTOR = re.compile(r"[a-z0-9._:-]{1,253}")
_LONGEST_VALUE = 255
_MOST = 64


def _username(value: str) -> str:
    unseen = any(unicodedata.category(char) == "Cf" for char in value)  # no width, soft hyphens, tags
    if not _USERNAME.fullmatch(value) or not is_clean(value) or unseen:
        raise refused("a user name is 1 to 200 characters without white space or control characters")
    return value


def folded(username: str) -> str:
    """The same for user names that readers take for one: in case, in width, in how accents are encoded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())


def _attribute(value: str) -> str:
    # It may become a claim (aud_sub), where an empty or unseen value would mean someone else.
    if not 0 < len(value) <= _LONGEST_VALUE or not is_clean(value):
        raise refused(f"an attribute is 1 to {_LONGEST_VALUE} characters without control characters")
    return value


def _few(values: dict[str, str]) -> dict[str, str]:
    if len(values) > _MOST:
        raise refused(f"at most {_MOST}")
    return values


def _sector(value: str) -> str:
    if not _SECTOR.fullmatch(value):
        raise refused("a sector is a host name in lower case")
    return value


Sector: TypeAlias = Annotated[str, AfterValidator(_sector)]
Username: TypeAlias = Annotated[
    str,
    AfterValidator(_username),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200}),
]
Attribute: TypeAlias = Annotated[
    str,
    AfterValidator(_attribute),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": _LONGEST_VALUE}),
]


class UserEntry(FileEntry):
    """A person."""

    username: Username
    """What the person types to sign in."""
    sub: Sub | None = None
    """The subject identifier that apps know the person by; generated when left out, never changed."""
    pairwise_subs: Annotated[dict[Sector, Sub], AfterValidator(_few)] = Field(default={})
    """The same for apps with pairwise subjects, by sector host; generated on first use when left out."""
    email: Email | None = None
    """The email address."""
    email_verified: bool = False
    """Whether an administrator vouches for the address."""
    name: Text = ""
    """The name that people read."""
    password: SecretReference | None = Field(default=None, repr=False)
    """The first password: env:NAME, file:PATH or hash:...; it never takes the place of another one."""
    groups: Annotated[list[Name], AfterValidator(unique)] = Field(default=[])
    """Names of local groups."""
    attributes: Annotated[dict[Id, Attribute], AfterValidator(_few)] = Field(default={})
    """What administrators and provisioning say about the person, never the person."""
    status: Literal["active", "disabled"] = "active"
    """A disabled person has no session and nobody may act for them."""

    @property
    def subs(self) -> dict[str, str]:
        """The subs that the file gives, by sector."""
        public = {} if self.sub is None else {PUBLIC: self.sub}
        return {**public, **self.pairwise_subs}

    @model_validator(mode="after")
    def _verified_is_about_an_address(self) -> UserEntry:
        if self.email_verified and self.email is None:
            raise refused("email_verified says nothing without email")
        return self


def user_problems(entry: UserEntry, refs: References) -> Iterator[tuple[Path, str]]:
    """Where it names groups that are not there."""
    yield from unknown(entry.groups, refs.groups, kind="group", path=("groups",))


def user_columns(entry: UserEntry) -> dict[str, Any]:
    """What the row says of it; sub, password and groups are rows of their own."""
    return {
        "username": entry.username,
        "email": entry.email,
        "email_verified": int(entry.email_verified),
        "name": entry.name,
        "attributes": document(dict(entry.attributes)),
        "status": entry.status,
    }


def user_entry(row: Row, *, subs: Mapping[str, str], groups: Iterable[str]) -> dict[str, Any]:
    """The file's form of a row; ``subs`` by sector, ``groups`` are names.  Passwords are never exported."""
    entry: dict[str, Any] = {"username": row["username"], "sub": subs.get(PUBLIC)}
    if pairwise := {sector: subs[sector] for sector in sorted(subs) if sector != PUBLIC}:
        entry["pairwise_subs"] = pairwise
    if row["email"] is not None:
        entry["email"] = row["email"]
    if row["email_verified"]:
        entry["email_verified"] = True
    if row["name"]:
        entry["name"] = row["name"]
    if names := sorted(groups):
        entry["groups"] = names
    if attributes := json.loads(str(row["attributes"])):
        entry["attributes"] = attributes
    return entry | {"status": row["status"]}
