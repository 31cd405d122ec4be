"""What this server publishes: RFC 8414, its JWK Set, and RFC 9728 for each resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from idjag.protocol import metadata, names
from idjag.ras.model import RasConfig, Resource

__all__ = ["document", "protected_resource", "resource_metadata_url"]

# Half of what a key stays published before it is used; long enough to matter, short enough to change a mind.
_MAX_AGE = 300
_MAY_BE_PUBLIC = (names.NO_AUTHENTICATION, names.CLIENT_ID_METADATA_DOCUMENT)
_ADDED = ("grant_types_supported", "authorization_grant_profiles_supported", "scopes_supported")


def document(
    config: RasConfig,
    *,
    base: str | None = None,
    host: Mapping[str, object] | None = None,
    endpoints: Iterable[str] = (),
) -> dict[str, object]:
    """The metadata of this server, merged into ``host``'s own document if it has one (MET-05 to MET-08).

    Grants, profiles and scopes are added to the host's; every other member of the host's stands, how its
    clients authenticate too.  Raises ValueError when the host names another issuer: one document speaks
    for one issuer (RFC 8414 section 3.3).  ``endpoints`` are those that are served beside the token endpoint.
    DPoP proofs are made for the token endpoint that is advertised: where that is another than
    ``RasConfig.endpoint``, we would refuse them, and do not advertise DPoP.
    """
    base = config.base if base is None else base.removesuffix("/")
    token_endpoint = config.token_endpoint or f"{base}/token"
    advertised = (host or {}).get("token_endpoint", token_endpoint)
    methods = {client.registration.method for client in config.clients if client.registration}
    ours = metadata.resource_authorization_server(
        config.issuer,
        base=base,
        scopes=config.scopes,
        token_endpoint=token_endpoint,
        dpop=advertised == config.endpoint,
        documents=names.CLIENT_ID_METADATA_DOCUMENT in methods,
        public=not methods.isdisjoint(_MAY_BE_PUBLIC),
        certificates=config.certificate_headers.methods,
    )
    for endpoint in endpoints:
        if endpoint == "issuer-lookup":
            continue  # there is no registered word for it, and whom we trust is nobody's to guess (MET-07)
        certificates = config.certificate_headers.methods
        ours |= metadata.beside_token_endpoint(endpoint, base=base, certificates=certificates)
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
    return metadata.protected_resource(
        resource.uri, issuer=config.issuer, scopes=sorted(resource.scopes), key_bound=resource.key_bound
    )


def resource_metadata_url(resource: str) -> str:
    """Where a resource server publishes that document: on its own origin (RFC 9728 section 3.1)."""
    scheme, _, rest = resource.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{metadata.protected_resource_path(resource)}"
