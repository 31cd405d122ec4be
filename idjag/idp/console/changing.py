"""Every change of the console in two steps: its effect is shown, then it is made, with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.changes import BY_HAND, change, document_of, source_of
from idjag.idp.api.entries import as_seen, entry_now, etag
from idjag.idp.api.problem import Problem
from idjag.idp.catalog.sign_in import sign_in_entry
from idjag.idp.console.connections_effect import effect
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.state.apply import How, Outcome
from idjag.idp.state.changes import Change
from idjag.idp.state.current import Current
from idjag.idp.state.draft import FILE
from idjag.idp.state.export import as_yaml
from idjag.idp.state.file import SECTIONS, Section
from idjag.idp.state.show import change_lines, plan_json
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply

__all__ = ["PLACES", "SECTION", "TENANT", "Opened", "Proposal", "opened", "review", "widens"]

SECTION: Final[Mapping[str, Section]] = MappingProxyType({each.noun: each for each in SECTIONS})
"""The section of the state file by the noun in it."""

TENANT: Final = "tenant"
"""The noun of how people sign in, which is one and has no key."""

_PATH: Final = "/admin/change"
_LONGEST_REASON: Final = 500
_NARROWER: Final = frozenset({"paused", "draft", "disabled"})


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody wants one entry to be.

    ``entry`` is as the state file says it, None to remove it.  ``seen``: the ETag of what their form was
    filled with, "" for something new.  ``back``: the path that shows it afterwards.  ``managed``: a file says
    what it is.
    """

    noun: str
    key: str
    entry: Mapping[str, Any] | None = field(repr=False)
    seen: str
    back: str
    managed: bool = False

    @property
    def octets(self) -> bytes:
        """As a state file that says this one thing."""
        if self.entry is None:
            return b'{"version": 1}'
        if self.noun == TENANT:
            return json.dumps({"version": 1, "sign_in": dict(self.entry)}, ensure_ascii=False).encode()
        return document_of(SECTION[self.noun].name, dict(self.entry))

    def as_seen(self, current: Current) -> None:
        """Raises Problem 404, 412, 428 unless the entry is the one that the form was filled with."""
        if self.noun != TENANT:
            gone = self.entry is None
            as_seen(SECTION[self.noun], self.key, self.seen or None, gone=gone)(current)
        elif etag(sign_in_entry(current.settings)) != self.seen:
            raise Problem(412, "Somebody else has changed it: read it again.")

    @property
    def yaml(self) -> str:
        """The same for people to put into their file; never a secret."""
        if self.entry is None:
            return ""
        entry = dict(self.entry)
        if self.secret:
            entry["auth"] = {**entry["auth"], "secret": None}
        return as_yaml({"sign_in": entry} if self.noun == TENANT else {SECTION[self.noun].name: [entry]})

    @property
    def secret(self) -> str:
        """The client secret that it brings along, "" for none."""
        auth = (self.entry or {}).get("auth")
        return str(auth.get("secret") or "") if isinstance(auth, dict) else ""

    @property
    def how(self) -> How:
        """How that file is applied."""
        return How(unwanted={self.noun: {self.key}}) if self.entry is None else How(managed_by=BY_HAND)


@dataclass(frozen=True, slots=True)
class Opened:
    """One entry as a form begins with it; ``seen`` goes into the form, and from there into the Proposal."""

    entry: Mapping[str, Any]
    seen: str
    managed: bool


def opened(desk: Desk, noun: str, key: str) -> Opened:
    """The entry as it is now; raises Problem 404."""
    entry = entry_now(desk.office, SECTION[noun], key)
    said = {name: value for name, value in entry.items() if name != "managed_by"}
    return Opened(said, etag(entry), entry["managed_by"] == FILE)


def review(desk: Desk, visit: Visit, proposal: Proposal) -> Reply:
    """The page that shows what would change, and asks whether it shall; nothing is changed.

    Raises Problem 400, 403, 412, 422: the form is shown again with what it says.
    """
    outcome = _outcome(desk, visit, proposal, only_look=True)
    return _shown(desk, visit, proposal, outcome)


def widens(changes: tuple[Change, ...]) -> bool:
    """Whether somebody may gain by it; what we are not sure of does."""
    return any(not _narrows(each) for each in changes)


def _narrows(one: Change) -> bool:
    if one.noun == "guardrail":
        return one.action == "create"
    if one.action == "delete":
        return True
    if one.action == "create":
        return one.after.get("status") in _NARROWER
    return one.after.keys() == {"status"} and one.after["status"] in _NARROWER


def _outcome(desk: Desk, visit: Visit, proposal: Proposal, *, only_look: bool, reason: str = "") -> Outcome:
    octets = proposal.octets
    return change(
        desk.office,
        visit.caller,
        source_of(octets),
        octets=octets,
        how=proposal.how.because(reason),
        only_look=only_look,
        as_seen=proposal.as_seen,
    )


def _shown(
    desk: Desk, visit: Visit, proposal: Proposal, outcome: Outcome, *, problem: str = "", reason: str = ""
) -> Reply:
    changes = outcome.plan.changes
    return desk.show(
        "review.html",
        visit,
        status=422 if problem else 200,
        proposal=proposal,
        entry=json.dumps(proposal.entry, ensure_ascii=False),
        changes=changes,
        effect=effect(desk, proposal.key, proposal.entry) if proposal.noun == "connection" else None,
        lines=list(change_lines(plan_json(outcome.plan)["changes"])),
        widens=widens(changes),
        problem=problem,
        reason=reason,
    )


def _save(desk: Desk, visit: Visit) -> Reply:
    """Make the change that was reviewed; what it says is checked as if it had never been."""
    proposal, reason = _proposal(visit), visit.asked.one("reason")[:_LONGEST_REASON]
    try:
        looked = _outcome(desk, visit, proposal, only_look=True)
        if widens(looked.plan.changes) and not reason:
            said = "Say why: this change may let somebody do more than before."
            return _shown(desk, visit, proposal, looked, problem=said)
        outcome = _outcome(desk, visit, proposal, only_look=False, reason=reason)
    except Problem as problem:
        return desk.show("not_changed.html", visit, status=problem.status, problem=problem, proposal=proposal)
    return desk.go(proposal.back, done="saved" if outcome.applied else "same")


def _proposal(visit: Visit) -> Proposal:
    """What the reviewed form carried; raises Refused PARAMETER_WRONG for what we did not write there."""
    asked = visit.asked
    try:
        entry = json.loads(asked.one("entry"))
    except ValueError:
        raise Refused(Reason.PARAMETER_WRONG, parameter="entry") from None
    if asked.one("noun") not in (*SECTION, TENANT) or not (entry is None or isinstance(entry, dict)):
        raise Refused(Reason.PARAMETER_WRONG, parameter="noun")
    back = asked.one("back")
    if not back.startswith("/admin") or "\\" in back:
        raise Refused(Reason.PARAMETER_WRONG, parameter="back")
    return Proposal(
        asked.one("noun"), asked.one("key"), entry, asked.one("seen"), back, managed=asked.has("managed")
    )


PLACES: Final = {
    # who may change what is looked up noun by noun, once the change is known
    _PATH: Place(Permission.READ, change=_save),
}
