"""Rules: what a connection allows, for whom, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import model_validator

from idjag.durations import format_duration
from idjag.idp.catalog.conditions import (
    ConditionsEntry,
    conditions_entry,
    conditions_model,
    conditions_spec,
)
from idjag.idp.catalog.durations import Lifetime
from idjag.idp.catalog.fields import FileEntry, Id, Scopes, refused
from idjag.idp.catalog.narrowing import (
    NarrowedResources,
    NarrowedScopes,
    narrowing_entry,
    narrowing_spec,
    resources_model,
    scopes_model,
)
from idjag.idp.catalog.not_built import reserved
from idjag.idp.catalog.references import Path, References
from idjag.idp.catalog.who import WhoEntry, who_entry, who_model, who_problems, who_spec
from idjag.policy.model import Rule

__all__ = ["RuleEntry", "rule_entry", "rule_model", "rule_problems", "rule_spec"]


class RuleEntry(FileEntry):
    """An allow rule; the order of rules never matters."""

    id: Id
    """Its name inside the connection."""
    who: WhoEntry
    """For whom."""
    scopes: NarrowedScopes
    """Which scopes: a list, any (all that the resource app declares), or except with a list."""
    default_scopes: Scopes | None = None
    """What a request without scope gets; nothing when left out."""
    resources: NarrowedResources = "any"
    """On which APIs: a list, any, or except with a list."""
    conditions: ConditionsEntry | None = None
    """What must hold besides."""
    lifetime: Lifetime | None = None
    """How long ID-JAGs by this rule live at most."""
    authorization_details: reserved("rule", "authorization_details") = None  # type: ignore[valid-type]
    actors: reserved("rule", "actors") = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _defaults_are_allowed(self) -> RuleEntry:
        allowed = scopes_model(narrowing_spec(self.scopes))
        outside = [scope for scope in self.default_scopes or () if not allowed.admits(scope)]
        if outside:
            raise refused(f"default_scopes has what the rule does not allow: {outside[0]}")
        return self


def rule_problems(entry: RuleEntry, refs: References, path: Path) -> Iterator[tuple[Path, str]]:
    """Where it names groups or people that are not there."""
    yield from who_problems(entry.who, refs, (*path, "who"))


def rule_spec(entry: RuleEntry, refs: References) -> dict[str, Any]:
    """The stored form, without surrogate id and version."""
    return {
        "key": entry.id,
        "who": who_spec(entry.who, refs),
        "scopes": narrowing_spec(entry.scopes),
        "resources": narrowing_spec(entry.resources),
        "default_scopes": sorted(entry.default_scopes or ()),
        "conditions": conditions_spec(entry.conditions),
        "lifetime": entry.lifetime,
    }


def rule_entry(spec: Mapping[str, Any], refs: References) -> dict[str, Any]:
    """The file's form of the stored one."""
    entry: dict[str, Any] = {
        "id": spec["key"],
        "who": who_entry(spec["who"], refs),
        "scopes": narrowing_entry(spec["scopes"]),
        "default_scopes": spec["default_scopes"],
        "resources": narrowing_entry(spec["resources"]),
        "conditions": conditions_entry(spec["conditions"]),
        "lifetime": spec["lifetime"] and format_duration(spec["lifetime"]),
    }
    return {name: value for name, value in entry.items() if value}


def rule_model(spec: Mapping[str, Any]) -> Rule:
    """The policy's value of the stored form."""
    return Rule(
        id=spec["id"],
        key=spec["key"],
        who=who_model(spec["who"]),
        scopes=scopes_model(spec["scopes"]),
        resources=resources_model(spec["resources"]),
        default_scopes=frozenset(spec["default_scopes"]),
        conditions=conditions_model(spec["conditions"]),
        lifetime=spec["lifetime"],
        version=spec["version"],
    )
