"""Every change of the console in two steps: its effect is shown, then it is made, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from idjag.idp.administration.roles import Permission
from idjag.idp.api.changes import change, source_of
from idjag.idp.api.problem import Problem
from idjag.idp.console.alike import reach
from idjag.idp.console.effects import effects
from idjag.idp.console.places import Place
from idjag.idp.console.proposals import SECTION, TENANT, Opened, Proposal, Wanted, opened, sent
from idjag.idp.console.surroundings import holds_on
from idjag.idp.console.visit import Desk, Visit, inside
from idjag.idp.state.apply import Outcome
from idjag.idp.state.changes import Change
from idjag.idp.state.plan import Plan
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply

__all__ = ["PLACES", "SECTION", "TENANT", "Opened", "Proposal", "Wanted", "opened", "review", "widens"]

Again: TypeAlias = tuple[str, Sequence[tuple[str, str]]]
"""The path of a form, and the fields that show it as it was sent."""

_PATH: Final = "/admin/change"
_NARROWER: Final = frozenset({"paused", "draft", "disabled"})


def review(
    desk: Desk, visit: Visit, proposal: Proposal, *, note: str = "", again: Again | None = None
) -> Reply:
    """The page that shows what would change, and asks whether it shall; nothing is changed.

    ``note``: a sentence about what was asked for and is not among it.  ``again``: what leads back to it.
    Raises NotRecent, Problem 400, 403, 412, 422: the form is shown again with what it says.
    """
    outcome = _outcome(desk, visit, proposal, only_look=True)
    # after what the catalog says of ids; a link that leads to the form may have said it
    if not inside(proposal.back):
        raise Refused(Reason.PARAMETER_WRONG, parameter="back")
    return _shown(desk, visit, proposal, outcome, note=note, again=again)


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


class _SayWhy(Exception):
    """The change may let somebody do more, and no reason was given."""

    def __init__(self, plan: Plan) -> None:
        self.outcome = Outcome(plan, plan.policy_seq, applied=False)
        super().__init__()


def _outcome(desk: Desk, visit: Visit, proposal: Proposal, *, only_look: bool, reason: str = "") -> Outcome:
    """What changes, or would; raises _SayWhy rather than change anything that wants a reason without one."""

    def reasoned(plan: Plan) -> None:
        if not only_look and not reason and widens(plan.changes):
            raise _SayWhy(plan)

    octets = proposal.octets
    return change(
        desk.office,
        visit.caller,
        source_of(octets),
        octets=octets,
        how=proposal.how.because(reason).from_there(visit.source.ip, visit.source.user_agent),
        only_look=only_look,
        as_seen=proposal.as_seen,
        planned=reasoned,
        recent=visit.recent,
    )


def _shown(
    desk: Desk,
    visit: Visit,
    proposal: Proposal,
    outcome: Outcome,
    *,
    problem: str = "",
    note: str = "",
    again: Again | None = None,
) -> Reply:
    changes, found = outcome.plan.changes, effects(desk, proposal)
    return desk.show(
        "review.html",
        visit,
        status=422 if problem else 200,
        proposal=proposal,
        changes=changes,
        effect=found.connection,
        effects=found,
        reach=reach(desk, proposal),
        held=bool(holds_on(desk)),
        widens=widens(changes),
        problem=problem,
        note=note,
        again=again,
    )


def _save(desk: Desk, visit: Visit) -> Reply:
    """Make the change that was reviewed; what it says is checked as if it had never been."""
    proposal, reason = sent(desk, visit.asked), visit.asked.words("reason")
    try:
        outcome = _outcome(desk, visit, proposal, only_look=False, reason=reason)
    except _SayWhy as why:
        said = "Say why: this change may let somebody do more than before."
        return _shown(desk, visit, proposal, why.outcome, problem=said)
    except Problem as problem:
        if problem.status == 403:  # of a noun that is not theirs: recorded, as at every other door
            raise
        return desk.show("not_changed.html", visit, status=problem.status, problem=problem, proposal=proposal)
    return desk.go(proposal.back, done="saved" if outcome.applied else "same")


PLACES: Final = {
    # who may change what is looked up noun by noun, once the change is known
    _PATH: Place(Permission.READ, change=_save),
}
