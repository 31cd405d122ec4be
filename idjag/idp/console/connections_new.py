"""Apps that the wizard registers together with the connection: their few fields, looked up and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from idjag.idp.api.changes import change, source_of
from idjag.idp.api.problem import Problem
from idjag.idp.app_secrets import new_secret
from idjag.idp.catalog.client_auth import SECRET_METHODS
from idjag.idp.console import apps, resource_apps
from idjag.idp.console.asked import Asked
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.forms import filled, id_of, laid_over
from idjag.idp.console.proposals import Proposal
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.discover.plan import Plan
from idjag.policy.index import Policy

__all__ = ["NAMES", "NOUNS", "Offer", "entry_said", "offer", "whole", "wrong_with"]

NOUNS: Final[Mapping[int, str]] = {1: "app", 2: "resource_app"}
"""What a step of the wizard can register."""

NAMES: Final[Mapping[str, str]] = {"app": "from", "resource_app": "to"}
"""What a connection calls it."""

_APP: Final = frozenset({"name", "kind", "client_id", "redirect_uris", "method", "jwks_uri"})
_RESOURCE_APP: Final = frozenset({"name", "issuer", "scopes"})
_METHODS: Final = ("client_secret", "private_key_jwt", "client_id_metadata_document")


@dataclass(frozen=True, slots=True)
class Offer:
    """The fields as a step shows them; ``shown`` when there is a reason to see them at once."""

    key: str
    values: Mapping[str, Any]
    kinds: tuple[tuple[str, str], ...]
    methods: tuple[tuple[str, str], ...]
    resources: str
    typed: str
    plan: Plan | None
    shown: bool

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The authorization servers of which one must be chosen."""
        return [(one, one) for one in (self.plan.choices if self.plan else ())]


def entry_said(noun: str, asked: Asked) -> dict[str, Any]:
    """The entry that the fields say; empty when nothing is typed there that says what it is."""
    if not (asked.one("id") or asked.one("name") or asked.one("issuer")):
        return {}
    if noun == "app":
        fields = [field for field in apps.BASIC if field.name in _APP]
        entry = {**laid_over(apps.NEW, fields, asked), "id": id_of(asked)}
        auth = apps.auth_said(entry.get("auth", {}), {})
        return {**entry, "auth": {name: value for name, value in auth.items() if name != "secret"}}
    fields = [field for field in resource_apps.FIELDS if field.name in _RESOURCE_APP]
    entry = {**laid_over(resource_apps.NEW, fields, asked), "id": id_of(asked)}
    resources = resource_apps.resources_said(asked)
    return {**entry, "resources": resources} if resources else entry


def whole(noun: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as it is saved: with a client secret of ours where the app authenticates by one."""
    if noun == "app" and entry["auth"].get("method") in SECRET_METHODS:
        return {**entry, "auth": {**entry["auth"], "secret": new_secret()}}
    return dict(entry)


def wrong_with(desk: Desk, visit: Visit, noun: str, entry: Mapping[str, Any]) -> Wrong:
    """What keeps it from being saved, by its fields; nothing is saved."""
    if _taken(desk.office.ledger.fresh(desk.office.tenant).policy, noun, str(entry["id"])):
        return Wrong("It is there already.", {"id": "This id is taken: choose it in the list, or another."})
    proposal = Proposal.of(noun, str(entry["id"]), whole(noun, entry), "", "")
    octets = proposal.octets
    paths = apps.PATHS if noun == "app" else resource_apps.PATHS
    try:
        source = source_of(octets)
        change(desk.office, visit.caller, source, octets=octets, how=proposal.how, only_look=True)
    except Problem as problem:
        return wrong(problem, paths)
    return NOTHING_WRONG


def offer(noun: str, entry: Mapping[str, Any], asked: Asked, *, plan: Plan | None, shown: bool) -> Offer:
    """The fields of a step, as they were typed or looked up."""
    fields, new = (apps.BASIC, apps.NEW) if noun == "app" else (resource_apps.FIELDS, resource_apps.NEW)
    base = entry or new
    return Offer(
        key=str(base.get("id", "")),
        values=filled(base, fields),
        kinds=apps.KINDS,
        methods=tuple((value, words) for value, words in apps.METHODS if value in _METHODS),
        resources=resource_apps.resources_typed(base),
        typed=asked.one("typed") if noun == "resource_app" else "",
        plan=plan,
        shown=shown or bool(entry),
    )


def _taken(policy: Policy, noun: str, key: str) -> bool:
    there = policy.apps if noun == "app" else policy.resource_apps
    return any(one.key == key for one in there.values())
