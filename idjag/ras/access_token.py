"""Makes this server's access tokens: RFC 9068, signed with keys of its own (RAS-48, AT-01, AT-02)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from idjag.protocol import names
from idjag.protocol.access_token import AccessToken, claims
from idjag.protocol.jose import KeySet, PrivateKey, PublicKey, jws
from idjag.signing_keys import SigningKeys

__all__ = ["JwtSigner", "RotatingSigner"]

_FRESH = 5.0

log = logging.getLogger("idjag.ras")


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
        return _signed(token, self._key)

    def public(self) -> KeySet:
        """The keys to verify with."""
        return self._public


class RotatingSigner:
    """The Signer of keys that follow each other by the clock, and are kept elsewhere.

    ``source`` gives them as they are stored, and may block; it is asked again after ``fresh`` seconds, so
    that what another process changed is known here by then, and at once after ``look``.  A source that
    fails leaves those in use that were there.  ``clock`` gives NumericDate.
    """

    def __init__(
        self,
        source: Callable[[], SigningKeys],
        *,
        alg: str,
        clock: Callable[[], int],
        fresh: float = _FRESH,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._alg = alg
        self._clock = clock
        self._fresh = fresh
        self._monotonic = monotonic
        self._looking = threading.Lock()
        self._keys = source()
        self._looked = monotonic()

    def issue(self, token: AccessToken) -> str:
        """A JWT of type ``at+jwt``, by the key whose turn it is; raises Refused UNAVAILABLE."""
        self._look_if_due()
        return _signed(token, self._keys.signing(self._alg, now=token.iat))

    def public(self) -> KeySet:
        """The keys to verify with now: the next one too, and those whose tokens are still alive."""
        self._look_if_due()
        return self._keys.verifying(now=self._clock())

    def at_once(self) -> bool:
        """Whether ``issue`` and ``public`` would ask nobody now."""
        return self._monotonic() - self._looked < self._fresh

    def look(self) -> None:
        """Take up what is stored now; raises what ``source`` raises."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        began = self._monotonic()
        self._keys = self._source()
        self._looked = began

    def _look_if_due(self) -> None:
        if not self.at_once():
            with self._looking:
                self._look_again()

    def _look_again(self) -> None:
        if self.at_once():  # another thread has looked meanwhile
            return
        try:
            self._look()
        except Exception as failed:  # noqa: BLE001 - a store that is down refuses the token itself
            log.warning("signing keys not read again error=%s", type(failed).__name__)
            self._looked = self._monotonic()


def _signed(token: AccessToken, key: PrivateKey) -> str:
    return jws.sign(claims(token), key=key, typ=names.ACCESS_TOKEN_TYP)
