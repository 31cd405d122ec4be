"""An API behind a Guard: its tokens, bound and unbound, and the requests that bring them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from idjag.protocol.access_token import AccessToken
from idjag.protocol.http import Reply
from idjag.protocol.jose import KeySet, PrivateKey, jws
from idjag.ras import Guard
from tests.proofs import KEY, jkt, proof
from tests.ras.world import API, CLIENT, NOW, RAS, key

RAS_KEYS = KeySet([key("ras").public])
PATH = "/threads"
URL = "https://api.chat.example/threads"

Pairs = list[tuple[bytes, bytes]]


def guard(**changes: Any) -> Guard:
    """The guard of the API."""
    usual: dict[str, Any] = {
        "issuer": RAS,
        "resource": API,
        "keys": RAS_KEYS,
        "scopes": ("chat.read",),
        "clock": lambda: NOW,
    }
    return Guard(**(usual | changes))


def access_token(signer: PrivateKey | None = None, /, typ: str = "at+jwt", **changes: Any) -> str:
    """A token for the API; None takes a claim out."""
    good: dict[str, Any] = {
        "iss": RAS,
        "sub": "u-alice",
        "aud": API,
        "client_id": CLIENT,
        "jti": "t-1",
        "iat": NOW,
        "exp": NOW + 900,
        "scope": "chat.read chat.history",
    }
    claims = {name: value for name, value in (good | changes).items() if value is not None}
    return jws.sign(claims, key=signer or key("ras"), typ=typ)


def bearer(token: str) -> Pairs:
    """The headers of RFC 6750."""
    return [(b"authorization", b"Bearer " + token.encode())]


def bound_token(holder: PrivateKey = KEY, **changes: Any) -> str:
    """A token that is worth something with the holder's key alone."""
    return access_token(cnf={"jkt": jkt(holder)}, **changes)


def proven(token: str, url: str = URL, *, method: str = "GET", now: int = NOW, **more: Any) -> Pairs:
    """The headers of RFC 9449 section 7.1, right unless ``more`` says otherwise."""
    ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
    made = proof(url, now=now, **({"htm": method, "ath": ath} | more))
    return [(b"authorization", b"DPoP " + token.encode()), (b"dpop", made.encode())]


def ask(
    checking: Guard, headers: Pairs, *, method: str = "GET", path: str = PATH, scopes: tuple[str, ...] = ()
) -> AccessToken:
    """One request to the API."""
    return checking.check(headers, method=method, path=path, scopes=scopes)


def challenges(reply: Reply) -> list[str]:
    """Every WWW-Authenticate, in order."""
    return [value.decode() for name, value in reply.headers if name == b"www-authenticate"]
