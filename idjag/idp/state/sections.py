"""The other sections of a plan: sign-in, groups, apps, resource apps, connections, rules, guardrails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from idjag.idp.catalog import app as apps
from idjag.idp.catalog import connection as connections
from idjag.idp.catalog import group as groups
from idjag.idp.catalog import guardrail as guardrails
from idjag.idp.catalog import resource_app as resource_apps
from idjag.idp.catalog.client_auth import secret_hash, secret_problem, secrets_text
from idjag.idp.catalog.documents import spec_of
from idjag.idp.catalog.rule import rule_entry
from idjag.idp.catalog.sign_in import SignInEntry, loosened, sign_in_columns, sign_in_entry, sign_in_policy
from idjag.idp.state.changes import Change, changed, created, deleted
from idjag.idp.state.draft import Draft, Keyed, plan_keyed
from idjag.ledger.entry import Row

__all__ = [
    "Secrets",
    "plan_apps",
    "plan_connections",
    "plan_groups",
    "plan_guardrails",
    "plan_resource_apps",
    "plan_sign_in",
]

Secrets = Mapping[str, str]
"""The client secrets that the file's references lead to, by app id."""


def plan_sign_in(draft: Draft, entry: SignInEntry | None) -> None:
    """How people sign in; the audit log says by name what lets more through than before."""
    before = draft.current.settings
    if entry is None or before is None:
        return
    columns = sign_in_columns(entry)
    after = {**before, **columns}
    was, will = sign_in_entry(before), sign_in_entry(after)
    if was == will:
        return
    row_id = str(before["id"])
    looser = loosened(sign_in_policy(before), sign_in_policy(after))
    draft.update("tenant", row_id, columns)
    about = {"inputs": {"loosened": looser}} if looser else {}
    draft.changes.append(changed("tenant", "sign_in", row_id, before=was, after=will, about=about))


def plan_groups(draft: Draft, entries: list[groups.GroupEntry] | None) -> dict[str, Row]:
    """The groups as they will be, by name."""
    noun: Keyed[groups.GroupEntry] = Keyed(
        noun="group",
        table="person_group",
        key_of=lambda entry: entry.name,
        columns=lambda entry, _row: groups.group_columns(entry),
        show=groups.group_entry,
        about=lambda _row: {},
        ids=draft.names.known.groups,
        also=(("membership", "group_id"),),
        dated=False,
    )
    return plan_keyed(draft, noun, draft.current.groups, entries)


def plan_apps(draft: Draft, entries: list[apps.AppEntry] | None, secrets: Secrets | None) -> dict[str, Row]:
    """The apps as they will be, by id; without ``secrets`` nothing is said about theirs."""

    def columns(entry: apps.AppEntry, row: Row | None) -> dict[str, Any]:
        known = apps.app_columns(entry, draft.names.known)
        return known if secrets is None else {**known, "secrets": _secrets(draft, entry, row, secrets)}

    noun: Keyed[apps.AppEntry] = Keyed(
        noun="app",
        table="app",
        key_of=lambda entry: entry.id,
        columns=columns,
        show=lambda row: _without_secret(apps.app_entry(row, draft.names.shown)),
        about=lambda row: {"requesting_app": row["id"]},
        ids=draft.names.known.apps,
        extra={"secrets": "[]"},
        unique=("client_id",),
        also=tuple((table, "app_id") for table in ("session_app", "code", "family", "refresh_token")),
        hidden={"secrets": "secret"},
    )
    return plan_keyed(draft, noun, draft.current.apps, entries)


def plan_resource_apps(draft: Draft, entries: list[resource_apps.ResourceAppEntry] | None) -> dict[str, Row]:
    """The resource apps as they will be, by id."""
    noun: Keyed[resource_apps.ResourceAppEntry] = Keyed(
        noun="resource_app",
        table="resource_app",
        key_of=lambda entry: entry.id,
        columns=lambda entry, _row: resource_apps.resource_app_columns(entry, draft.names.known),
        show=lambda row: resource_apps.resource_app_entry(row, draft.names.shown),
        about=lambda row: {"resource_app": row["id"], "audience": row["issuer"]},
        ids=draft.names.known.resource_apps,
        unique=("issuer", "aud_tenant"),
    )
    return plan_keyed(draft, noun, draft.current.resource_apps, entries)


def plan_connections(draft: Draft, entries: list[connections.ConnectionEntry] | None) -> dict[str, Row]:
    """The connections as they will be, by id; their rules are changes of their own."""
    noun: Keyed[connections.ConnectionEntry] = Keyed(
        noun="connection",
        table="connection",
        key_of=lambda entry: entry.id,
        columns=lambda entry, row: connections.connection_columns(
            entry, draft.names.known, before=row, new_id=draft.new_id
        ),
        show=lambda row: _without_rules(connections.connection_entry(row, draft.names.shown)),
        about=_about_connection,
        unique=("app_id", "resource_app_id"),
    )
    before = draft.current.connections
    after = plan_keyed(draft, noun, before, entries)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) is not after.get(key):
            draft.changes += _rules(draft, key, before.get(key), after.get(key))
    return after


def plan_guardrails(draft: Draft, entries: list[guardrails.GuardrailEntry] | None) -> dict[str, Row]:
    """The guardrails as they will be, by id."""
    noun: Keyed[guardrails.GuardrailEntry] = Keyed(
        noun="guardrail",
        table="guardrail",
        key_of=lambda entry: entry.id,
        columns=lambda entry, row: guardrails.guardrail_columns(entry, draft.names.known, before=row),
        show=lambda row: guardrails.guardrail_entry(row, draft.names.shown),
        about=lambda row: {"guardrail_ids": [row["id"]], "rule_versions": [spec_of(row)["version"]]},
    )
    return plan_keyed(draft, noun, draft.current.guardrails, entries)


def _secrets(draft: Draft, entry: apps.AppEntry, row: Row | None, secrets: Secrets) -> str:
    """The column as it will be: the hash of the secret that the file leads to, or what is there."""
    stored = "[]" if row is None else str(row["secrets"])
    if not entry.auth.takes_secret:
        return "[]"
    secret = secrets.get(entry.id)
    if secret is None:
        if stored == "[]":
            message = "has no secret yet: say where it comes from, with env:NAME or file:PATH"
            draft.refuse("app", entry.id, ("auth", "secret"), message)
        return stored
    if problem := secret_problem(secret):
        draft.refuse("app", entry.id, ("auth", "secret"), problem)
    digest = secret_hash(secret)
    valid = [one for one in json.loads(stored) if one["expires"] is None or one["expires"] > draft.now]
    if any(one["hash"] == digest for one in valid):
        return stored
    over = [one for one in json.loads(stored) if one not in valid]
    if any(one["hash"] == digest for one in over):  # attack case 39: a file must not bring it back
        message = "is one that is over: bring another, or write secret: null to keep what the app has"
        draft.refuse("app", entry.id, ("auth", "secret"), message)
    return secrets_text([*over, {"hash": digest, "created": draft.now, "expires": None}])


def _without_secret(entry: dict[str, Any]) -> dict[str, Any]:
    auth = {name: value for name, value in entry["auth"].items() if name != "secret"}
    return {**entry, "auth": auth}


def _without_rules(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "rules"}


def _about_connection(row: Row) -> dict[str, Any]:
    return {
        "requesting_app": row["app_id"],
        "resource_app": row["resource_app_id"],
        "client_id_at_resource": spec_of(row)["client_id"],
    }


def _rules(draft: Draft, key: str, before: Row | None, after: Row | None) -> Iterator[Change]:
    """What happens to the rules of one connection."""
    old, new = _by_key(before), _by_key(after)
    row = after or before
    about = _about_connection(row) if row else {}
    for name in sorted(old.keys() | new.keys()):
        was, will = old.get(name), new.get(name)
        rule = will or was or {}
        own = {**about, "rule_ids": [rule["id"]], "rule_versions": [rule["version"]]}
        full, row_id = f"{key}/{name}", str(rule["id"])
        if was is None and will is not None:
            yield created("rule", full, row_id, after=_rule(draft, will), about=own)
        elif will is None and was is not None:
            yield deleted("rule", full, row_id, before=_rule(draft, was), about=own)
        elif was is not None and will is not None and was != will:
            yield changed("rule", full, row_id, before=_rule(draft, was), after=_rule(draft, will), about=own)


def _by_key(row: Row | None) -> dict[str, dict[str, Any]]:
    return {} if row is None else {rule["key"]: rule for rule in spec_of(row)["rules"]}


def _rule(draft: Draft, spec: Mapping[str, Any]) -> dict[str, Any]:
    return rule_entry(spec, draft.names.shown)
