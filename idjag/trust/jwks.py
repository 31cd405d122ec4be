"""The keys of the issuers that we trust: fetched once, kept while good, refused when too old.

What is fetched comes from configuration or from the issuer's metadata, never from a token.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from idjag.protocol.jose.errors import JoseError
from idjag.protocol.jose.jwk import KeySet
from idjag.trust.fetch import Fetcher
from idjag.trust.issuers import discover
from idjag.trust.outbound import FetchFailed

__all__ = ["Jwks", "KeysUnavailable"]

MAX_JWKS = 256 * 1024
# RFC 7517 section 8.5 registers the +json one; plain file servers send the last two.
_MEDIA_TYPES = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
_RETRY = 5.0
_MAX_SKIPPED_LOGGED = 5

_log = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """There are no keys of this issuer that we may still believe; ``problem`` is for the operator."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of one set: ``fetched`` and ``tried`` are seconds of the monotonic clock."""

    keys: KeySet | None = None
    fetched: float = 0.0
    tried: float | None = None
    problem: str = "never fetched"


@dataclass(slots=True, eq=False)
class _Entry:
    """One issuer's set; whoever holds ``flight`` fetches, the others read ``state`` as it was."""

    issuer: str
    jwks_uri: str | None
    state: _State = _State()
    flight: threading.Lock = field(default_factory=threading.Lock)


class Jwks:
    """A cache of key sets for many threads.

    Seconds: a set younger than ``ttl`` is used as it is; an older one while it cannot be renewed, up to
    ``max_stale`` after it was fetched; unknown kids cause at most one fetch per ``cooldown``.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        ttl: float = 600.0,
        cooldown: float = 30.0,
        max_stale: float = 4 * 3600.0,
    ) -> None:
        if not 0 < cooldown <= ttl <= max_stale:
            raise ValueError("key cache: cooldown, ttl and max_stale must be positive and in this order")
        self._fetcher = fetcher
        self._monotonic = monotonic
        self._ttl = ttl
        self._cooldown = cooldown
        self._max_stale = max_stale
        self._entries: dict[tuple[str, str | None], _Entry] = {}
        self._adding = threading.Lock()

    def keys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        """The issuer's keys, fetched when there are none or when they are due; raises KeysUnavailable.

        Without ``jwks_uri`` the issuer's metadata says where they are. A ``kid`` that is not among them is
        a reason to ``refresh``.
        """
        keys = self._current(issuer, jwks_uri)
        if kid is None or any(key.kid == kid for key in keys.keys):
            return keys
        return self.refresh(issuer, jwks_uri)

    def refresh(self, issuer: str, jwks_uri: str | None) -> KeySet:
        """The issuer's keys after a kid was not among them; raises KeysUnavailable.

        Fetches at most once per cool-down, successful or not, so that invented kids cannot make us a
        load on the issuer (RAS-10); between fetches it returns what is there.
        """
        entry = self._entry(issuer, jwks_uri)
        if self._cooled_down(entry.state):
            with entry.flight:
                if self._cooled_down(entry.state):
                    self._fetch(entry)
        return self._usable(entry)

    def forget(self, issuer: str) -> None:
        """Drop all that is known of the issuer, because it is no longer trusted."""
        with self._adding:
            self._entries = {key: entry for key, entry in self._entries.items() if key[0] != issuer}

    def _current(self, issuer: str, jwks_uri: str | None) -> KeySet:
        entry = self._entry(issuer, jwks_uri)
        state = entry.state
        if self._fresh(state):
            return self._usable(entry)
        # Who has keys that still serve does not queue behind the one who renews them.
        if entry.flight.acquire(blocking=not self._serves(state)):
            try:
                if self._due(entry.state):
                    self._fetch(entry)
            finally:
                entry.flight.release()
        return self._usable(entry)

    def _entry(self, issuer: str, jwks_uri: str | None) -> _Entry:
        key = (issuer, jwks_uri)
        entry = self._entries.get(key)
        if entry is None:
            with self._adding:
                entry = self._entries.setdefault(key, _Entry(issuer, jwks_uri))
        return entry

    def _fresh(self, state: _State) -> bool:
        return state.keys is not None and self._monotonic() - state.fetched < self._ttl

    def _serves(self, state: _State) -> bool:
        return state.keys is not None and self._monotonic() - state.fetched <= self._max_stale

    def _cooled_down(self, state: _State) -> bool:
        return state.tried is None or self._monotonic() - state.tried >= self._cooldown

    def _due(self, state: _State) -> bool:
        """Whether ``keys`` should fetch now: sooner again when there is nothing to serve meanwhile."""
        if self._fresh(state):
            return False
        pause = self._cooldown if self._serves(state) else min(self._cooldown, _RETRY)
        return state.tried is None or self._monotonic() - state.tried >= pause

    def _usable(self, entry: _Entry) -> KeySet:
        state = entry.state
        if state.keys is None:
            raise KeysUnavailable(f"JWKS of {entry.issuer}: {state.problem}")
        if not self._serves(state):
            raise KeysUnavailable(
                f"JWKS of {entry.issuer}: not renewed for over {self._max_stale:g} seconds: {state.problem}"
            )
        return state.keys

    def _fetch(self, entry: _Entry) -> None:
        """Renew the set, or keep it and say why; the caller holds ``flight``."""
        started = self._monotonic()
        try:
            keys = _fetched_keys(self._fetcher, entry)
        except FetchFailed as failed:
            kept = "; the keys fetched earlier stay in use" if self._serves(entry.state) else ""
            _log.warning("JWKS of %s: %s%s", entry.issuer, failed.problem, kept)
            entry.state = replace(entry.state, problem=failed.problem)
        else:
            entry.state = _State(keys=keys, fetched=started)
        finally:
            # Counted from the end: else those who waited for a slow failure would each try in turn.
            entry.state = replace(entry.state, tried=self._monotonic())


def _fetched_keys(fetcher: Fetcher, entry: _Entry) -> KeySet:
    uri = entry.jwks_uri
    if uri is None:
        uri = discover(fetcher, entry.issuer).jwks_uri
        if uri is None:
            raise FetchFailed("its metadata names no jwks_uri")
    fetched = fetcher.get(uri, max_bytes=MAX_JWKS, accept="application/jwk-set+json, application/json")
    if fetched.media_type not in _MEDIA_TYPES and not fetched.media_type.endswith("+json"):
        raise FetchFailed(f"{_place(uri)}: the answer is {fetched.media_type[:60]!r}, not JSON")
    try:
        keys, skipped = KeySet.parse(fetched.body)
    except JoseError as error:
        raise FetchFailed(f"{_place(uri)}: not a JWK Set ({error.code})") from None
    if skipped:
        _log.warning("JWKS of %s: left out: %s", entry.issuer, ", ".join(skipped[:_MAX_SKIPPED_LOGGED]))
    if not keys.keys:
        # An empty set would refuse everybody: a broken deployment over there looks the same.
        raise FetchFailed(f"{_place(uri)}: no usable key in the set")
    return keys


def _place(uri: str) -> str:
    return uri.partition("?")[0]
