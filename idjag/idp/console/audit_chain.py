"""The chain of the audit log: how far it was verified and when, as a badge and as a page."""

from __future__ import annotations

from typing import Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.verifications import Chain, chain_of
from idjag.protocol.http import Reply

__all__ = ["PLACES", "chain"]

_LOG: Final = "/admin/audit"
_HERE: Final = "/admin/audit/chain"
_VERIFY: Final = "/admin/audit/verify"


def chain(desk: Desk) -> Chain:
    """As it is known now; raises Unavailable."""
    return chain_of(desk.services.verifications, now=desk.now)


def _show(desk: Desk, visit: Visit) -> Reply:
    return desk.show("audit_chain.html", visit, chain=chain(desk))


def _verify(desk: Desk, _visit: Visit) -> Reply:
    """Have all of it read again; the server does it, within minutes."""
    kept = desk.services.verifications
    if kept is None:
        raise Problem(404, "This server does not verify its audit log: run idjag audit verify.")
    kept.ask()
    return desk.go(_HERE, done="verifying")


PLACES: Final = {
    _HERE: Place(Permission.AUDIT, show=_show, under=_LOG),
    _VERIFY: Place(Permission.AUDIT, change=_verify, under=_LOG),
}
