"""The keys of trusted issuers, over the cache of ``idjag.trust``: one refresh for a kid nobody knows."""

from __future__ import annotations

from idjag.protocol.jose import KeySet
from idjag.trust.jwks import Jwks

__all__ = ["FetchedKeys", "NoKeys"]


class FetchedKeys:
    """IssuerKeys that are fetched; the cache throttles (RAS-10)."""

    def __init__(self, jwks: Jwks) -> None:
        self._jwks = jwks

    def keys(self, issuer: str, *, jwks_uri: str | None, kid: str | None) -> KeySet:
        """The issuer's keys, asked again when ``kid`` is not among them; raises KeysUnavailable."""
        known = self._jwks.keys(issuer, jwks_uri)
        if kid is None or any(key.kid == kid for key in known.keys):
            return known
        return self._jwks.refresh(issuer, jwks_uri)

    def forget(self, issuer: str) -> None:
        """Drop what is known of the issuer."""
        self._jwks.forget(issuer)


class NoKeys:
    """IssuerKeys for hosts whose trusted issuers all have pinned keys: nothing is ever fetched."""

    def keys(self, issuer: str, *, jwks_uri: str | None, kid: str | None) -> KeySet:
        """Always raises LookupError."""
        raise LookupError(f"{issuer}: no keys are pinned (kid {kid}), and {jwks_uri} may not be fetched")

    def forget(self, issuer: str) -> None:
        """Nothing is known."""
