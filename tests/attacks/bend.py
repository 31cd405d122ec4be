"""Bends valid requests of clients: one to three things at a time, from a seed; says which must be refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from idjag.protocol import names
from idjag.protocol.jose import base64url, jws
from tests.attacks.entries import ENTRIES, Entry
from tests.attacks.target import Target, Wire, basic
from tests.idp.grants.acme import API, CHAT, FILES, ISSUER, SECRETS
from tests.proofs import KEY, OTHER_KEY, proof

__all__ = ["Bent", "bent", "must_be_refused"]

CODE, REFRESH, ID_TOKEN, OFFLINE, REVOKE, INTROSPECT = ENTRIES
_CLIENTS = ("wiki", "wiki", "wiki", "notes", "board", "board", "desk")
_ENTRIES = (ID_TOKEN, ID_TOKEN, ID_TOKEN, ID_TOKEN, CODE, REFRESH, OFFLINE, OFFLINE, REVOKE, INTROSPECT)
_EXCHANGES = (ID_TOKEN, OFFLINE)
# What of a valid request must be as it was, or nothing comes of it; an ID token is bent as such.
_FIXED = {
    CODE: ("grant_type", "code", "redirect_uri", "code_verifier"),
    REFRESH: ("grant_type", "refresh_token"),
    ID_TOKEN: ("grant_type", "requested_token_type", "subject_token_type"),
    OFFLINE: ("grant_type", "requested_token_type", "subject_token_type", "subject_token"),
    REVOKE: ("token",),
    INTROSPECT: ("token",),
}
_SERVED = {
    **dict.fromkeys(_EXCHANGES, ("wiki", "board")),
    **dict.fromkeys((CODE, REFRESH, REVOKE), ("wiki", "notes", "board", "desk")),
    INTROSPECT: ("wiki", "notes", "board"),
}
_URI = f"{ISSUER}/token"
_HOT = "203.0.113.77"  # where somebody guesses
_AUDIENCES = frozenset({CHAT, CHAT.rstrip("/"), "urn:acme:chat"})
_NASTY = (
    "", " ", "\x00", "\r\nX-Evil: 1", "\x7f", "\u2028", "\u202e", "\ud83d\ude00", "\ufeff", "a" * 300,
    "é" * 2000, "../../etc/passwd", "' OR 1=1--", "{}", "[]", "null", "true", "-1", "1e400", "%", "%00",
    "%zz", "a.b.c", "...", "none", "password", "urn:ietf:params:oauth:token-type:access_token",
    names.REFRESH_TOKEN_TYPE, names.SAML2_TOKEN, names.JWT_BEARER, names.REFRESH_TOKEN, "authorization_code",
    "client_credentials", "https://vault.example", "https://vault.example/", ISSUER, f"{ISSUER}/",
    f"{ISSUER}/token", CHAT.upper(), "urn:acme:chat ", f"{CHAT}#x", f"{CHAT}?x=1",
    "https://acme.chat.example:443/", "http://acme.chat.example/", "https://acme.chat.example/./",
    "https://acme.chat.example\\@evil", "http://[::1", "http://[v1.x]/", "x://\u0130",
)  # fmt: skip
_SCOPES = (
    "chat.read", "chat.history chat.read", "chat.write", "chat.read chat.write", "files.read", "chat",
    "Chat.read", "chat.readwrite", "chat.read  chat.read", " chat.read", "chat.read\t", "chat.read\u00a0",
    '"', "\\", "openid", " ".join(f"s{n}" for n in range(300)), "x" * 5000, "chat.read " * 40, "é",
)  # fmt: skip
_RESOURCES = (
    API, API.rstrip("/"), API.upper(), f"{API}./", f"{API}x/..", f"{API}%2e", f"{API}files", FILES,
    f"{FILES}/", "https://api.chat.example:443/", "https://u@api.chat.example/", "//api", "api", "urn:x",
    "https://[", "x:" + "y" * 3000,
)  # fmt: skip
_CLAIM_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e300, 10**30, "", "x", "\x00", "\u2028", "x" * 300, [], ["x"], ["wiki"],
    ["wiki", "notes"], {}, {"a": {"b": [1]}}, [[[[[[[[1]]]]]]]],
)  # fmt: skip
_TYPS = (
    "JWT",
    "at+jwt",
    "oauth-id-jag+jwt",
    "application/oauth-id-jag+jwt",
    "dpop+jwt",
    "logout+jwt",
    "x" * 64,
)
# Claims of which some other value of ours is still a value that counts.
_MAY_CHANGE = frozenset(
    {"unknown", "nonce", "aud", "amr", "auth_time", "nbf", "acr", "iat", "exp", "session_expiry"}
)
_BYTES = bytes(range(256))


@dataclass(slots=True)
class Bent(Wire):
    """A request to an entry; ``fixed`` is what of it must stand, ``proof`` the right one if there is one."""

    entry: Entry = ID_TOKEN
    fixed: dict[str, str] = field(default_factory=dict)
    proof: str | None = None


Bend = Callable[[random.Random, Target, Bent], None]


def bent(seed: int, target: Target) -> Bent:
    """A request of this seed; one in eight is left as it was."""
    chance = random.Random(seed)  # noqa: S311  # a red run is red again
    wire = _valid(chance.choice(_ENTRIES), chance.choice(_CLIENTS), target)
    wire.source = chance.choice(
        (f"203.0.113.{chance.randrange(256)}", f"203.0.113.{chance.randrange(256)}", _HOT)
    )
    if wire.entry.proofs and chance.randrange(4) == 0:
        wire.proof = proof(_URI, now=target.acme.clock.now)
        wire.headers.append((b"dpop", wire.proof.encode()))
    for bend in chance.sample(_BENDS, chance.choice((0, 1, 1, 1, 1, 2, 2, 3))):
        if wire.form:  # nothing more can be wrong with an empty one
            bend(chance, target, wire)
    return wire


def _valid(entry: Entry, client: str, target: Target) -> Bent:
    made = entry.wire(target, client)
    fixed = {name: value for name, value in made.form if name in _FIXED[entry]}
    return Bent(client, made.form, made.headers, entry.path, entry=entry, fixed=fixed)


def must_be_refused(wire: Bent) -> bool:
    """What is surely wrong with the request as it now is; False says nothing."""
    sent: dict[str, list[str]] = {}
    for name, value in wire.form:
        sent.setdefault(name, []).append(value)
    given = {name: next(filter(None, values), "") for name, values in sent.items()}
    repeated = any(len(values) > 1 for name, values in sent.items() if name not in {"audience", "resource"})
    return (
        wire.client not in _SERVED[wire.entry]
        or (wire.method != "POST" or bool(wire.query) or wire.body is not None)
        or (repeated or any(len(values) > 1 for values in _once(wire)[: 4 if wire.entry.proofs else 3]))
        or any(given.get(name) != value for name, value in wire.fixed.items())
        or not wire.spoiled.isdisjoint(given.values())
        or (wire.entry in _EXCHANGES and _no_exchange(given))
        or _not_the_client(wire)
        or (wire.entry.proofs and _once(wire)[3] not in ([], [(wire.proof or "").encode()]))
    )


def _no_exchange(given: Mapping[str, str]) -> bool:
    others = ("actor_token", "actor_token_type", "authorization_details")
    return any(given.get(name) for name in others) or given.get("audience") not in _AUDIENCES


def _not_the_client(wire: Bent) -> bool:
    """Whether a client of secrets does not show its own, once."""
    if wire.client not in SECRETS:
        return False
    right = basic(wire.client, SECRETS[wire.client])
    return [one.split()[-1:] for one in _once(wire)[0]] != [right.split()[-1:]]


def _once(wire: Wire) -> list[list[bytes]]:
    names_once = (b"authorization", b"content-type", b"host", b"dpop")
    return [[value for each, value in wire.headers if each == name] for name in names_once]


def _place(chance: random.Random, wire: Wire) -> int:
    return chance.randrange(len(wire.form)) if wire.form else 0


def _set(wire: Wire, place: int, value: str) -> None:
    """Another value there; a token that was changed by hand is no token any more."""
    name, before = wire.form[place]
    wire.form[place] = (name, value)
    if name in {"subject_token", "client_assertion"} and value != before:
        wire.spoiled.add(value)


def _drop(chance: random.Random, _target: Target, wire: Bent) -> None:
    del wire.form[_place(chance, wire)]


def _repeat(chance: random.Random, _target: Target, wire: Bent) -> None:
    name, value = chance.choice(wire.form)
    wire.form.insert(_place(chance, wire), (name, chance.choice((value, value, chance.choice(_NASTY)))))


def _replace(chance: random.Random, _target: Target, wire: Bent) -> None:
    place = _place(chance, wire)
    _set(wire, place, chance.choice(_NASTY))


def _flip(chance: random.Random, _target: Target, wire: Bent) -> None:
    place = _place(chance, wire)
    value = wire.form[place][1]
    at = chance.randrange(len(value) + 1)
    other = chance.choice("aZ09._-/:~ \x00é\u202e")
    _set(wire, place, value[:at] + other + value[at + chance.randrange(2) :])


def _swap(chance: random.Random, _target: Target, wire: Bent) -> None:
    one, other = chance.sample(range(len(wire.form)), 2) if len(wire.form) > 1 else (0, 0)
    (a, x), (b, y) = wire.form[one], wire.form[other]
    wire.form[one], wire.form[other] = (a, y), (b, x)


def _add(chance: random.Random, _target: Target, wire: Bent) -> None:
    known = ("actor_token", "actor_token_type", "authorization_details", "client_id", "client_secret", "code")
    name = chance.choice((*known, "unknown", "x" * 200, "\u202e", "", "AUDIENCE", "tenant", "DPoP"))
    value = chance.choice((*_NASTY, "wiki", SECRETS["wiki"], '[{"type":"x"}]'))
    wire.form.append((name, value))


def _astray(chance: random.Random, _target: Target, wire: Bent) -> None:
    """A secret where something else belongs; scopes and resources alone are recorded as they are asked."""
    places = [at for at, (name, _) in enumerate(wire.form) if name not in {"scope", "resource"}]
    if places:
        _set(wire, chance.choice(places), SECRETS["wiki"])


def _scope(chance: random.Random, _target: Target, wire: Bent) -> None:
    wire.form = [(name, chance.choice(_SCOPES) if name == "scope" else value) for name, value in wire.form]


def _resource(chance: random.Random, _target: Target, wire: Bent) -> None:
    wire.form += [("resource", chance.choice(_RESOURCES)) for _ in range(chance.choice((1, 1, 2, 40)))]


def _audience(chance: random.Random, _target: Target, wire: Bent) -> None:
    others = ("urn:acme:chat", CHAT.rstrip("/"), "https://vault.example", "https://vault.example/")
    audience = chance.choice(others)
    wire.form = [(name, audience if name == "audience" else value) for name, value in wire.form]


def _subject_token(chance: random.Random, target: Target, wire: Bent) -> None:
    """One claim of a token that is otherwise ours and signed."""
    if wire.entry is not ID_TOKEN:
        return
    keys = target.acme.snapshot.keys
    claims = dict(jws.parse(target.tokens[wire.client], max_bytes=names.MAX_SUBJECT_TOKEN).claims)
    name, value = chance.choice((*claims, "nbf", "cnf", "unknown")), chance.choice(_CLAIM_VALUES)
    typ = chance.choice(("JWT", "JWT", "JWT", *_TYPS))
    before = claims.pop(name, None)
    if value is not None:
        claims[name] = value
    token = jws.sign(
        claims, key=keys.signing(chance.choice(names.ASYMMETRIC), now=target.acme.clock.now), typ=typ
    )
    wire.form = [(each, token if each == "subject_token" else old) for each, old in wire.form]
    if typ != "JWT" or (name not in _MAY_CHANGE and claims.get(name) != before):
        wire.spoiled.add(token)


def _client_assertion(chance: random.Random, target: Target, wire: Bent) -> None:
    if wire.client != "board":
        return
    name = chance.choice(("iss", "sub", "aud", "exp", "iat", "jti", "nbf", "unknown"))
    value = chance.choice((*_CLAIM_VALUES, [ISSUER], f"{ISSUER}/", [ISSUER, "x"], "wiki"))
    assertion = target.assertion(typ=chance.choice(("JWT", *_TYPS)), **{name: value})
    wire.form = [(each, assertion if each == "client_assertion" else old) for each, old in wire.form]
    if name in {"iss", "sub", "exp"} or (name == "aud" and value != [ISSUER]):
        wire.spoiled.add(assertion)


def _header_of_token(chance: random.Random, _target: Target, wire: Bent) -> None:
    """Another header in front of the same claims and signature."""
    place = next((at for at, (name, _) in enumerate(wire.form) if name == "subject_token"), None)
    if place is None or wire.form[place][1].count(".") != 2:
        return
    _, claims, signature = wire.form[place][1].split(".")
    alg = chance.choice(("none", "None", "", "HS256", "RS1", "ES256", 5, None, ["RS256"]))
    name = chance.choice(("typ", "kid", "jku", "crit", "b64", "zip"))
    header = base64url.encode(
        json.dumps({"alg": alg, "typ": "JWT", name: chance.choice(_CLAIM_VALUES)}).encode()
    )
    signature = chance.choice((signature, "", "AA", "A" * 8000))
    _set(wire, place, f"{header}.{claims}.{signature}")


def _authorization(chance: random.Random, _target: Target, wire: Bent) -> None:
    garbage = bytes(chance.choices(_BYTES, k=chance.randrange(60)))
    values = (
        b"", b"Basic", b"Basic ", b"Basic !!!", b"Basic Og==", b"Basic " + garbage, b"Bearer x", garbage,
        basic("wiki", "wrong"), basic("nobody", "x"), basic("old", SECRETS["wiki"]), basic("wiki", ""),
        basic("\u0130", "\x00"), b"basic  " + basic("wiki", SECRETS["wiki"])[6:], b"DPoP x", b"Digest y",
    )  # fmt: skip
    wire.headers = [pair for pair in wire.headers if pair[0] != b"authorization"]
    wire.headers += [(b"authorization", chance.choice(values))] * chance.choice((0, 1, 1, 1, 2))


def _guess(chance: random.Random, _target: Target, wire: Bent) -> None:
    """A wrong secret in the name of a client, from where many come."""
    wire.source = _HOT
    wire.headers = [pair for pair in wire.headers if pair[0] != b"authorization"]
    wire.headers.append((b"authorization", basic(wire.client, f"guess-{chance.randrange(1000)}")))


def _proof(chance: random.Random, target: Target, wire: Bent) -> None:
    """Another proof than the right one, beside it or in its place."""
    now = target.acme.clock.now
    other = chance.choice(
        (
            proof(_URI, now=now - chance.choice((-3600, -61, 121, 3600))),
            proof(f"{ISSUER}/revoke", now=now),
            proof(_URI, now=now, htm="GET"),
            proof(_URI, now=now, jti=None),
            proof(_URI, now=now, key=OTHER_KEY, header={"jwk": KEY.public.to_dict()}),
            proof(_URI, now=now, header={"typ": "JWT"}),
            proof(_URI, now=now)[:-4],
            chance.choice(_NASTY).encode("ascii", "ignore").decode(),
        )
    )
    if chance.randrange(3):
        wire.headers = [pair for pair in wire.headers if pair[0] != b"dpop"]
    wire.headers.append((b"dpop", other.encode()))


def _http(chance: random.Random, _target: Target, wire: Bent) -> None:
    garbage = bytes(chance.choices(_BYTES, k=chance.randrange(1, 60)))
    match chance.randrange(7):
        case 0:
            wire.method = chance.choice(
                ("GET", "HEAD", "PUT", "OPTIONS", "TRACE", "DELETE", "post", "\u0130")
            )
        case 1:
            wire.query = chance.choice((b"a=1", garbage, b"grant_type=x"))
        case 2:
            wire.headers.append(
                (chance.choice((b"content-type", b"host", b"dpop", b"content-length")), garbage)
            )
        case 3:
            wire.headers.append((b"user-agent", garbage * 40))
        case 4:
            wire.headers += [(b"x-%d" % n, garbage) for n in range(chance.choice((50, 200)))]
        case 5:
            types = (b"", b"text/plain", b"application/json", b"multipart/form-data; boundary=x", garbage)
            wire.headers = [
                (name, chance.choice(types) if name == b"content-type" else value)
                for name, value in wire.headers
            ]
        case _:
            wire.headers += [
                (b"x-forwarded-for", garbage),
                (b"origin", b"null"),
                (b"forwarded", b"for=;host=evil"),
            ]


def _raw(chance: random.Random, _target: Target, wire: Bent) -> None:
    length = chance.choice((0, 1, 10, 100, 1000, 65536, 65537, 200_000))
    pool = chance.choice((_BYTES, b"&=%+a0\x00", b"&", b"%", b"="))
    wire.body = bytes(chance.choices(pool, k=length)) if length < 70_000 else bytes(length)


_BENDS: tuple[Bend, ...] = (
    _drop, _repeat, _replace, _flip, _swap, _add, _astray, _scope, _resource, _audience, _subject_token,
    _client_assertion, _header_of_token, _authorization, _guess, _proof, _http, _raw,
)  # fmt: skip
