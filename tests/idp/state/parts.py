"""A tenant to apply files to, on either ledger, and the contract's own example."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from idjag.idp.state.apply import How, Outcome, apply
from idjag.idp.state.credentials import Credentials
from idjag.idp.state.current import Current, load
from idjag.idp.state.read import Source
from idjag.idp.state.read import read as read_state
from idjag.idp.store import schema
from idjag.ledger import trail
from idjag.ledger.entry import Entry, Facts, Head, Key, Reader, Verdict, Write
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.sqlite import SqliteLedger
from idjag.yaml_file import read as read_yaml

NOW = 1_800_000_000
TENANT = "t-acme"
ISSUER = "https://idp.acme.example"
ACTOR = {"kind": "operator", "id": "1000@host"}
KEY = b"a key that is used in tests only"
SECRETS = {"env:WIKI_SECRET": "wiki-secret-0123456789", "env:CHAT_SECRET": "chat-secret-0123456789"}
TABLES = (
    *("person", "person_group", "membership", "subject", "credential", "app", "resource_app"),
    *("connection", "guardrail", "session", "session_app", "code", "family", "refresh_token", "hold"),
)

AnyLedger: TypeAlias = MemoryLedger[Head] | SqliteLedger[Head]

# Contract section 4, word for word, but for the app, group and resource app that the example names and does
# not show.
EXAMPLE = """\
version: 1
tenant: default                      # optional
groups:
  - name: engineering
  - name: contractors
users:
  - username: alice
    sub: null
    email: alice@acme.example
    email_verified: true
    name: Alice Example
    password: "env:ALICE_PASSWORD"
    groups: [engineering]
    attributes: {chat_id: U019488227}
    status: active
apps:
  - id: wiki
    client_id: wiki
    name: Wiki
    kind: web
    redirect_uris: ["https://wiki.example/callback"]
    post_logout_redirect_uris: []
    auth: {method: client_secret, secret: "env:WIKI_SECRET"}
    grants: [authorization_code, refresh_token, token_exchange]
    scopes: [openid, profile, email, offline_access]
    subject_type: public
    id_token_alg: RS256
    assigned: {everyone: true}
  - id: chat-rp
    redirect_uris: ["https://chat.example/callback"]
    auth: {secret: "env:CHAT_SECRET"}
    assigned: {everyone: true}
resource_apps:
  - id: chat
    name: Chat
    issuer: https://acme.chat.example/
    aliases: ["urn:acme:chat"]
    sso_app: chat-rp
    resources:
      - {uri: "https://api.chat.example/", scopes: [chat.read, chat.history, chat.write]}
    resource_required: false
    id_jag_alg: ES256
    lifetime: 5m
    release: [email, name]
    aud_sub: {attribute: chat_id}
    aud_tenant: null
    multi_tenant: false
    receipts: null
    status: active
  - {id: finance, issuer: "https://finance.example", scopes: [pay]}
connections:
  - id: wiki-chat
    profile: id-jag
    from: wiki
    to: chat
    client_id: f53f191f9311af35
    status: active
    owner: it@acme.example
    reason: "Wiki shows chat threads"
    expires: 2027-06-30T00:00:00Z
    rules:
      - id: engineers-read
        who: {groups: [engineering]}
        scopes: [chat.read, chat.history]
        default_scopes: [chat.read]
        resources: ["https://api.chat.example/"]
        conditions: {amr: [mfa], max_auth_age: 8h}
        lifetime: 5m
guardrails:
  - id: contractors-never-finance
    who: {groups: [contractors]}
    to: [finance]
    reason: "audit finding 17"
tests:
  - name: engineers read chat
    ask: {user: alice, from: wiki, to: chat, scopes: [chat.read], amr: [pwd, mfa]}
    expect: {decision: allow, scopes: [chat.read]}
"""


def example() -> dict[str, Any]:
    """The example as a value, to change one thing of."""
    value = read_yaml(EXAMPLE, source="example").value
    assert isinstance(value, dict)
    return value


def source(text: str | dict[str, Any]) -> Source:
    """A state file, from YAML or from a value."""
    return read_state(read_yaml(text if isinstance(text, str) else json.dumps(text), source="state.yaml"))


@dataclass
class Acme:
    """A tenant and what happens to it."""

    ledger: AnyLedger
    tenant: str = TENANT
    issuer: str = ISSUER
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    time: int = NOW
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def clock(self) -> Callable[[], int]:
        return lambda: self.time

    @property
    def new_id(self) -> Callable[[], str]:
        return lambda: f"id-{next(self.numbers):06d}-{id(self.ledger):x}"

    @property
    def credentials(self) -> Credentials:
        def secret(reference: str) -> str:
            if reference not in self.secrets:
                raise ValueError(f"{reference}: this variable is not set")
            return self.secrets[reference]

        return Credentials(secret, lambda reference: f"$argon2id$of {reference}")

    def apply(self, text: str | dict[str, Any], *, prune: bool = False) -> Outcome:
        state = source(text).state
        return apply(self, state, self.credentials, actor=ACTOR, digest="f" * 64, how=How(prune=prune))

    def rows(self, table: str, **where: str) -> list[dict[str, Any]]:
        key = Key(table, "tenant_id", self.tenant)
        rows = [dict(row) for row in self.ledger.read((key,))(key)]
        return [row for row in rows if all(row[name] == value for name, value in where.items())]

    def row(self, table: str, **where: str) -> dict[str, Any]:
        (row,) = self.rows(table, **where)
        return row

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {table: self.rows(table) for table in TABLES}

    def current(self) -> Current:
        return load(self.ledger, self.tenant, everyone=True)

    def events(self) -> list[dict[str, Any]]:
        return [dict(event) for event in trail.events(self.ledger, self.tenant, limit=10_000)]

    def write(self, *writes: Write, policy_changed: bool = False) -> None:
        """What another part of the product writes meanwhile."""

        def decide(_head: Head, _facts: Facts) -> Verdict[None]:
            return Verdict(None, events=(), writes=writes, policy_changed=policy_changed)

        self.ledger.commit(Entry(self.tenant, "other", self.time, decide))


def head(_reader: Reader, _tenant: str, at: Head) -> Head:
    return at


@contextmanager
def in_memory() -> Iterator[Acme]:
    ledger: MemoryLedger[Head] = MemoryLedger(head, chain_key=KEY)
    ledger.open_tenant(TENANT)
    with ledger:
        yield Acme(ledger)


@contextmanager
def on_disk(path: Path) -> Iterator[Acme]:
    """With the real tables and their constraints."""
    schema.upgrade(f"sqlite:///{path}")
    ledger: SqliteLedger[Head] = SqliteLedger(path, load=head, chain_key=KEY)
    ledger.open_tenant(TENANT)
    with ledger:
        yield Acme(ledger)
