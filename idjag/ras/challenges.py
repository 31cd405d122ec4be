"""The words between a client and an API: Authorization, WWW-Authenticate (RFC 6750, RFC 9449 section 7)."""

from __future__ import annotations

from collections.abc import Iterable

from idjag.protocol import names
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.scopes import join

__all__ = ["challenges", "credentials"]

_SCHEMES = {scheme.lower().encode(): scheme for scheme in (names.TOKEN_TYPE_BEARER, names.TOKEN_TYPE_DPOP)}


def credentials(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    """The scheme (``Bearer`` or ``DPoP``) and the token of the only Authorization header.

    Raises Refused TOKEN_MISSING, TOKEN_INVALID.
    """
    values = [value for name, value in headers if name == b"authorization"]
    if not values:
        raise Refused(Reason.TOKEN_MISSING)
    written, _, token = values[0].partition(b" ")
    scheme = _SCHEMES.get(written.lower())
    if len(values) > 1 or scheme is None:
        raise Refused(Reason.TOKEN_INVALID, problem="not one Bearer or DPoP token")
    try:
        return scheme, token.strip(b" ").decode("ascii")
    except UnicodeDecodeError:
        raise Refused(Reason.TOKEN_INVALID, problem="encoding", scheme=scheme) from None


def challenges(
    refused: Refused, *, schemes: tuple[str, ...], metadata: str, scopes: Iterable[str]
) -> tuple[bytes, ...]:
    """One value of WWW-Authenticate for each of the schemes that would help.

    The error stands with the scheme that was used (``refused.fact``), or with the first; there is none
    when nothing was sent (RFC 6750 section 3.1).  To say what else would do helps against a wrong token
    alone, not against a lack of scope.
    """
    used = refused.fact.get("scheme")
    blamed = used if used in schemes else schemes[0]
    offered = (blamed,) if refused.reason is Reason.SCOPE_INSUFFICIENT else schemes
    error = None if refused.reason is Reason.TOKEN_MISSING else ANSWERS[refused.reason].error
    required = join(dict.fromkeys(scopes))
    return tuple(
        _challenge(scheme, error if scheme == blamed else None, metadata=metadata, scope=required)
        for scheme in offered
    )


def _challenge(scheme: str, error: str | None, *, metadata: str, scope: str) -> bytes:
    members = {
        "error": error,
        "resource_metadata": metadata,
        "scope": scope,
        "algs": " ".join(names.DPOP_ALGORITHMS) if scheme == names.TOKEN_TYPE_DPOP else None,
    }
    said = ", ".join(f'{name}="{value}"' for name, value in members.items() if value)
    return f"{scheme} {said}".encode()
