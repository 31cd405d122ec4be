"""From what an administrator typed, an issuer or an API's address, to what its documents say.

RFC 8414 (and the place of OpenID Connect Discovery), RFC 9728.  A document counts only where its own name
leads: what it calls itself, looked up anew, must give that very address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from idjag.idp.discover.documents import (
    AuthorizationServer,
    ProtectedResource,
    authorization_server,
    protected_resource,
    resource_metadata,
)
from idjag.idp.discover.looks import Looks
from idjag.idp.discover.plan import Plan, Remark, Undiscovered, remarks
from idjag.idp.discover.spelling import difference, written_in_ascii
from idjag.protocol.metadata import protected_resource_path
from idjag.protocol.resources import is_resource, same_issuer_lookup
from idjag.trust.issuers import metadata_urls
from idjag.trust.outbound import FetchFailed, parse_url

__all__ = ["check_typed", "discover", "metadata_of", "resource_url"]

_MOST_RESOURCES = 8


def check_typed(typed: str, *, own: str) -> None:
    """Raises Undiscovered for what nobody needs to be asked about; ``own`` is our issuer."""
    try:
        parse_url(typed)
    except FetchFailed as failed:
        meant = "" if typed.isascii() else written_in_ascii(typed)
        hint = f"; over the wire this is {meant}" if meant else ""
        raise Undiscovered(f"This cannot be asked for: {failed.problem}{hint}.") from None
    if not is_resource(typed):
        raise Undiscovered("This cannot be asked for: check the address.")
    if _same(typed, own):
        raise Undiscovered("This is the issuer of this very server; it redeems none of its own ID-JAGs.")


def discover(
    looks: Looks, typed: str, *, own: str, known: Mapping[str, str] | None = None, choice: str = ""
) -> Plan:
    """What could be filled in; raises Undiscovered, with why.

    ``known``: issuers that are registered and how they are called.  ``choice``: which authorization server,
    where the API names several.
    """
    check_typed(typed, own=own)
    search = _Search(looks, own)
    server = search.server(typed) if "?" not in typed else None
    api = search.resource(typed, ask_it=server is None)
    if api is None and server is None:
        raise search.refused("Neither metadata of an authorization server nor of an API was found there.")
    choices: tuple[str, ...] = ()
    said = server.issuer if server is not None else api.resource if api is not None else typed
    if server is None and api is not None:
        choices, server = search.server_of(api, choice)
    elif server is not None and api is not None and server.issuer not in api.servers:
        api = None  # an API beside the issuer that answers to somebody else
    resources = (api,) if api is not None else search.resources_of(server)
    found = [Remark("issuer", f"{text}.") for text in search.contradictions]
    found += remarks(typed, said, server=server, resources=resources, known=known or {})
    return Plan(
        typed=typed,
        said=said,
        server=server,
        resources=resources,
        choices=choices,
        remarks=tuple(found),
        looks=tuple(looks.seen),
    )


def metadata_of(looks: Looks, issuer: str) -> tuple[AuthorizationServer | None, str]:
    """The metadata of exactly this issuer, or what its metadata calls itself instead ("" for none).

    RFC 8414 section 3.3: identical, or another issuer's metadata could be passed off as this one's.
    """
    other = ""
    for url in _places(issuer):
        members = looks.document(url)
        server = authorization_server(members, found_at=url) if members is not None else None
        if server is not None and server.issuer == issuer:
            return server, ""
        other = server.issuer if server is not None else other
    return None, other


def resource_url(resource: str) -> str:
    """Where RFC 9728 section 3.1 puts its document; "" for what has no such place."""
    try:
        target = parse_url(resource)
    except FetchFailed:
        return ""
    return f"{target.scheme}://{target.authority}{protected_resource_path(resource)}"


@dataclass(slots=True)
class _Search:
    """One search, and what it met that contradicts itself."""

    looks: Looks
    own: str
    contradictions: list[str] = field(default_factory=list)

    def server(self, typed: str) -> AuthorizationServer | None:
        """What was typed, as an issuer."""
        for url in _places(typed):
            members = self.looks.document(url)
            if members is None:
                continue
            server = authorization_server(members, found_at=url)
            if server is None:
                self.contradictions.append(f"{url} names no issuer")
            elif self._own_place(server.issuer, typed, url, _places):
                return server
        return None

    def resource(self, typed: str, *, ask_it: bool) -> ProtectedResource | None:
        """What was typed, as an API; ``ask_it``: for a challenge too, as clients without a token are."""
        url = resource_url(typed)
        found = self._resource(url, typed, lambda name: (resource_url(name),))
        if found is not None or not ask_it:
            return found
        pointed = resource_metadata(self.looks.challenge(typed))
        if not pointed or pointed == url:
            return None
        # The API itself points there, so its own address must be what the document is about.
        return self._resource(pointed, typed, lambda name: (pointed,) if _same(name, typed) else ())

    def server_of(
        self, api: ProtectedResource, choice: str
    ) -> tuple[tuple[str, ...], AuthorizationServer | None]:
        """The authorization server of an API, or the issuers to choose from; raises Undiscovered."""
        if choice and choice not in api.servers:
            raise self.refused(f"{api.resource} does not name this authorization server: {choice}.")
        if not api.servers:
            raise self.refused(f"{api.resource} names no authorization server: type its issuer.")
        if not choice and len(api.servers) > 1:
            return api.servers, None
        issuer = choice or api.servers[0]
        if _same(issuer, self.own):
            raise self.refused(f"{api.resource} takes tokens of this very server; no ID-JAG is needed.")
        server, other = metadata_of(self.looks, issuer)
        if server is None:
            said = f" What is there calls itself {other}{_near(issuer, other)}." if other else ""
            raise self.refused(f"{api.resource} names {issuer}, and no metadata of it was found.{said}")
        return api.servers if choice else (), server

    def resources_of(self, server: AuthorizationServer | None) -> tuple[ProtectedResource, ...]:
        """The APIs that the server names, as far as they name it too (RFC 9728 section 4)."""
        found = []
        for resource in server.resources[:_MOST_RESOURCES] if server is not None else ():
            url = resource_url(resource)
            members = self.looks.document(url) if url else None
            api = protected_resource(members, found_at=url) if members is not None else None
            if server is not None and api is not None and api.resource == resource:
                found += [api] if server.issuer in api.servers else []
        return tuple(found)

    def refused(self, otherwise: str) -> Undiscovered:
        """With what contradicts itself, if anything does: that is what has to be mended."""
        return Undiscovered(". ".join([*self.contradictions, otherwise]), self.looks.seen)

    def _resource(
        self, url: str, typed: str, places: Callable[[str], tuple[str, ...]]
    ) -> ProtectedResource | None:
        members = self.looks.document(url) if url else None
        if members is None:
            return None
        api = protected_resource(members, found_at=url)
        if api is None:
            self.contradictions.append(f"{url} names no resource")
        elif self._own_place(api.resource, typed, url, places):
            return api
        return None

    def _own_place(self, name: str, typed: str, url: str, places: Callable[[str], tuple[str, ...]]) -> bool:
        """RFC 8414 section 3.3, RFC 9728 section 3.3: a document speaks for the name that leads to it."""
        if name == typed or (difference(typed, name) and url in places(name)):
            return True
        self.contradictions.append(
            f"{url} is about {name}, not about {typed}{_near(typed, name)}; if that is the one, type it"
        )
        return False


def _places(issuer: str) -> tuple[str, ...]:
    try:
        return metadata_urls(issuer)
    except FetchFailed:
        return ()


def _same(one: str, other: str) -> bool:
    return same_issuer_lookup(one) == same_issuer_lookup(other) or bool(difference(one, other))


def _near(one: str, other: str) -> str:
    how = difference(one, other)
    return f" (they differ in {how})" if how else ""
