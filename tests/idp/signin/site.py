"""An IdP over real HTTP, one for each test, behind one server for all."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import uvicorn

from idjag.arrivals import Arrivals
from idjag.asgi import ASGIApp, Receive, Send
from idjag.idp.app import assemble
from idjag.idp.keys import ensure_keys
from idjag.idp.services import Post, Services
from idjag.idp.signin.passwords import Passwords
from idjag.idp.snapshot import Loader, Snapshot
from idjag.idp.store.listing import Listing
from idjag.idp.verifications import Verifications
from idjag.ledger.entry import Entry, Facts, Insert, Key, Row, Value, Verdict, Write
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.sqlite import SqliteLedger
from idjag.protocol.jose import KeySet
from idjag.seal import KekSealer
from idjag.trust.publications import Publications
from tests.idp.databases import new_database
from tests.idp.settling import LONG, settled
from tests.idp.signin.seeds import APPS, NOW, PASSWORDS, TENANT, CountingHasher, app_row, person_rows

SEALER = KekSealer(b"k" * 32)
CHAIN_KEY = b"c" * 32
_KEYS: list[Insert] = []

AnyLedger = MemoryLedger[Snapshot] | SqliteLedger[Snapshot]


@dataclass
class Clock:
    """The time, as the test wants it."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Site:
    """A running IdP."""

    issuer: str
    url: str
    ledger: AnyLedger
    services: Services
    clock: Clock = field(default_factory=Clock)
    hasher: CountingHasher = field(default_factory=CountingHasher)

    def write(self, *writes: Write, policy: bool = False) -> None:
        """What an administrator or time does."""

        def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
            return Verdict(None, (), writes, policy_changed=policy)

        self.ledger.commit(Entry(TENANT, secrets.token_hex(8), self.clock.now, decide))

    def rows(self, table: str, **where: str) -> list[Row]:
        column, value = next(iter((where or {"tenant_id": TENANT}).items()))
        key = Key(table, column, value)
        return list(self.ledger.read((key,))(key))

    def events(self) -> list[dict[str, Any]]:
        """The audit log so far, oldest first, without what was there at the start."""
        settled(self.ledger, TENANT)
        rows = self.ledger.audit_rows(TENANT, after_no=0, limit=10_000)
        events = [{**json.loads(str(row["body"])), "event": row["event"]} for row in rows]
        return [event for event in events if not str(event["event"]).startswith("key.")]

    def last_event(self) -> dict[str, Any]:
        return self.events()[-1]

    @property
    def keys(self) -> KeySet:
        return self.services.snapshot.keys.verifying(now=self.services.clock())


def seed(site: Site) -> None:
    """The tenant, its people and apps."""
    tenant: dict[str, Value] = {
        "id": TENANT,
        "name": "Acme Corporation",
        "issuer": site.issuer,
        "created": NOW,
    }
    people = [row for name in PASSWORDS for row in person_rows(name)]
    apps = [Insert("app", app_row(entry)) for entry in APPS]
    site.write(Insert("tenant", tenant), *people, *apps, policy=True)
    if not _KEYS:  # an RSA key takes its time: made for the first site, copied to the others
        ensure_keys(site.ledger, SEALER, tenant=TENANT, now=NOW, new_kid=lambda: secrets.token_urlsafe(12))
        _KEYS.extend(Insert("signing_key", dict(row)) for row in site.rows("signing_key"))
    elif not site.rows("signing_key"):
        site.write(*_KEYS, policy=True)


class Host:
    """An HTTP server for all tests of a session, on a free port; each test brings its own application."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._dispatch,
            interface="asgi3",
            lifespan="off",
            log_level="warning",
            proxy_headers=False,
            timeout_keep_alive=600,  # its connections are still there for a test that had to wait
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})

    async def _dispatch(self, scope: Any, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


@contextmanager
def running(
    host: Host,
    *,
    issuer: str | None = None,
    database: Path | None = None,
    queue: int = 32,
    publications: Publications | None = None,
    mail: Post | None = None,
    webhook: str | None = None,
) -> Iterator[Site]:
    """An IdP of its own; ``issuer`` is what it believes to be, by default the truth.

    With a ``database`` it has a console and an admin API.
    """
    with _ledger(database) as ledger:
        clock, hasher, issuer = Clock(), CountingHasher(), issuer or host.url
        services = Services(
            issuer=issuer,
            base=issuer.removesuffix("/"),
            tenant=TENANT,
            ledger=ledger,
            clock=clock,
            new_id=lambda: secrets.token_urlsafe(16),
            passwords=Passwords(2, queue, hasher=hasher),
            publications=publications,
            arrivals=Arrivals(within=LONG),
            sealer=SEALER,
            mail=mail,
            webhook=webhook,
            verifications=Verifications(ledger, TENANT, CHAIN_KEY, clock, lambda: secrets.token_urlsafe(16)),
        )
        site = Site(issuer, host.url, ledger, services, clock, hasher)
        seed(site)
        lookups = None if database is None else Listing(f"sqlite:///{database}", TENANT)
        before, host.app = host.app, assemble(services, lookups=lookups)
        try:
            yield site
        finally:
            host.app = before  # that of a whole module goes on


@contextmanager
def _ledger(database: Path | None) -> Iterator[AnyLedger]:
    load, chain_key = Loader(SEALER), CHAIN_KEY
    if database is None:
        made: AnyLedger = MemoryLedger(load, chain_key=chain_key)
    else:
        new_database(database)
        made = SqliteLedger(database, load=load, chain_key=chain_key, patience=LONG, deadline=LONG)
    with made:
        made.open_tenant(TENANT)
        yield made
