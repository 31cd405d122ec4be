"""The keys of the issuers that we trust: fetched once, kept while good, refused when too old.

What is fetched comes from configuration or from the issuer's metadata, never from a token.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose.jwk import KeySet
from idjag.trust.fetch import Fetched, Fetcher
from idjag.trust.issuers import discover
from idjag.trust.kept import Kept, Limits
from idjag.trust.key_sets import fetch_keys, lacking
from idjag.trust.looks import NotKept, Waits, arrived, asettle, settle
from idjag.trust.outbound import FetchFailed

__all__ = ["Jwks", "KeysUnavailable"]

_Place: TypeAlias = tuple[str, str | None]


class KeysUnavailable(Exception):
    """There are no keys of this issuer that we may still believe; ``problem`` is for the operator."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Jwks:
    """The key sets of issuers, for many threads and for event loops; ``limits`` say how long they are kept.

    A kid that is not in a set is a reason to fetch it again, at most once per ``limits.cooldown``, so that
    invented kids cannot make us a load on the issuer (RAS-10); between fetches what is there is given.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        limits: Limits | None = None,
    ) -> None:
        self._fetcher = fetcher
        self._kept: Kept[_Place, KeySet] = Kept(
            self._fetched, _name, limits=limits or Limits(), monotonic=monotonic
        )

    def keys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        """The issuer's keys; raises KeysUnavailable, or Refused UNAVAILABLE when too many wait for some.

        Without ``jwks_uri`` the issuer's metadata says where they are.  ``kid`` is what a header names.
        """
        return settle(self._waits(issuer, jwks_uri, kid))

    async def akeys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        """``keys`` for callers in an event loop: whoever waits holds no thread."""
        return await asettle(self._waits(issuer, jwks_uri, kid))

    def forget(self, issuer: str) -> None:
        """Drop all that is known of the issuer, because it is no longer trusted (attack case 163)."""
        self._kept.forget(lambda place: place[0] == issuer)

    def _waits(self, issuer: str, jwks_uri: str | None, kid: str | None) -> Waits[KeySet]:
        try:
            look = self._kept.look((issuer, jwks_uri), partial(lacking, kid=kid))
            return (yield from arrived(look))
        except NotKept as missing:
            if missing.ours:
                raise Refused(Reason.UNAVAILABLE, problem=missing.problem) from None
            raise KeysUnavailable(missing.problem) from None

    def _fetched(self, place: _Place) -> tuple[KeySet, Fetched]:
        issuer, uri = place
        if uri is None:
            # asked each time: what an issuer moved is found without a cache of its own that could be old
            uri = discover(self._fetcher, issuer).jwks_uri
        if uri is None:
            raise FetchFailed("its metadata names no jwks_uri")
        return fetch_keys(self._fetcher, uri, name=_name(place))


def _name(place: _Place) -> str:
    return f"JWKS of {place[0]}"
