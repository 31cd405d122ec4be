"""What may be there only once in a tenant; looked at in the result of a change, before it is made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from idjag.idp.catalog.documents import spec_of
from idjag.idp.catalog.references import Path, Problem
from idjag.idp.catalog.user import folded
from idjag.ledger.entry import Row
from idjag.protocol.resources import comparable, same_issuer_lookup

__all__ = ["Result", "clashes"]


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of a tenant as they will be: by name, people by user name.

    ``subs`` holds the subs of every person id, by sector.  ``issuers`` are our own.
    """

    groups: Mapping[str, Row] = field(default_factory=dict)
    people: Mapping[str, Row] = field(default_factory=dict)
    apps: Mapping[str, Row] = field(default_factory=dict)
    resource_apps: Mapping[str, Row] = field(default_factory=dict)
    connections: Mapping[str, Row] = field(default_factory=dict)
    guardrails: Mapping[str, Row] = field(default_factory=dict)
    subs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    issuers: tuple[str, ...] = ()


def clashes(result: Result) -> Iterator[Problem]:
    """Everything that is there twice, told of the later one."""
    yield from _people(result)
    yield from _client_ids(result.apps)
    yield from _own_issuer(result)
    yield from _audiences(result.resource_apps)
    yield from _pairs(result.connections)
    yield from _aud_subs(result)


def _people(result: Result) -> Iterator[Problem]:
    spellings: dict[str, str] = {}
    subs: dict[tuple[str, str], str] = {}
    for username, row in result.people.items():
        # Two people whom no reader can tell apart: one of them signs in, the other is blamed.
        other = spellings.setdefault(folded(username), username)
        if other != username:
            cased = other.casefold() == username.casefold()
            how = "upper and lower case" if cased else "how the same characters are encoded"
            message = f"differs from user {other} only in {how}"
            yield Problem("user", username, ("username",), message)
        for sector, sub in result.subs.get(str(row["id"]), {}).items():
            if (holder := subs.setdefault((sector, sub), username)) != username:
                path: Path = ("pairwise_subs", sector) if sector else ("sub",)
                yield Problem("user", username, path, f"user {holder} has this sub")


def _client_ids(apps: Mapping[str, Row]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for key, row in apps.items():
        other = seen.setdefault(str(row["client_id"]), key)
        if other != key:
            yield Problem("app", key, ("client_id",), f"app {other} has this client_id")


def _own_issuer(result: Result) -> Iterator[Problem]:
    """An ID-JAG for ourselves would be a loop (XCH-18): never registered, in no spelling."""
    own = {comparable(issuer) for issuer in result.issuers}
    for key, row in result.resource_apps.items():
        for path, name in _names(row):
            if comparable(name) in own:
                yield Problem("resource_app", key, path, "this is our own issuer")


def _names(row: Row) -> Iterator[tuple[Path, str]]:
    yield ("issuer",), str(row["issuer"])
    for number, alias in enumerate(spec_of(row)["aliases"]):
        yield ("aliases", number), str(alias)


def _audiences(resource_apps: Mapping[str, Row]) -> Iterator[Problem]:
    """One name means one resource app, and (issuer, aud_tenant) is unique; "/" equals an empty path."""
    tenants: dict[tuple[str, str], str] = {}
    issuers: dict[str, str] = {}
    for key, row in resource_apps.items():
        issuer = same_issuer_lookup(str(row["issuer"]))
        issuers.setdefault(issuer, key)
        other = tenants.setdefault((issuer, str(row["aud_tenant"])), key)
        if other != key:
            message = f"resource app {other} has this issuer and aud_tenant"
            yield Problem("resource_app", key, ("issuer",), message)
    aliases: dict[str, str] = {}
    for key, row in resource_apps.items():
        for path, alias in _names(row):
            if path == ("issuer",):
                continue
            name = same_issuer_lookup(alias)
            other = issuers.get(name) or aliases.setdefault(name, key)
            if other != key:
                yield Problem("resource_app", key, path, f"resource app {other} is known by this name")


def _pairs(connections: Mapping[str, Row]) -> Iterator[Problem]:
    seen: dict[tuple[object, object], str] = {}
    for key, row in connections.items():
        other = seen.setdefault((row["app_id"], row["resource_app_id"]), key)
        if other != key:
            message = f"connection {other} has the same from and to: put its rules there"
            yield Problem("connection", key, ("to",), message)


def _aud_subs(result: Result) -> Iterator[Problem]:
    """JAG-20: a resource app's own id of a person is one person's."""
    attributes: dict[str, str] = {}
    for key, row in result.resource_apps.items():
        if attribute := spec_of(row)["aud_sub"]:
            attributes.setdefault(attribute, key)
    if attributes:
        yield from _twice(attributes, result.people.items())


def _twice(attributes: Mapping[str, str], people: Iterable[tuple[str, Row]]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for username, row in people:
        values = json.loads(str(row["attributes"]))
        for attribute in attributes.keys() & values.keys():
            other = seen.setdefault((attribute, values[attribute]), username)
            if other != username:
                whose = f"user {other} has the same value, and resource app {attributes[attribute]}"
                message = f"{whose} would take them for one person"
                yield Problem("user", username, ("attributes", attribute), message)
