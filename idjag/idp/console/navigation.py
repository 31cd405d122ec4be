"""The entries at the side of every page of the console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from idjag.idp.administration.roles import Permission

__all__ = ["NAVIGATION", "navigation"]

NAVIGATION: Final[Mapping[str, tuple[tuple[str, str, Permission], ...]]] = MappingProxyType(
    {
        "Cross-app access": (
            ("/admin", "Overview", Permission.READ),
            ("/admin/map", "Access map", Permission.READ),
            ("/admin/connections", "Connections", Permission.READ),
            ("/admin/guardrails", "Guardrails", Permission.READ),
            ("/admin/ask", "Ask", Permission.READ),
            ("/admin/audit", "Audit log", Permission.AUDIT),
            ("/admin/lens", "Token lens", Permission.AUDIT),
        ),
        "Registered": (
            ("/admin/apps", "Apps", Permission.READ),
            ("/admin/resource-apps", "Resource apps", Permission.READ),
            ("/admin/people", "People", Permission.READ),
            ("/admin/groups", "Groups", Permission.READ),
        ),
        "Administration": (
            ("/admin/holds", "Holds", Permission.READ),
            ("/admin/keys", "Keys and discovery", Permission.READ),
            ("/admin/administrators", "Administrators", Permission.ADMINISTRATORS),
            ("/admin/settings", "Settings", Permission.READ),
        ),
    }
)
"""Heading -> (path, words, what it takes to see it)."""


def navigation(may: Callable[[Permission], bool]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The headings with those entries that somebody may see who may do that."""
    seen = (
        (heading, [(path, words) for path, words, needs in entries if may(needs)])
        for heading, entries in NAVIGATION.items()
    )
    return [(heading, entries) for heading, entries in seen if entries]
