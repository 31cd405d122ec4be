"""The kinds of values that ras.yaml has; needs pydantic, so only config.py imports it, late."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from idjag.durations import parse_duration
from idjag.protocol.jose import JoseError, KeySet
from idjag.protocol.resources import is_resource
from idjag.protocol.scopes import is_scope_token

__all__ = [
    "Domain",
    "Duration",
    "Email",
    "EntityId",
    "Issuer",
    "Keys",
    "Scopes",
    "Text",
    "Time",
    "Uri",
    "is_loopback",
    "once",
    "secret_problem",
    "wrong",
]

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PRINTABLE = re.compile(r"[!-~]{1,255}")
_EMAIL = re.compile(r"[!-?A-~]{1,64}@[a-z0-9.-]{1,189}", re.IGNORECASE | re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_ENTITY_ID = re.compile(r"[!-~]{1,1024}")
_SHORTEST_SECRET = 16


def wrong(text: str) -> PydanticCustomError:
    """What is wrong, in a sentence that never repeats the value."""
    return PydanticCustomError("refused", text)


def _matching(pattern: re.Pattern[str], text: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise wrong(text)
        return value

    return AfterValidator(check)


def _seconds(value: Any) -> int:
    try:
        return parse_duration(value if isinstance(value, str) else "")
    except ValueError as error:
        raise wrong(str(error)) from None


def _time(value: Any) -> int:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise wrong("a time is written like 2027-06-30T00:00:00Z, with its zone")
    try:
        return int(datetime.fromisoformat(value).timestamp())
    except ValueError:
        raise wrong("there is no such time") from None


def is_loopback(uri: str) -> bool:
    """Whether the host is this machine."""
    return (urlsplit(uri).hostname or "").lower() in _LOOPBACK


def _issuer(value: str) -> str:
    if not is_resource(value) or "?" in value:
        raise wrong("an issuer is an absolute URL in plain ASCII, without query or fragment")
    if not value.startswith("https://") and not (value.startswith("http://") and is_loopback(value)):
        raise wrong("an issuer is an https URL (http only on this machine's loopback address)")
    return value


def _uri(value: str) -> str:
    if not is_resource(value):
        raise wrong("must be an absolute URI in plain ASCII, without a fragment")
    return value


def _scope(value: str) -> str:
    if not is_scope_token(value):
        raise wrong("a scope is printable ASCII without spaces, quotes and backslashes")
    return value


def once(values: list[Any]) -> list[Any]:
    """Refuses a list that says something twice."""
    if len({str(value) for value in values}) != len(values):
        raise wrong("something is listed twice")
    return values


def _key_set(value: Any) -> KeySet:
    """A JWK Set, or a list of JWKs; every key must be usable (attack case 128)."""
    try:
        keys, skipped = KeySet.parse({"keys": value} if isinstance(value, list) else value)
    except (JoseError, AttributeError):
        raise wrong("not a JWK Set") from None
    if skipped or not keys.keys:
        raise wrong(f"not usable: {skipped[0] if skipped else 'no key'}")
    return keys


Duration: TypeAlias = Annotated[int, BeforeValidator(_seconds)]
Issuer: TypeAlias = Annotated[str, AfterValidator(_issuer)]
Uri: TypeAlias = Annotated[str, AfterValidator(_uri)]
Scopes: TypeAlias = Annotated[list[Annotated[str, AfterValidator(_scope)]], AfterValidator(once)]
Text: TypeAlias = Annotated[str, _matching(_PRINTABLE, "1 to 255 printable ASCII characters, no spaces")]
Domain: TypeAlias = Annotated[str, _matching(_DOMAIN, "a domain name in lower case")]
Email: TypeAlias = Annotated[str, _matching(_EMAIL, "an email address in plain ASCII")]
EntityId: TypeAlias = Annotated[str, _matching(_ENTITY_ID, "1 to 1024 printable ASCII characters, no spaces")]
Time: TypeAlias = Annotated[int, BeforeValidator(_time)]
Keys: TypeAlias = Annotated[Any, BeforeValidator(_key_set)]


def secret_problem(secret: str) -> str | None:
    """Why this cannot be a client secret; never repeats it."""
    if len(secret) < _SHORTEST_SECRET or not all("\x20" <= each <= "\x7e" for each in secret):
        return f"a client secret is printable ASCII of at least {_SHORTEST_SECRET} characters"
    return None
