"""An endpoint that clients authenticate at: one request from bytes to reply, whatever it is for.

The order is: form, throttle, client, operation, and one door by which every refusal leaves.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from idjag.idp.attempt import Attempt
from idjag.idp.audit import Source, refusal_entry
from idjag.idp.fresh import fresh_snapshots
from idjag.idp.grants import GrantRequest, lost_reason
from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot
from idjag.idp.strangers import Strangers
from idjag.idp.throttle import Throttle
from idjag.ledger.entry import Conflict, Entry, Unavailable
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, refusal_reply

__all__ = ["ClientEndpoint", "Operation", "durable"]

R = TypeVar("R")

_ATTEMPTS = 4


class Operation(Protocol):
    """What an endpoint does for an authenticated client."""

    async def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed.

        What must be looked up to know those facts is looked up off the event loop.
        """
        ...

    def refused_event(self, form: Form) -> str:
        """The name of the event when this form of an authenticated client is refused."""
        ...


class ClientEndpoint:
    """Authenticates the client, hands over to the operation, records every outcome.

    ``uri`` is the endpoint's own, which a proof of possession must name; None where proofs mean nothing.
    """

    def __init__(
        self,
        services: Services,
        operation: Operation,
        *,
        uri: str | None = None,
        strangers: Strangers | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._services = services
        self._operation = operation
        self._uri = uri
        self._strangers = strangers or Strangers()
        self._throttle = throttle or Throttle()
        self._fresh = fresh_snapshots(services)

    async def __call__(self, request: TokenRequest) -> Reply:
        """Answer one request; never raises for anything a request can hold."""
        services = self._services
        source = Source(services.new_id(), services.clock(), request.source, request.user_agent)
        attempt = Attempt(services, request, source, uri=self._uri)
        try:
            try:
                reply = await self._answer(attempt)
            except Refused as refused:
                reply = await self._recorded(attempt, refused)
            return attempt.with_nonce(reply)
        except (Unavailable, Conflict, TimeoutError):
            return refusal_reply(Refused(Reason.UNAVAILABLE), decision_id=source.decision_id)

    async def _answer(self, attempt: Attempt) -> Reply:
        """Under the policy facts at hand; under fresh ones when those refuse, or have moved."""
        attempt.read()
        attempt.event_name = self._operation.refused_event(attempt.form)
        self._throttle.check(attempt.guesser, now=attempt.source.now)
        snapshot = self._services.snapshot
        for _ in range(_ATTEMPTS):
            try:
                return await durable(self._services, await self._entry(attempt, snapshot))
            except (Refused, Conflict) as error:
                # our policy facts may be behind those of another process: look again before refusing
                before, snapshot = snapshot, await self._fresh.look()
                if isinstance(error, Refused) and snapshot is before:
                    raise
        raise Unavailable("the policy moved at every attempt")

    async def _entry(self, attempt: Attempt, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        await attempt.fetch(snapshot)
        request = attempt.authenticate(snapshot)
        entry = await self._operation.entry(request, snapshot)
        return self._throttle.guarded(entry, attempt.guesser, refused=attempt.stopped)

    async def _recorded(self, attempt: Attempt, refused: Refused) -> Reply:
        """Make the refusal durable before it leaves; raises Unavailable, TimeoutError."""
        source, tenant = attempt.source, self._services.tenant
        reply = attempt.reply(refused)
        if attempt.client is None or not attempt.authenticated:
            event = self._strangers.event(refused, source, app=attempt.client)
            # who presents nothing that can be read has guessed nothing, and must not cost us a commit
            if attempt.presented:
                counted = self._throttle.failed(attempt.guesser, refused, tenant=tenant, source=source)
                if counted is not None:
                    await durable(self._services, counted)
            if event is not None:
                await durable(self._services, refusal_entry(event, tenant=tenant, source=source))
            return reply
        entry = refusal_entry(
            attempt.event(refused),
            tenant=tenant,
            source=source,
            client=attempt.client.app.id,
            consume=attempt.consume,
            replayed=lambda used: attempt.event(lost_reason(used)),
        )
        lost = await durable(self._services, entry)
        # whoever replays an assertion is not the client and learns nothing else (XCH-50)
        return reply if lost is None else attempt.reply(lost_reason(lost))


async def durable(services: Services, entry: Entry[Snapshot, R]) -> R:
    """Commit without blocking the event loop; raises Unavailable, Conflict, TimeoutError after 5 s."""
    return await services.arrivals.of(services.ledger.submit(entry))
