"""Acme's apps with offline access, what they send, and what happens to their sign-ins."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.introspection import Introspection
from idjag.idp.revocation import Revocation
from idjag.idp.signin.codes import Code, challenge_of, code_key
from idjag.ledger.entry import Update
from idjag.protocol import names
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.jose import PrivateKey, jws
from tests.idp.grants.acme import ISSUER, SECRETS, TENANT, Acme, Answer
from tests.idp.grants.acme_state import app, connection, rule, state
from tests.proofs import KEY, proof

TOKEN_URI = f"{ISSUER}/token"
VERIFIER = "v" * 64
SCOPES = ("openid", "profile", "email", "offline_access")
OFFLINE: dict[str, Any] = {
    "grants": ["authorization_code", "refresh_token", "token_exchange"],
    "scopes": list(SCOPES),
}
ONLINE: dict[str, Any] = {"grants": ["authorization_code", "token_exchange"], "scopes": list(SCOPES[:3])}
PUBLIC: dict[str, Any] = {
    "auth": {"method": "none"},
    "grants": ["authorization_code", "refresh_token"],
    "scopes": list(SCOPES),
}


def offline_state(**changes: Any) -> dict[str, Any]:
    """Wiki and Notes may stay; so may Desk, which cannot keep a secret; one rule wants a key."""
    bound = _rule("bound-write", ["chat.write"], {"key_bound": True})
    fresh = _rule("fresh-files", ["files.read"], {"max_auth_age": "10m"})
    parts = {
        "apps": [
            app("wiki", **OFFLINE),
            app("notes", **OFFLINE),
            app("desk", kind="native", **PUBLIC),
        ],
        "connections": [connection(rules=[rule(), bound, fresh])],
    }
    return state(**parts | changes)


def apps(**changes: dict[str, Any]) -> dict[str, Any]:
    """The state with one app changed, by its name."""
    made = offline_state()
    made["apps"] = [one | changes.get(str(one["id"]), {}) for one in made["apps"]]
    return made


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in gave."""

    id_token: str
    refresh_token: str
    session_id: str

    @property
    def claims(self) -> dict[str, Any]:
        """Those of the ID token."""
        return claims_of(self.id_token)


def claims_of(id_token: str) -> dict[str, Any]:
    """What an ID token says."""
    return dict(jws.parse(id_token, max_bytes=names.MAX_SUBJECT_TOKEN).claims)


def proof_of(idp: Acme, key: PrivateKey = KEY) -> str:
    """A fresh proof for the token endpoint."""
    return proof(TOKEN_URI, now=idp.clock(), key=key)


def code(
    idp: Acme, username: str = "alice", *, client: str = "wiki", scopes: tuple[str, ...] = SCOPES
) -> tuple[str, str]:
    """A code of a new session, and the session's id."""
    sid = claims_of(idp.sign_in(username, client=client))["sid"]
    session_id = str(idp.row("session_app", "sid", sid)["session_id"])
    return another_code(idp, session_id, client=client, scopes=scopes), session_id


def another_code(
    idp: Acme, session_id: str, *, client: str = "wiki", scopes: tuple[str, ...] = SCOPES
) -> str:
    """A code of a session that has reached the app already."""
    value = idp.new_id() + idp.new_id()
    session = idp.row("session", "id", session_id)
    made = Code(
        id=code_key(value).value,
        app_id=idp.app_id(client),
        session_id=session_id,
        person_id=session["person_id"],
        epoch=session["epoch"],
        expires=idp.clock() + 60,
        redirect_uri=f"https://{client}.example/callback",
        code_challenge=challenge_of(VERIFIER),
        scopes=scopes,
        nonce="n-1",
    )
    idp.write(made.insert(TENANT))
    return value


def redeem(
    idp: Acme, value: str, *, client: str = "wiki", dpop: str | None = None, public: bool = False
) -> Answer:
    """The app's request with a code; ``public``: it has no secret, whatever others of its name have."""
    form = {
        "grant_type": names.AUTHORIZATION_CODE,
        "code": value,
        "redirect_uri": f"https://{client}.example/callback",
        "code_verifier": VERIFIER,
    }
    return ask(idp, form, client=client, dpop=dpop, public=public)


def sign_in(
    idp: Acme,
    username: str = "alice",
    *,
    client: str = "wiki",
    scopes: tuple[str, ...] = SCOPES,
    key: PrivateKey | None = None,
    public: bool = False,
) -> Tokens:
    """A whole sign-in with offline access; ``key`` is proven when the code is redeemed."""
    value, session_id = code(idp, username, client=client, scopes=scopes)
    answer = redeem(idp, value, client=client, dpop=proof_of(idp, key) if key else None, public=public)
    assert answer.status == 200, answer.json
    return Tokens(answer.json["id_token"], answer.json["refresh_token"], session_id)


def refresh(
    idp: Acme, token: str, *, client: str = "wiki", key: PrivateKey | None = None, **changes: str
) -> Answer:
    """The app's request with a refresh token."""
    form = {"grant_type": names.REFRESH_TOKEN, "refresh_token": token} | changes
    return ask(idp, form, client=client, dpop=proof_of(idp, key) if key else None)


def exchange(
    idp: Acme, token: str, *, client: str = "wiki", key: PrivateKey | None = None, **changes: Any
) -> Answer:
    """An exchange whose subject token is a refresh token, if nothing else is said."""
    changes = {"subject_token_type": names.REFRESH_TOKEN_TYPE, **changes}
    credentials = (client, SECRETS.get(client, ""))
    body = idp.form(token, **changes)
    return idp.post(body, credentials=credentials, dpop=proof_of(idp, key) if key else None)


def revoke(idp: Acme, token: str | None, *, client: str = "wiki", **changes: str) -> Answer:
    """A request to the revocation endpoint."""
    return _beside(idp, Revocation(idp.ledger), token, client=client, **changes)


def introspect(idp: Acme, token: str | None, *, client: str = "wiki", **changes: str) -> Answer:
    """A request to the introspection endpoint."""
    return _beside(idp, Introspection(ISSUER, idp.ledger), token, client=client, **changes)


def ask(
    idp: Acme,
    form: dict[str, str],
    *,
    client: str,
    dpop: str | None = None,
    to: Callable[[TokenRequest], Awaitable[Reply]] | None = None,
    public: bool = False,
) -> Answer:
    """A form of this client, authenticated as it can."""

    async def answer() -> Reply:
        return await (to or idp.endpoint)(request(form, client=client, dpop=dpop, public=public))

    return Answer(asyncio.run(answer()))


def request(
    form: dict[str, str], *, client: str, dpop: str | None = None, public: bool = False
) -> TokenRequest:
    """What ``ask`` sends."""
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    if client in SECRETS and not public:
        pair = base64.b64encode(f"{client}:{SECRETS[client]}".encode())
        headers.append((b"authorization", b"Basic " + pair))
    else:
        form = {**form, "client_id": client}
    if dpop is not None:
        headers.append((b"dpop", dpop.encode()))
    return TokenRequest("POST", b"", tuple(headers), urlencode(form).encode(), "198.51.100.9")


def family(idp: Acme, token: str) -> dict[str, Any]:
    """The row of the family of a refresh token."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    return idp.row("family", "id", str(idp.row("refresh_token", "id", digest)["family_id"]))


def session(idp: Acme, tokens: Tokens, **values: int) -> None:
    """What becomes of the session of a sign-in."""
    idp.write(Update("session", {"id": tokens.session_id}, values))


def _rule(name: str, scopes: list[str], conditions: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "who": {"groups": ["engineering"]}, "scopes": scopes, "conditions": conditions}


def _beside(
    idp: Acme, operation: Revocation | Introspection, token: str | None, *, client: str, **changes: str
) -> Answer:
    form = ({} if token is None else {"token": token}) | changes
    return ask(idp, form, client=client, to=ClientEndpoint(idp.services, operation))
