"""Random ids: of decisions, tokens, keys, rows."""

from __future__ import annotations

import secrets

__all__ = ["random_id"]


def random_id() -> str:
    """128 random bits in base64url; no hyphen in front, which would be an option where people type it."""
    made = secrets.token_urlsafe(16)
    while made.startswith("-"):
        made = secrets.token_urlsafe(16)
    return made
