"""Bends a valid redemption: one to three things at a time, from a seed; says whether it is still valid."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.asgi_parts import Exchange, chunk
from tests.proofs import KEY, OTHER_KEY, jkt, proof
from tests.ras.world import (
    ALICE,
    API,
    CLIENT,
    FILES,
    IDP,
    KEY_CLIENT,
    OTHER_IDP,
    RAS,
    SECRET,
    basic,
    key,
    raw_token,
)

__all__ = ["Redeeming", "bent", "must_be_refused"]

_NASTY = (
    "", " ", "\x00", "\r\nX-Evil: 1", "\x7f", "\u2028", "\u202e", "\U0001f600", "\ufeff", "\ud800", "a" * 300,
    "\u212aate@acme.example", "' OR 1=1--", "{}", "null", "%00", "a.b.c", "...", "none", IDP, f"{IDP}/", RAS,
    RAS.rstrip("/"), f"{RAS}token", OTHER_IDP, API, CLIENT, KEY_CLIENT, ALICE, "u-alice", "urn:x", "http://[",
    names.TOKEN_EXCHANGE, "client_credentials", "chat.write", "chat.read chat.write", "chat.read  chat.read",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e300, 10**30, 2**53, [], {}, [IDP], [RAS], [RAS, IDP], [API, FILES],
    ["https://evil.example"], [[[[[1]]]]], {"a": {"b": [1]}}, *_NASTY,
)  # fmt: skip
_CLAIMS = (
    "iss", "sub", "aud", "client_id", "jti", "iat", "exp", "nbf", "scope", "resource", "auth_time", "acr",
    "amr", "email", "email_verified", "name", "tenant", "aud_tenant", "aud_sub", "sub_id", "cnf", "act",
    "authorization_details", "unknown",
)  # fmt: skip
_HEADER = ("alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "cty", "unknown")
_PARAMETERS = (
    "grant_type", "assertion", "scope", "resource", "client_id", "client_secret", "client_assertion",
    "client_assertion_type", "authorization_details", "audience", "unknown",
)  # fmt: skip
_GRANT_TYPES = (names.JWT_BEARER, names.JWT_DPOP)
_KEYS = ("other", "ras", "mallory", "key-client", "idp-rsa")


@dataclass(slots=True)
class Redeeming:
    """A redemption before it is sent; ``signature`` None until it is made.

    ``spoiled`` says that what no later bend can mend is wrong.
    """

    claims: dict[str, Any]
    header: dict[str, Any]
    now: int
    by_key: bool
    credentials: dict[str, Any]
    proof: str | None = None
    grant_type: str = names.JWT_BEARER
    signer: str = "idp"
    form: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    method: str = "POST"
    query: bytes = b""
    assertion: str | None = None
    body: bytes | None = None
    source: str = "198.51.100.9"
    spoiled: bool = False

    def sign(self) -> None:
        """Make the assertion; what is bent after this bends the text."""
        signer = key("idp-rsa", "RS256") if self.signer == "idp-rsa" else key(self.signer)
        self.assertion = raw_token(json.dumps(self.header), json.dumps(self.claims), signer)
        self.form = [("grant_type", self.grant_type), ("assertion", self.assertion)]
        self.headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"host", b"chat.example")]
        if self.proof is not None:
            self.headers.append((b"dpop", self.proof.encode()))
        if not self.by_key:
            self.headers.append((b"authorization", basic()))
            return
        own = jws.sign(self.credentials, key=key("key-client"), typ="JWT")
        self.form += [("client_assertion_type", names.CLIENT_ASSERTION_TYPE), ("client_assertion", own)]

    def exchange(self) -> Exchange:
        """As a server gives it to the application."""
        body = self.body if self.body is not None else urlencode(self.form, errors="surrogatepass").encode()
        cut = len(body) // 2
        return Exchange(
            method=self.method,
            query=self.query,
            headers=self.headers,
            client=(self.source, 5000),
            messages=[chunk(body[:cut], more=True), chunk(body[cut:])],
        )


Bend = Callable[[random.Random, Redeeming], None]


def bent(seed: int, *, now: int) -> Redeeming:
    """The redemption of this seed; one in eight is left as it was."""
    chance = random.Random(seed)  # noqa: S311  # a red run is red again
    kind = chance.choice(("id-jag", "id-jag", "generic", "bound", "dpop"))
    made = _valid(seed, now=now, by_key=chance.random() < 0.25, kind=kind)
    made.source = f"203.0.{chance.randrange(4)}.{chance.randrange(256)}"
    bends = chance.sample(_BENDS, chance.choice((0, 1, 1, 1, 1, 2, 2, 3)))
    for bend in (bend for bend in bends if bend in _BEFORE_SIGNING):
        bend(chance, made)
    made.sign()
    for bend in (bend for bend in bends if bend not in _BEFORE_SIGNING):
        bend(chance, made)
    return made


def must_be_refused(made: Redeeming) -> bool:
    """What is surely wrong with the redemption as it now is; False says nothing."""
    form = [pair for pair in made.form if pair[0] in {"grant_type", "assertion"}]
    meant = [[("assertion", made.assertion), ("grant_type", name)] for name in _GRANT_TYPES]
    details = any(name == "authorization_details" and value for name, value in made.form)
    wrong = made.header["alg"] != "ES256" or _profile(made) is None or _claims_wrong(made)
    return made.spoiled or sorted(form) not in meant or details or wrong or _not_bound(made, dict(form))


def _profile(made: Redeeming) -> str | None:
    """What the type says that the grant is; None for another token's."""
    typ = made.header.get("typ", "JWT")
    return {names.ID_JAG_TYP: "id-jag", "jwt": "generic"}.get(typ.lower()) if isinstance(typ, str) else None


def _not_bound(made: Redeeming, form: dict[str, str]) -> bool:
    """Whether a proof or the binding of the grant is not what it must be."""
    given = [value for name, value in made.headers if name == b"dpop"]
    proven = made.proof is not None and given == [made.proof.encode()]
    bound = made.claims.get("cnf", {}) == {"jkt": jkt()}
    unbound_promise = form.get("grant_type") == names.JWT_DPOP and not bound
    return (
        (bool(given) and not proven) or ("cnf" in made.claims and not (bound and proven)) or unbound_promise
    )


def _claims_wrong(made: Redeeming) -> bool:
    claims, now, generic = made.claims, made.now, _profile(made) == "generic"
    audiences = (RAS, [RAS], f"{RAS}token", [f"{RAS}token"])
    if claims.get("iss") != IDP or claims.get("aud") not in audiences[: 4 if generic else 2]:
        return True
    client = KEY_CLIENT if made.by_key else CLIENT
    if claims.get("client_id", client if generic else None) != client:
        return True
    if claims.get("sub") != ALICE or not isinstance(claims.get("jti"), str) or not claims["jti"]:
        return True
    if type(claims.get("exp")) is not int:
        return True
    # without iat, what is good by the leeway alone has no life left that could be counted
    iat = claims.get("iat", min(now, claims["exp"] - 1) if generic else None)
    if type(iat) is not int:
        return True
    not_before = claims.get("nbf", now)
    late = type(not_before) is not int or not_before > now + names.SKEW
    dead = claims["exp"] <= now - names.SKEW or iat > now + names.SKEW
    return late or dead or not 0 < claims["exp"] - iat <= 600 or "authorization_details" in claims


def _valid(seed: int, *, now: int, by_key: bool, kind: str) -> Redeeming:
    client = KEY_CLIENT if by_key else CLIENT
    claims = {"iss": IDP, "sub": ALICE, "aud": RAS, "client_id": client, "jti": f"jti-{seed}", "iat": now}
    claims |= {"exp": now + 300, "scope": "chat.read chat.history", "resource": API, "amr": ["pwd"]}
    credentials = {"iss": KEY_CLIENT, "sub": KEY_CLIENT, "aud": RAS, "jti": f"own-{seed}", "exp": now + 60}
    header = {"alg": "ES256", "typ": "JWT" if kind == "generic" else names.ID_JAG_TYP, "kid": "idp"}
    made = Redeeming(claims, header, now, by_key, credentials)
    if kind in {"bound", "dpop"}:
        made.proof = proof(f"{RAS}token", now=now)
        made.claims["cnf"] = {"jkt": jkt()}
        made.grant_type = names.JWT_DPOP if kind == "dpop" else names.JWT_BEARER
    elif seed % 5 == 0:
        made.proof = proof(f"{RAS}token", now=now)  # a bound token of an unbound grant
    return made


def _claim(chance: random.Random, made: Redeeming) -> None:
    name = chance.choice(_CLAIMS)
    if chance.random() < 0.2:
        made.claims.pop(name, None)
    else:
        made.claims[name] = chance.choice(_VALUES)


def _time(chance: random.Random, made: Redeeming) -> None:
    name, moved = (
        chance.choice(("iat", "exp", "nbf")),
        chance.choice((-4000, -400, -61, 61, 400, 4000, 10**9)),
    )
    made.claims[name] = made.now + moved


def _moved(chance: random.Random, made: Redeeming) -> None:
    """The whole life of the grant, as it was or will be."""
    moved = chance.choice((-4000, -361, -360, -359, -100, 30, 61, 4000))
    made.claims |= {"iat": made.now + moved, "exp": made.now + moved + 300}


def _jose(chance: random.Random, made: Redeeming) -> None:
    name, value = chance.choice(_HEADER), chance.choice((*_VALUES, "HS256", "RS256", "at+jwt", "JWT", "jwt"))
    made.header[name] = value


def _another_key(chance: random.Random, made: Redeeming) -> None:
    """The same header: only the key is somebody else's."""
    made.signer = chance.choice(_KEYS)
    made.spoiled = True


def _signature(chance: random.Random, made: Redeeming) -> None:
    assert made.assertion is not None
    head, body, signature = made.assertion.split(".")
    flipped = chance.choice(
        ("", "AA", signature[:-4], signature[::-1], f"{signature}AA", signature.swapcase())
    )
    parts = chance.choice(
        ([head, body, flipped], [head, body], [body, head, signature], [head, body, signature, "x"])
    )
    _set(made, "assertion", ".".join(parts))


def _octet(chance: random.Random, made: Redeeming) -> None:
    """One character of the text."""
    assert made.assertion is not None
    at = chance.randrange(len(made.assertion))
    put = chance.choice("A_-=.+/ ".replace(made.assertion[at], ""))
    _set(made, "assertion", made.assertion[:at] + put + made.assertion[at + 1 :])


def _parameter(chance: random.Random, made: Redeeming) -> None:
    name, value = chance.choice(_PARAMETERS), chance.choice(_NASTY)
    kind = chance.randrange(3)
    if kind == 0:
        made.form = [pair for pair in made.form if pair[0] != name]
    elif kind == 1:
        _set(made, name, value)
    else:
        made.form.append((name, value))


def _set(made: Redeeming, name: str, value: str) -> None:
    made.form = [pair for pair in made.form if pair[0] != name] + [(name, value)]


def _credentials(chance: random.Random, made: Redeeming) -> None:
    """Whatever stands in the header then is not the secret of this client."""
    made.headers = [pair for pair in made.headers if pair[0] != b"authorization"]
    wrong = (
        basic(secret="wrong"), basic(client_id="nobody"), basic(client_id="", secret=""), b"Basic",
        b"Basic %%", b"Bearer x", b"", b"\xff", basic(client_id="F"), basic(secret=f"{SECRET}\x00"),
    )  # fmt: skip
    made.headers.append((b"authorization", chance.choice(wrong)))
    made.spoiled = True


def _other_proof(chance: random.Random, made: Redeeming) -> None:
    """Another proof than the right one, beside it or in its place, or none."""
    uri, now = f"{RAS}token", made.now
    other = chance.choice(
        (
            proof(uri, now=now - chance.choice((-3600, -61, 121, 3600))),
            proof(f"{RAS}introspect", now=now),
            proof(uri, now=now, htm="GET"),
            proof(uri, now=now, jti=None),
            proof(uri, now=now, key=OTHER_KEY, header={"jwk": KEY.public.to_dict()}),
            proof(uri, now=now)[:-4],
            None,
        )
    )
    if chance.randrange(3):
        made.headers = [pair for pair in made.headers if pair[0] != b"dpop"]
    if other is not None:
        made.headers.append((b"dpop", other.encode()))


def _head(chance: random.Random, made: Redeeming) -> None:
    kind = chance.randrange(6)
    if kind == 0:
        made.method = chance.choice(("GET", "PUT", "OPTIONS", "HEAD", "TRACE", "X"))
    elif kind == 1:
        made.headers[0] = (b"content-type", chance.choice((b"", b"application/json", b"text/plain", b"\xff")))
    elif kind == 2:
        made.query = chance.choice((b"a=1", b"%", b"assertion=x"))
    elif kind == 3:
        made.headers.append((b"dpop", chance.choice((b"x", b"", b"a.b.c", b"\xff"))))
    elif kind == 4:
        made.headers.append(chance.choice(made.headers))
        return  # two hosts or none: the door may refuse either
    else:
        made.headers += [(b"x-" + bytes([97 + n % 26]), b"y" * 300) for n in range(200)]
    made.spoiled = True


def _garbage(chance: random.Random, made: Redeeming) -> None:
    raw = chance.randbytes(chance.choice((0, 1, 30, 3000, 70_000)))
    made.body = chance.choice((raw, b"&" * len(raw), b"=" + raw, b"grant_type=" + raw, b"assertion=" + raw))
    made.spoiled = True


def _old(chance: random.Random, made: Redeeming) -> None:
    """A jti of an earlier seed: good only if that one never became a token."""
    made.claims["jti"] = f"jti-{chance.randrange(200)}"


_BEFORE_SIGNING: tuple[Bend, ...] = (_claim, _time, _moved, _jose, _another_key, _old)
_BENDS: tuple[Bend, ...] = (
    _claim, _claim, _claim, _claim, _time, _moved, _jose, _jose, _another_key, _old, _signature, _octet,
    _parameter, _parameter, _parameter, _credentials, _other_proof, _head, _garbage,
)  # fmt: skip
