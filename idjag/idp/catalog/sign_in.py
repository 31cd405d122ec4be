"""How people sign in here: second factors, how long a session lasts, remembered browsers, new passwords.

One set per tenant, kept in its row.  What an administrator has not said is as below.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from idjag.durations import format_duration, parse_duration
from idjag.idp.catalog.documents import document
from idjag.idp.catalog.durations import Duration
from idjag.idp.catalog.fields import FileEntry, refused
from idjag.ledger.entry import Row

__all__ = [
    "SignInEntry",
    "SignInPolicy",
    "loosened",
    "sign_in_columns",
    "sign_in_entry",
    "sign_in_policy",
]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_NONE = "none"
# NIST SP 800-63B-4 section 2.1.3 ends a session of one factor after 30 days at the latest
_LONGEST_SESSION = 30 * _DAY
_SHORTEST_SESSION = 5 * _MINUTE
_LONGEST_MEMORY = 90 * _DAY
_PASSWORD_LENGTHS = range(8, 65)
_ALONE_LENGTH, _SECONDED_LENGTH = 15, 8


@dataclass(frozen=True, slots=True)
class SignInPolicy:
    """The settings of one tenant; times in seconds.

    ``session_idle``: from one use of a session's cookie to the next; ``session_absolute``: from the sign-in
    (NIST SP 800-63B-4 section 2.2.3 asks for 1 and 24 hours at most of what is signed in with two factors;
    an app that is open keeps no session here busy, hence 2 and 12).  ``remember_device``: for how long a
    browser need not show a second factor again; 0 is never.  ``password_min_length`` in characters: section
    3.1.1.2 asks for 15, or 8 of a password that never admits alone.
    """

    second_factor: Literal["optional", "required"] = "optional"
    session_idle: int = 2 * _HOUR
    session_absolute: int = 12 * _HOUR
    remember_device: int = 0
    password_min_length: int = _ALONE_LENGTH

    @property
    def factor_required(self) -> bool:
        """Whether nobody signs in with a password alone."""
        return self.second_factor == "required"


_DEFAULT = SignInPolicy()


def _session(value: int) -> int:
    if not _SHORTEST_SESSION <= value <= _LONGEST_SESSION:
        raise refused("a session lasts between 5m and 30d")
    return value


def _memory(value: Any) -> int:
    if value == _NONE:
        return 0
    try:
        seconds = parse_duration(value) if isinstance(value, str) else 0
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _LONGEST_MEMORY:
        raise refused("write none, or a duration up to 90d, such as 14d")
    return seconds


def _length(value: int) -> int:
    if value not in _PASSWORD_LENGTHS:
        raise refused("between 8 and 64 characters")
    return value


_SessionLimit: TypeAlias = Annotated[Duration, AfterValidator(_session)]
_Memory: TypeAlias = Annotated[
    int,
    BeforeValidator(_memory),
    WithJsonSchema({"type": "string", "pattern": "^(none|[1-9][0-9]{0,7}[smhd])$", "examples": ["14d"]}),
]
_Length: TypeAlias = Annotated[
    int, AfterValidator(_length), WithJsonSchema({"type": "integer", "minimum": 8, "maximum": 64})
]


class SessionEntry(FileEntry):
    """How long a session lasts."""

    idle: _SessionLimit = _DEFAULT.session_idle
    """From one use to the next, 5m to 30d; an app that is open does not use it.  2h when left out."""
    absolute: _SessionLimit = _DEFAULT.session_absolute
    """From the sign-in to the next, 5m to 30d; 12h when left out."""


class PasswordEntry(FileEntry):
    """What a new password must be."""

    min_length: _Length | None = None
    """The fewest characters, 8 to 64; when left out 15, or 8 where a second factor is required."""


class SignInEntry(FileEntry):
    """How people sign in; ``{}`` is everything as it is when nobody says anything."""

    second_factor: Literal["optional", "required"] = _DEFAULT.second_factor
    """required: nobody signs in with a password alone, and who has no second factor sets one up first."""
    session: SessionEntry = Field(default=SessionEntry())
    """When people must sign in again."""
    remember_device: _Memory = _DEFAULT.remember_device
    """For how long a browser need not show a second factor again, up to 90d; none when left out."""
    password: PasswordEntry = Field(default=PasswordEntry())
    """Which passwords people may choose."""


def sign_in_columns(entry: SignInEntry) -> dict[str, Any]:
    """What the tenant's row says of it."""
    spec = {
        "second_factor": entry.second_factor,
        # nothing lasts longer than what it is a part of
        "session": {
            "idle": min(entry.session.idle, entry.session.absolute),
            "absolute": entry.session.absolute,
        },
        "remember_device": entry.remember_device,
        "password": {"min_length": entry.password.min_length},
    }
    return {"sign_in": document(spec)}


def sign_in_entry(row: Row | None) -> dict[str, Any]:
    """The file's form of a tenant's row, with everything said."""
    policy = sign_in_policy(row)
    length = _spec(row).get("password", {}).get("min_length")
    return {
        "second_factor": policy.second_factor,
        "session": {
            "idle": format_duration(policy.session_idle),
            "absolute": format_duration(policy.session_absolute),
        },
        "remember_device": format_duration(policy.remember_device) if policy.remember_device else _NONE,
        "password": {} if length is None else {"min_length": length},
    }


def sign_in_policy(row: Row | None) -> SignInPolicy:
    """The policy's value of a tenant's row; what it does not say is as it is by default."""
    spec = _spec(row)
    session, factor = spec.get("session", {}), spec.get("second_factor", _DEFAULT.second_factor)
    length = spec.get("password", {}).get("min_length")
    return SignInPolicy(
        second_factor=factor,
        session_idle=session.get("idle", _DEFAULT.session_idle),
        session_absolute=session.get("absolute", _DEFAULT.session_absolute),
        remember_device=spec.get("remember_device", _DEFAULT.remember_device),
        password_min_length=length or (_SECONDED_LENGTH if factor == "required" else _ALONE_LENGTH),
    )


def _spec(row: Row | None) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = json.loads(str(row.get("sign_in") or "{}")) if row is not None else {}
    return spec


def loosened(before: SignInPolicy, after: SignInPolicy) -> list[str]:
    """The settings that let more through than they did; the audit log names them."""
    fewer = {
        "second_factor": (before.factor_required, after.factor_required),
        "password.min_length": (before.password_min_length, after.password_min_length),
    }
    longer = {
        "session.idle": (before.session_idle, after.session_idle),
        "session.absolute": (before.session_absolute, after.session_absolute),
        "remember_device": (before.remember_device, after.remember_device),
    }
    return sorted(
        [name for name, (was, will) in fewer.items() if will < was]
        + [name for name, (was, will) in longer.items() if will > was]
    )
