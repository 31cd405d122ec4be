"""Whom it touches when many connections are paused or activated alike: how many people each one reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from idjag.idp.console.connections_effect import acting, served
from idjag.idp.console.proposals import Proposal
from idjag.idp.console.visit import Desk
from idjag.policy.model import ConnectionStatus

__all__ = ["reach"]

_MOST: Final = 20
"""Connections of which each is counted: beyond that a review would take too long."""


def reach(desk: Desk, proposal: Proposal) -> Mapping[str, int | None]:
    """By the name of each connection; None was not counted, and nothing at all where nobody is touched."""
    if "status" not in (proposal.laid or {}) or len(proposal.wanted) > _MOST:
        return {}
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    apps = {app.key: app.id for app in policy.apps.values()}
    targets = {target.key: target.id for target in policy.resource_apps.values()}
    found: dict[str, int | None] = {}
    for one in proposal.wanted:
        if one.noun != "connection" or one.entry is None:
            continue
        connection = policy.connection(apps.get(one.entry["from"], ""), targets.get(one.entry["to"], ""))
        if connection is None:
            continue
        # what a pause takes away, and what an activation gives
        active = acting(desk, policy, replace(connection, status=ConnectionStatus.ACTIVE))
        found[one.key] = served(desk, policy, active)
    return found
