"""The IdP's token endpoint: which grant a request of an authenticated client is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from idjag.idp.grants import GrantRequest
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry
from idjag.protocol import names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply

__all__ = ["Grant", "Token"]


class Grant(Protocol):
    """One grant type."""

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed."""
        ...


class Token:
    """``POST /token``: the operation of the endpoint, by ``grant_type``."""

    def __init__(self, grants: Mapping[str, Grant]) -> None:
        self._grants = grants

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry of the grant; raises Refused."""
        grant = self._grants.get(request.form.required("grant_type"))
        if grant is None:
            raise Refused(Reason.GRANT_TYPE_UNKNOWN)
        return await grant.entry(request, snapshot)

    def refused_event(self, form: Form) -> str:
        """An exchange that is refused is an ID-JAG denied."""
        exchange = form.one("grant_type") == names.TOKEN_EXCHANGE
        return "id_jag.denied" if exchange else "token.refused"
