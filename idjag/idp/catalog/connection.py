"""Connections: one requesting app to one resource app, with its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from idjag.idp.catalog.documents import document, spec_of
from idjag.idp.catalog.fields import (
    ClientId,
    FileEntry,
    Id,
    Text,
    Timestamp,
    format_timestamp,
    refused,
)
from idjag.idp.catalog.not_built import not_built, reserved
from idjag.idp.catalog.references import Path, References
from idjag.idp.catalog.rule import RuleEntry, rule_entry, rule_model, rule_problems, rule_spec
from idjag.ledger.entry import Row
from idjag.policy.model import Connection, ConnectionStatus

__all__ = [
    "ConnectionEntry",
    "connection_columns",
    "connection_entry",
    "connection_model",
    "connection_problems",
]

_PROFILE = "id-jag"
_MOST_RULES = 200


def _profile(value: str) -> str:
    if error := not_built("connection", "profile", value):
        raise error
    if value != _PROFILE:
        raise refused(f"write {_PROFILE}")
    return value


def _rules(values: list[RuleEntry]) -> list[RuleEntry]:
    if len(values) > _MOST_RULES:
        raise refused(f"at most {_MOST_RULES} rules")
    seen: set[str] = set()
    for rule in values:
        if rule.id in seen:
            raise refused(f"two rules have the id {rule.id}")
        seen.add(rule.id)
    return values


class ConnectionEntry(FileEntry):
    """One requesting app to one resource app."""

    id: Id
    """Its name."""
    profile: Annotated[str, AfterValidator(_profile)] = _PROFILE
    """What kind of grant its rules speak about."""
    requesting_app: Id = Field(alias="from")
    """The id of the requesting app."""
    resource_app: Id = Field(alias="to")
    """The id of the resource app."""
    client_id: ClientId | None = None
    """The requesting app's client id at the resource app; without it nothing is issued."""
    status: Literal["draft", "active", "paused"] = "active"
    """Only an active connection allows anything."""
    owner: Text = ""
    """Who answers for it."""
    reason: Text = ""
    """What it is for."""
    expires: Timestamp | None = None
    """When it ends."""
    rules: Annotated[list[RuleEntry], AfterValidator(_rules)] = Field(default=[])
    """What it allows; nothing without rules."""
    redeem_as: reserved("connection", "redeem_as") = None  # type: ignore[valid-type]
    actors: reserved("connection", "actors") = None  # type: ignore[valid-type]


def connection_problems(entry: ConnectionEntry, refs: References) -> Iterator[tuple[Path, str]]:
    """Where it names apps, groups or people that are not there."""
    if entry.requesting_app not in refs.apps:
        yield ("from",), f"unknown app: {entry.requesting_app}"
    if entry.resource_app not in refs.resource_apps:
        yield ("to",), f"unknown resource app: {entry.resource_app}"
    for number, rule in enumerate(entry.rules):
        yield from rule_problems(rule, refs, ("rules", number))


def connection_columns(
    entry: ConnectionEntry, refs: References, *, before: Row | None, new_id: Callable[[], str]
) -> dict[str, Any]:
    """What the row says of it.

    A rule keeps its surrogate id by its name inside the connection, and its version goes up by one when it
    says something else; ``before`` is the row as it is now.
    """
    known = {rule["key"]: rule for rule in spec_of(before)["rules"]} if before else {}
    rules = [_rule(rule_spec(rule, refs), known.get(rule.id), new_id) for rule in entry.rules]
    spec = {
        "profile": entry.profile,
        "client_id": entry.client_id,
        "owner": entry.owner,
        "reason": entry.reason,
        "expires": entry.expires,
        "rules": sorted(rules, key=lambda rule: str(rule["key"])),
    }
    return {
        "key": entry.id,
        "app_id": refs.apps[entry.requesting_app],
        "resource_app_id": refs.resource_apps[entry.resource_app],
        "status": entry.status,
        "spec": document(spec),
    }


def connection_entry(row: Row, refs: References) -> dict[str, Any]:
    """The file's form of a row."""
    spec = spec_of(row)
    entry: dict[str, Any] = {
        "id": row["key"],
        "profile": spec["profile"],
        "from": refs.name(str(row["app_id"])),
        "to": refs.name(str(row["resource_app_id"])),
        "client_id": spec["client_id"],
        "status": row["status"],
        "owner": spec["owner"],
        "reason": spec["reason"],
        "expires": spec["expires"] and format_timestamp(spec["expires"]),
        "rules": [rule_entry(rule, refs) for rule in spec["rules"]],
    }
    return {name: value for name, value in entry.items() if value}


def connection_model(row: Row) -> Connection:
    """The policy's value of a row."""
    spec = spec_of(row)
    return Connection(
        id=str(row["id"]),
        key=str(row["key"]),
        app=str(row["app_id"]),
        resource_app=str(row["resource_app_id"]),
        client_id=spec["client_id"],
        rules=tuple(rule_model(rule) for rule in spec["rules"]),
        profile=spec["profile"],
        status=ConnectionStatus(str(row["status"])),
        expires=spec["expires"],
        owner=spec["owner"],
        reason=spec["reason"],
    )


def _rule(
    spec: dict[str, Any], before: Mapping[str, Any] | None, new_id: Callable[[], str]
) -> dict[str, Any]:
    if before is None:
        return {**spec, "id": new_id(), "version": 1}
    same = all(before.get(name) == value for name, value in spec.items())
    return {**spec, "id": before["id"], "version": before["version"] + (0 if same else 1)}
