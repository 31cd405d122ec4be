"""The scope parameter: RFC 6749 section 3.3."""

from __future__ import annotations

import re
from collections.abc import Iterable

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.names import MAX_SCOPES

__all__ = ["is_scope_token", "join", "parse"]

_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_MAX_TOKEN = 256


def is_scope_token(text: str) -> bool:
    """Whether ``text`` is one scope-token of at most 256 characters."""
    return len(text) <= _MAX_TOKEN and _TOKEN.fullmatch(text) is not None


def parse(scope: str | None) -> tuple[str, ...] | None:
    """The scope tokens in the order sent, each once; None when the parameter is absent.

    Split on single spaces only, never on Unicode white space.
    Raises Refused SCOPE_MALFORMED (XCH-28).
    """
    if scope is None:
        return None
    tokens = scope.split(" ")
    if len(tokens) > MAX_SCOPES or not all(is_scope_token(token) for token in tokens):
        raise Refused(Reason.SCOPE_MALFORMED)
    return tuple(dict.fromkeys(tokens))


def join(scopes: Iterable[str]) -> str:
    """One space-separated string (JAG-16)."""
    return " ".join(scopes)
