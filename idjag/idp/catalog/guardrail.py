"""Guardrails: what nobody is allowed, whatever the connections say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from idjag.idp.catalog.addresses import ResourceUri
from idjag.idp.catalog.documents import document, spec_of
from idjag.idp.catalog.fields import FileEntry, Id, Scopes, Some, Text
from idjag.idp.catalog.not_built import reserved
from idjag.idp.catalog.references import Path, References, unknown
from idjag.idp.catalog.who import WhoEntry, who_entry, who_model, who_problems, who_spec
from idjag.ledger.entry import Row
from idjag.policy.model import Guardrail
from idjag.protocol.resources import comparable

__all__ = [
    "GuardrailEntry",
    "guardrail_columns",
    "guardrail_entry",
    "guardrail_model",
    "guardrail_problems",
]


class GuardrailEntry(FileEntry):
    """A deny rule for the whole tenant; with neither scopes nor resources it denies outright."""

    id: Id
    """Its name."""
    who: WhoEntry
    """For whom."""
    requesting_apps: Some[Id] | None = Field(default=None, alias="from")
    """Ids of requesting apps; any when left out."""
    resource_apps: Some[Id] | None = Field(default=None, alias="to")
    """Ids of resource apps; any when left out."""
    scopes: Scopes | None = None
    """Scopes that it takes away; all when left out."""
    resources: Some[ResourceUri] | None = None
    """APIs that it takes away; all when left out."""
    reason: Text = ""
    """Why."""
    authorization_details: reserved("guardrail", "authorization_details") = None  # type: ignore[valid-type]
    actors: reserved("guardrail", "actors") = None  # type: ignore[valid-type]


def guardrail_problems(entry: GuardrailEntry, refs: References) -> Iterator[tuple[Path, str]]:
    """Where it names apps, groups or people that are not there."""
    yield from who_problems(entry.who, refs, ("who",))
    yield from unknown(entry.requesting_apps, refs.apps, kind="app", path=("from",))
    yield from unknown(entry.resource_apps, refs.resource_apps, kind="resource app", path=("to",))


def guardrail_columns(entry: GuardrailEntry, refs: References, *, before: Row | None) -> dict[str, Any]:
    """What the row says of it; its version goes up by one when it says something else."""
    spec = {
        "who": who_spec(entry.who, refs),
        "apps": _ids(entry.requesting_apps, refs.apps),
        "resource_apps": _ids(entry.resource_apps, refs.resource_apps),
        "scopes": entry.scopes and sorted(entry.scopes),
        "resources": entry.resources and sorted(entry.resources),
        "reason": entry.reason,
    }
    version = 1
    if before is not None:
        known = spec_of(before)
        version = known.pop("version")
        version += 0 if known == spec else 1
    return {"key": entry.id, "spec": document({**spec, "version": version})}


def guardrail_entry(row: Row, refs: References) -> dict[str, Any]:
    """The file's form of a row."""
    spec = spec_of(row)
    entry: dict[str, Any] = {
        "id": row["key"],
        "who": who_entry(spec["who"], refs),
        "from": spec["apps"] and sorted(map(refs.name, spec["apps"])),
        "to": spec["resource_apps"] and sorted(map(refs.name, spec["resource_apps"])),
        "scopes": spec["scopes"],
        "resources": spec["resources"],
        "reason": spec["reason"],
    }
    return {name: value for name, value in entry.items() if value}


def guardrail_model(row: Row) -> Guardrail:
    """The policy's value of a row."""
    spec = spec_of(row)
    return Guardrail(
        id=str(row["id"]),
        key=str(row["key"]),
        who=who_model(spec["who"]),
        apps=_set(spec["apps"]),
        resource_apps=_set(spec["resource_apps"]),
        scopes=_set(spec["scopes"]),
        resources=_set(spec["resources"] and [comparable(uri) for uri in spec["resources"]]),
        reason=spec["reason"],
        version=spec["version"],
    )


def _ids(names: list[str] | None, known: Mapping[str, str]) -> list[str] | None:
    return None if names is None else sorted(known[name] for name in names)


def _set(values: list[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)
