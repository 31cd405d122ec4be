"""One request to an endpoint of clients: the form, who authenticates, and what to record of a refusal."""

from __future__ import annotations

from dataclasses import replace

from idjag.idp.audit import Source, refusal_event
from idjag.idp.grants import GrantRequest
from idjag.idp.services import Services
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.idp.throttle import Guesser
from idjag.ledger.entry import Conflict, Event, OneTime, Verdict
from idjag.protocol import client_auth, dpop, dpop_nonce, names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest, form_of, refusal_reply
from idjag.trust.publications import needed

__all__ = ["Attempt"]


class Attempt:
    """One request on its way; remembers how far it came, for the record of its refusal.

    ``uri`` is the endpoint's, which a proof of possession must name; None where proofs mean nothing.
    """

    def __init__(
        self, services: Services, request: TokenRequest, source: Source, *, uri: str | None = None
    ) -> None:
        self._services = services
        self._request = request
        self._uri = uri
        self._published: tuple[client_auth.Registration, client_auth.Registration] | None = None
        self._verified: tuple[client_auth.Registration, client_auth.Proof] | None = None
        self._read: tuple[Form, client_auth.Presented] | None = None
        self._asserted: tuple[OneTime, ...] = ()
        self._proof: dpop.Proof | None = None
        self.source = source
        self.client: RegisteredApp | None = None
        self.event_name = "token.refused"

    @property
    def authenticated(self) -> bool:
        """Whether the client has proved who it is: a public one only says so, as any stranger can."""
        return self.client is not None and self.client.registration.method != names.NO_AUTHENTICATION

    @property
    def consume(self) -> tuple[OneTime, ...]:
        """The client assertion and the proof, once they are verified: burned with whatever is decided."""
        proof = self._proof
        if proof is None:
            return self._asserted
        return (*self._asserted, OneTime(dpop.ONCE_KIND, proof.scope, proof.jti, proof.until))

    @property
    def form(self) -> Form:
        """What was posted; only after ``read``."""
        assert self._read is not None  # noqa: S101 - the endpoint reads first
        return self._read[0]

    @property
    def guesser(self) -> Guesser:
        """Whose failures a failure of this request is, whether or not there is a client of that name."""
        return Guesser(self._services.tenant, self.presented, self.source.ip)

    @property
    def presented(self) -> str:
        """Whom the request claims to come from; "" when nothing could be read that says so."""
        return self._read[1].claimed_client if self._read else ""

    def reply(self, refused: Refused) -> Reply:
        """The answer to a refusal, with its challenge."""
        # only when the header was used (RFC 6749 section 5.2)
        used = any(name == b"authorization" for name, _ in self._request.headers)
        challenge = 'Basic realm="idjag", charset="UTF-8"' if used else None
        return refusal_reply(refused, decision_id=self.source.decision_id, challenge=challenge)

    def with_nonce(self, reply: Reply) -> Reply:
        """The reply with what the next proof must contain, where nonces are demanded (RFC 9449 section 8)."""
        key = self._services.nonce_key
        if key is None or self._uri is None:
            return reply
        nonce = dpop_nonce.make(key, scope=self._services.issuer, now=self.source.now)
        return Reply(reply.status, (*reply.headers, (b"dpop-nonce", nonce.encode())), reply.body)

    def event(self, refused: Refused) -> Event:
        """The event of a refusal after client authentication."""
        return refusal_event(self.event_name, refused, source=self.source, client=self.client)

    def stopped(self, refused: Refused) -> Verdict[Reply]:
        """The verdict on an authenticated client that other failures have stopped at this source.

        What came with the request is good for another attempt after the pause.
        """
        return Verdict(self.reply(refused), (self.event(refused),), succeeded=False, spares=True)

    def read(self) -> None:
        """Step 1, and what is presented for step 2: nothing that policy facts could change."""
        form = form_of(self._request)
        authorization = self._request.header(b"authorization")
        presented = client_auth.present(form, authorization, certificate=self._request.certificate)
        self._read = form, presented

    async def fetch(self, snapshot: Snapshot) -> None:
        """What the client publishes about itself, if that is how it is registered; before any transaction.

        Raises Refused CLIENT_METADATA_UNAVAILABLE, CLIENT_KEYS_UNAVAILABLE, UNAVAILABLE.
        """
        assert self._read is not None  # noqa: S101 - the endpoint reads first
        presented, publications = self._read[1], self._services.publications
        client = snapshot.clients.get(presented.claimed_client)
        if client is None or not needed(presented, client.registration):
            return
        if publications is None:
            raise Refused(Reason.UNAVAILABLE, problem="nothing is fetched here")
        kid = presented.assertion.kid if presented.assertion else None
        complete = await publications.aregistration(
            client.registration, kid=kid, certificate=presented.certificate
        )
        self._published = (client.registration, complete)

    def authenticate(self, snapshot: Snapshot) -> GrantRequest:
        """Step 2: exactly one way of client authentication, and it is right; then the proof of possession."""
        assert self._read is not None  # noqa: S101 - the endpoint reads first
        form, presented = self._read

        def client(current: Snapshot) -> RegisteredApp:
            return self._client(presented, current)

        self.client = None  # whom older facts knew is nobody yet
        self.client = client(snapshot)
        proof = self._possession()
        return GrantRequest(form, client, self.consume, self.source, proof)

    def _client(self, presented: client_auth.Presented, snapshot: Snapshot) -> RegisteredApp:
        client = snapshot.clients.get(presented.claimed_client)
        registration = self._complete(presented, client.registration) if client else None
        if self._verified is None or self._verified[0] != registration:
            proof = client_auth.verify(
                presented, registration, issuer=self._services.issuer, now=self.source.now
            )
            if registration is not None:
                self._verified = (registration, proof)
            self._asserted = _assertion(proof)
        if client is None or registration is None:
            raise Refused(Reason.CLIENT_UNKNOWN)
        return client if registration is client.registration else replace(client, registration=registration)

    def _complete(
        self, presented: client_auth.Presented, registration: client_auth.Registration
    ) -> client_auth.Registration:
        """The registration with what was fetched for it; raises Conflict when it is another one by now."""
        if not needed(presented, registration):
            return registration
        if self._published is None or self._published[0] != registration:
            raise Conflict("the client was registered anew meanwhile")  # inside a transaction nobody fetches
        return self._published[1]

    def _possession(self) -> dpop.Proof | None:
        """The key that the client has, if it shows one: DPOP-02, DPOP-03, DPOP-15, DPOP-16."""
        text = None if self._uri is None else dpop.proof_of(self._request.headers)
        if self._uri is None or text is None:
            return None
        if self._proof is None:
            now, services = self.source.now, self._services
            alias = services.mtls_base and self._uri.replace(services.base, services.mtls_base, 1)
            proof = dpop.accept(text, method="POST", uri=self._uri, now=now, alias=alias)
            if services.nonce_key is not None:
                dpop_nonce.check(proof.nonce, services.nonce_key, scope=services.issuer, now=now)
            self._proof = proof
        return self._proof


def _assertion(proof: client_auth.Proof) -> tuple[OneTime, ...]:
    if proof.jti is None:
        return ()
    return (OneTime("client_assertion", proof.client_id, proof.jti, proof.until),)
