"""Makes this server's access tokens: RFC 9068, signed with keys of its own (RAS-48, AT-01, AT-02)."""

from __future__ import annotations

from idjag.protocol import names
from idjag.protocol.access_token import AccessToken, claims
from idjag.protocol.jose import KeySet, PrivateKey, PublicKey, jws

__all__ = ["JwtSigner"]


class JwtSigner:
    """The Signer of keys that this process holds.

    ``key`` signs; ``published`` are further keys that resource servers shall know: the next one, and
    those whose tokens are still alive.
    """

    def __init__(self, key: PrivateKey, *, published: tuple[PublicKey, ...] = ()) -> None:
        self._key = key
        self._public = KeySet((key.public, *published))

    def issue(self, token: AccessToken) -> str:
        """A JWT of type ``at+jwt``."""
        return jws.sign(claims(token), key=self._key, typ=names.ACCESS_TOKEN_TYP)

    def public(self) -> KeySet:
        """The keys to verify with."""
        return self._public
