"""JWK Sets at an address: the bytes of one answer to keys that can be used, or why not."""

from __future__ import annotations

import logging

from idjag.protocol.jose.errors import JoseError
from idjag.protocol.jose.jwk import KeySet
from idjag.trust.fetch import Fetched, Fetcher
from idjag.trust.outbound import FetchFailed

__all__ = ["fetch_keys", "lacking"]

MAX_JWKS = 256 * 1024
# RFC 7517 section 8.5 registers the +json one; plain file servers send the last two.
_MEDIA_TYPES = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
_MAX_SKIPPED_LOGGED = 5
_NO_SET = "is not a JWK Set"

log = logging.getLogger("idjag.trust")


def fetch_keys(fetcher: Fetcher, uri: str, *, name: str) -> tuple[KeySet, Fetched]:
    """The usable keys there, and the answer; raises FetchFailed.  ``name`` says in the log whose they are."""
    fetched = fetcher.get(uri, max_bytes=MAX_JWKS, accept="application/jwk-set+json, application/json")
    place = uri.partition("?")[0]
    if fetched.media_type not in _MEDIA_TYPES and not fetched.media_type.endswith("+json"):
        problem = f"{place}: the answer is {fetched.media_type[:60]!r}, not JSON"
        raise FetchFailed(problem, outcome=_NO_SET)
    try:
        keys, skipped = KeySet.parse(fetched.body)
    except JoseError as error:
        raise FetchFailed(f"{place}: not a JWK Set ({error.code})", outcome=_NO_SET) from None
    if skipped:
        log.warning("%s: left out: %s", name, ", ".join(skipped[:_MAX_SKIPPED_LOGGED]))
    if not keys.keys:
        # An empty set would refuse everybody: a broken deployment over there looks the same.
        raise FetchFailed(f"{place}: no usable key in the set", outcome="has no usable key")
    return keys, fetched


def lacking(keys: KeySet, kid: str | None) -> bool:
    """Whether a header with this kid means a key that is not there, perhaps not yet."""
    return kid is not None and all(key.kid != kid for key in keys.keys)
