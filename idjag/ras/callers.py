"""Who may ask about tokens, or end them, without being a client that redeems: frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from idjag.protocol.client_auth import Registration
from idjag.protocol.names import MUTUAL_TLS, NO_AUTHENTICATION
from idjag.protocol.resources import comparable

__all__ = ["Callers", "ResourceServer", "Revoker"]


@dataclass(frozen=True, slots=True)
class ResourceServer:
    """An API that may introspect tokens for its ``resources``, and no others (RFC 7662 section 4)."""

    registration: Registration
    resources: frozenset[str]

    def serves(self, audiences: Iterable[str]) -> bool:
        """Whether a token with these audiences may be used there."""
        return not {comparable(uri) for uri in self.resources}.isdisjoint(map(comparable, audiences))


@dataclass(frozen=True, slots=True)
class Revoker:
    """An identity provider, or what watches over it, that may end everything of a person (AT-08).

    ``issuers``: whose people.  ``by_email``: it may name them by an address too, within the domains that
    these issuers speak for; ``tenant`` is then ours, in which their accounts are.
    """

    registration: Registration
    issuers: frozenset[str]
    by_email: bool = False
    tenant: str | None = None


_Caller = TypeVar("_Caller", bound=ResourceServer | Revoker)


@dataclass(frozen=True, slots=True)
class Callers:
    """All of them, by their names; ``check`` is for whoever knows the rest of the configuration."""

    resource_servers: tuple[ResourceServer, ...] = ()
    revokers: tuple[Revoker, ...] = ()
    _servers: dict[str, ResourceServer] = field(init=False, repr=False, compare=False)
    _revokers: dict[str, Revoker] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_servers", _by_name("introspection", self.resource_servers))
        object.__setattr__(self, "_revokers", _by_name("global_token_revocation", self.revokers))

    def resource_server(self, client_id: str) -> ResourceServer | None:
        """Who introspects under this name."""
        return self._servers.get(client_id)

    def revoker(self, client_id: str) -> Revoker | None:
        """Who ends everything of people under this name."""
        return self._revokers.get(client_id)

    def check(self, *, clients: Iterable[str], resources: Iterable[str], issuers: Iterable[str]) -> None:
        """Raises ValueError when they do not go together with the clients, resources and issuers."""
        if taken := sorted(self._servers.keys() & set(clients)):
            raise ValueError(
                f"introspection: {taken[0]} is a client that redeems: give the API a name of its own"
            )
        governed, trusted = set(map(comparable, resources)), set(issuers)
        for server in self.resource_servers:
            if foreign := sorted(each for each in server.resources if comparable(each) not in governed):
                raise ValueError(f"introspection: {foreign[0]} is not among the resources")
        for revoker in self.revokers:
            if revoker.registration.method in MUTUAL_TLS:
                raise ValueError(
                    f"global_token_revocation: {revoker.registration.client_id} must sign: a certificate "
                    "needs a client_id beside it, and that endpoint takes no form"
                )
            if unknown := sorted(revoker.issuers - trusted):
                raise ValueError(f"global_token_revocation: {unknown[0]} is not among trusted_issuers")
            if revoker.tenant is not None and not revoker.by_email:
                raise ValueError("global_token_revocation: tenant is for format email; iss_sub has none")


def _by_name(section: str, callers: Sequence[_Caller]) -> dict[str, _Caller]:
    named = {caller.registration.client_id: caller for caller in callers}
    if len(named) != len(callers):
        raise ValueError(f"{section}: a client_id is listed twice")
    for caller in callers:
        if caller.registration.method == NO_AUTHENTICATION:
            raise ValueError(f"{section}: {caller.registration.client_id} must have credentials")
        if not (caller.resources if isinstance(caller, ResourceServer) else caller.issuers):
            raise ValueError(f"{section}: {caller.registration.client_id} may ask about nothing: say what")
    return named
