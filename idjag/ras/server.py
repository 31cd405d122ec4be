"""The resource authorization server that a SaaS embeds: three doors onto one redemption."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

from idjag.asgi import ASGIApp, Door
from idjag.protocol.errors import Refused
from idjag.protocol.http import Reply, TokenRequest, refusal_reply
from idjag.ras import metadata
from idjag.ras.audit import Tally, Trail
from idjag.ras.model import Client, RasConfig
from idjag.ras.narrowing import Asked
from idjag.ras.persons import sign_in
from idjag.ras.ports import Accounts, Clients, IssuerKeys, Outcome, Person, Signer, Store, Submitting
from idjag.ras.redemption import Issue, Redemption
from idjag.ras.steps import Answer, Commit, Flow, NeedClient, NeedKeys, NeedPerson, Step, arun, run
from idjag.ras.subjects import Identity, look_up
from idjag.ras.throttle import Throttle
from idjag.ras.token_endpoint import Strangers, redeem_for, stranger_refused, token

__all__ = ["NotRedeemed", "Ras", "new_id", "system_clock"]


def system_clock() -> int:
    """NumericDate now."""
    return int(time.time())


def new_id() -> str:
    """128 random bits: decision ids, token ids, ids of new accounts."""
    return secrets.token_urlsafe(16)


class NotRedeemed(Refused):
    """A redemption, or a sign-in, that was refused and recorded; what a host needs to answer in its own way.

    ``error``, ``status`` and ``description`` are for the client; ``reason`` and ``fact`` are not.
    """

    def __init__(self, refused: Refused, *, decision_id: str) -> None:
        super().__init__(refused.reason, extra=refused.extra)
        self.fact = refused.fact
        self.decision_id = decision_id
        self.reply = refusal_reply(refused, decision_id=decision_id)
        self.status = self.reply.status
        body = json.loads(self.reply.body)
        self.error: str = body["error"]
        self.description: str = body["error_description"]


class Ras:
    """One resource authorization server; thread-safe.

    ``keys``, ``accounts``, ``store`` and ``signer`` are the ports of ``idjag.ras.ports``; ``clients`` is
    the configuration unless a host has a table of its own.  ``clock`` gives NumericDate, ``new_id`` at
    least 80 random bits as URL-safe text.
    """

    def __init__(
        self,
        config: RasConfig,
        *,
        keys: IssuerKeys,
        accounts: Accounts,
        store: Store,
        signer: Signer,
        clients: Clients | None = None,
        clock: Callable[[], int] = system_clock,
        new_id: Callable[[], str] = new_id,
        throttle: Throttle | None = None,
    ) -> None:
        self._config = config
        self._keys = keys
        self._accounts = accounts
        self._store = store
        self._signer = signer
        self._clients = clients
        self._clock = clock
        self._new_id = new_id
        self._issue = Issue(sign=signer.issue, new_id=new_id)
        self._strangers = Strangers(throttle or Throttle(), Tally())

    @property
    def config(self) -> RasConfig:
        """What the next request is judged by."""
        return self._config

    @property
    def signer(self) -> Signer:
        """Whose keys are published."""
        return self._signer

    def configure(self, config: RasConfig) -> None:
        """Judge by another configuration from the next request on (RAS-47).

        Keys of issuers that are gone, paused or moved are dropped (attack case 163).
        """
        before, self._config = self._config, config
        for old in before.trusted_issuers:
            new = config.trusted_issuer(old.issuer)
            if new is None or not new.active or new.jwks_uri != old.jwks_uri:
                self._keys.forget(old.issuer)

    def ready(self) -> bool:
        """Whether a redemption would probably succeed now."""
        return self._store.ready()

    def redeem(
        self,
        assertion: str,
        *,
        client_id: str,
        scope: str | Sequence[str] | None = None,
        resource: str | Sequence[str] = (),
        proof: str | None = None,
        tenant: str | None = None,
    ) -> Redemption:
        """Redeem an ID-JAG for a client that the host has authenticated; raises NotRedeemed.

        ``tenant``: the host's own, of the endpoint that was used; None when it serves all.
        ``proof``: a DPoP proof; not built, so that anything but None is refused.
        """
        trail = self._trail(tenant=tenant)
        try:
            return run(
                self._redemption(assertion, client_id, scope, resource=resource, proof=proof, trail=trail),
                self._answer,
            )
        except Refused as refused:
            self._not_redeemed(refused, trail)

    async def aredeem(
        self,
        assertion: str,
        *,
        client_id: str,
        scope: str | Sequence[str] | None = None,
        resource: str | Sequence[str] = (),
        proof: str | None = None,
        tenant: str | None = None,
    ) -> Redemption:
        """``redeem`` for asynchronous hosts."""
        trail = self._trail(tenant=tenant)
        try:
            flow = self._redemption(assertion, client_id, scope, resource=resource, proof=proof, trail=trail)
            return await arun(flow, self._aanswer)
        except Refused as refused:
            self._not_redeemed(refused, trail)

    def signed_in(self, identity: Identity, *, tenant: str | None = None) -> str:
        """The id of the account of a person whose ID token the host has verified; raises NotRedeemed.

        By the same rules, links and accounts as for a grant, so that both find the same one (RAS-25).
        ``tenant``: the host's own.
        """
        trail = self._trail(tenant=tenant)
        try:
            flow = sign_in(identity, config=self._config, new_id=self._new_id, trail=trail)
            return run(flow, self._answer).account.id
        except Refused as refused:
            self._not_redeemed(refused, trail)

    async def asigned_in(self, identity: Identity, *, tenant: str | None = None) -> str:
        """``signed_in`` for asynchronous hosts."""
        trail = self._trail(tenant=tenant)
        try:
            flow = sign_in(identity, config=self._config, new_id=self._new_id, trail=trail)
            return (await arun(flow, self._aanswer)).account.id
        except Refused as refused:
            self._not_redeemed(refused, trail)

    def token(self, request: TokenRequest, *, tenant: str | None = None) -> Reply:
        """Answer one request to the token endpoint."""
        return run(self._token(request, tenant), self._answer)

    async def atoken(self, request: TokenRequest, *, tenant: str | None = None) -> Reply:
        """``token`` for asynchronous hosts."""
        return await arun(self._token(request, tenant), self._aanswer)

    @property
    def asgi(self) -> ASGIApp:
        """The token endpoint as an ASGI application; it does not read the path, so mount it anywhere."""
        return self.door()

    def door(self, *, tenant: str | None = None, trusted_proxies: Sequence[str] = ()) -> ASGIApp:
        """``asgi`` for an endpoint of one tenant of the host, or behind proxies (addresses, CIDRs)."""

        async def answer(request: TokenRequest) -> Reply:
            return await self.atoken(request, tenant=tenant)

        return Door(answer, trusted_proxies=trusted_proxies, refused=self._turned_away, new_id=self._new_id)

    def metadata(
        self, base: str | None = None, *, host: dict[str, object] | None = None
    ) -> dict[str, object]:
        """The RFC 8414 document; ``base`` is what endpoint paths are appended to.

        ``host``: a document of the host's own authorization server, into which ours is merged.
        """
        return metadata.document(self._config, base=base, host=host)

    def _token(self, request: TokenRequest, tenant: str | None) -> Flow[Reply]:
        trail = self._trail(tenant=tenant, request=request)
        return token(request, config=self._config, issue=self._issue, strangers=self._strangers, trail=trail)

    def _redemption(
        self,
        assertion: str,
        client_id: str,
        scope: str | Sequence[str] | None,
        *,
        resource: str | Sequence[str],
        proof: str | None,
        trail: Trail,
    ) -> Flow[Redemption]:
        scopes = scope.split(" ") if isinstance(scope, str) else scope
        asked = Asked(
            scopes=None if scopes is None else tuple(scopes),
            resources=(resource,) if isinstance(resource, str) else tuple(resource),
        )
        return redeem_for(
            client_id,
            assertion,
            asked=asked,
            proof=proof,
            config=self._config,
            issue=self._issue,
            trail=trail,
        )

    def _turned_away(self, refused: Refused, request: TokenRequest, decision_id: str) -> None:
        """Record what the ASGI door refused by itself; in a thread, since it is called in the loop."""
        trail = replace(self._trail(tenant=None, request=request), decision_id=decision_id)
        flow = stranger_refused(refused, trail, self._strangers.tally)
        asyncio.get_running_loop().run_in_executor(None, run, flow, self._answer)

    def _trail(self, *, tenant: str | None, request: TokenRequest | None = None) -> Trail:
        return Trail(
            decision_id=self._new_id(),
            now=self._clock(),
            audience=self._config.issuer,
            ip=request.source if request else "",
            user_agent=request.user_agent if request else "",
            tenant=tenant,
        )

    def _answer(self, step: Step) -> Answer:
        """Carry out one step; blocking."""
        match step:
            case NeedClient():
                return self._client(step)
            case NeedKeys():
                return self._keys.keys(step.issuer, step.jwks_uri, kid=step.kid)
            case NeedPerson():
                return self._person(step)
            case Commit():
                return self._commit(step)

    async def _aanswer(self, step: Step) -> Answer:
        """Carry out one step without blocking the loop: ports block, so they are called in a thread."""
        if isinstance(step, NeedClient) and self._clients is None:
            return self._client(step)
        if isinstance(step, Commit) and isinstance(self._store, Submitting):
            return await asyncio.wrap_future(self._store.submit(step.record))
        return await asyncio.to_thread(self._answer, step)

    def _client(self, step: NeedClient) -> Client | None:
        return (self._clients or self._config).client(step.client_id, tenant=step.tenant)

    def _person(self, step: NeedPerson) -> Person:
        return look_up(step.query, accounts=self._accounts, store=self._store)

    def _commit(self, step: Commit) -> Outcome:
        return self._store.commit(step.record)

    @staticmethod
    def _not_redeemed(refused: Refused, trail: Trail) -> NoReturn:
        raise NotRedeemed(refused, decision_id=trail.decision_id) from None
