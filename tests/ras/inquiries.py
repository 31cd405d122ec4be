"""A server whose tokens are asked about and ended, over either store; and who asks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from idjag.protocol import names
from idjag.protocol.jose import KeySet
from idjag.ras import Account, Link, RasConfig, Registration, Reply, TokenRequest, hash_secret
from idjag.ras.callers import Callers, ResourceServer, Revoker
from idjag.ras.standing import Change
from tests.ras.stores import Kind, opened_store, record
from tests.ras.world import ALICE, API, FILES, IDP, OTHER_IDP, World, basic, body, client, config, grant, key

API_CLIENT = "chat-api"
API_SECRET = "a-secret-of-the-chat-api"
FILES_CLIENT = "files-api"
FILES_SECRET = "a-secret-of-the-files-api"
KEY_API = "key-api"
IDP_CLIENT = "acme-idp"
IDP_SECRET = "a-secret-of-the-acme-idp"
OTHER_CLIENT = "other-client"
OTHER_SECRET = "a-secret-of-another-client"
INACTIVE = {"active": False}


def secret(client_id: str, text: str) -> Registration:
    """A caller that authenticates with a secret."""
    return Registration(client_id, names.CLIENT_SECRET, secret_hashes=(hash_secret(text),))


def callers() -> Callers:
    """Two APIs with a secret, one with a key; one identity provider for its own people."""
    keys = KeySet([key(KEY_API).public])
    return Callers(
        resource_servers=(
            ResourceServer(secret(API_CLIENT, API_SECRET), frozenset({API})),
            ResourceServer(secret(FILES_CLIENT, FILES_SECRET), frozenset({FILES})),
            ResourceServer(Registration(KEY_API, names.PRIVATE_KEY_JWT, keys=keys), frozenset({API})),
        ),
        revokers=(Revoker(secret(IDP_CLIENT, IDP_SECRET), frozenset({IDP}), by_email=True),),
    )


def site_config(**changes: Any) -> RasConfig:
    """The usual configuration, with another client and the callers."""
    usual = config(callers=callers())
    another = client(OTHER_CLIENT, OTHER_SECRET, issuers=frozenset({IDP, OTHER_IDP}))
    return replace(usual, **({"clients": (*usual.clients, another)} | changes))


class Site(World):
    """A World, and what is asked of its other endpoints."""

    def redeemed(self, **claims: Any) -> str:
        """An access token of Alice, of the wiki."""
        reply = self.post({"assertion": grant(**claims)})
        assert reply.status == 200, body(reply)
        return str(body(reply)["access_token"])

    def introspect(self, token: str | None, header: bytes | None = None, **changes: Any) -> Reply:
        """What the API is told, or whoever the header is."""
        return self.ask("introspect", {"token": token}, header or basic(API_CLIENT, API_SECRET), **changes)

    def active(self, token: str) -> bool:
        """Whether the API is told that it is good."""
        return bool(body(self.introspect(token))["active"])

    def revoke(self, token: str | None, header: bytes | None = None, **changes: Any) -> Reply:
        """What the wiki is told, or whoever the header is."""
        return self.ask("revoke", {"token": token}, header or basic(), **changes)

    def ask(
        self, endpoint: Any, form: Mapping[str, str | None], authorization: bytes | None, **changes: Any
    ) -> Reply:
        """One request with a form."""
        tenant = changes.pop("tenant", None)
        parameters = {name: value for name, value in form.items() if value is not None}
        headers = [(b"content-type", b"application/x-www-form-urlencoded")]
        if authorization is not None:
            headers.append((b"authorization", authorization))
        good = TokenRequest(
            "POST", headers=tuple(headers), body=urlencode(parameters).encode(), source="192.0.2.1"
        )
        return self.ras.serve(endpoint, replace(good, **changes), tenant=tenant)

    def end(
        self, sub_id: Mapping[str, Any] | None, authorization: bytes | None = None, **changes: Any
    ) -> Reply:
        """What the identity provider is told when it ends everything of a person."""
        members = {} if sub_id is None else {"sub_id": sub_id}
        authorization = authorization or basic(IDP_CLIENT, IDP_SECRET)
        headers = ((b"content-type", b"application/json"), (b"authorization", authorization))
        good = TokenRequest("POST", headers=headers, body=json.dumps(members).encode(), source="192.0.2.1")
        return self.ras.serve("global-token-revocation", replace(good, **changes))

    def say(self, *changes: Change) -> None:
        """What an operator says, from another process."""
        self.store.commit(record(changes=changes, event=None, now=self.clock.now))

    def events(self, name: str) -> list[Any]:
        """The events of one name."""
        return [event for event in self.store.events if event.name == name]


def bearer(token: str) -> bytes:
    """The header of RFC 6750."""
    return b"Bearer " + token.encode()


def raw_basic(pair: str) -> bytes:
    """A Basic header of exactly this pair."""
    return b"Basic " + base64.b64encode(pair.encode())


@contextmanager
def site_in(kind: Kind, folder: Path, **changes: Any) -> Iterator[Site]:
    """A site over one kind of store."""
    people = [
        Account("u-alice", email="alice@acme.example"),
        Account("u-bob", email="bob@acme.example"),
        Account("u-eve", email="eve@acme.example", active=False),
    ]
    with opened_store(kind, folder, people, {Link(IDP, "", ALICE): "u-alice"}) as store:
        yield Site(store=store, config=site_config(**changes))
