"""Looking at the documents of others by the one outbound fetcher: few, in bounded time, each remembered.

What comes out is told to administrators, who may be curious: the documents, and of a failure no more than
could be seen from outside (attack case 176).  The operator's log has the whole sentence.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from idjag.protocol import names
from idjag.protocol.client_metadata import MetadataWrong, accept
from idjag.protocol.jose import JoseError
from idjag.protocol.jose.json import JsonValue, parse_object
from idjag.trust.fetch import Fetched, Fetcher
from idjag.trust.key_sets import fetch_keys
from idjag.trust.outbound import FetchFailed

__all__ = ["FOUND", "MAX_DOCUMENT", "Look", "Looks"]

FOUND: Final = "found"
MAX_DOCUMENT: Final = 64 * 1024
_MOST: Final = 16
_WITHIN: Final = 20.0  # seconds after which nothing more is begun
_NOT_JSON: Final = "is not JSON"
_NOT_ACCEPTED: Final = "is not a metadata document that may be believed"
_NO_TIME: Final = "was not asked: the others took too long"

log = logging.getLogger("idjag.idp.discover")


@dataclass(frozen=True, slots=True)
class Look:
    """One address, and how asking it ended: ``found``, ``answered 404``, ``could not be reached`` ..."""

    url: str
    outcome: str


class Looks:
    """The looks of one question; ``seen`` are all of them, in order."""

    def __init__(self, fetcher: Fetcher, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetcher = fetcher
        self._monotonic = monotonic
        self._ends = monotonic() + _WITHIN
        self.seen: list[Look] = []

    def document(self, url: str) -> Mapping[str, JsonValue] | None:
        """The members of the JSON object there; None when there is none."""
        try:
            self._begin(url)
            members = _members(self._fetcher.get(url, max_bytes=MAX_DOCUMENT), _shown(url))
        except FetchFailed as failed:
            self._failed(url, failed)
            return None
        self.seen.append(Look(url, FOUND))
        return members

    def challenge(self, url: str) -> str:
        """The WWW-Authenticate header of the 401 that a request without a token gets; "" for all else."""
        try:
            self._begin(url)
            self._fetcher.get(url, max_bytes=MAX_DOCUMENT)
        except FetchFailed as failed:
            self._failed(url, failed)
            return failed.challenge
        self.seen.append(Look(url, "answered without asking for a token"))
        return ""

    def keys(self, url: str) -> str:
        """Whether there are usable keys: ``found``, or how it ended."""
        try:
            self._begin(url)
            fetch_keys(self._fetcher, url, name=_shown(url))
        except FetchFailed as failed:
            self._failed(url, failed)
        else:
            self.seen.append(Look(url, FOUND))
        return self.seen[-1].outcome

    def client(self, client_id: str) -> str:
        """Whether a client metadata document is there with keys that can be used: as in ``keys``."""
        try:
            self._begin(client_id)
            fetched = self._fetcher.get(client_id, max_bytes=names.MAX_CLIENT_METADATA)
            document = accept(fetched.body, client_id=client_id)
        except FetchFailed as failed:
            self._failed(client_id, failed)
            return failed.outcome
        except MetadataWrong as wrong:
            problem = f"{_shown(client_id)}: {wrong.problem}"
            self._failed(client_id, FetchFailed(problem, outcome=_NOT_ACCEPTED))
            return _NOT_ACCEPTED
        self.seen.append(Look(client_id, FOUND))
        if document.method == names.NO_AUTHENTICATION:
            return "says that it does not authenticate"
        return self.keys(document.jwks_uri) if document.jwks_uri is not None else FOUND

    def _begin(self, url: str) -> None:
        if len(self.seen) >= _MOST or self._monotonic() >= self._ends:
            raise FetchFailed(f"{_shown(url)}: {_NO_TIME}", outcome=_NO_TIME)

    def _failed(self, url: str, failed: FetchFailed) -> None:
        log.info("asked in vain problem=%s", failed.problem)
        self.seen.append(Look(url, failed.outcome))


def _members(fetched: Fetched, place: str) -> Mapping[str, JsonValue]:
    # an error page with status 200 has another type
    if fetched.media_type != "application/json":
        raise FetchFailed(f"{place}: {fetched.media_type[:60]!r}", outcome=_NOT_JSON)
    try:
        return parse_object(fetched.body, max_bytes=MAX_DOCUMENT)
    except JoseError as error:
        raise FetchFailed(f"{place}: {error.code}", outcome=_NOT_JSON) from None


def _shown(url: str) -> str:
    """Without its query, which may hold what nobody should read."""
    return url.partition("?")[0]
