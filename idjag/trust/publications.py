"""What clients publish about themselves: metadata documents at their client_id, key sets at their jwks_uri.

Only of clients that an administrator has registered, and only when how they authenticate needs it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar

from idjag.protocol import client_certificate, names
from idjag.protocol.client_auth import Presented, Registration
from idjag.protocol.client_certificate import Told
from idjag.protocol.client_metadata import ClientMetadata, MetadataWrong, accept, url_problem
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose.jwk import KeySet
from idjag.trust.fetch import Fetched, Fetcher
from idjag.trust.kept import Kept, Limits
from idjag.trust.key_sets import fetch_keys, lacking
from idjag.trust.looks import Look, NotKept, Waits, arrived, asettle, settle
from idjag.trust.outbound import FetchFailed

__all__ = ["Publications", "needed"]

_V = TypeVar("_V")
_KeyPlace: TypeAlias = tuple[str, str]
# An hour after a client took a key back, or went away, it counts no more.  Few threads wait: they are those
# that serve the sign-in pages, and strangers can ask for any client's.
_LIMITS = Limits(max_stale=3600.0, waiting=24)

log = logging.getLogger("idjag.trust")


def needed(presented: Presented, registration: Registration | None) -> bool:
    """Whether to look at what the client publishes: it is registered so, and shows what that could prove.

    A secret proves nothing of such a client, whatever it publishes.
    """
    if registration is None or not registration.published or not registration.active:
        return False
    if presented.method != names.NO_AUTHENTICATION:
        return presented.method == names.PRIVATE_KEY_JWT
    by_document = registration.method == names.CLIENT_ID_METADATA_DOCUMENT
    by_certificate = registration.method == names.SELF_SIGNED_TLS_CLIENT_AUTH
    return by_document or (by_certificate and presented.certificate is not None)


class Publications:
    """For many threads and for event loops.

    ``loopback``: our own issuer is on this machine, so that clients may be too, without TLS.  Each method has
    a twin for callers in an event loop.  They raise Refused CLIENT_METADATA_UNAVAILABLE or
    CLIENT_KEYS_UNAVAILABLE, which are the client's own fault, and UNAVAILABLE, which is ours.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        loopback: bool = False,
        limits: Limits = _LIMITS,
    ) -> None:
        self._fetcher = fetcher
        self._loopback = loopback
        self._documents: Kept[str, ClientMetadata] = Kept(
            self._document, _document_name, limits=limits, monotonic=monotonic, landed=self._landed
        )
        self._keys: Kept[_KeyPlace, KeySet] = Kept(
            self._key_set, _keys_name, limits=limits, monotonic=monotonic
        )

    def document(self, client_id: str) -> ClientMetadata:
        """The metadata document of a registered client."""
        return settle(self._document_waits(client_id, None))

    def registration(
        self, registered: Registration, *, kid: str | None = None, certificate: Told | None = None
    ) -> Registration:
        """The registration with what the client publishes.

        ``kid`` is what its assertion names, ``certificate`` what it has shown instead.
        """
        return settle(self._waits(registered, kid, certificate))

    async def aregistration(
        self, registered: Registration, *, kid: str | None = None, certificate: Told | None = None
    ) -> Registration:
        """``registration`` in an event loop: whoever waits holds no thread."""
        return await asettle(self._waits(registered, kid, certificate))

    def forget(self, client_id: str) -> None:
        """Drop what this client has published, because its registration has changed or is gone."""
        self._documents.forget(lambda known: known == client_id)
        self._keys.forget(lambda known: known[0] == client_id)

    def _waits(
        self, registered: Registration, kid: str | None, certificate: Told | None
    ) -> Waits[Registration]:
        if registered.method == names.CLIENT_ID_METADATA_DOCUMENT:
            document = yield from self._document_waits(registered.client_id, kid)
            registered = replace(
                registered,
                method=document.method,
                keys=document.keys,
                jwks_uri=document.jwks_uri,
                algorithms=document.algorithms,
            )
        if registered.keys is not None or registered.jwks_uri is None:
            return registered
        place = (registered.client_id, registered.jwks_uri)
        shown = certificate if registered.method == names.SELF_SIGNED_TLS_CLIENT_AUTH else None
        wanting = partial(lacking, kid=kid) if shown is None else partial(_lacks_key_of, told=shown)
        look = self._keys.look(place, wanting)
        keys = yield from _arrived(look, Reason.CLIENT_KEYS_UNAVAILABLE, registered.client_id)
        return replace(registered, keys=keys)

    def _document_waits(self, client_id: str, kid: str | None) -> Waits[ClientMetadata]:
        look = self._documents.look(client_id, lambda document: _lacks(document, kid))
        return (yield from _arrived(look, Reason.CLIENT_METADATA_UNAVAILABLE, client_id))

    def _document(self, client_id: str) -> tuple[ClientMetadata, Fetched]:
        """CAU-10 to CAU-12: what is wrong is an error of the fetch, so that nothing wrong is ever kept."""
        if problem := url_problem(client_id, loopback=self._loopback):
            raise FetchFailed(f"a client_id that is an address {problem}")
        place = client_id.partition("?")[0]
        fetched = self._fetcher.get(client_id, max_bytes=names.MAX_CLIENT_METADATA)
        if not _is_json(fetched.media_type):
            raise FetchFailed(
                f"{place}: the content type is {fetched.media_type[:60]!r}, not application/json"
            )
        try:
            return accept(fetched.body, client_id=client_id), fetched
        except MetadataWrong as wrong:
            raise FetchFailed(f"{place}: {wrong.problem}") from None

    def _landed(self, client_id: str, before: ClientMetadata | None, now: ClientMetadata) -> None:
        """The client alone says where its keys are: the places where they were must not pile up here."""
        _log_changes(client_id, before, now)
        self._keys.forget(lambda known: known[0] == client_id and known[1] != now.jwks_uri)

    def _key_set(self, place: _KeyPlace) -> tuple[KeySet, Fetched]:
        return fetch_keys(self._fetcher, place[1], name=_keys_name(place))


def _arrived(look: Look[_V], reason: Reason, client_id: str) -> Waits[_V]:
    try:
        return (yield from arrived(look))
    except NotKept as missing:
        reason = Reason.UNAVAILABLE if missing.ours else reason
        raise Refused(reason, client_id=client_id, problem=missing.problem) from None


def _lacks(document: ClientMetadata, kid: str | None) -> bool:
    return document.keys is not None and lacking(document.keys, kid)


def _lacks_key_of(keys: KeySet, told: Told) -> bool:
    """Whether a certificate has a key that is not there, perhaps not yet; what is none has none."""
    try:
        return not client_certificate.has_key(client_certificate.read(told), keys)
    except Refused:
        return False


def _is_json(media_type: str) -> bool:
    """application/json, or application/(anything)+json (section 4.1 of the draft)."""
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _document_name(client_id: str) -> str:
    return f"metadata document of {client_id.partition('?')[0]}"


def _keys_name(place: _KeyPlace) -> str:
    return f"JWKS of the client {place[0].partition('?')[0]}"


def _log_changes(client_id: str, before: ClientMetadata | None, now: ClientMetadata) -> None:
    """A document is in the hands of the client: when it says something else, that is worth a line."""
    changed = now.changes(before) if before is not None else ()
    if changed:
        log.warning("%s: changed: %s", _document_name(client_id), ", ".join(changed))
