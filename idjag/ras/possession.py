"""Which key a token request proves, and which its token is bound to (draft section 9.8.1.2, RFC 9449)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from idjag.protocol import dpop, dpop_nonce, names
from idjag.protocol.dpop import Proof
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.ras.model import Client, Resource
from idjag.ras.ports import Once

__all__ = ["Nonces", "TokenEndpoint", "key_of", "once_of", "require_key"]


@dataclass(frozen=True, slots=True)
class Nonces:
    """The nonces that this server demands of proofs; ``key`` is the same on every node, 32 octets or more.

    ``issuer``: ours, so that nonces of no other server hold here (DPOP-15).
    """

    issuer: str
    key: bytes = field(repr=False)

    def headers(self, *, now: int) -> tuple[tuple[bytes, bytes], ...]:
        """What every answer carries: the nonce for the client's next proof (RFC 9449 section 8.2)."""
        return ((dpop_nonce.HEADER, dpop_nonce.make(self.key, scope=self.issuer, now=now).encode()),)

    def check(self, proof: Proof, *, now: int) -> None:
        """Raises Refused USE_DPOP_NONCE."""
        dpop_nonce.check(proof.nonce, self.key, scope=self.issuer, now=now)


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Where token requests come in; ``url`` as clients know it, never as a request says."""

    url: str
    nonces: Nonces | None = None

    def proven(self, text: str | None, *, now: int) -> Proof | None:
        """The proof that came with a request, still to be used up; None when none came.

        Raises Refused DPOP_PROOF_INVALID, USE_DPOP_NONCE (DPOP-10, DPOP-15).
        """
        if text is None:
            return None
        proof = dpop.accept(text, method="POST", uri=self.url, now=now)
        if self.nonces is not None:
            self.nonces.check(proof, now=now)
        return proof

    def headers(self, *, now: int) -> tuple[tuple[bytes, bytes], ...]:
        """What every answer carries beside its own headers."""
        return () if self.nonces is None else self.nonces.headers(now=now)


def once_of(proof: Proof) -> Once:
    """What makes the proof good once, whatever is decided (DPOP-16)."""
    return Once(dpop.ONCE_KIND, proof.scope, proof.jti, until=proof.until)


def key_of(grant: IdJag, proof: Proof | None, *, client: Client, grant_type: str) -> str | None:
    """The thumbprint that the token will be bound to, or None for a bearer token: the four cases.

    Raises Refused: CONFIRMATION_MISSING, CONFIRMATION_MISMATCH, CONFIRMATION_REQUIRED, CLIENT_PUBLIC.
    """
    if grant.jkt is not None:
        if proof is None:  # DPOP-09: a bound grant is never a bearer grant
            raise Refused(Reason.CONFIRMATION_MISSING, expected=grant.jkt)
        if proof.jkt != grant.jkt:  # DPOP-08
            raise Refused(Reason.CONFIRMATION_MISMATCH, expected=grant.jkt, got=proof.jkt)
        return grant.jkt
    if client.public:  # RAS-04: nothing binds the grant to whoever brings it
        raise Refused(Reason.CLIENT_PUBLIC, problem="the grant is not bound to a key")
    if grant_type == names.JWT_DPOP:  # DPOP-13: its name promises a bound grant
        raise Refused(Reason.CONFIRMATION_REQUIRED, grant_type="jwt-dpop")
    return None if proof is None else proof.jkt  # DPOP-10


def require_key(jkt: str | None, resources: Iterable[Resource]) -> None:
    """DPOP-11: a resource that takes only bound tokens is never granted without a key.

    Raises Refused CONFIRMATION_REQUIRED.
    """
    strict = next((resource.uri for resource in resources if resource.key_bound), None)
    if jkt is None and strict is not None:
        raise Refused(Reason.CONFIRMATION_REQUIRED, resource=strict)
