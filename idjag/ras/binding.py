"""Whether a request to an API proves the key that its token is bound to (RFC 9449 section 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from idjag.protocol import dpop, dpop_nonce, names
from idjag.protocol.access_token import AccessToken
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.resources import is_resource
from idjag.ras.proofs import Proofs

__all__ = ["Binding", "Presented", "checked_base", "origin"]


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request brought: the token, the scheme that it came under, and where the request went.

    ``path`` is that of the request line, percent-encoded.
    """

    scheme: str
    token: str = field(repr=False)
    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Binding:
    """What one API asks of tokens and proofs; the arguments of ``Guard``, ``resource`` keeps nonces apart."""

    resource: str
    base: str
    key_bound: bool
    proofs: Proofs
    nonce_key: bytes | None = field(default=None, repr=False)

    @property
    def schemes(self) -> tuple[str, ...]:
        """What a client may use; Bearer first, since some clients read no further."""
        both = (names.TOKEN_TYPE_BEARER, names.TOKEN_TYPE_DPOP)
        return both[1:] if self.key_bound else both

    def nonce(self, *, now: int) -> str | None:
        """What the client's next proof should carry; None where no nonce is asked for."""
        if self.nonce_key is None:
            return None
        return dpop_nonce.make(self.nonce_key, scope=self.resource, now=now)

    def proven(self, presented: Presented, token: AccessToken, *, now: int) -> dpop.Proof | None:
        """The proof of a request with a bound token, yet to be used up; None for an unbound one.

        Raises Refused TOKEN_INVALID, DPOP_PROOF_INVALID, USE_DPOP_NONCE.
        """
        if presented.scheme != names.TOKEN_TYPE_DPOP:
            self._check_unbound(token)
            return None
        if token.jkt is None:  # anybody could have put a proof of their own beside it
            raise Refused(Reason.TOKEN_INVALID, problem="not bound, as DPoP")
        proof = self._accept(presented, now=now)
        if proof.jkt != token.jkt:
            raise Refused(Reason.TOKEN_INVALID, problem="another key", expected=token.jkt, got=proof.jkt)
        if self.nonce_key is not None:
            dpop_nonce.check(proof.nonce, self.nonce_key, scope=self.resource, now=now)
        return proof

    def use_up(self, proof: dpop.Proof, *, now: int) -> None:
        """Nobody may send it again (RFC 9449 section 11.1).

        Raises Refused DPOP_PROOF_INVALID, UNAVAILABLE.
        """
        try:
            first = self.proofs.first_time(proof.scope, proof.jti, until=proof.until, now=now)
        except Exception as failed:
            raise Refused(Reason.UNAVAILABLE, port="proofs", error=type(failed).__name__) from failed
        if not first:
            raise Refused(Reason.DPOP_PROOF_INVALID, problem="replayed")

    def _check_unbound(self, token: AccessToken) -> None:
        """DPOP-17: a bound token is worth nothing without its key, or whoever steals it could use it."""
        if token.jkt is not None:
            raise Refused(Reason.TOKEN_INVALID, problem="bound, as Bearer", scheme=names.TOKEN_TYPE_DPOP)
        if self.key_bound:
            raise Refused(Reason.TOKEN_INVALID, problem="not bound")

    def _accept(self, presented: Presented, *, now: int) -> dpop.Proof:
        proof = dpop.proof_of(presented.headers)
        if proof is None:
            raise Refused(Reason.TOKEN_INVALID, problem="no proof")
        if not presented.path.startswith("/"):  # an absolute request target, or "*": no path below our base
            raise Refused(Reason.DPOP_PROOF_INVALID, problem="path")
        uri = self.base + presented.path
        return dpop.accept(proof, method=presented.method, uri=uri, now=now, access_token=presented.token)


def checked_base(base: str) -> str:
    """A base URL without its final slash; raises ValueError for what no request can be below."""
    if not is_resource(base) or "?" in base or not base.startswith(("https://", "http://")):
        raise ValueError(f"base {base!r} must be the https URL under which clients know the API")
    return base.removesuffix("/")


def origin(resource: str) -> str:
    """Scheme and authority of a resource; raises ValueError when it is no URL."""
    parts = urlsplit(resource)
    return checked_base(f"{parts.scheme}://{parts.netloc}")
