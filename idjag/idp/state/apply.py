"""Applying a file: resolve, plan, test, commit; all or nothing, on the very state it was computed on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

from idjag.idp.backchannel import session_ended
from idjag.idp.catalog.references import Problem
from idjag.idp.facts import integer, string
from idjag.idp.neighbours import Neighbours
from idjag.idp.state.cases import Failure, run_tests
from idjag.idp.state.credentials import Credentials
from idjag.idp.state.current import Current
from idjag.idp.state.draft import FILE
from idjag.idp.state.events import events
from idjag.idp.state.file import StateFile
from idjag.idp.state.loading import rows_for
from idjag.idp.state.plan import Plan, Problems, plan
from idjag.ledger.entry import (
    Conflict,
    Delete,
    Entry,
    Facts,
    Insert,
    Key,
    Row,
    Unavailable,
    Verdict,
    Write,
)
from idjag.ledger.run import ready_event

__all__ = ["Credentials", "How", "Outcome", "Store", "TestsFailed", "apply", "look"]

_ATTEMPTS = 3
_PATIENCE = 120.0  # seconds for one large transaction, hashing of its audit rows included


@dataclass(frozen=True, slots=True)
class How:
    """How a file is applied.

    ``prune``: what a file created and this one does not have goes.  ``unwanted``: these go, by noun and name.
    ``managed_by``: what is made is said to be made by.  ``reason``: why, in the words of whoever does it.
    ``where`` it came from, if by a request: ip, user_agent.
    """

    prune: bool = False
    unwanted: Mapping[str, Collection[str]] = field(default_factory=dict)
    managed_by: str = FILE
    reason: str = ""
    where: Mapping[str, str] = field(default_factory=dict)

    def because(self, reason: str) -> How:
        """The same for this reason."""
        return replace(self, reason=reason)

    def from_there(self, ip: str, user_agent: str) -> How:
        """The same by a request that came from there."""
        return replace(self, where={"ip": ip, "user_agent": user_agent})


_AS_A_FILE = How()

Agreed: TypeAlias = Callable[[Current, Plan], None]


class LedgerPort(Protocol):
    """A ledger, as far as applying goes; its snapshots are nobody's business here."""

    def read(self, keys: Sequence[Key]) -> Facts:
        """Fresh facts from one transaction."""
        ...

    def fresh(self, tenant: str) -> Any:
        """The snapshot as of now."""
        ...

    def submit(self, entry: Entry[Any, Any]) -> Future[Any]:
        """Queue an entry."""
        ...


class Store(Protocol):
    """What ``idjag.idp.app.open_store`` gives."""

    @property
    def ledger(self) -> LedgerPort:
        """The ledger."""
        ...

    @property
    def tenant(self) -> str:
        """The tenant's id."""
        ...

    @property
    def issuer(self) -> str:
        """The tenant's issuer, byte for byte."""
        ...

    @property
    def clock(self) -> Callable[[], int]:
        """NumericDate."""
        ...

    @property
    def new_id(self) -> Callable[[], str]:
        """128 random bits in base64url."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was changed, or would be; ``policy_seq`` is where the policy stands then."""

    plan: Plan
    policy_seq: int
    applied: bool


class TestsFailed(Exception):
    """The result would not keep what the file promises; nothing was changed."""

    __test__ = False

    def __init__(self, failures: Sequence[Failure]) -> None:
        self.failures = tuple(failures)
        super().__init__("; ".join(f"{failure.name}: {failure.message}" for failure in failures))


def look(
    store: Store,
    state: StateFile,
    credentials: Credentials,
    *,
    how: How = _AS_A_FILE,
    agreed: Agreed = lambda _current, _plan: None,
    near: Neighbours | None = None,
) -> Plan:
    """What applying would change, with the tests run; changes nothing.  Raises Problems, TestsFailed."""
    return _Task(store, state, _secrets(state, credentials), how, agreed, near).tested()


def apply(
    store: Store,
    state: StateFile,
    credentials: Credentials,
    *,
    actor: Mapping[str, str],
    digest: str,
    how: How = _AS_A_FILE,
    agreed: Agreed = lambda _current, _plan: None,
    near: Neighbours | None = None,
) -> Outcome:
    """Bring the tenant to what the file says, or leave everything as it was.

    When somebody else changes the same things meanwhile, the plan is made again on what is there then.
    ``actor`` and ``digest`` (SHA-256 of the file) are for the audit log.  ``agreed`` looks at each plan and
    at the state on which it was made, and raises when they are not what somebody had in mind, or may do.
    ``near``: who knows what is beside a few rows, so that not all of them have to be read.
    Raises Problems, TestsFailed, Conflict (others keep changing it), Unavailable.
    """
    task = _Task(store, state, _secrets(state, credentials), how, agreed, near)
    hashes: dict[str, str] = {}
    for _ in range(_ATTEMPTS):
        planned = task.tested()
        if not planned.changes:
            return Outcome(planned, planned.policy_seq, applied=False)
        writes = [*planned.writes, *_passwords(store, planned, credentials, hashes)]
        entry = _entry(store, planned, writes, how=how, actor=actor, digest=digest)
        try:
            return Outcome(planned, _commit(store, entry), applied=True)
        except Conflict:
            continue
    raise Conflict("others keep changing the same things; try again")


@dataclass(frozen=True, slots=True)
class _Task:
    """A file, and where and how it is applied; ``secrets`` are the client secrets by app id."""

    store: Store
    state: StateFile
    secrets: Mapping[str, str] = field(repr=False)
    how: How
    agreed: Agreed
    near: Neighbours | None

    def tested(self) -> Plan:
        """The plan on what is there now; raises Problems, TestsFailed."""
        store, how, now = self.store, self.how, self.store.clock()
        current = rows_for(store, self.state, prune=how.prune, unwanted=how.unwanted, near=self.near)
        planned = plan(
            current,
            self.state,
            now=now,
            new_id=store.new_id,
            issuers=(store.issuer,),
            prune=how.prune,
            secrets=self.secrets,
            unwanted=how.unwanted,
            managed_by=how.managed_by,
        )
        self.agreed(current, planned)
        if failures := run_tests(planned, self.state.tests, now=now):
            raise TestsFailed(failures)
        return planned


def _secrets(state: StateFile, credentials: Credentials) -> dict[str, str]:
    """The client secrets that the file refers to, by app id; raises Problems."""
    secrets: dict[str, str] = {}
    problems = []
    for app in state.apps or ():
        if app.auth.secret is None:
            continue
        try:
            secrets[app.id] = credentials.secret(app.auth.secret)
        except ValueError as error:
            problems.append(Problem("app", app.id, ("auth", "secret"), str(error)))
    if problems:
        raise Problems(problems)
    return secrets


def _passwords(store: Store, planned: Plan, credentials: Credentials, hashes: dict[str, str]) -> list[Write]:
    """The credentials to store; hashed outside any transaction, and once however often the plan is made."""
    writes: list[Write] = []
    problems = []
    for first in planned.passwords:
        try:
            if first.username not in hashes:
                hashes[first.username] = credentials.password_hash(first.reference)
        except ValueError as error:
            problems.append(Problem("user", first.username, ("password",), str(error)))
            continue
        row: Row = {
            "id": store.new_id(),
            "tenant_id": store.tenant,
            "person_id": first.person_id,
            "kind": "password",
            "secret": hashes[first.username],
            "created": store.clock(),
        }
        writes.append(Insert("credential", row))
    if problems:
        raise Problems(problems)
    return writes


def _entry(
    store: Store,
    planned: Plan,
    writes: Sequence[Write],
    *,
    how: How,
    actor: Mapping[str, str],
    digest: str,
) -> Entry[Any, int]:
    decision_id, now = store.new_id(), store.clock()
    told = events(
        planned, actor=actor, decision_id=decision_id, digest=digest, reason=how.reason, where=how.where
    )
    # hashed here and not in the transaction, which thousands of changes would hold for seconds
    audit = [ready_event(event, tenant=store.tenant, now=now) for event in told]
    return Entry(
        tenant=store.tenant,
        holder=decision_id,
        now=now,
        decide=_decision(planned, writes, audit, now=now),
        reads=_reads(planned),
        expect_policy_seq=planned.policy_seq,
    )


def _reads(planned: Plan) -> tuple[Key, ...]:
    sessions = [Key("session", "person_id", person) for person in planned.departed]
    return tuple(dict.fromkeys([*(key for key, _ in planned.premises), *sessions]))


def _decision(
    planned: Plan, writes: Sequence[Write], audit: Any, *, now: int
) -> Callable[[Any, Facts], Verdict[int]]:
    def decide(_snapshot: Any, facts: Facts) -> Verdict[int]:
        for key, rows in planned.premises:
            if _by_id(facts(key)) != _by_id(rows):
                raise Conflict(f"{key.table} was changed meanwhile")
        sessions = [
            _forgotten(row, now=now)
            for person in planned.departed
            for row in facts(Key("session", "person_id", person))
        ]
        return Verdict(
            reply=planned.policy_seq + planned.policy_changed,
            events=audit,
            writes=[*sessions, *writes],
            policy_changed=planned.policy_changed,
        )

    return decide


def _forgotten(session: Row, *, now: int) -> Write:
    """What becomes of a session of somebody who goes: its apps are told, if it was alive.

    What it is called there goes with it, at once or when they are about to be told.
    """
    session_id = string(session, "id")
    if session["ended"] is not None or integer(session, "expires") <= now:
        return Delete("session_app", {"session_id": session_id})
    person_id, tenant = string(session, "person_id"), string(session, "tenant_id")
    return session_ended(session_id, person_id=person_id, tenant=tenant, now=now)


def _by_id(rows: Sequence[Row]) -> dict[object, dict[str, object]]:
    return {row["id"]: dict(row) for row in rows}


def _commit(store: Store, entry: Entry[Any, int]) -> int:
    # So that the transaction need not load a snapshot while everybody waits for it.
    store.ledger.fresh(store.tenant)
    future = store.ledger.submit(entry)
    try:
        return int(future.result(_PATIENCE))
    except FutureTimeout:
        future.cancel()
        raise Unavailable("no outcome in time; look with --dry-run whether it was applied") from None
