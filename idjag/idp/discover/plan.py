"""What discovery gives: values that fill a form, both strings byte for byte, and what to look at twice.

Pure.  A plan is no change: whoever wants it saves it as any other, with the same validation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from idjag.idp.discover.documents import AuthorizationServer, ProtectedResource
from idjag.idp.discover.looks import Look
from idjag.idp.discover.spelling import difference, foreign_letters, look_alike
from idjag.protocol.addresses import host_of, origin_of

__all__ = ["Plan", "Remark", "Undiscovered", "remarks"]


class Undiscovered(Exception):
    """There is nothing that may be filled in; ``detail`` says why and what to type instead."""

    def __init__(self, detail: str, looks: Iterable[Look] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.looks = tuple(looks)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at before saving; ``about`` is the field that it concerns."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What could be filled in.

    ``typed`` is what the administrator wrote, ``said`` what the document calls itself.  ``server`` is None
    while one of ``choices`` (issuers) has still to be chosen.
    """

    typed: str
    said: str
    server: AuthorizationServer | None = None
    resources: tuple[ProtectedResource, ...] = ()
    choices: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    looks: tuple[Look, ...] = ()

    @property
    def fills(self) -> dict[str, Any]:
        """Fields of a resource app as the state file writes them; nothing that was not found."""
        filled: dict[str, Any] = {}
        if self.server is not None:
            filled["issuer"] = self.server.issuer
        if name := next((one.name for one in self.resources if one.name), ""):
            filled["name"] = name
        if self.resources:
            filled["resources"] = [
                {"uri": one.resource, **({"scopes": sorted(one.scopes)} if one.scopes else {})}
                for one in self.resources
            ]
        elif self.server is not None and self.server.scopes:
            filled["scopes"] = sorted(self.server.scopes)
        return filled

    @property
    def members(self) -> dict[str, Any]:
        """All of it, as scripts read it."""
        server = self.server
        return {
            "typed": self.typed,
            "said": self.said,
            "same": self.typed == self.said,
            "fills": self.fills,
            "server": None if server is None else _server(server),
            "choices": list(self.choices),
            "remarks": [{"about": one.about, "text": one.text} for one in self.remarks],
            "asked": [{"url": one.url, "outcome": one.outcome} for one in self.looks],
        }


def remarks(
    typed: str,
    said: str,
    *,
    server: AuthorizationServer | None,
    resources: tuple[ProtectedResource, ...],
    known: Mapping[str, str],
) -> Iterator[Remark]:
    """What somebody should look at twice.  ``known``: issuers of the tenant and how they are called here."""
    about = "issuer" if server is not None and said == server.issuer else "resources"
    if how := difference(typed, said):
        yield Remark(
            about,
            f"What you typed and what the document says differ in {how}. What is filled in is what it says, "
            "because ID-JAGs carry it byte for byte.",
        )
    for resource in resources:
        yield from _of_resource(resource)
    if server is not None:
        yield from _of_server(server)
        yield from _of_its_name(server.issuer, typed, known)


def _of_resource(resource: ProtectedResource) -> Iterator[Remark]:
    if not resource.scopes:
        yield Remark("resources", f"{resource.resource} lists no scopes: enter those that it knows.")
    if resource.key_bound:
        yield Remark("resources", f"{resource.resource} takes only key-bound (DPoP) access tokens.")


def _of_server(server: AuthorizationServer) -> Iterator[Remark]:
    if not server.takes_jwt_bearer:
        yield Remark(
            "issuer",
            "Its metadata does not list the jwt-bearer grant, so it will probably not redeem ID-JAGs. "
            "Ask its operator.",
        )
    elif not server.takes_id_jag:
        yield Remark(
            "issuer",
            "Its metadata lists the jwt-bearer grant, and does not say that ID-JAGs are accepted "
            "(authorization_grant_profiles_supported). Ask its operator.",
        )
    if server.token_endpoint is None:
        yield Remark("issuer", "Its metadata names no token endpoint: nobody can redeem an ID-JAG there.")
    elif origin_of(server.token_endpoint) != origin_of(server.issuer):
        yield Remark(
            "issuer",
            f"Its token endpoint is on another host, {server.token_endpoint}: some clients refuse that.",
        )


def _of_its_name(issuer: str, typed: str, known: Mapping[str, str]) -> Iterator[Remark]:
    host = host_of(issuer)
    if letters := foreign_letters(host):
        yield Remark("issuer", f"{host} is an international name with other letters: {letters}.")
    if name := known.get(issuer):
        yield Remark("issuer", f"This issuer is registered here already: {name}.")
        return
    for other, name in known.items():
        if how := difference(issuer, other):
            yield Remark("issuer", f"{name} is registered with {other}, which differs in {how}.")
        elif look_alike(host, host_of(other)):
            yield Remark("issuer", f"{host} looks like {host_of(other)} of {name}, and is another host.")
    if look_alike(host, host_of(typed)):
        yield Remark("issuer", f"{host} looks like {host_of(typed)}, which you typed, and is another host.")


def _server(server: AuthorizationServer) -> dict[str, Any]:
    return {
        "issuer": server.issuer,
        "found_at": server.found_at,
        "token_endpoint": server.token_endpoint,
        "jwks_uri": server.jwks_uri,
        "takes_jwt_bearer": server.takes_jwt_bearer,
        "takes_id_jag": server.takes_id_jag,
        "auth_methods": list(server.auth_methods),
        "scopes": list(server.scopes),
    }
