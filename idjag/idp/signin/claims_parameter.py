"""The ``claims`` parameter of an authorization request: OpenID Connect Core section 5.5; pure.

What we do not know is ignored, as that section says; what is malformed is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from idjag.idp import released
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import JoseError
from idjag.protocol.jose.json import JsonValue, parse_object

__all__ = ["NamedClaims", "parse"]

_MAX_BYTES = 8192
_MAX_VALUES = 32


@dataclass(frozen=True, slots=True)
class NamedClaims:
    """What was asked for by name: for the ID token, from UserInfo, of the sign-in, and who it must be.

    ``essential``: the acr values of which one is demanded; ``voluntary``: those that are a wish.
    """

    id_token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()
    essential: tuple[str, ...] = ()
    voluntary: tuple[str, ...] = ()
    sub: str | None = None


def parse(text: str | None, *, registered: Collection[str]) -> NamedClaims:
    """What the parameter asks for; ``registered`` are the app's scopes.  Raises Refused PARAMETER_WRONG."""
    if text is None:
        return NamedClaims()
    try:
        members = parse_object(text, max_depth=6, max_bytes=_MAX_BYTES)
    except JoseError:
        raise _wrong() from None
    id_token, userinfo = _requests(members.get("id_token")), _requests(members.get("userinfo"))
    acr = id_token.get("acr", {})
    wanted = _values(acr)
    demanded = acr.get("essential") is True
    return NamedClaims(
        id_token=released.nameable(id_token, registered),
        userinfo=released.nameable(userinfo, registered),
        essential=wanted if demanded else (),
        voluntary=() if demanded else wanted,
        sub=_sub(id_token, userinfo),
    )


def _requests(member: JsonValue) -> Mapping[str, Mapping[str, JsonValue]]:
    """Claim name -> how it is asked for; null asks for it without more words."""
    if member is None:
        return {}
    if not isinstance(member, dict):
        raise _wrong()
    asked: dict[str, Mapping[str, JsonValue]] = {}
    for name, how in member.items():
        if how is not None and not isinstance(how, dict):
            raise _wrong()
        asked[name] = how or {}
    return asked


def _values(how: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """``value`` or ``values``, as text."""
    values = how.get("values", [how["value"]] if "value" in how else [])
    if not isinstance(values, list) or len(values) > _MAX_VALUES:
        raise _wrong()
    return tuple(_text(value) for value in values)


def _text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise _wrong()
    return value


def _sub(*requests: Mapping[str, Mapping[str, JsonValue]]) -> str | None:
    """Core section 5.5.1: an answer about anybody else is an error, so that two subs are one too many."""
    subs = {sub for request in requests for sub in _values(request.get("sub", {}))}
    if len(subs) > 1:
        raise _wrong()
    return subs.pop() if subs else None


def _wrong() -> Refused:
    return Refused(Reason.PARAMETER_WRONG, parameter="claims")
