"""Times, durations and addresses as people type them, for argparse: wrong ones are exit 2, with a reason."""

from __future__ import annotations

from argparse import ArgumentTypeError
from ipaddress import ip_address

from pydantic import TypeAdapter, ValidationError

from idjag.idp.catalog.durations import Duration
from idjag.idp.catalog.fields import Timestamp
from idjag.policy.model import Address

__all__ = ["address", "duration", "until", "when"]

_TIMESTAMP: TypeAdapter[int] = TypeAdapter(Timestamp)
_DURATION: TypeAdapter[int] = TypeAdapter(Duration)


def when(text: str) -> int:
    """NumericDate of a time with its zone."""
    return _read(_TIMESTAMP, text)


def duration(text: str) -> int:
    """Seconds of 30s, 5m, 8h, 14d."""
    return _read(_DURATION, text)


def until(text: str) -> tuple[int, bool]:
    """A time, or how long from now: (value, whether it counts from now)."""
    if text[-1:] in "smhd":
        return duration(text), True
    try:
        return when(text), False
    except ArgumentTypeError as wrong:
        raise ArgumentTypeError(f"{wrong}; or how long from now, such as 2h") from None


def address(text: str) -> Address:
    """An IP address."""
    try:
        return ip_address(text)
    except ValueError:
        raise ArgumentTypeError("an address is written like 192.0.2.7 or 2001:db8::7") from None


def _read(adapter: TypeAdapter[int], text: str) -> int:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise ArgumentTypeError(error.errors()[0]["msg"]) from None
