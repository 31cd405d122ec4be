"""``POST /receipts``: what resource apps' authorization servers report of our ID-JAGs (contract section 6).

Whatever is sent, the answer is the same 202, so that nobody learns which jti there is; what is not taken is
counted.  What is taken is one event of the grant's thread.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from idjag.idp.audit import Source, refusal_entry
from idjag.idp.endpoint import durable
from idjag.idp.facts import integer
from idjag.idp.fresh import fresh_snapshots
from idjag.idp.limits import Count, Limit
from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot
from idjag.idp.strangers import Strangers
from idjag.ledger.entry import Conflict, Entry, Event, Facts, Key, OneTime, Row, Unavailable, Verdict
from idjag.policy.model import AppStatus, ReceiptKeys, ResourceApp
from idjag.protocol import names, receipt
from idjag.protocol.addresses import network_of
from idjag.protocol.claims import ClaimError
from idjag.protocol.client_auth import Registration
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, form_of, json_reply, refusal_reply
from idjag.protocol.jose import JoseError, KeySet, jws
from idjag.protocol.receipt import Receipt

__all__ = ["Receipts"]

_BORNE: Final = 60  # a minute from one source, of what is not taken
_MOST_SOURCES: Final = 1000
_PLACE_KEPT: Final = 3600  # seconds; what stands in the log decides, this only between two at one moment


class Receipts:
    """The endpoint, for one process; ``borne`` is what a source may send in vain within a minute."""

    def __init__(self, services: Services, strangers: Strangers, *, borne: int = _BORNE) -> None:
        self._services = services
        self._strangers = strangers
        self._fresh = fresh_snapshots(services)
        self._limit = Limit(borne, memory=60, fixed=True)
        self._failures: dict[str, Count] = {}

    async def __call__(self, request: TokenRequest) -> Reply:
        """Answer one request; never raises for anything a request can hold."""
        services = self._services
        source = Source(services.new_id(), services.clock(), request.source, request.user_agent)
        try:
            try:
                self._check_pace(source)
                await self._take(_presented(request), source)
            except Refused as refused:
                if (reply := await self._not_taken(refused, source)) is not None:
                    return reply
        except (Unavailable, Conflict, TimeoutError):
            return refusal_reply(Refused(Reason.UNAVAILABLE), decision_id=source.decision_id)
        reply = json_reply({"decision_id": source.decision_id}, status=202)
        return Reply(202, (*reply.headers, (b"x-decision-id", source.decision_id.encode())), reply.body)

    async def _take(self, jwt: jws.UnverifiedJwt, source: Source) -> None:
        """Under the policy facts at hand; under fresh ones when those refuse, for nobody sends it again."""
        snapshot = self._services.snapshot
        while True:
            try:
                speakers = await self._speakers(jwt, snapshot)
                told = self._accepted(jwt, source)
                await self._record(told, speakers, source)
            except (Refused, Conflict):
                before, snapshot = snapshot, await self._fresh.look()
                if snapshot is before:
                    raise
            else:
                return

    async def _speakers(self, jwt: jws.UnverifiedJwt, snapshot: Snapshot) -> tuple[ResourceApp, ...]:
        """The resource apps that the signature speaks for: several may share one authorization server."""
        claimed = jwt.claims.get("iss")
        if not isinstance(claimed, str):
            raise _refused("no iss")
        found = [each for each in snapshot.policy.audience(claimed) if _reports(each, claimed)]
        if not found:
            raise _refused("nobody reports under this issuer", got=claimed[:200])
        speakers = [each for each in found if await self._signed(jwt, each)]
        if not speakers:
            raise _refused("signature", got=claimed[:200], kid=jwt.kid)
        return tuple(speakers)

    async def _signed(self, jwt: jws.UnverifiedJwt, resource_app: ResourceApp) -> bool:
        keys = await self._keys(resource_app, jwt.kid)
        try:
            jws.verify(jwt, keys=keys, algorithms=names.ASYMMETRIC)
        except JoseError:
            return False
        return True

    async def _keys(self, resource_app: ResourceApp, kid: str | None) -> KeySet:
        """Given, or fetched before any transaction; raises Refused."""
        where = resource_app.receipts or ReceiptKeys()
        if where.jwks is not None:
            return _parsed(where.jwks)
        published, issuer = self._services.publications, resource_app.issuer
        if published is None:
            raise _refused("nothing is fetched here", got=issuer)
        registered = Registration(issuer, names.PRIVATE_KEY_JWT, jwks_uri=where.jwks_uri)
        return (await published.aregistration(registered, kid=kid)).keys or KeySet(())

    def _accepted(self, jwt: jws.UnverifiedJwt, source: Source) -> Receipt:
        try:
            return receipt.accept(jwt.claims, issuer=self._services.issuer, now=source.now)
        except ClaimError as wrong:
            raise _refused(wrong.problem, claim=wrong.claim) from None

    async def _record(self, told: Receipt, speakers: Sequence[ResourceApp], source: Source) -> None:
        """One event for each receipt, however often and on however many nodes it comes at one moment."""
        key = Key("audit", "jti", told.id_jag)
        for _ in range(receipt.MOST + 1):
            found = await asyncio.to_thread(self._services.ledger.read, (key,))
            thread = _Thread.of(found(key), self._services.tenant)
            if (issued := thread.place(told, speakers)) is None:
                return
            entry = self._entry(_Case(told, source, key, tuple(speakers), issued), len(thread.reported))
            if await durable(self._services, entry):
                return
        raise Conflict("the policy or the thread of this grant was changed meanwhile")

    def _entry(self, case: _Case, place: int) -> Entry[Snapshot, bool]:
        """Takes the next place of the thread; the reply is False when another receipt has taken it."""
        tenant, source = self._services.tenant, case.source

        def decide(current: Snapshot, found: Facts) -> Verdict[bool]:
            rows = _Thread.of(found(case.key), tenant)
            if len(rows.reported) != place or not case.stands(current):
                return Verdict(False, (), succeeded=False)
            return Verdict(True, (case.event(),))

        def lost(_used: OneTime) -> Verdict[bool]:
            return Verdict(False, (), succeeded=False)

        once = OneTime("receipt", "", f"{place} {case.told.id_jag}", source.now + _PLACE_KEPT)
        return Entry(
            tenant=tenant,
            holder=source.decision_id,
            now=source.now,
            decide=decide,
            lost=lost,
            reads=(case.key,),
            consume_on_success=(once,),
            client="receipts",
        )

    async def _not_taken(self, refused: Refused, source: Source) -> Reply | None:
        """Count it; the answer where HTTP demands one, or the sender is to come again."""
        answer = ANSWERS[refused.reason]
        if answer.status in (429, 503):
            return refusal_reply(refused, decision_id=source.decision_id)
        event = self._strangers.event(refused, source)
        if event is not None:
            await durable(self._services, refusal_entry(event, tenant=self._services.tenant, source=source))
        self._count(source)
        if answer.status in (405, 415):
            return refusal_reply(refused, decision_id=source.decision_id)
        return None

    def _check_pace(self, source: Source) -> None:
        count = self._failures.get(network_of(source.ip), Count())
        if wait := self._limit.wait(count, now=source.now):
            raise Refused(Reason.TOO_MANY_FAILURES, wait=wait)

    def _count(self, source: Source) -> None:
        """Bounded: the source that was counted longest ago makes room."""
        network = network_of(source.ip)
        count = self._limit.after(self._failures.pop(network, Count()), now=source.now)
        if len(self._failures) >= _MOST_SOURCES:
            del self._failures[next(iter(self._failures))]
        self._failures[network] = count


@dataclass(frozen=True, slots=True)
class _Thread:
    """What the log says of one grant: where it was issued, and what was reported of it since."""

    issued: Row | None
    reported: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Sequence[Row], tenant: str) -> _Thread:
        ours = [row for row in rows if row["tenant"] == tenant]
        issued = [row for row in ours if row["event"] == "id_jag.issued"]
        told = (row for row in ours if row["event"] in ("id_jag.redeemed", "id_jag.refused"))
        return cls(issued[0] if issued else None, tuple(told))

    def place(self, told: Receipt, speakers: Sequence[ResourceApp]) -> Row | None:
        """The grant's row, when there is room for this receipt; None when it is known.  Raises Refused."""
        issued = self.issued
        # one text for what was never issued and what went to somebody else
        if issued is None or issued["resource_app"] not in {each.id for each in speakers}:
            raise _refused("not issued to it")
        if json.loads(str(issued["body"])).get("audience") != told.iss:
            raise _refused("not issued to it")
        if told.at < integer(issued, "time") - names.SKEW:
            raise _refused("before it was issued")
        if told.jti in self._known():
            return None
        refusals = sum(row["event"] == "id_jag.refused" for row in self.reported)
        if len(self.reported) >= receipt.MOST or (not told.redeemed and refusals >= receipt.MOST_REFUSED):
            raise _refused("enough was reported of it")
        return issued

    def _known(self) -> Iterator[str]:
        """The ids of the receipts that were taken."""
        for row in self.reported:
            yield json.loads(str(row["body"]))["inputs"]["receipt"]


@dataclass(frozen=True, slots=True)
class _Case:
    """A receipt that is to be recorded."""

    told: Receipt
    source: Source
    key: Key = field(repr=False)
    speakers: tuple[ResourceApp, ...]
    issued: Row = field(repr=False)

    def stands(self, current: Snapshot) -> bool:
        """Whether its keys are those of the policy by now, for the resource app that it is about."""
        return any(
            each.id == self.issued["resource_app"] and current.policy.resource_apps.get(each.id) == each
            for each in self.speakers
        )

    def event(self) -> Event:
        """Joined to the grant by its jti, and to whom it was about by the same ids (contract section 9)."""
        told, issued = self.told, self.issued
        return Event(
            "id_jag.redeemed" if told.redeemed else "id_jag.refused",
            {
                **self.source.fields(),
                "actor": {"kind": "resource_app", "id": issued["resource_app"]},
                "subject": issued["subject"],
                "profile": "id-jag",
                "requesting_app": issued["requesting_app"],
                "resource_app": issued["resource_app"],
                "audience": told.iss,
                "jti": told.id_jag,
                "reason": None if told.redeemed else told.outcome,
                "inputs": {"reported_by": "ras", "receipt": told.jti, "at": told.at},
            },
        )


def _presented(request: TokenRequest) -> jws.UnverifiedJwt:
    """The one parameter, a JWT of the one type; raises Refused."""
    form = form_of(request)
    value = form.one("receipt")
    if value is None:
        raise _refused("no receipt")
    try:
        jwt = jws.parse(value, max_bytes=receipt.MAX_BYTES)
    except JoseError as wrong:
        raise _refused(wrong.code) from None
    if jwt.typ != receipt.TYP:
        raise _refused("typ", got=jwt.typ or "absent")
    return jwt


def _reports(resource_app: ResourceApp, issuer: str) -> bool:
    """An alias speaks for nobody, and the issuer is compared byte for byte."""
    return (
        resource_app.receipts is not None
        and resource_app.issuer == issuer
        and resource_app.status is AppStatus.ACTIVE
    )


@lru_cache(maxsize=256)
def _parsed(jwks: str) -> KeySet:
    return KeySet.parse(jwks)[0]


def _refused(
    problem: str, *, got: str | None = None, kid: str | None = None, claim: str | None = None
) -> Refused:
    return Refused(Reason.RECEIPT_NOT_TAKEN, problem=problem, got=got, kid=kid, claim=claim)
