"""Acme's people and a ledger, for factors alone: no pages, no passwords, a clock that the test holds."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.factors import devices, enrolled, operations, passkeys, responses, totp
from idjag.idp.factors.ceremony import Ceremony
from idjag.idp.factors.enrolled import Enrolled, NewFactor
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.factors.relying_party import RelyingParty
from idjag.idp.facts import PersonFacts
from idjag.idp.snapshot import Loader, Snapshot
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, OneTime, Row, Verdict, Write
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.sqlite import SqliteLedger
from idjag.protocol.errors import Reason
from idjag.seal import KekSealer
from tests.authenticator import TRUTH, Authenticator, Lie
from tests.idp.databases import new_database
from tests.idp.settling import LONG
from tests.idp.signin.seeds import NOW, TENANT, person_rows

ISSUER = "https://idp.acme.example"
RP = RelyingParty("idp.acme.example", ISSUER, "Acme Corporation")
SEALER = KekSealer(bytes(range(1, 33)))
ADMIN = {"kind": "admin", "id": "admin-1"}
ALICE, BOB = "p-alice", "p-bob"

AnyLedger = MemoryLedger[Snapshot] | SqliteLedger[Snapshot] | PostgresLedger[Snapshot]


@dataclass
class Acme:
    """One tenant, as ``tenancy.Store`` wants it."""

    ledger: AnyLedger
    tenant: str = TENANT
    issuer: str = ISSUER
    now: int = NOW
    sealer: KekSealer = SEALER
    rp: RelyingParty = RP
    seeds: dict[str, bytes] = field(default_factory=dict)

    def new_id(self) -> str:
        return secrets.token_urlsafe(16)

    def clock(self) -> int:
        return self.now

    def source(self) -> Source:
        return Source(self.new_id(), self.now, "192.0.2.7", "Firefox")

    def read(self, *keys: Key) -> Facts:
        return self.ledger.read(keys)

    def person(self, person_id: str = ALICE) -> PersonFacts:
        found = facts.person(self.read(*facts.person_keys(person_id)), person_id)
        assert found is not None
        return found

    def found(self, person_id: str = ALICE) -> Facts:
        keys = (*facts.person_keys(person_id), *enrolled.keys(person_id), devices.key(person_id))
        return self.read(*keys)

    def rows(self, kind: str, person_id: str = ALICE) -> list[Row]:
        return enrolled.rows(self.found(person_id), person_id, kind)

    def factors(self, person_id: str = ALICE) -> tuple[Enrolled, ...]:
        return enrolled.enrolled(self.found(person_id), person_id)

    def write(self, *writes: Write) -> None:
        self.commit(lambda _found: Verdict(None, (), writes))

    def commit(
        self,
        decide: Callable[[Facts], Verdict[Any]],
        *,
        reads: tuple[Key, ...] = (),
        once: tuple[OneTime, ...] = (),
        lost: Any = None,
    ) -> Any:
        entry: Entry[Snapshot, Any] = Entry(
            self.tenant,
            self.new_id(),
            self.now,
            lambda _snapshot, found: decide(found),
            lambda _one_time: Verdict(lost, (), succeeded=False),
            reads=reads,
            consume_on_success=once,
        )
        return self.ledger.commit(entry)

    def show(
        self,
        check: Callable[[Facts], Proof | Wrong],
        once: tuple[OneTime, ...] = (),
        *,
        person_id: str = ALICE,
        stale: Facts | None = None,
    ) -> Proof | Wrong | None:
        """What a sign-in does with a check; None: it was used before.

        ``stale``: decide on these facts, as another node does that read them before the last commit.
        """

        def decide(found: Facts) -> Verdict[Proof | Wrong]:
            outcome = check(stale or found)
            if isinstance(outcome, Wrong):
                return Verdict(outcome, (), succeeded=False)
            return Verdict(outcome, outcome.events, outcome.writes)

        outcome: Proof | Wrong | None = self.commit(decide, reads=enrolled.keys(person_id), once=once)
        return outcome

    def events(self, *, after: int = 0) -> list[dict[str, Any]]:
        """The audit log so far, oldest first."""
        rows = self.ledger.audit_rows(self.tenant, after_no=after, limit=1000)
        return [{**json.loads(str(row["body"])), "event": row["event"]} for row in rows]

    # what people do

    def new(self, person_id: str = ALICE, label: str = "Phone") -> NewFactor:
        return NewFactor(self.new_id(), self.tenant, person_id, label, self.source())

    def begin(self, person_id: str = ALICE) -> totp.Pending:
        return totp.begin(
            self.sealer,
            tenant=self.tenant,
            person_id=person_id,
            organisation="Acme Corporation",
            username=person_id.removeprefix("p-"),
            now=self.now,
        )

    def add_totp(self, person_id: str = ALICE, label: str = "Phone") -> str:
        """Enrol an app; its id, and from then on its codes."""
        pending = self.begin(person_id)
        seed = seed_of(pending)
        code = totp.code_at(seed, self.now // 30)
        made = totp.enrolment(self.sealer, pending.token, code, new=self.new(person_id, label))
        id_ = operations.add(self, made, person=self.person(person_id)).credential_id
        self.seeds[id_] = seed
        return id_

    def code(self, id_: str, *, steps: int = 0) -> str:
        return totp.code_at(self.seeds[id_], self.now // 30 + steps)

    def show_code(
        self, code: str, person_id: str = ALICE, stale: Facts | None = None
    ) -> Proof | Wrong | None:
        def check(found: Facts) -> Proof | Wrong:
            return totp.check(found, person_id, code, sealer=self.sealer, now=self.now)

        once = totp.once(person_id, code, now=self.now)
        return self.show(check, once, person_id=person_id, stale=stale)

    def show_code_with(self, sealer: KekSealer, code: str) -> Proof | Wrong:
        """What a process with another key makes of Alice's code."""
        return totp.check(self.found(), ALICE, code, sealer=sealer, now=self.now)

    def ceremony(self, secret: str = "cookie-of-this-browser", purpose: str = "sign-in") -> Ceremony:
        return Ceremony(self.rp, secret, purpose)

    def creation_options(self, ceremony: Ceremony, person_id: str = ALICE) -> dict[str, Any]:
        return passkeys.creation_options(
            ceremony,
            challenge=ceremony.challenge(now=self.now, nonce=self.new_id()),
            tenant=self.tenant,
            person_id=person_id,
            username=person_id.removeprefix("p-"),
            name="Alice Example",
            found=self.found(person_id),
        )

    def request_options(self, ceremony: Ceremony, person_id: str | None = None) -> dict[str, Any]:
        challenge = ceremony.challenge(now=self.now, nonce=self.new_id())
        found = self.found(person_id) if person_id else None
        return passkeys.request_options(ceremony, challenge=challenge, found=found, person_id=person_id)

    def add_passkey(
        self, authenticator: Authenticator, person_id: str = ALICE, label: str = "Key", lie: Lie = TRUTH
    ) -> str:
        ceremony = self.ceremony(purpose="enrol")
        answer = authenticator.create(self.creation_options(ceremony, person_id), ISSUER, lie)
        new = self.new(person_id, label)
        made = passkeys.enrolment(responses.attestation(answer), ceremony=ceremony, new=new)
        return operations.add(self, made, person=self.person(person_id)).credential_id

    def show_passkey(
        self,
        answer: str,
        ceremony: Ceremony | None = None,
        person_id: str = ALICE,
        *,
        stale: Facts | None = None,
    ) -> Proof | Wrong | None:
        assertion = responses.assertion(answer)
        mine = ceremony or self.ceremony()

        def check(found: Facts) -> Proof | Wrong:
            return passkeys.check(
                found, person_id, assertion, ceremony=mine, tenant=self.tenant, now=self.now
            )

        return self.show(check, assertion.once(now=self.now), person_id=person_id, stale=stale)


def seed_of(pending: totp.Pending) -> bytes:
    """What an authenticator app makes of the text that was typed into it."""
    return base64.b32decode(pending.secret)


def enrol(here: Acme, key: Authenticator, lie: Lie, ceremony: Ceremony | None = None) -> Reason | None:
    """Why the server refuses the new passkey; None when it takes it."""
    asked = here.ceremony(purpose="enrol")
    answer = key.create(here.creation_options(asked), ISSUER, lie)
    made = passkeys.enrolment(responses.attestation(answer), ceremony=ceremony or asked, new=here.new())
    return made.reason if isinstance(made, Wrong) else None


@contextmanager
def acme(database: Path | None = None) -> Iterator[Acme]:
    """A ledger with Alice and Bob; on SQLite with a ``database``."""
    load, chain_key = Loader(SEALER), b"c" * 32
    if database is None:
        ledger: AnyLedger = MemoryLedger(load, chain_key=chain_key)
    else:
        new_database(database)
        ledger = SqliteLedger(database, load=load, chain_key=chain_key, patience=LONG, deadline=LONG)
    with ledger:
        ledger.open_tenant(TENANT)
        here = Acme(ledger)
        row: Row = {"id": TENANT, "name": "Acme Corporation", "issuer": ISSUER, "created": NOW}
        here.write(Insert("tenant", row), *person_rows("alice"), *person_rows("bob"))
        yield here


def event_names(here: Acme) -> list[str]:
    return [event["event"] for event in here.events()]


__all__ = [
    "ADMIN",
    "ALICE",
    "BOB",
    "ISSUER",
    "NOW",
    "RP",
    "SEALER",
    "TENANT",
    "Acme",
    "Event",
    "acme",
    "event_names",
]
