"""The IdP's token endpoint: one request from bytes to reply.

The order is: form, client, grant, decision, and one door by which every refusal leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, TypeVar

from idjag.idp.audit import Source, Strangers, refusal_entry, refusal_event
from idjag.idp.grants import GrantRequest
from idjag.idp.services import Services
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Entry, Ledger, OneTime, Unavailable
from idjag.protocol import client_auth, names
from idjag.protocol.errors import BEFORE_AUTHENTICATION, Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, form_of, refusal_reply

__all__ = ["Grant", "TokenEndpoint", "durable"]

R = TypeVar("R")

_DEADLINE = 5.0  # seconds that a reply may wait for the ledger
_NOT_BUILT = frozenset({names.REFRESH_TOKEN})


class Grant(Protocol):
    """One grant type."""

    def entry(self, request: GrantRequest, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        """The entry to commit; raises Refused when the request fails before any fact is needed."""
        ...


class TokenEndpoint:
    """``POST /token``: authenticates the client, hands over to a grant, records every outcome."""

    def __init__(self, services: Services, grants: Mapping[str, Grant]) -> None:
        self._services = services
        self._grants = grants
        self._strangers = Strangers()

    async def __call__(self, request: TokenRequest) -> Reply:
        """Answer one request; never raises for anything a request can hold."""
        services = self._services
        source = Source(services.new_id(), services.clock(), request.source, request.user_agent)
        attempt = _Attempt(services, request, source)
        try:
            return await self._answer(attempt)
        except Refused as refused:
            reply = refusal_reply(refused, decision_id=source.decision_id, challenge=attempt.challenge)
            return await self._recorded(attempt, refused, reply)
        except (Unavailable, TimeoutError):
            return _unavailable(source)

    async def _answer(self, attempt: _Attempt) -> Reply:
        known = self._services.snapshot
        try:
            entry = self._entry(attempt, known)
        except Refused:
            # our policy facts may be behind those of another process: look again before refusing
            fresh = await asyncio.to_thread(self._services.ledger.fresh, self._services.tenant)
            if fresh is known:
                raise
            entry = self._entry(attempt, fresh)
        return await durable(self._services.ledger, entry)

    def _entry(self, attempt: _Attempt, snapshot: Snapshot) -> Entry[Snapshot, Reply]:
        request = attempt.authenticate(snapshot)
        grant_type = request.form.required("grant_type")
        if grant_type in _NOT_BUILT:
            raise Refused(Reason.NOT_BUILT, grant_type=grant_type)
        grant = self._grants.get(grant_type)
        if grant is None:
            raise Refused(Reason.GRANT_TYPE_UNKNOWN)
        attempt.grant_type = grant_type
        return grant.entry(request, snapshot)

    async def _recorded(self, attempt: _Attempt, refused: Refused, reply: Reply) -> Reply:
        """Make the refusal durable before it leaves, or answer 503."""
        source, tenant = attempt.source, self._services.tenant
        if attempt.client is None or refused.reason in BEFORE_AUTHENTICATION:
            earlier = self._strangers.first(refused, source)
            if earlier is None:
                return reply
            event = self._strangers.event(refused, source, earlier=earlier)
        else:
            exchange = attempt.grant_type == names.TOKEN_EXCHANGE
            name = "id_jag.denied" if exchange else "token.refused"
            event = refusal_event(name, refused, source=source, client=attempt.client)
        entry = refusal_entry(event, tenant=tenant, source=source, consume=attempt.consume)
        try:
            await durable(self._services.ledger, entry)
        except (Unavailable, TimeoutError):
            return _unavailable(source)
        return reply


class _Attempt:
    """One request on its way; remembers how far it came, for the record of its refusal."""

    def __init__(self, services: Services, request: TokenRequest, source: Source) -> None:
        self._services = services
        self._request = request
        self._verified: tuple[client_auth.Registration, client_auth.Proof] | None = None
        self._presented: client_auth.Presented | None = None
        self.source = source
        self.client: RegisteredApp | None = None
        self.consume: tuple[OneTime, ...] = ()
        self.grant_type: str | None = None

    @property
    def challenge(self) -> str | None:
        """WWW-Authenticate of a 401, only when the header was used (RFC 6749 section 5.2)."""
        used = any(name == b"authorization" for name, _ in self._request.headers)
        return 'Basic realm="idjag", charset="UTF-8"' if used else None

    def authenticate(self, snapshot: Snapshot) -> GrantRequest:
        """Steps 1 and 2: the form, then exactly one way of client authentication, and it is right."""
        form = form_of(self._request)
        if self._presented is None:
            self._presented = client_auth.present(form, self._request.header(b"authorization"))
        self.client = self._client(snapshot)
        return GrantRequest(form, self._client, self.consume, self.source)

    def _client(self, snapshot: Snapshot) -> RegisteredApp:
        presented = self._presented
        assert presented is not None  # noqa: S101 - set by authenticate, which alone hands this out
        client = snapshot.clients.get(presented.claimed_client)
        registration = client.registration if client else None
        if self._verified is None or self._verified[0] != registration:
            proof = client_auth.verify(
                presented, registration, issuer=self._services.issuer, now=self.source.now
            )
            if registration is not None:
                self._verified = (registration, proof)
            self.consume = _assertion(proof)
        if client is None:
            raise Refused(Reason.CLIENT_UNKNOWN)
        return client


def _assertion(proof: client_auth.Proof) -> tuple[OneTime, ...]:
    if proof.jti is None:
        return ()
    return (OneTime("client_assertion", proof.client_id, proof.jti, proof.until),)


def _unavailable(source: Source) -> Reply:
    return refusal_reply(Refused(Reason.UNAVAILABLE), decision_id=source.decision_id)


async def durable(ledger: Ledger[Snapshot], entry: Entry[Snapshot, R]) -> R:
    """Commit without blocking the event loop; raises Unavailable, Conflict, TimeoutError after 5 s."""
    return await asyncio.wait_for(asyncio.wrap_future(ledger.submit(entry)), _DEADLINE)
