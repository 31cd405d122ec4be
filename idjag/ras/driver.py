"""Carries out what a flow asks for: the ports, called in this thread or from beside an event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future

from idjag.arrivals import Arrivals
from idjag.protocol.jose import KeySet
from idjag.ras.access_token import JwtSigner, RotatingSigner
from idjag.ras.flights import Busy, Flights
from idjag.ras.model import Client
from idjag.ras.ports import (
    Accounts,
    AwaitedKeys,
    Clients,
    IssuerKeys,
    KnowsPeople,
    Outcome,
    Person,
    Query,
    Receipts,
    Record,
    Report,
    Signer,
    Store,
    Submitting,
    Tokens,
)
from idjag.ras.standing import Standing
from idjag.ras.steps import (
    Answer,
    Commit,
    FoundToken,
    NeedAccounts,
    NeedClient,
    NeedIssuedKeys,
    NeedKeys,
    NeedPerson,
    NeedRegistration,
    NeedStanding,
    NeedToken,
    Sign,
    Step,
    Tell,
)
from idjag.ras.subjects import look_up
from idjag.ras.together import Together
from idjag.trust.publications import Publications

__all__ = ["Driver"]

# Keys of issuers that a host's own port fetches: so many issuers may hang before the next one waits.
_FETCHING = 8
_MOST_FETCHES = 1000
_MOST_WRITES = 100

log = logging.getLogger("idjag.ras")


class Driver:
    """The ports of one server; ``configured`` are the clients of its configuration of that moment."""

    def __init__(
        self,
        *,
        configured: Callable[[], Clients],
        clients: Clients | None,
        keys: IssuerKeys,
        accounts: Accounts,
        store: Store,
        signer: Signer,
        publications: Publications | None,
        receipts: Receipts | None = None,
    ) -> None:
        self._configured = configured
        self._clients = clients
        self._keys = keys
        self._accounts = accounts
        self._store = store
        self._signer = signer
        self._publications = publications
        self._receipts = receipts
        self._arrivals = Arrivals()
        self._people: Together[Query, Person] | None = None
        kept: object = accounts
        if isinstance(store, KnowsPeople) and kept is store:
            self._people = Together(store.people)
        self._fetches: Flights[KeySet] = Flights("idjag-keys", threads=_FETCHING, most=_MOST_FETCHES)
        self._writes: Flights[Outcome] = Flights("idjag-strangers", threads=1, most=_MOST_WRITES)

    def answer(self, step: Step) -> Answer:
        """Carry out one step; blocking."""
        match step:
            case NeedClient():
                return self._client(step)
            case NeedRegistration():
                return self._published().registration(
                    step.registered, kid=step.kid, certificate=step.certificate
                )
            case NeedKeys():
                return self._keys.keys(step.issuer, step.jwks_uri, kid=step.kid)
            case NeedPerson():
                return look_up(step.query, accounts=self._accounts, store=self._store)
            case NeedToken() | NeedStanding():
                return self._kept(step)
            case NeedAccounts():
                return self._accounts.by_email(step.email, tenant=step.tenant)
            case Sign() | NeedIssuedKeys():
                return self._signer.issue(step.token) if isinstance(step, Sign) else self._signer.public()
            case Commit():
                return self._store.commit(step.record)
            case Tell():
                self._tell(step.report)
                return None

    async def aanswer(self, step: Step) -> Answer:
        """Carry out one step without blocking the loop: what blocks is called in a thread.

        Nobody who waits for somebody else's server holds one of the threads that all share.
        """
        match step:
            case NeedClient() if self._clients is None:
                return self._client(step)
            case NeedRegistration():
                return await self._published().aregistration(
                    step.registered, kid=step.kid, certificate=step.certificate
                )
            case NeedKeys():
                return await self._akeys(step)
            case NeedPerson() if self._people is not None:
                return await self._people.of(step.query)
            case Sign() | NeedIssuedKeys() if self._signs_at_once():
                return self.answer(step)  # nothing is waited for; a host's own may ask a key service
            case Tell():
                return self.answer(step)  # nothing is waited for
            case Commit() if isinstance(self._store, Submitting):
                return await self._arrivals.of(self._store.submit(step.record))
            case _:
                return await asyncio.to_thread(self.answer, step)

    def write(self, record: Record) -> None:
        """Write something that nobody waits for; dropped, and logged, when too much is to be written."""
        try:
            if isinstance(self._store, Submitting):
                written = self._store.submit(record)
            else:
                written, _ = self._writes.board(record.decision_id, lambda: self._store.commit(record))
        except Exception as failed:  # noqa: BLE001  # a port that is down; nobody is there to be told
            _unwritten(record, failed)
        else:
            written.add_done_callback(lambda done: _check(record, done))

    def forget(self, issuer: str) -> None:
        """Drop the keys of an issuer."""
        self._keys.forget(issuer)

    def forget_client(self, client_id: str) -> None:
        """Drop what a client has published."""
        if self._publications is not None:
            self._publications.forget(client_id)

    def close(self) -> None:
        """End the threads that were begun here, when what is still to be written is written."""
        self._fetches.close(finish=False)
        self._writes.close(finish=True)
        if self._receipts is not None:
            self._receipts.close()

    def _signs_at_once(self) -> bool:
        """Whether our own signer would wait for nobody: of a host's own nobody can say."""
        signer = self._signer
        return type(signer) is JwtSigner or (type(signer) is RotatingSigner and signer.at_once())

    def _tell(self, report: Report) -> None:
        """The redemption stands, whatever becomes of its receipt."""
        if self._receipts is None:
            return
        try:
            self._receipts.report(report)
        except Exception as failed:  # noqa: BLE001  # a host's own may do anything
            log.warning("receipt not taken error=%s", type(failed).__name__)

    async def _akeys(self, step: NeedKeys) -> KeySet:
        """An issuer's keys: awaited if the port can, else by one thread for all who ask for this issuer."""
        if isinstance(self._keys, AwaitedKeys):
            return await self._keys.akeys(step.issuer, step.jwks_uri, kid=step.kid)
        while True:
            flight, own = self._fetches.board(
                (step.issuer, step.jwks_uri),
                lambda: self._keys.keys(step.issuer, step.jwks_uri, kid=step.kid),
            )
            # shielded: who goes away must not take the keys from the others who wait
            keys = await asyncio.shield(asyncio.wrap_future(flight))
            if own or step.kid is None or any(key.kid == step.kid for key in keys.keys):
                return keys  # else the flight was for another kid, and this one may be new

    def _client(self, step: NeedClient) -> Client | None:
        return (self._clients or self._configured()).client(step.client_id, tenant=step.tenant)

    def _published(self) -> Publications:
        if self._publications is None:
            raise LookupError("a client publishes its keys, and this server was given no publications")
        return self._publications

    def _kept(self, step: NeedToken | NeedStanding) -> FoundToken | Standing | None:
        """What the store remembers: nothing, and nobody stopped, where it keeps no tokens."""
        tokens = self._store if isinstance(self._store, Tokens) else None
        if isinstance(step, NeedStanding):
            return Standing() if tokens is None else tokens.standing(step.grounds)
        kept = None if tokens is None else tokens.token(step.jti)
        return None if kept is None else FoundToken(kept, self._accounts.by_id(kept.token.account_id))


def _check(record: Record, done: Future[Outcome]) -> None:
    failed = done.exception()
    if failed is not None:
        _unwritten(record, failed)


def _unwritten(record: Record, failed: BaseException) -> None:
    problem = "too many at once" if isinstance(failed, Busy) else type(failed).__name__
    log.error("refusal not recorded decision_id=%s error=%s", record.decision_id, problem)
