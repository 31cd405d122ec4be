"""The resource authorization server that a SaaS embeds: three doors onto one redemption."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NoReturn

from idjag.asgi import ASGIApp, Door
from idjag.protocol.errors import Refused
from idjag.protocol.http import Reply, TokenRequest
from idjag.random_id import random_id
from idjag.ras import metadata
from idjag.ras.audit import Tally, Trail
from idjag.ras.driver import Driver
from idjag.ras.endpoints import Endpoint, answer_of, served
from idjag.ras.inquiry import Inquiry, TokenTrail
from idjag.ras.model import RasConfig
from idjag.ras.narrowing import Asked
from idjag.ras.not_redeemed import NotRedeemed
from idjag.ras.persons import sign_in
from idjag.ras.ports import Accounts, AccountsBySubId, Clients, IssuerKeys, Receipts, Signer, Store, Tokens
from idjag.ras.possession import Nonces, TokenEndpoint
from idjag.ras.redemption import Issue, Redemption
from idjag.ras.steps import Flow, arun, run
from idjag.ras.subjects import Identity
from idjag.ras.throttle import Throttle
from idjag.ras.token_endpoint import Strangers, redeem_for, stranger_record, token
from idjag.trust.publications import Publications

__all__ = ["NotRedeemed", "Ras", "new_id", "system_clock"]


def system_clock() -> int:
    """NumericDate now."""
    return int(time.time())


def new_id() -> str:
    """128 random bits: decision ids, token ids, ids of new accounts."""
    return random_id()


class Ras:
    """One resource authorization server; thread-safe.

    ``keys``, ``accounts``, ``store`` and ``signer`` are the ports of ``idjag.ras.ports``; ``clients`` is
    the configuration unless a host has a table of its own.  ``publications`` fetches what clients publish
    about themselves, for registrations that say so.  ``receipts`` tells issuers that ask for it what became
    of their grants.  ``nonce_key``, 32 secret octets and the same on every node, is for
    ``RasConfig.dpop_nonce``.  ``clock`` gives NumericDate, ``new_id`` at least 80 random bits
    as URL-safe text.  Raises ValueError when the configuration needs what is not given.
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
        publications: Publications | None = None,
        receipts: Receipts | None = None,
        nonce_key: bytes | None = None,
        clock: Callable[[], int] = system_clock,
        new_id: Callable[[], str] = new_id,
        throttle: Throttle | None = None,
    ) -> None:
        self._accounts = accounts
        self._own_clients = clients is not None
        self._publications = publications
        self._nonce_key = nonce_key
        self._check(config)
        self._config = config
        self._store = store
        self._signer = signer
        self._driver = Driver(
            configured=lambda: self._config,
            clients=clients,
            keys=keys,
            accounts=accounts,
            store=store,
            signer=signer,
            publications=publications,
            receipts=receipts,
        )
        self._clock = clock
        self._new_id = new_id
        self._issue = Issue(new_id=new_id)
        self._strangers = Strangers(throttle or Throttle(), Tally())
        self._counted = Tally()

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

        Keys of issuers that are gone, paused or moved are dropped (attack case 163), and what clients publish
        that are gone or registered anew.
        Raises ValueError, and nothing has changed, when it needs what this server was not given.
        """
        self._check(config)
        before, self._config = self._config, config
        for old in before.trusted_issuers:
            new = config.trusted_issuer(old.issuer)
            if new is None or not new.active or new.jwks_uri != old.jwks_uri:
                self._driver.forget(old.issuer)
        for client in set(before.clients) - set(config.clients):
            self._driver.forget_client(client.client_id)

    def forget(self, issuer: str) -> None:
        """Drop the keys of an issuer: what was fetched before it was paused says nothing about it now."""
        self._driver.forget(issuer)

    def ready(self) -> bool:
        """Whether a redemption would probably succeed now."""
        return self._store.ready()

    def close(self) -> None:
        """End the threads of this server and ``receipts``; the other ports are the host's to close."""
        self._driver.close()

    def redeem(
        self,
        assertion: str,
        *,
        client_id: str,
        scope: str | Sequence[str] | None = None,
        resource: str | Sequence[str] = (),
        proof: str | None = None,
        tenant: str | None = None,
        url: str | None = None,
    ) -> Redemption:
        """Redeem a grant for a client that the host has authenticated; raises NotRedeemed.

        ``proof``: the value of the request's DPoP header (several: ``idjag.protocol.dpop.proof_of`` refuses
        them); the token is then bound to its key.  ``tenant``: the host's own, of the endpoint that was
        used; None when it serves all.  ``url``: that of the endpoint as its clients know it, where it is
        another than ``RasConfig.endpoint``.
        """
        trail = self._trail(tenant=tenant)
        asked = Asked.of(scope, resource)
        flow = self._redemption(assertion, client_id, asked=asked, proof=proof, url=url, trail=trail)
        try:
            return run(flow, self._driver.answer)
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
        url: str | None = None,
    ) -> Redemption:
        """``redeem`` for asynchronous hosts."""
        trail = self._trail(tenant=tenant)
        asked = Asked.of(scope, resource)
        flow = self._redemption(assertion, client_id, asked=asked, proof=proof, url=url, trail=trail)
        try:
            return await arun(flow, self._driver.aanswer)
        except Refused as refused:
            self._not_redeemed(refused, trail)

    def signed_in(self, identity: Identity, *, tenant: str | None = None) -> str:
        """The id of the account of a person whose ID token the host has verified; raises NotRedeemed.

        By the same rules, links and accounts as for a grant, so that both find the same one (RAS-25).
        ``tenant``: the host's own, which a client must tie to the issuer as for a grant (TEN-10), or
        ``TrustedIssuer.our_tenants``.
        """
        trail = self._trail(tenant=tenant)
        try:
            flow = sign_in(identity, config=self._config, new_id=self._new_id, trail=trail)
            return run(flow, self._driver.answer).account.id
        except Refused as refused:
            self._not_redeemed(refused, trail)

    async def asigned_in(self, identity: Identity, *, tenant: str | None = None) -> str:
        """``signed_in`` for asynchronous hosts."""
        trail = self._trail(tenant=tenant)
        try:
            flow = sign_in(identity, config=self._config, new_id=self._new_id, trail=trail)
            return (await arun(flow, self._driver.aanswer)).account.id
        except Refused as refused:
            self._not_redeemed(refused, trail)

    def token(self, request: TokenRequest, *, tenant: str | None = None, url: str | None = None) -> Reply:
        """Answer one request to the token endpoint; ``tenant`` and ``url`` as for ``redeem``."""
        return run(self._token(request, tenant, url=url), self._driver.answer)

    async def atoken(
        self, request: TokenRequest, *, tenant: str | None = None, url: str | None = None
    ) -> Reply:
        """``token`` for asynchronous hosts."""
        return await arun(self._token(request, tenant, url=url), self._driver.aanswer)

    def nonce_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What a host adds to its answers to ``redeem``: the nonce of the next proof, if we demand one."""
        return self._endpoint(None).headers(now=self._clock())

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Which endpoints can be served beside the token endpoint: none when the store keeps no tokens."""
        return served(self._config, keeps_tokens=isinstance(self._store, Tokens))

    def serve(self, endpoint: Endpoint, request: TokenRequest, *, tenant: str | None = None) -> Reply:
        """Answer one request to an endpoint other than the token endpoint."""
        return run(self._inquired(endpoint, request, tenant), self._driver.answer)

    async def aserve(self, endpoint: Endpoint, request: TokenRequest, *, tenant: str | None = None) -> Reply:
        """``serve`` for asynchronous hosts."""
        return await arun(self._inquired(endpoint, request, tenant), self._driver.aanswer)

    @property
    def asgi(self) -> ASGIApp:
        """The token endpoint as an ASGI application; it does not read the path, so mount it anywhere."""
        return self.door()

    def door(
        self,
        endpoint: Endpoint | None = None,
        *,
        tenant: str | None = None,
        url: str | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> ASGIApp:
        """``asgi`` for an endpoint of one tenant of the host, or behind proxies (addresses, CIDRs).

        ``endpoint`` names another than the token endpoint; ``url`` as for ``redeem``.
        """

        async def answer(request: TokenRequest) -> Reply:
            if endpoint is None:
                return await self.atoken(request, tenant=tenant, url=url)
            return await self.aserve(endpoint, request, tenant=tenant)

        return Door(
            answer,
            trusted_proxies=trusted_proxies,
            certificate_headers=self._config.certificate_headers,
            refused=self._turned_away,
            new_id=self._new_id,
        )

    def metadata(
        self,
        base: str | None = None,
        *,
        host: dict[str, object] | None = None,
        endpoints: Sequence[Endpoint] = (),
    ) -> dict[str, object]:
        """The RFC 8414 document; ``base`` is what endpoint paths are appended to.

        ``host``: a document of the host's own authorization server, into which ours is merged.
        ``endpoints``: those of ``Ras.endpoints`` that the host serves too, each under its own name.
        """
        return metadata.document(self._config, base=base, host=host, endpoints=endpoints)

    def _token(self, request: TokenRequest, tenant: str | None, *, url: str | None) -> Flow[Reply]:
        return token(
            request,
            endpoint=self._endpoint(url),
            config=self._config,
            issue=self._issue,
            strangers=self._strangers,
            trail=self._trail(tenant=tenant, request=request),
        )

    def _inquired(self, endpoint: Endpoint, request: TokenRequest, tenant: str | None) -> Flow[Reply]:
        trail = TokenTrail.of(self._trail(tenant=tenant, request=request))
        inquiry = Inquiry(request, self._config, self._strangers, self._counted, tenant, trail)
        return answer_of(endpoint, inquiry, keeps_tokens=isinstance(self._store, Tokens))

    def _redemption(
        self,
        assertion: str,
        client_id: str,
        *,
        asked: Asked,
        proof: str | None,
        url: str | None,
        trail: Trail,
    ) -> Flow[Redemption]:
        return redeem_for(
            client_id,
            assertion,
            asked=asked,
            proof=proof,
            endpoint=self._endpoint(url),
            config=self._config,
            issue=self._issue,
            trail=trail,
        )

    def _endpoint(self, url: str | None) -> TokenEndpoint:
        config, key = self._config, self._nonce_key
        nonces = Nonces(config.issuer, key) if config.dpop_nonce and key is not None else None
        return TokenEndpoint(url or config.endpoint, nonces)

    def _check(self, config: RasConfig) -> None:
        """What a configuration needs of the ports; raises ValueError."""
        if config.clients and self._own_clients:
            raise ValueError("clients: in the configuration or in a table of the host's, not in both")
        if config.dpop_nonce:
            if self._nonce_key is None:
                raise ValueError("dpop nonces need nonce_key")
            Nonces(config.issuer, self._nonce_key).headers(now=0)  # one that is too short fails at the start
        by_sub_id = any(trusted.uses("sub_id") for trusted in config.trusted_issuers)
        if by_sub_id and not isinstance(self._accounts, AccountsBySubId):
            raise ValueError("subject.by sub_id needs accounts with by_sub_id")
        if config.published and self._publications is None:
            raise ValueError("clients that publish their keys need publications")

    def _turned_away(self, refused: Refused, request: TokenRequest, decision_id: str) -> None:
        """Record what the ASGI door refused by itself; counted here, written elsewhere: this is the loop."""
        trail = replace(self._trail(tenant=None, request=request), decision_id=decision_id)
        record = stranger_record(refused, trail, self._strangers.tally)
        if record is not None:
            self._driver.write(record)

    def _trail(self, *, tenant: str | None, request: TokenRequest | None = None) -> Trail:
        return Trail(
            decision_id=self._new_id(),
            now=self._clock(),
            audience=self._config.issuer,
            ip=request.source if request else "",
            user_agent=request.user_agent if request else "",
            tenant=tenant,
        )

    def _not_redeemed(self, refused: Refused, trail: Trail) -> NoReturn:
        headers = self._endpoint(None).headers(now=trail.now)
        raise NotRedeemed(refused, decision_id=trail.decision_id, headers=headers) from None
