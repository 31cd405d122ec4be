"""The IdP's token endpoint: one request from bytes to reply.

The order is: form, client, grant, decision, and one door by which every refusal leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, TypeVar

from idjag.idp.attempt import Attempt
from idjag.idp.audit import Source, refusal_entry
from idjag.idp.fresh import fresh_snapshots
from idjag.idp.grants import GrantRequest
from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot
from idjag.idp.strangers import Strangers
from idjag.ledger.entry import Conflict, Entry, Ledger, Unavailable
from idjag.protocol import names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, refusal_reply

__all__ = ["Grant", "TokenEndpoint", "durable"]

R = TypeVar("R")

_DEADLINE = 5.0  # seconds that a reply may wait for the ledger
_ATTEMPTS = 4
_NOT_BUILT = frozenset({names.REFRESH_TOKEN})


class Grant(Protocol):
    """One grant type."""

    def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed."""
        ...


class TokenEndpoint:
    """``POST /token``: authenticates the client, hands over to a grant, records every outcome."""

    def __init__(
        self, services: Services, grants: Mapping[str, Grant], strangers: Strangers | None = None
    ) -> None:
        self._services = services
        self._grants = grants
        self._strangers = strangers or Strangers()
        self._fresh = fresh_snapshots(services)

    async def __call__(self, request: TokenRequest) -> Reply:
        """Answer one request; never raises for anything a request can hold."""
        services = self._services
        source = Source(services.new_id(), services.clock(), request.source, request.user_agent)
        attempt = Attempt(services, request, source)
        try:
            try:
                return await self._answer(attempt)
            except Refused as refused:
                return await self._recorded(attempt, refused)
        except (Unavailable, Conflict, TimeoutError):
            return refusal_reply(Refused(Reason.UNAVAILABLE), decision_id=source.decision_id)

    async def _answer(self, attempt: Attempt) -> Reply:
        """Under the policy facts at hand; under fresh ones when those refuse, or have moved."""
        attempt.read()
        snapshot = self._services.snapshot
        for _ in range(_ATTEMPTS):
            try:
                return await durable(self._services.ledger, self._entry(attempt, snapshot))
            except (Refused, Conflict) as error:
                # our policy facts may be behind those of another process: look again before refusing
                before, snapshot = snapshot, await self._fresh.look()
                if isinstance(error, Refused) and snapshot is before:
                    raise
        raise Unavailable("the policy moved at every attempt")

    def _entry(self, attempt: Attempt, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        request = attempt.authenticate(snapshot)
        if attempt.dpop:  # DPOP-03: an unbound grant in answer to a proof would be a silent downgrade
            raise Refused(Reason.DPOP_PROOF_INVALID, problem="not built")
        grant_type = request.form.required("grant_type")
        if grant_type in _NOT_BUILT:
            raise Refused(Reason.NOT_BUILT, grant_type=grant_type)
        grant = self._grants.get(grant_type)
        if grant is None:
            raise Refused(Reason.GRANT_TYPE_UNKNOWN)
        attempt.grant_type = grant_type
        return grant.entry(request, snapshot)

    async def _recorded(self, attempt: Attempt, refused: Refused) -> Reply:
        """Make the refusal durable before it leaves; raises Unavailable, TimeoutError."""
        source, tenant = attempt.source, self._services.tenant
        reply = refusal_reply(refused, decision_id=source.decision_id, challenge=attempt.challenge)
        client = attempt.client
        if client is None or not attempt.authenticated:
            event = self._strangers.event(refused, source, app=client)
            if event is not None:
                await durable(self._services.ledger, refusal_entry(event, tenant=tenant, source=source))
            return reply
        replay = Refused(Reason.CLIENT_ASSERTION_REPLAY)
        entry = refusal_entry(
            attempt.event(refused),
            tenant=tenant,
            source=source,
            client=client.app.id,
            consume=attempt.consume,
            replayed=attempt.event(replay),
        )
        if await durable(self._services.ledger, entry):
            return reply
        # whoever replays an assertion is not the client and learns nothing else (XCH-50)
        return refusal_reply(replay, decision_id=source.decision_id)


async def durable(ledger: Ledger[Snapshot], entry: Entry[Snapshot, R]) -> R:
    """Commit without blocking the event loop; raises Unavailable, Conflict, TimeoutError after 5 s."""
    return await asyncio.wait_for(asyncio.wrap_future(ledger.submit(entry)), _DEADLINE)
