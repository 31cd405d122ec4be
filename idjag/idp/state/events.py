"""The audit events of an applied file: one for each change, and one for the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from idjag.idp.state.changes import Change
from idjag.idp.state.plan import Plan
from idjag.ledger.entry import Event

__all__ = ["events"]

_NOWHERE: Final[Mapping[str, str]] = MappingProxyType({})


def events(
    plan: Plan,
    *,
    actor: Mapping[str, str],
    decision_id: str,
    digest: str,
    reason: str = "",
    where: Mapping[str, str] = _NOWHERE,
) -> list[Event]:
    """Contract section 9; ``digest`` is of the file's bytes, so that the very file can be found again.

    It is "" for a file that holds secrets.
    ``reason``: why, if somebody said so; the words of people go into ``after``, which can be erased.
    ``where`` a request came from: ip, user_agent.
    """
    common: dict[str, object] = {
        **where,
        "actor": dict(actor),
        "decision_id": decision_id,
        "policy_seq": plan.policy_seq + plan.policy_changed,
    }
    counts = Counter(change.action for change in plan.changes)
    summary: dict[str, object] = {"file_sha256": digest} if digest else {}
    summary |= {action: counts[action] for action in ("create", "change", "delete")}
    summary |= {"reason": reason} if reason else {}
    return [
        *(_event(change, common) for change in plan.changes),
        Event("state.applied", {**common, "after": summary}),
    ]


def _event(change: Change, common: Mapping[str, object]) -> Event:
    fields: dict[str, object] = {**common, **change.about}
    # Names may be used again, surrogate ids never are: both are said.
    what = {"row": change.id, "key": change.key}
    if change.action != "create":
        fields["before"] = {**what, **change.before}
    if change.action != "delete":
        fields["after"] = {**what, **change.after}
    return Event(f"{change.noun}.{change.verb}", fields)
