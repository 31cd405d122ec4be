"""One request to an endpoint of clients: the form, who authenticates, and what to record of a refusal."""

from __future__ import annotations

from idjag.idp.audit import Source, refusal_event
from idjag.idp.grants import GrantRequest
from idjag.idp.services import Services
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Event, OneTime
from idjag.protocol import client_auth, names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import TokenRequest, form_of

__all__ = ["Attempt"]


class Attempt:
    """One request on its way; remembers how far it came, for the record of its refusal."""

    def __init__(self, services: Services, request: TokenRequest, source: Source) -> None:
        self._services = services
        self._request = request
        self._verified: tuple[client_auth.Registration, client_auth.Proof] | None = None
        self._read: tuple[Form, client_auth.Presented] | None = None
        self.source = source
        self.client: RegisteredApp | None = None
        self.consume: tuple[OneTime, ...] = ()
        self.grant_type: str | None = None

    @property
    def authenticated(self) -> bool:
        """Whether the client has proved who it is: a public one only says so, as any stranger can."""
        return self.client is not None and self.client.registration.method != names.NO_AUTHENTICATION

    @property
    def challenge(self) -> str | None:
        """WWW-Authenticate of a 401, only when the header was used (RFC 6749 section 5.2)."""
        used = any(name == b"authorization" for name, _ in self._request.headers)
        return 'Basic realm="idjag", charset="UTF-8"' if used else None

    @property
    def dpop(self) -> bool:
        """Whether a proof of possession was sent."""
        return any(name == b"dpop" for name, _ in self._request.headers)

    def event(self, refused: Refused) -> Event:
        """The event of a refusal after client authentication."""
        name = "id_jag.denied" if self.grant_type == names.TOKEN_EXCHANGE else "token.refused"
        return refusal_event(name, refused, source=self.source, client=self.client)

    def read(self) -> None:
        """Step 1, and what is presented for step 2: nothing that policy facts could change."""
        form = form_of(self._request)
        self._read = form, client_auth.present(form, self._request.header(b"authorization"))

    def authenticate(self, snapshot: Snapshot) -> GrantRequest:
        """Step 2: exactly one way of client authentication, and it is right."""
        assert self._read is not None  # noqa: S101 - the endpoint reads first
        form, presented = self._read

        def client(current: Snapshot) -> RegisteredApp:
            return self._client(presented, current)

        self.client = None  # whom older facts knew is nobody yet
        self.client = client(snapshot)
        return GrantRequest(form, client, self.consume, self.source)

    def _client(self, presented: client_auth.Presented, snapshot: Snapshot) -> RegisteredApp:
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
