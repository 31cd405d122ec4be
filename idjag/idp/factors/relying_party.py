"""The WebAuthn relying party of an issuer: its id and its origin, or none where passkeys cannot work."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from idjag.protocol.addresses import host_of, origin_of

__all__ = ["RelyingParty", "relying_party"]


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """``id`` is a domain (WebAuthn section 5.1.2), ``origin`` the only one that may ask."""

    id: str
    origin: str
    name: str


def relying_party(issuer: str, name: str) -> RelyingParty | None:
    """The relying party of this issuer; None when its host is an address: browsers refuse those.

    The id is the whole host: neighbours under the same domain must not be able to ask for our passkeys.
    """
    host = host_of(issuer)
    if not host or _is_address(host):
        return None
    return RelyingParty(host, origin_of(issuer), name)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # 127.1 and 2130706433 are addresses to a browser: the last label of a domain is never a number
        return host.rpartition(".")[2].isdigit()
    return True
