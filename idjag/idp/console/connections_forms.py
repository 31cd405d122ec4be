"""The fields of a connection and of its rules: from an entry of the state file to a form, and back.

What a form does not know stays as it was in the entry; what it says is checked by the catalog alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from idjag.idp.console import who as who_form
from idjag.idp.console.asked import Asked
from idjag.idp.console.who import WhoForm

__all__ = [
    "CONDITIONS",
    "CONNECTION_FIELDS",
    "RULE_FIELDS",
    "RuleForm",
    "connection_said",
    "date_said",
    "expires_said",
    "plainly",
    "rule_said",
]

CONDITIONS: Final = ("acr", "amr", "max_auth_age", "networks", "signin_networks", "hours", "key_bound")
"""Every condition that the form can say."""

_LISTS: Final = ("acr", "amr", "networks", "signin_networks")
_HOURS: Final = ("tz", "from", "to")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MIDNIGHT: Final = "T00:00:00Z"

_DEFAULTS: Final = "Default_scopes has what the rule does not allow"

CONNECTION_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {name: name for name in ("id", "from", "to", "client_id", "status", "owner", "expires")}
    | {"reason": "what_for"}
)
"""Where in the form a path of a connection is (``fields.wrong``)."""

RULE_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **who_form.FIELDS,
        "id": "rule_id",
        "scopes": "scopes",
        "default_scopes": "default_scopes",
        "resources": "resources",
        "lifetime": "lifetime",
        **{f"conditions.{name}": name for name in CONDITIONS},
        "conditions.hours": "hours_from",
        **{f"conditions.hours.{name}": f"hours_{name}" for name in (*_HOURS, "days")},
    }
)
"""The same for a rule."""


def plainly(problems: Mapping[str, str]) -> dict[str, str]:
    """The same, with what the catalog says of the rule as a whole at its field."""
    found = {}
    for name, said in problems.items():
        whole = name == "" and said.startswith(_DEFAULTS)
        found["default_scopes" if whole else name] = said.replace("Default_scopes has", "This has", 1)
    return found


def date_said(entry: Mapping[str, Any]) -> str:
    """When a connection ends as its form says it: a day, where a day says it all."""
    return str(entry.get("expires") or "").removesuffix(_MIDNIGHT)


def connection_said(asked: Asked, base: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with what the form says of all but its rules."""
    said: dict[str, Any] = {name: asked.one(name) for name in ("client_id", "status", "owner")}
    return _laid(base, said | {"expires": expires_said(asked), "reason": asked.one("what_for")})


def expires_said(asked: Asked) -> str:
    """When a connection ends as the state file says it; a day alone begins at midnight (UTC)."""
    expires = asked.one("expires")
    return expires + _MIDNIGHT if _DATE.fullmatch(expires) else expires


class RuleForm:
    """What the fields of a rule hold, from the rule as the state file says it."""

    def __init__(self, rule: Mapping[str, Any]) -> None:
        conditions = rule.get("conditions", {})
        hours = conditions.get("hours", {})
        self.rule_id = str(rule.get("id", ""))
        self.who = WhoForm.of(rule.get("who"))
        self.scopes_kind, self.scopes = _narrowing(rule.get("scopes", "any"))
        self.resources_kind, self.resources = _narrowing(rule.get("resources", "any"))
        self.default_scopes: list[str] = list(rule.get("default_scopes", ()))
        self.lifetime = str(rule.get("lifetime", ""))
        self.acr: list[str] = list(conditions.get("acr", ()))
        self.amr: list[str] = list(conditions.get("amr", ()))
        self.max_auth_age = str(conditions.get("max_auth_age", ""))
        self.networks: list[str] = list(conditions.get("networks", ()))
        self.signin_networks: list[str] = list(conditions.get("signin_networks", ()))
        self.hours = {name: str(hours.get(name, "")) for name in _HOURS}
        self.days: list[str] = list(hours.get("days", ()))
        self.key_bound = bool(conditions.get("key_bound"))


def rule_said(asked: Asked, base: Mapping[str, Any], parts: str = "who scopes conditions") -> dict[str, Any]:
    """The rule with what the form says; ``parts`` are those of its fields that the form has.

    Scopes, resources and who are there even when nothing was chosen: it is for the catalog to refuse that.
    """
    rule = dict(base)
    if "who" in parts:
        named = {"id": asked.one("rule_id")} if asked.has("rule_id") else {}
        rule = {**_laid(rule, named), "who": WhoForm.sent(asked).entry}
    if "scopes" in parts:
        rule = _laid(rule, {"default_scopes": _lines(asked, "default_scopes")})
        rule |= {name: _narrowed(asked, name) for name in ("scopes", "resources")}
    if "conditions" in parts:
        conditions = _conditions(asked, base.get("conditions", {}))
        rule = _laid(rule, {"conditions": conditions, "lifetime": asked.one("lifetime")})
    return rule


def _laid(base: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What was there, with what is said in its place; what is empty is left out."""
    merged = {**base, **said}
    return {name: value for name, value in merged.items() if value or name not in said}


def _lines(asked: Asked, name: str) -> list[str]:
    """What boxes of this name say, and the lines of texts; each thing once."""
    said = (line.strip() for value in asked.values.get(name, ()) for line in value.splitlines())
    return list(dict.fromkeys(one for one in said if one))


def _conditions(asked: Asked, base: Mapping[str, Any]) -> dict[str, Any]:
    hours = {name: asked.one(f"hours_{name}") for name in _HOURS}
    said: dict[str, Any] = {name: _lines(asked, name) for name in _LISTS}
    said["max_auth_age"] = asked.one("max_auth_age")
    # the zone has a default on the form: alone it asks for nothing
    days = _lines(asked, "hours_days")
    meant = hours["from"] or hours["to"] or days
    said["hours"] = _laid(base.get("hours", {}), {**hours, "days": days}) if meant else None
    said["key_bound"] = asked.has("key_bound")
    return _laid(base, said)


def _narrowing(value: Any) -> tuple[str, list[str]]:
    match value:
        case list():
            return "only", value
        case dict():
            return "except", list(value.get("except", ()))
        case _:
            return "any", []


def _narrowed(asked: Asked, name: str) -> str | list[str] | dict[str, list[str]]:
    kind, chosen = asked.one(f"{name}_kind"), _lines(asked, name)
    if kind == "any":
        return "any"
    return {"except": chosen} if kind == "except" else chosen
