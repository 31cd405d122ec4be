"""The roles and what each of them may do: one table for the console, the admin API and the commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["MAY", "NEEDED", "Permission", "Role", "missing"]


class Permission(StrEnum):
    """What somebody may do; every route names exactly one."""

    READ = "read"
    """See apps, resource apps, connections, rules, guardrails, groups, people and holds, and ask."""
    HOLD = "hold"
    """Stop something now, and release it."""
    RULES = "rules"
    """Change connections, their rules, and guardrails."""
    APPS = "apps"
    """Change apps and resource apps."""
    PEOPLE = "people"
    """Change people and groups."""
    AUDIT = "audit"
    """Read the audit log."""
    KEYS = "keys"
    """Rotate and revoke signing keys."""
    SETTINGS = "settings"
    """Change how people sign in."""
    ADMINISTRATORS = "administrators"
    """Make and end administrators and API tokens."""


class Role(StrEnum):
    """Of an administrator or an API token (admin-console.md)."""

    VIEWER = "viewer"
    RULE_EDITOR = "rule_editor"
    APP_ADMIN = "app_admin"
    AUDITOR = "auditor"
    OWNER = "owner"


_CHANGES: Final = frozenset({Permission.READ, Permission.HOLD})

MAY: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.VIEWER: frozenset({Permission.READ}),
        Role.RULE_EDITOR: _CHANGES | {Permission.RULES},
        Role.APP_ADMIN: _CHANGES | {Permission.RULES, Permission.APPS},
        Role.AUDITOR: frozenset({Permission.READ, Permission.AUDIT}),
        Role.OWNER: frozenset(Permission),
    }
)

NEEDED: Final[Mapping[str, Permission]] = MappingProxyType(
    {
        "group": Permission.PEOPLE,
        "user": Permission.PEOPLE,
        "app": Permission.APPS,
        "resource_app": Permission.APPS,
        "connection": Permission.RULES,
        "rule": Permission.RULES,
        "guardrail": Permission.RULES,
        "tenant": Permission.SETTINGS,
    }
)
"""What it takes to change a noun of the state file."""


def missing(nouns: Iterable[str], permissions: frozenset[Permission]) -> tuple[str, ...]:
    """The nouns among these that somebody with these permissions may not change; one we do not know is."""
    return tuple(sorted({noun for noun in nouns if NEEDED.get(noun) not in permissions}))
