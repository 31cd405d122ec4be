"""What the wizard knows of a connection so far: carried from step to step inside its form, sealed."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from idjag.idp.api.problem import Problem
from idjag.idp.console.asked import Asked
from idjag.idp.console.connections_forms import (
    CONNECTION_FIELDS,
    RULE_FIELDS,
    expires_said,
    plainly,
    rule_said,
)
from idjag.idp.console.connections_new import NAMES, NOUNS, entry_said
from idjag.idp.console.connections_tried import New
from idjag.idp.console.fields import wrong
from idjag.idp.console.visit import Visit
from idjag.protocol.errors import Reason, Refused

__all__ = ["LAST", "STEPS", "WIZARD", "Draft", "opened", "said_at", "wrong_by_step"]

WIZARD: Final = "/admin/connect"
STEPS: Final = (
    "Requesting app",
    "Resource app",
    "Client ID",
    "Who",
    "Scopes",
    "Conditions",
    "Check",
    "Activate",
)
LAST: Final = len(STEPS)

_NO_RULE: Final[Mapping[str, Any]] = MappingProxyType({"id": "", "scopes": "any", "resources": "any"})
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME: Final = 64

_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {**CONNECTION_FIELDS, **{f"rules.{path}": name for path, name in RULE_FIELDS.items()}}
)
_CONDITIONS: Final = frozenset(
    name for path, name in RULE_FIELDS.items() if path.startswith("conditions") or path == "lifetime"
)
_STEP_OF: Final[Mapping[str, int]] = MappingProxyType(
    {
        "from": 1,
        "to": 2,
        "client_id": 3,
        **dict.fromkeys(RULE_FIELDS.values(), 4),
        **dict.fromkeys(("scopes", "resources", "default_scopes"), 5),
        **dict.fromkeys((*_CONDITIONS, "expires"), 6),
        **dict.fromkeys(("id", "owner", "what_for", "status"), LAST),
    }
)
"""At which step a field is."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The entry so far, as the state file would say it; ``furthest`` is the last step that was reached.

    ``typed``: apps that are registered together with it, if they are chosen, by their noun.
    """

    entry: Mapping[str, Any] = field(default_factory=dict)
    furthest: int = 1
    typed: New = field(default_factory=dict)

    @property
    def rule(self) -> Mapping[str, Any]:
        """Its one rule."""
        rules: list[Mapping[str, Any]] = self.entry.get("rules") or [_NO_RULE]
        return rules[0]

    @property
    def text(self) -> str:
        """As it is carried."""
        return json.dumps([self.entry, self.furthest, self.typed], ensure_ascii=False, sort_keys=True)

    @property
    def new(self) -> New:
        """The apps that are registered together with it."""
        chosen = {noun: self.entry.get(name) for noun, name in NAMES.items()}
        return {noun: entry for noun, entry in self.typed.items() if entry["id"] == chosen[noun]}

    def seal(self, visit: Visit) -> str:
        """What only this console session is given for just this text."""
        return visit.token(f"{WIZARD}\0{self.text}")

    def carried(self, visit: Visit, step: int) -> list[tuple[str, str]]:
        """What a form holds that leads back to a step."""
        said = {"id": "id", "owner": "owner", "reason": "what_for"}
        typed = [(name, str(self.entry.get(key, ""))) for key, name in said.items()]
        return [
            ("so_far", self.text),
            ("seal", self.seal(visit)),
            ("step", str(step)),
            ("jump", str(step)),
            *typed,
        ]

    def at(self, step: int) -> Draft:
        """The same when this step is shown."""
        return replace(self, furthest=max(self.furthest, step))

    def checkable(self, step: int) -> dict[str, Any]:
        """The entry as it can be judged after a step: what comes later is as if it were right."""
        rule = dict(self.rule) if step >= 4 else {**_NO_RULE, "who": {"everyone": True}}
        named = _NOT_IN_NAMES.sub("-", f"{self.entry.get('from', '')}-{self.entry.get('to', '')}")
        placeholder = {
            "id": named.strip("-")[:_LONGEST_NAME] or "new",
            "from": "none",
            "to": "none",
            "rules": [{**rule, "id": self.rule_name}],
        }
        return {**placeholder, **{k: v for k, v in self.entry.items() if k != "rules"}}

    @property
    def whole(self) -> dict[str, Any]:
        """The entry as it is saved."""
        return {**self.entry, "rules": [{**self.rule, "id": self.rule_name}]}

    @property
    def rule_name(self) -> str:
        """A name for the rule, from whom it is for."""
        who = self.rule.get("who", {})
        named = [*who.get("groups", ()), *who.get("users", ())]
        said = "everyone" if who.get("everyone") else named[0] if named else ""
        return _NOT_IN_NAMES.sub("-", said).strip("-")[:_LONGEST_NAME] or "first"


def opened(visit: Visit) -> Draft:
    """What a step's form carried; raises Refused PARAMETER_WRONG for what we did not put there."""
    text = visit.asked.one("so_far")
    sealed = visit.token(f"{WIZARD}\0{text}")
    if not hmac.compare_digest(visit.asked.one("seal").encode(), sealed.encode()):
        raise Refused(Reason.PARAMETER_WRONG, parameter="so_far")
    return Draft(*json.loads(text))


def said_at(step: int, asked: Asked, draft: Draft) -> Draft:
    """The draft with what the form of a step says; another step's fields are not looked at."""
    entry, typed = dict(draft.entry), draft.typed
    match step:
        case 1 | 2:
            typed = _typed(NOUNS[step], asked, draft)
            entry[NAMES[NOUNS[step]]] = _chosen(NOUNS[step], asked, draft, typed)
        case 3:
            entry["client_id"] = asked.one("client_id")
        case 4 | 5 | 6:
            part = ("who", "scopes", "conditions")[step - 4]
            entry["rules"] = [rule_said(asked, draft.rule, part)]
            if step == 6:
                entry["expires"] = expires_said(asked)
        case 8:
            entry |= {name: asked.one(name) for name in ("id", "owner")}
            entry["reason"] = asked.one("what_for")
    return Draft({name: value for name, value in entry.items() if value}, draft.furthest, typed)


def _typed(noun: str, asked: Asked, draft: Draft) -> New:
    said = entry_said(noun, asked)
    others = {name: entry for name, entry in draft.typed.items() if name != noun}
    return {**others, noun: said} if said else others


def _chosen(noun: str, asked: Asked, draft: Draft, typed: New) -> str:
    """What the list says; what was typed just now is meant, whatever the list says still."""
    chosen, before, now = asked.one(NAMES[noun]), draft.typed.get(noun), typed.get(noun)
    if now and (now != before or not chosen):
        return str(now["id"])
    return "" if before and not now and chosen == before["id"] else chosen


def wrong_by_step(problem: Problem, *, depth: int) -> dict[int, dict[str, str]]:
    """What is wrong, by step and field; what is about no field is at the last step."""
    found: dict[int, dict[str, str]] = {}
    problems = wrong(problem, _FIELDS, depth=depth).problems or {"": problem.detail}
    for name, said in plainly(problems).items():
        found.setdefault(_STEP_OF.get(name, LAST), {})[name] = said
    return found
