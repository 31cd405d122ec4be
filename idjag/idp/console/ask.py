"""Ask: would this be allowed, and why; the token endpoint's own evaluator, and nothing recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.answers import answered
from idjag.idp.api.bodies import checked
from idjag.idp.api.problem import Problem
from idjag.idp.console.asked import Asked
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.words import AMR, level_said
from idjag.idp.factors import acr
from idjag.idp.questions import UnknownName, build
from idjag.idp.state.cases import ask_of
from idjag.idp.state.file import AskEntry
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_HERE: Final = "/admin/ask"
_WORDS: Final = ("user", "from", "to", "acr", "auth_age", "address", "signin_address", "at")
_FIELDS: Final[Mapping[str, str]] = {
    name: name for name in (*_WORDS, "scopes", "resources", "amr", "key_bound")
}


def _show(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    # a link may have chosen the apps, or the person, already: nothing was asked yet
    if not all(asked.has(name) for name in ("user", "from", "to")) or not any(
        asked.one(name) for name in ("user", "from", "to")
    ):
        return _shown(desk, visit)
    try:
        question = ask_of(checked(_entry(asked), AskEntry))
        return _shown(desk, visit, answer=answered(build(desk.office, question)))
    except UnknownName as unknown:
        return _shown(desk, visit, wrong=_unknown(str(unknown)))
    except Problem as problem:
        return _shown(desk, visit, wrong=wrong(problem, _FIELDS, depth=0))


def _entry(asked: Asked) -> dict[str, Any]:
    """The question as a file's test writes it; what was left empty is left out."""
    entry: dict[str, Any] = {name: asked.one(name) for name in _WORDS}
    entry |= {"scopes": asked.one("scopes").split(), "resources": asked.one("resources").split()}
    entry |= {"amr": list(asked.every("amr")), "key_bound": asked.has("key_bound")}
    said = {name: value for name, value in entry.items() if value}
    return {**dict.fromkeys(("user", "from", "to"), ""), **said}


def _unknown(message: str) -> Wrong:
    """At the field that names what leads nowhere."""
    kinds = {"unknown user": "user", "unknown app": "from", "unknown resource app": "to"}
    field = next((name for kind, name in kinds.items() if message.startswith(f"{kind}:")), "")
    sentence = f"{message[0].upper()}{message[1:]}."
    return Wrong("This cannot be asked as it stands.", {field: sentence})


def _shown(desk: Desk, visit: Visit, *, answer: Any = None, wrong: Wrong = NOTHING_WRONG) -> Reply:
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    return desk.show(
        "ask_answer.html" if visit.live else "ask.html",
        visit,
        status=422 if wrong.problem else 200,
        asked=visit.asked,
        answer=answer,
        wrong=wrong,
        apps=sorted((app.key, app.name) for app in policy.apps.values()),
        resource_apps=sorted((target.key, target.name) for target in policy.resource_apps.values()),
        levels=[("", "not said"), *((each, level_said(each)) for each in acr.SIGN_INS)],
        methods=AMR,
    )


PLACES: Final = {_HERE: Place(Permission.READ, show=_show, under=_HERE)}
