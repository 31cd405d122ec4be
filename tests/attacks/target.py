"""What is attacked: Acme's whole application over SQLite, driven as an ASGI server would drive it."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

from idjag.asgi import ASGIApp
from idjag.idp.app import assemble
from idjag.idp.families import LIFETIME, Family, token_row
from idjag.ledger import trail
from idjag.ledger.entry import Write
from idjag.protocol import names
from idjag.protocol.jose import PrivateKey, jws
from tests.asgi_parts import Exchange, chunk
from tests.idp.grants import offline
from tests.idp.grants.acme import (
    API,
    CHAT,
    ISSUER,
    SECRETS,
    TENANT,
    Acme,
    acme,
    app,
    chat,
    connection,
    rule,
    state,
)
from tests.idp.grants.offline import OFFLINE, PUBLIC
from tests.idp.settling import settled

__all__ = ["BOARD_KEY", "HOST", "Target", "Wire", "acme_state", "basic", "exchange_of", "target"]

HOST = b"idp.acme.example"
BOARD_KEY = PrivateKey.generate("ES256", kid="board-1")


def acme_state(**changes: Any) -> dict[str, Any]:
    """One client of every kind; Wiki and board may ask for Chat, and one rule wants more of a sign-in."""
    keys = {"method": "private_key_jwt", "jwks": {"keys": [BOARD_KEY.public.to_dict()]}}
    strong = _rule("strong-write", ["chat.write"], {"acr": ["urn:acme:mfa"]})
    fresh = _rule("fresh-files", ["files.read"], {"max_auth_age": "10m"})
    return (
        state(
            apps=[
                app("wiki", **OFFLINE),
                app("notes", auth={"method": "client_secret_basic", "secret": "env:notes"}, **OFFLINE),
                app("board", auth=keys, **OFFLINE),
                app("desk", kind="native", **PUBLIC),
                app("old", auth={"method": "client_secret", "secret": "env:wiki"}, status="disabled"),
            ],
            resource_apps=[chat(aliases=["urn:acme:chat"]), chat(id="vault", issuer="https://vault.example")],
            connections=[
                connection(rules=[rule(), strong, fresh]),
                connection(id="board-chat", **{"from": "board"}, client_id="board-at-chat"),
            ],
        )
        | changes
    )


def _rule(name: str, scopes: list[str], conditions: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "who": {"groups": ["engineering"]}, "scopes": scopes, "conditions": conditions}


@dataclass(slots=True)
class Wire:
    """A request that can be bent before it is sent; ``spoiled`` are values that were good before."""

    client: str
    form: list[tuple[str, str]]
    headers: list[tuple[bytes, bytes]]
    path: str = "/token"
    method: str = "POST"
    query: bytes = b""
    body: bytes | None = None
    source: str = "198.51.100.9"
    spoiled: set[str] = field(default_factory=set)

    def exchange(self) -> Exchange:
        """As a server gives it to the application."""
        body = self.body if self.body is not None else urlencode(self.form, errors="surrogatepass").encode()
        return Exchange(
            method=self.method,
            path=self.path,
            query=self.query,
            headers=self.headers,
            client=(self.source, 5000),
            messages=[chunk(body[:100], more=True), chunk(body[100:])],
        )


@dataclass(slots=True)
class Target:
    """The running IdP, an ID token for each client, and a source of fresh client assertions."""

    acme: Acme
    app: ASGIApp
    tokens: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    seen: int = 0

    def valid(self, client: str, **changes: str) -> Wire:
        """An exchange as this client may send it."""
        return self.wire(client, exchange_of(self.tokens[client]) | changes)

    def wire(self, client: str, form: Mapping[str, str], path: str = "/token") -> Wire:
        """A form of this client: the board signs, the desk cannot prove who it is, others have secrets."""
        pairs = [*form.items()]
        headers = [(b"host", HOST), (b"content-type", b"application/x-www-form-urlencoded")]
        if client == "board":
            pairs += [
                ("client_assertion_type", names.CLIENT_ASSERTION_TYPE),
                ("client_assertion", self.assertion()),
            ]
        elif client == "desk":
            pairs.append(("client_id", "desk"))
        else:
            headers.append((b"authorization", basic(client, SECRETS[client])))
        return Wire(client, pairs, headers, path)

    def code(self, client: str) -> str:
        """A fresh code of alice, in a session of its own."""
        return offline.code(self.acme, client=client)[0]

    def refresh_token(self, client: str) -> str:
        """A fresh refresh token of alice, in a session of its own."""
        session_id = self.session(client)
        value, writes = self.offline(client, session_id, self.sid(session_id))
        self.acme.write(*writes)
        return value

    def session(self, client: str) -> str:
        """A fresh session of alice, which has reached this client alone."""
        sid = str(offline.claims_of(self.acme.sign_in(client=client))["sid"])
        return str(self.acme.row("session_app", "sid", sid)["session_id"])

    def offline(self, client: str, session_id: str, sid: str) -> tuple[str, tuple[Write, ...]]:
        """A refresh token of a session, and what is yet to be written of it."""
        now, value = self.acme.clock(), self.acme.new_id() + self.acme.new_id()
        made = Family(
            id=self.acme.new_id(),
            code_id=self.acme.new_id(),
            app_id=self.acme.app_id(client),
            person_id=self.acme.person("alice"),
            session_id=session_id,
            epoch=0,
            created=now,
            expires=now + LIFETIME,
            last_used=now,
            scopes=offline.SCOPES,
            acr="urn:idjag:acr:pwd",
            amr=("pwd",),
            auth_time=now,
            sector="",
            sid=sid,
        )
        return value, (made.insert(TENANT), token_row(made, value, tenant=TENANT, now=now))

    def sid(self, session_id: str) -> str:
        """What the one app of a session knows it by."""
        return str(self.acme.row("session_app", "session_id", session_id)["sid"])

    def assertion(self, *, typ: str = "client-authentication+jwt", **changes: Any) -> str:
        """A client assertion of the board; None removes a claim."""
        now = self.acme.clock()
        claims: dict[str, Any] = {"iss": "board", "sub": "board", "aud": ISSUER, "exp": now + 60, "iat": now}
        claims |= {"jti": f"assertion-{next(self.numbers)}", **changes}
        return jws.sign({n: v for n, v in claims.items() if v is not None}, key=BOARD_KEY, typ=typ)

    def news(self) -> list[dict[str, Any]]:
        """The events since the last look: a log of thousands is not read again for each request."""
        settled(self.acme.ledger, TENANT)
        found: list[dict[str, Any]] = []
        while page := trail.events(self.acme.ledger, TENANT, after_no=self.seen):
            found += page
            self.seen = int(str(page[-1]["id"]))
        return found

    async def send(self, wire: Wire) -> Exchange:
        """One request, in whatever event loop runs."""
        exchange = wire.exchange()
        await self.app(exchange.scope, exchange.receive, exchange.send)
        return exchange


def exchange_of(token: str) -> dict[str, str]:
    """The parameters of a valid exchange."""
    return {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": token,
        "subject_token_type": names.ID_TOKEN,
        "audience": CHAT,
        "resource": API,
        "scope": "chat.read",
    }


def basic(client: str, secret: str) -> bytes:
    """RFC 6749 section 2.3.1."""
    return b"Basic " + base64.b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode())


@contextmanager
def target(database: Path | None) -> Iterator[Target]:
    """Acme with alice signed in everywhere."""
    with acme(acme_state(), database=database) as running:
        made = Target(running, assemble(running.services))
        for client in ("wiki", "notes", "board", "desk"):
            made.tokens[client] = running.sign_in(client=client)
        yield made


def members(exchange: Exchange) -> dict[str, Any]:
    """The JSON of an answer."""
    return dict(json.loads(exchange.body))
