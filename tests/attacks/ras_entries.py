"""Every way in for clients at the RAS: what a valid request to each is, over the standalone application."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from idjag.asgi import ASGIApp
from idjag.protocol import names
from idjag.protocol.jose import jws
from idjag.ras import Account, Link, MemoryStore, Registration
from idjag.ras.callers import Callers, ResourceServer
from idjag.ras.standalone import standalone
from tests.attacks.entries import far_away
from tests.attacks.target import Wire
from tests.proofs import jkt, proof
from tests.ras.inquiries import API_CLIENT, API_SECRET, secret, site_config
from tests.ras.world import (
    ALICE,
    API,
    CLIENT,
    IDP,
    KEY_CLIENT,
    RAS,
    SECRET,
    World,
    basic,
    claims,
    client,
    key,
    key_client,
    trusted,
)

__all__ = ["ENTRIES", "PUBLIC", "TOKEN", "Gate", "RasEntry", "gate"]

PUBLIC = "a-public-app"
TOKEN = f"{RAS}token"
GENERIC: dict[str, Any] = {"acr": None, "amr": None, "auth_time": None}


@dataclass(slots=True)
class Gate:
    """The running RAS."""

    world: World
    app: ASGIApp
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def news(self) -> list[dict[str, Any]]:
        """The events since the last look."""
        store: MemoryStore = self.world.store
        found = [{"event": each.name, **each.fields} for each in store.events]
        store.events.clear()
        return found

    @property
    def now(self) -> int:
        """The second that it is."""
        return self.world.clock.now

    def assertion(self, *, typ: str = "client-authentication+jwt", **changes: Any) -> str:
        """An assertion of the client of keys; None removes a claim."""
        who: dict[str, Any] = {"iss": KEY_CLIENT, "sub": KEY_CLIENT, "aud": RAS}
        usual = who | {"exp": self.now + 60, "iat": self.now}
        made = usual | {"jti": f"assertion-{next(self.numbers)}"} | changes
        kept = {name: value for name, value in made.items() if value is not None}
        return jws.sign(kept, key=key("key-client"), typ=typ)

    def wire(self, name: str, form: dict[str, str], path: str) -> Wire:
        """A form of this client, from an address of its own."""
        pairs = [*form.items()]
        headers = [(b"host", b"acme.chat.example"), (b"content-type", b"application/x-www-form-urlencoded")]
        if name == KEY_CLIENT:
            pairs += [
                ("client_assertion_type", names.CLIENT_ASSERTION_TYPE),
                ("client_assertion", self.assertion()),
            ]
        elif name == PUBLIC:
            pairs.append(("client_id", PUBLIC))
        else:
            headers.append((b"authorization", basic(name, API_SECRET if name == API_CLIENT else SECRET)))
        return Wire(name, pairs, headers, path, source=far_away())

    def grant(self, name: str, *, typ: str = names.ID_JAG_TYP, **changes: Any) -> str:
        """A grant of Alice for this client."""
        times = {"iat": self.now, "exp": self.now + 300}
        made = claims(client_id=name, **times) | changes
        kept = {each: value for each, value in made.items() if value is not None}
        return jws.sign(kept, key=key("idp"), typ=typ)

    def access_token(self, name: str) -> str:
        """An access token of this client."""
        form = {"grant_type": names.JWT_BEARER, "assertion": self.grant(name, cnf={"jkt": jkt()})}
        wire = self.wire(name, form, "/token")
        wire.headers.append((b"dpop", self.proof().encode()))
        return str(wire.exchange().through(self.app).json["access_token"])

    def proof(self, uri: str = TOKEN, **changes: Any) -> str:
        """A fresh proof for the token endpoint."""
        return proof(uri, now=self.now, **changes)


@dataclass(frozen=True, slots=True)
class RasEntry:
    """One kind of request; the members are those of ``entries.Entry``, ``bound``: it comes with a proof."""

    name: str
    path: str
    about: str
    form: Callable[[Gate, str], dict[str, str]]
    proofs: bool
    bound: bool = False

    def wire(self, ras: Gate, name: str = CLIENT, **changes: str) -> Wire:
        """A fresh valid request of this client."""
        wire = ras.wire(name, self.form(ras, name) | changes, self.path)
        if self.bound:
            wire.headers.append((b"dpop", ras.proof().encode()))
        return wire

    def __str__(self) -> str:
        return self.name


def _id_jag(ras: Gate, name: str) -> dict[str, str]:
    return {"grant_type": names.JWT_BEARER, "assertion": ras.grant(name)}


def _bound(ras: Gate, name: str) -> dict[str, str]:
    return {"grant_type": names.JWT_DPOP, "assertion": ras.grant(name, cnf={"jkt": jkt()})}


def _generic(ras: Gate, name: str) -> dict[str, str]:
    return {"grant_type": names.JWT_BEARER, "assertion": ras.grant(name, typ="JWT", **GENERIC)}


def _token(ras: Gate, name: str) -> dict[str, str]:
    return {"token": ras.access_token(name)}


ENTRIES = (
    RasEntry("an ID-JAG", "/token", "assertion", _id_jag, proofs=True),
    RasEntry("a bound ID-JAG", "/token", "assertion", _bound, proofs=True, bound=True),
    RasEntry("a generic grant", "/token", "assertion", _generic, proofs=True),
    RasEntry("introspect", "/introspect", "token", _token, proofs=False),
    RasEntry("revoke", "/revoke", "token", _token, proofs=False),
)


def gate() -> Gate:
    """A RAS with clients of every kind, for both profiles, with an API and no other tenants."""
    public = client(PUBLIC, registration=Registration(PUBLIC, names.NO_AUTHENTICATION))
    paused = client("old", registration=replace(secret("old", SECRET), active=False))
    both = trusted(profiles=frozenset({"id-jag", "jwt-bearer"}))
    config = site_config(
        clients=(client(), client("other"), key_client(), public, paused),
        trusted_issuers=(both,),
        callers=Callers(resource_servers=(ResourceServer(secret(API_CLIENT, API_SECRET), frozenset({API})),)),
    )
    people = [Account("u-alice", email="alice@acme.example")]
    store = MemoryStore(people, [(Link(IDP, "", ALICE), "u-alice")])
    world = World(store=store, config=config)
    return Gate(world, standalone(world.ras))
