"""Overview: what happened lately, and what needs a look."""

from __future__ import annotations

from typing import Final

from idjag.idp.administration.roles import Permission
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.protocol.http import Reply

__all__ = ["PLACES"]


def _show(desk: Desk, visit: Visit) -> Reply:
    policy = desk.office.ledger.fresh(desk.office.tenant).policy
    return desk.show("overview.html", visit, policy=policy)


PLACES: Final = {"/admin": Place(Permission.READ, show=_show, under="/admin")}
