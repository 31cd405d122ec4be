"""Acme's IdP over a ledger in memory or a file: real state file, keys and token endpoint, a clock by hand."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from idjag.arrivals import Arrivals
from idjag.idp import keys, snapshot
from idjag.idp.app import token_grants
from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.services import Services
from idjag.idp.signin.passwords import Passwords
from idjag.idp.snapshot import Snapshot
from idjag.idp.state.apply import How, apply
from idjag.idp.state.credentials import Credentials
from idjag.idp.state.read import read as read_state
from idjag.idp.token import Grant, Token
from idjag.ledger import trail
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, Row, Update, Verdict, Write
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.sqlite import SqliteLedger
from idjag.protocol import id_token, names
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.jose import jws
from idjag.seal import KekSealer
from idjag.yaml_file import read as read_yaml
from tests.idp.databases import new_database
from tests.idp.grants.acme_state import API, CHAT, FILES, ISSUER, app, chat, connection, rule, state
from tests.idp.settling import LONG, settled

__all__ = [
    "API",
    "CHAIN_KEY",
    "CHAT",
    "FILES",
    "ISSUER",
    "NOW",
    "SEALER",
    "SECRETS",
    "TENANT",
    "Acme",
    "Answer",
    "AnyLedger",
    "Clock",
    "acme",
    "app",
    "chat",
    "connection",
    "ledger_in",
    "rule",
    "state",
]

NOW = 1_800_000_000
SECRETS = {"wiki": "wiki-secret-0123456789", "notes": "notes-secret-0123456789"}
SECRETS["chat-rp"] = "chat-rp-secret-0123456789"
SECRETS["gateway"] = "gateway-secret-0123456789"
TENANT = "t1"
SEALER = KekSealer(bytes(range(7, 39)))
CHAIN_KEY = b"c" * 32

AnyLedger = MemoryLedger[Snapshot] | SqliteLedger[Snapshot]


@dataclass(slots=True)
class Clock:
    """Set by hand."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass(slots=True)
class Answer:
    """An HTTP answer, read."""

    reply: Reply
    status: int = field(init=False)
    json: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.reply.status
        self.json = json.loads(self.reply.body)

    @property
    def error(self) -> str:
        """The OAuth error, or "issued"."""
        return str(self.json.get("error", "issued"))

    @property
    def grant(self) -> dict[str, Any]:
        """The claims of the ID-JAG that was issued."""
        assert self.status == 200, self.json
        return dict(jws.parse(self.json["access_token"], max_bytes=names.MAX_ID_JAG).claims)

    def header(self, name: str) -> str | None:
        """One header."""
        return next((value.decode() for key, value in self.reply.headers if key == name.encode()), None)


class Acme:
    """The running IdP."""

    def __init__(self, ledger: AnyLedger, clock: Clock) -> None:
        self.ledger, self.clock, self.tenant, self.issuer = ledger, clock, TENANT, ISSUER
        numbers = itertools.count(1)
        self.new_id: Callable[[], str] = lambda: f"id-{next(numbers):018d}"
        self.services = Services(
            issuer=ISSUER,
            base=ISSUER,
            tenant=TENANT,
            ledger=ledger,
            clock=clock,
            new_id=self.new_id,
            passwords=Passwords(parallel=1),
            arrivals=Arrivals(within=LONG),
        )
        self.grants: dict[str, Grant] = token_grants(self.services)
        self.endpoint = ClientEndpoint(self.services, Token(self.grants), uri=f"{ISSUER}/token")

    def apply(self, text: Mapping[str, Any], *, prune: bool = False) -> None:
        """Apply a state file."""
        source = read_state(read_yaml(json.dumps(text), source="state.yaml"))
        credentials = Credentials(lambda ref: SECRETS[ref.removeprefix("env:")], lambda _ref: "hash")
        actor = {"kind": "operator", "id": "1000@host"}
        apply(self, source.state, credentials, actor=actor, digest="0" * 64, how=How(prune=prune))

    def write(self, *writes: Write) -> None:
        """Rows that another part of the product would write."""

        def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
            policy = any(write.table in snapshot.Loader.tables for write in writes)
            return Verdict(None, events=(), writes=writes, policy_changed=policy)

        self.ledger.commit(Entry(TENANT, self.new_id(), self.clock(), decide))

    def row(self, table: str, column: str, value: str) -> dict[str, Any]:
        """The one row."""
        key = Key(table, column, value)
        (found,) = self.ledger.read((key,))(key)
        return dict(found)

    def person(self, username: str) -> str:
        """A person's id."""
        return str(self.row("person", "username", username)["id"])

    def app_id(self, key: str) -> str:
        """An app's id."""
        return str(self.row("app", "key", key)["id"])

    def sign_in(self, username: str = "alice", *, client: str = "wiki", **changes: Any) -> str:
        """An ID token as the sign-in pages give it; ``changes`` replace or (None) remove claims."""
        person, now = self.row("person", "username", username), self.clock()
        session, sid = self.new_id(), self.new_id()
        self.write(
            Insert(
                "session",
                {
                    "id": session, "tenant_id": TENANT, "cookie": self.new_id(), "person_id": person["id"],
                    "epoch": person["epoch"], "auth_time": now, "acr": "urn:idjag:acr:pwd", "amr": '["pwd"]',
                    "ip": "192.0.2.7", "user_agent": "", "created": now, "expires": now + 12 * 3600,
                    "ended": None, "revoked": None,
                },
            ),
            Insert(
                "session_app",
                {
                    "id": self.new_id(), "tenant_id": TENANT, "session_id": session,
                    "app_id": self.app_id(client), "sid": sid, "created": now,
                },
            ),
        )  # fmt: skip
        sub = self.row("subject", "person_id", str(person["id"]))["sub"]
        token = id_token.IdToken(
            iss=ISSUER, sub=sub, aud=client, iat=now, exp=now + 3600, auth_time=now, acr="urn:idjag:acr:pwd",
            amr=("pwd",), sid=sid, session_expiry=now + 12 * 3600,
        )  # fmt: skip
        claims = {**id_token.claims(token), **changes}
        kept = {name: value for name, value in claims.items() if value is not None}
        return jws.sign(kept, key=self.snapshot.keys.signing("RS256", now=now), typ="JWT")

    @property
    def snapshot(self) -> Snapshot:
        """The policy facts as of now."""
        return self.ledger.fresh(TENANT)

    def exchange(
        self, token: str, /, *, client: str = "wiki", source: str = "198.51.100.9", **changes: Any
    ) -> Answer:
        """An exchange; ``changes`` replace parameters, a list repeats one, None removes it."""
        credentials = (client, SECRETS.get(client, ""))
        return self.post(self.form(token, **changes), credentials=credentials, source=source)

    def form(self, token: str, /, **changes: Any) -> str:
        """The body of an exchange."""
        form = {
            "grant_type": names.TOKEN_EXCHANGE,
            "requested_token_type": names.ID_JAG_TOKEN,
            "subject_token": token,
            "subject_token_type": names.ID_TOKEN,
            "audience": CHAT,
            "resource": API,
            "scope": "chat.read",
        } | changes
        pairs = [
            (name, one)
            for name, value in form.items()
            if value is not None
            for one in (value if isinstance(value, list) else [value])
        ]
        return urlencode(pairs)

    def post(
        self,
        body: str,
        *,
        credentials: tuple[str, str] | None,
        source: str = "198.51.100.9",
        query: str = "",
        dpop: str | None = None,
    ) -> Answer:
        """One request to the token endpoint."""
        headers = []
        if credentials:
            basic = base64.b64encode(":".join(credentials).encode())
            headers.append((b"authorization", b"Basic " + basic))
        if dpop is not None:
            headers.append((b"dpop", dpop.encode()))
        return self.send(body, headers, source=source, query=query)

    def send(
        self,
        body: str,
        headers: list[tuple[bytes, bytes]],
        *,
        source: str = "198.51.100.9",
        query: str = "",
    ) -> Answer:
        """A form with these headers beside its media type."""
        every = ((b"content-type", b"application/x-www-form-urlencoded"), *headers)
        request = TokenRequest("POST", query.encode(), every, body.encode(), source)
        return Answer(asyncio.run(self.endpoint(request)))

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The audit log, or one kind of event."""
        settled(self.ledger, TENANT)
        found = trail.events(self.ledger, TENANT, limit=10_000)
        return [dict(event) for event in found if name in (None, event["event"])]

    def end_session(self, id_token_text: str) -> None:
        """What signing out does."""
        sid = str(jws.parse(id_token_text, max_bytes=names.MAX_SUBJECT_TOKEN).claims["sid"])
        session = self.row("session_app", "sid", sid)["session_id"]
        self.write(Update("session", {"id": session}, {"ended": self.clock()}))


@cache
def _key_rows() -> tuple[Row, ...]:
    """Signing keys, made once: an RSA key costs more than all the rest of a test."""
    ledger: MemoryLedger[None] = MemoryLedger(lambda *_: None, chain_key=CHAIN_KEY)
    ledger.open_tenant(TENANT)
    numbers = itertools.count(1)
    keys.ensure_keys(ledger, SEALER, tenant=TENANT, now=NOW, new_kid=lambda: f"kid-{next(numbers)}")
    every = Key("signing_key", "tenant_id", TENANT)
    return ledger.read((every,))(every)


@contextmanager
def acme(text: Mapping[str, Any] | None = None, *, database: Path | None = None) -> Iterator[Acme]:
    """A fresh IdP with a state file applied, in memory or in a new SQLite file."""
    clock = Clock()
    tenant: Row = {"id": TENANT, "name": "default", "issuer": ISSUER, "created": NOW}

    def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
        return Verdict(None, [Event("tenant.created", {})], [Insert("tenant", tenant)], policy_changed=True)

    with ledger_in(database) as ledger:
        ledger.open_tenant(TENANT)
        running = Acme(ledger, clock)
        ledger.commit(Entry(TENANT, "first", NOW, decide))
        running.write(*(Insert("signing_key", row) for row in _key_rows()))
        running.apply(text or state())
        yield running


@contextmanager
def ledger_in(database: Path | None) -> Iterator[AnyLedger]:
    """A started ledger; a second one on the same file is another process for all that it knows."""
    load = snapshot.Loader(SEALER)
    if database is None:
        made: AnyLedger = MemoryLedger(load, chain_key=CHAIN_KEY)
    else:
        new_database(database)
        made = SqliteLedger(database, load=load, chain_key=CHAIN_KEY, patience=LONG, deadline=LONG)
    with made:
        yield made
