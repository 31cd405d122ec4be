"""What this server publishes: RFC 8414, its JWK Set, and RFC 9728 for each resource."""

from __future__ import annotations

from collections.abc import Mapping

from idjag.protocol import metadata
from idjag.ras.model import RasConfig, Resource

__all__ = ["document", "protected_resource", "resource_metadata_url"]

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
