"""What a rule asks of the sign-in and of the moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from ipaddress import ip_network
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from idjag.durations import format_duration
from idjag.idp.catalog.durations import Duration
from idjag.idp.catalog.fields import FileEntry, Some, is_clean, refused
from idjag.policy.model import NO_CONDITIONS, Conditions, Hours, Network

__all__ = ["ConditionsEntry", "HoursEntry", "conditions_entry", "conditions_model", "conditions_spec"]

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_LONGEST_WORD = 200


def _word(value: str) -> str:
    if not 0 < len(value) <= _LONGEST_WORD or " " in value or not value.isascii() or not is_clean(value):
        raise refused(f"1 to {_LONGEST_WORD} printable ASCII characters without spaces")
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        pass
    try:
        loose = ip_network(value, strict=False)
    except ValueError:
        raise refused("a network is written like 192.0.2.0/24 or 2001:db8::/32") from None
    raise refused(f"has host bits set; write {loose}")


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises LookupError when this machine does not know it."""
    # The name becomes a path in the zone database: nothing but the characters of zone names goes in.
    if not _ZONE.fullmatch(name):
        raise LookupError(name)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise LookupError(name) from None


def _zone(value: str) -> str:
    try:
        zone_of(value)
    except LookupError:
        raise refused("unknown time zone; write an IANA name such as Europe/Berlin") from None
    return value


def _minutes(value: Any) -> int:
    # YAML 1.1 reads an unquoted 18:30 as a number in base sixty.
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise refused('a time of day is written with quotes, from "00:00" to "24:00"')
    return int(value[:2]) * 60 + int(value[3:])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


Word: TypeAlias = Annotated[str, AfterValidator(_word)]
NetworkText: TypeAlias = Annotated[str, AfterValidator(_network)]
Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]
TimeOfDay: TypeAlias = Annotated[
    int,
    BeforeValidator(_minutes),
    WithJsonSchema({"type": "string", "pattern": f"^({_TIME.pattern})$"}),
]


class HoursEntry(FileEntry):
    """A weekly window in a time zone; an end before the start runs over midnight."""

    tz: Zone
    """The time zone, such as Europe/Berlin."""
    days: Some[Day] | None = None
    """The days on which the window begins; every day when left out."""
    start: TimeOfDay = Field(alias="from")
    """When it begins, such as "08:00"."""
    end: TimeOfDay = Field(alias="to")
    """When it ends, such as "18:00"; "24:00" is the end of the day."""

    @model_validator(mode="after")
    def _lasts(self) -> HoursEntry:
        if self.start in (self.end, 24 * 60):
            raise refused("the window has no length")
        return self


class ConditionsEntry(FileEntry):
    """Every condition must hold; one that is left out asks for nothing."""

    acr: Some[Word] | None = None
    """Any of these authentication context classes, compared exactly."""
    amr: Some[Word] | None = None
    """All of these authentication methods."""
    max_auth_age: Duration | None = None
    """How long ago the sign-in may be."""
    networks: Some[NetworkText] | None = None
    """Where the requesting app must call from."""
    signin_networks: Some[NetworkText] | None = None
    """Where the person must have signed in from."""
    hours: HoursEntry | None = None
    """When."""
    key_bound: bool = False
    """Whether the requesting app must prove a key, so that a stolen grant is useless."""


def conditions_spec(entry: ConditionsEntry | None) -> dict[str, Any]:
    """The stored form; sets are sorted, absent conditions left out."""
    if entry is None:
        return {}
    spec: dict[str, Any] = {
        "acr": sorted(entry.acr or ()),
        "amr": sorted(entry.amr or ()),
        "max_auth_age": entry.max_auth_age,
        "networks": sorted(entry.networks or ()),
        "signin_networks": sorted(entry.signin_networks or ()),
        "hours": entry.hours and _hours_spec(entry.hours),
        "key_bound": entry.key_bound,
    }
    return {name: value for name, value in spec.items() if value}


def conditions_entry(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The file's form of the stored one."""
    entry = dict(spec)
    if "max_auth_age" in spec:
        entry["max_auth_age"] = format_duration(spec["max_auth_age"])
    if "hours" in spec:
        hours = spec["hours"]
        entry["hours"] = {
            "tz": hours["tz"],
            "days": [_DAYS[day] for day in hours["days"]],
            "from": _clock(hours["start"]),
            "to": _clock(hours["end"]),
        }
    return entry


def conditions_model(spec: Mapping[str, Any]) -> Conditions:
    """The policy's value of the stored form."""
    if not spec:
        return NO_CONDITIONS
    hours = spec.get("hours")
    return Conditions(
        acr=tuple(spec.get("acr", ())),
        amr=frozenset(spec.get("amr", ())),
        max_auth_age=spec.get("max_auth_age"),
        networks=_networks(spec, "networks"),
        signin_networks=_networks(spec, "signin_networks"),
        hours=hours and _hours_model(hours),
        key_bound=spec.get("key_bound", False),
    )


def _networks(spec: Mapping[str, Any], name: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in spec.get(name, ()))


def _hours_spec(entry: HoursEntry) -> dict[str, Any]:
    days = sorted(_DAYS.index(day) for day in entry.days or _DAYS)
    return {"tz": entry.tz, "days": days, "start": entry.start, "end": entry.end}


def _hours_model(spec: Mapping[str, Any]) -> Hours:
    name, start, end = spec["tz"], spec["start"], spec["end"]
    try:
        return Hours(zone=name, tz=zone_of(name), days=frozenset(spec["days"]), start=start, end=end)
    except LookupError:
        # This machine's zone database lacks what another one knew: the rule never matches here,
        # and the rest of the tenant is still served.
        return Hours(zone=name, tz=UTC, days=frozenset(), start=start, end=end)
