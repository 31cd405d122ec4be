"""What this server publishes: RFC 8414, its JWK Set, and RFC 9728 for each resource."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from idjag.protocol import metadata
from idjag.protocol.http import JSON_TYPE, Reply
from idjag.ras.model import RasConfig, Resource

__all__ = ["cached", "document", "protected_resource", "resource_metadata_url"]

# Half of what a key stays published before it is used; long enough to matter, short enough to change a mind.
_MAX_AGE = 300
_ADDED = ("grant_types_supported", "authorization_grant_profiles_supported", "scopes_supported")


def document(
    config: RasConfig, *, base: str | None = None, host: Mapping[str, object] | None = None
) -> dict[str, object]:
    """The metadata of this server, merged into ``host``'s own document if it has one (MET-05 to MET-08).

    Grants, profiles and scopes are added to the host's; every other member of the host's stands, how its
    clients authenticate too.  Raises ValueError when the host names another issuer: one document speaks
    for one issuer (RFC 8414 section 3.3).
    """
    base = config.base if base is None else base.removesuffix("/")
    ours = metadata.resource_authorization_server(config.issuer, base=base, scopes=config.scopes)
    if host is None:
        return ours
    if host.get("issuer", config.issuer) != config.issuer:
        raise ValueError(f"the host's metadata names issuer {host['issuer']!r}, not {config.issuer!r}")
    merged = {**ours, **host}
    for name in _ADDED:
        value, theirs = ours[name], host.get(name)
        if isinstance(value, list) and isinstance(theirs, list):
            merged[name] = list(dict.fromkeys([*theirs, *value]))
    return merged


def protected_resource(config: RasConfig, resource: Resource) -> dict[str, object]:
    """The RFC 9728 document of one resource (MET-11)."""
    return metadata.protected_resource(resource.uri, issuer=config.issuer, scopes=sorted(resource.scopes))


def resource_metadata_url(resource: str) -> str:
    """Where a resource server publishes that document: on its own origin (RFC 9728 section 3.1)."""
    scheme, _, rest = resource.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{metadata.protected_resource_path(resource)}"


def cached(members: Mapping[str, object], *, if_none_match: bytes | None = None) -> Reply:
    """A document that anybody may read from anywhere and keep for minutes (MET-10, interop fact 10)."""
    body = json.dumps(members, separators=(",", ":")).encode()
    etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    headers = (
        (b"cache-control", b"public, max-age=%d" % _MAX_AGE),
        (b"etag", etag),
        (b"access-control-allow-origin", b"*"),
    )
    if if_none_match is not None and _matches(if_none_match, etag):
        return Reply(304, headers, b"")
    return Reply(200, (JSON_TYPE, *headers), body)


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    """RFC 9110 section 13.1.2: weak comparison, a list, or any."""
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or b"*" in tags
