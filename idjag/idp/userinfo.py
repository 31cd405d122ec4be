"""``/userinfo``: what an app may know of the person who signed in (OpenID Connect Core section 5.3).

The access token comes in the Authorization header and nowhere else; everything about it is read anew.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Final

from idjag.idp import access_tokens, released
from idjag.idp.access_tokens import AccessToken
from idjag.idp.audit import Source, refusal_entry
from idjag.idp.endpoint import durable
from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot
from idjag.idp.strangers import Strangers
from idjag.ledger.entry import Conflict, Entry, Facts, OneTime, Unavailable, Verdict
from idjag.protocol import dpop, dpop_nonce, names
from idjag.protocol.dpop import Proof
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, json_reply, refusal_reply
from idjag.protocol.jose.json import JsonValue

__all__ = ["UserInfo"]

_METHODS: Final = ("GET", "POST")
_CREDENTIALS: Final = re.compile(rb"(?i:(bearer|dpop)) +([A-Za-z0-9._~+/-]{1,512}=*)")
# At a token endpoint these are 400; here they are challenges like any other (RFC 9449 section 7.1).
_PROOF: Final = frozenset({Reason.DPOP_PROOF_INVALID, Reason.USE_DPOP_NONCE})
_NOT_HERE: Final = frozenset({Reason.METHOD_WRONG, Reason.UNAVAILABLE, Reason.SCOPE_INSUFFICIENT})
_ALGORITHMS: Final = " ".join(names.DPOP_ALGORITHMS)


@dataclass(frozen=True, slots=True)
class _Presented:
    """What a request brings: a token under a scheme, and for DPoP the proof of a key."""

    scheme: str
    token: str = field(repr=False)
    proof: Proof | None


class UserInfo:
    """Answers GET and POST alike."""

    def __init__(self, services: Services, strangers: Strangers) -> None:
        self._services = services
        self._strangers = strangers
        self._uri = f"{services.base}/userinfo"

    async def __call__(self, request: TokenRequest) -> Reply:
        """Answer one request; never raises for anything a request can hold."""
        services = self._services
        source = Source(services.new_id(), services.clock(), request.source, request.user_agent)
        try:
            try:
                return self._with_nonce(json_reply(await self._claims(request, source)), source)
            except Refused as refused:
                await self._recorded(refused, source)
                return self._with_nonce(_refusal(refused, request, source), source)
        except (Unavailable, Conflict, TimeoutError):
            return _refusal(Refused(Reason.UNAVAILABLE), request, source)

    async def _claims(self, request: TokenRequest, source: Source) -> dict[str, JsonValue]:
        """The claims of the token that was presented; raises Refused, Unavailable."""
        if request.method not in _METHODS:
            raise Refused(Reason.METHOD_WRONG)
        presented = self._presented(request, now=source.now)
        token = await access_tokens.look_up(self._services.ledger, self._services.tenant, presented.token)
        if token is None:
            raise Refused(Reason.TOKEN_UNKNOWN)
        jkt = presented.proof.jkt if presented.proof else None
        if token.jkt != jkt:  # a bound token without its key, or a proof that binds nothing
            raise Refused(Reason.TOKEN_INVALID, problem="no proof" if jkt is None else "another key")
        if presented.proof is None:
            return await asyncio.to_thread(self._read, token, now=source.now)
        said = await durable(self._services, self._proven(token, presented.proof, source))
        if isinstance(said, Refused):
            raise said
        return said

    def _presented(self, request: TokenRequest, *, now: int) -> _Presented:
        header = request.header(b"authorization")
        if header is None:
            raise Refused(Reason.TOKEN_MISSING)
        matched = _CREDENTIALS.fullmatch(header)
        if matched is None:
            raise Refused(Reason.TOKEN_INVALID, problem="malformed")
        scheme, token = matched[1].decode().lower(), matched[2].decode()
        if scheme == "bearer":
            return _Presented(scheme, token, None)
        text = dpop.proof_of(request.headers)
        if text is None:
            raise Refused(Reason.DPOP_PROOF_INVALID, problem="absent")
        proof = dpop.accept(text, method=request.method, uri=self._uri, now=now, access_token=token)
        if self._services.nonce_key is not None:
            dpop_nonce.check(proof.nonce, self._services.nonce_key, scope=self._services.issuer, now=now)
        return _Presented(scheme, token, proof)

    def _read(self, token: AccessToken, *, now: int) -> dict[str, JsonValue]:
        """Under policy and facts as they are now; blocks."""
        ledger, tenant = self._services.ledger, self._services.tenant
        return _claims(token, ledger.fresh(tenant), ledger.read(token.reads), now=now)

    def _proven(
        self, token: AccessToken, proof: Proof, source: Source
    ) -> Entry[Snapshot, dict[str, JsonValue] | Refused]:
        """The same in an entry, for the proof is used up (DPOP-16)."""

        def decide(snapshot: Snapshot, found: Facts) -> Verdict[dict[str, JsonValue] | Refused]:
            try:
                return Verdict(_claims(token, snapshot, found, now=source.now), ())
            except Refused as refused:
                return Verdict(refused, (), succeeded=False)

        def lost(_used: OneTime) -> Verdict[dict[str, JsonValue] | Refused]:
            return Verdict(Refused(Reason.DPOP_PROOF_INVALID, problem="replayed"), (), succeeded=False)

        return Entry(
            tenant=self._services.tenant,
            holder=source.decision_id,
            now=source.now,
            decide=decide,
            lost=lost,
            reads=token.reads,
            consume_always=(OneTime(dpop.ONCE_KIND, proof.scope, proof.jti, proof.until),),
            client=token.app_id,
        )

    async def _recorded(self, refused: Refused, source: Source) -> None:
        """Who comes with a token that is none is a stranger: counted, one event a minute."""
        event = self._strangers.event(refused, source)
        if event is not None:
            entry = refusal_entry(event, tenant=self._services.tenant, source=source)
            await durable(self._services, entry)

    def _with_nonce(self, reply: Reply, source: Source) -> Reply:
        key = self._services.nonce_key
        if key is None:
            return reply
        nonce = dpop_nonce.make(key, scope=self._services.issuer, now=source.now)
        return Reply(reply.status, (*reply.headers, (dpop_nonce.HEADER, nonce.encode())), reply.body)


def _claims(token: AccessToken, snapshot: Snapshot, found: Facts, *, now: int) -> dict[str, JsonValue]:
    """OIDC-15: the ID token's sub, and the claims that this sign-in may give this app."""
    app = snapshot.policy.apps.get(token.app_id)
    client = snapshot.clients.get(app.client_id) if app else None
    if client is None or not client.registration.active:
        raise Refused(Reason.TOKEN_REVOKED)
    standing = access_tokens.stands(found, token, client, now=now)
    sub = standing.person.subs.get(client.app.sector)
    if "openid" not in standing.scopes or sub is None:
        raise Refused(Reason.SCOPE_INSUFFICIENT, missing="openid")
    named = released.nameable(standing.family.claims[1], client.scopes)
    return {**released.claims_of(standing.person, standing.scopes, named), "sub": sub}


def _refusal(refused: Refused, request: TokenRequest, source: Source) -> Reply:
    """RFC 6750 section 3: what is wrong with a token is 401 and one text, whatever it is."""
    if refused.reason not in _PROOF | _NOT_HERE:
        refused = Refused(Reason.TOKEN_MISSING if refused.reason is Reason.TOKEN_MISSING else _INVALID)
    reply = refusal_reply(refused, decision_id=source.decision_id, allow=b"GET, POST, OPTIONS")
    status = 401 if refused.reason in _PROOF else reply.status
    if status not in (401, 403):
        return reply
    challenges = ((b"www-authenticate", value.encode()) for value in _challenges(refused, request))
    return Reply(status, (*reply.headers, *challenges), reply.body)


_INVALID: Final = Reason.TOKEN_INVALID


def _challenges(refused: Refused, request: TokenRequest) -> tuple[str, str]:
    """One for each scheme; the error stands in the one that was used (RFC 9449 section 7.1)."""
    answer = ANSWERS[refused.reason]
    error = "" if refused.reason is Reason.TOKEN_MISSING else f', error="{answer.error}"'
    if error:
        error += f', error_description="{answer.text}"'
    sent = next((value for name, value in request.headers if name == b"authorization"), b"")
    with_proof = sent[:5].lower() == b"dpop "
    bearer = f'Bearer realm="idjag"{"" if with_proof else error}'
    return bearer, f'DPoP algs="{_ALGORITHMS}"{error if with_proof else ""}'
