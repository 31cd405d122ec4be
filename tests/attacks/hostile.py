"""Signed tokens that are wrong in one thing, whatever they are for: attack cases 114 to 134."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from joserfc import jwe
from joserfc.jwk import ECKey

from idjag.protocol.jose import PrivateKey, base64url

__all__ = ["Forge", "hostile"]


@cache
def _mallory(alg: str) -> PrivateKey:
    """An attacker's own key of this algorithm."""
    return PrivateKey.generate(alg, kid="mallory")


@dataclass(frozen=True, slots=True)
class Forge:
    """A token that would be accepted, before it is signed; ``proof``: the key stands in its own header."""

    key: PrivateKey
    claims: Mapping[str, Any]
    header: Mapping[str, Any] = field(default_factory=dict)
    proof: bool = False

    @property
    def head(self) -> dict[str, Any]:
        """The header as it should be."""
        kid = {} if self.proof else {"kid": self.key.kid}
        return {"alg": self.key.alg, **kid, **self.header}

    def signed(self, head: Any = None, claims: Any = None, *, key: PrivateKey | None = None) -> str:
        """A token with a right signature of the key; a text stands for itself, None for what should be."""
        parts = (self.head if head is None else head, dict(self.claims) if claims is None else claims)
        signing_input = ".".join(map(_segment, parts))
        return f"{signing_input}.{base64url.encode((key or self.key).sign(signing_input.encode()))}"


def hostile(forge: Forge) -> Iterator[tuple[str, str]]:
    """What is wrong, and the token."""
    yield from _algorithms(forge)
    yield from _signatures(forge)
    yield from _macs(forge)
    yield from _kids(forge)
    yield from _headers(forge)
    yield from _json(forge)
    yield from _shapes(forge)


def _algorithms(forge: Forge) -> Iterator[tuple[str, str]]:
    """Cases 114 and 116."""
    head, body, signature = forge.signed().split(".")
    for alg in ("none", "None", "nOnE", "", "ES256K", "RS1", "PS256", "ES512", "EdDSA ", "dir", 5, ["RS256"]):
        bent = _segment(forge.head | {"alg": alg})
        yield f"alg {alg!r}", f"{bent}.{body}.{signature}"
        yield f"alg {alg!r}, unsigned", f"{bent}.{body}."
    other = {"ES256": "ES384", "RS256": "ES256", "Ed25519": "RS256"}[forge.key.alg]
    yield "another of our algorithms", forge.signed(forge.head | {"alg": other})
    without = {name: value for name, value in forge.head.items() if name != "alg"}
    yield "no alg", forge.signed(without)
    assert head


def _signatures(forge: Forge) -> Iterator[tuple[str, str]]:
    """Case 115."""
    head, body, signature = forge.signed().split(".")
    raw = base64url.decode(signature)
    wrong = {
        "no signature": b"",
        "a signature cut short": raw[:-1],
        "a signature with more": raw + b"\0",
        "a signature of zeros": bytes(len(raw)),
        "a flipped bit": bytes([raw[0] ^ 1]) + raw[1:],
        "a flipped last bit": raw[:-1] + bytes([raw[-1] ^ 1]),
        "its halves swapped": raw[len(raw) // 2 :] + raw[: len(raw) // 2],
        "a DER signature": b"\x30\x44\x02\x20" + raw[:32] + b"\x02\x20" + raw[32:],
    }
    for name, octets in wrong.items():
        yield name, f"{head}.{body}.{base64url.encode(octets)}"
    yield "another's signature", forge.signed(key=_mallory(forge.key.alg))
    moved = _segment(dict(forge.claims) | {"exp": 2_000_000_000})
    yield "other claims under the signature", f"{head}.{moved}.{signature}"


def _macs(forge: Forge) -> Iterator[tuple[str, str]]:
    """Cases 118 and 119: the public key, in whatever form, is no secret."""
    public = forge.key.public.to_dict()
    secrets = {
        "JWK": json.dumps(public).encode(),
        "JWK without spaces": json.dumps(public, separators=(",", ":")).encode(),
        "PEM": forge.key._key.as_pem(private=False),
        "nothing": b"",
        "one zero": b"\0",
        "kid": forge.key.kid.encode(),
    }
    for name, secret in secrets.items():
        signing_input = f"{_segment(forge.head | {'alg': 'HS256'})}.{_segment(dict(forge.claims))}"
        mac = hmac.digest(secret, signing_input.encode(), hashlib.sha256)
        yield f"HS256 with the {name}", f"{signing_input}.{base64url.encode(mac)}"


def _kids(forge: Forge) -> Iterator[tuple[str, str]]:
    """Case 117."""
    lookalike = forge.key.kid.replace("i", "\u0456").replace("o", "\u043e") + "\u200b"
    odd: tuple[Any, ...] = (
        "unknown", "", "k" * 400, "../../etc/passwd", "' OR 1=1--", "|id", lookalike, "\x00", 5, None, [], {},
        [forge.key.kid], True,
    )  # fmt: skip
    for kid in odd:
        harmless = forge.proof and isinstance(kid, str) and kid not in ("", "\x00")
        if not harmless:  # a proof's key is in its header: there a kid says nothing, whatever it is
            yield f"kid {str(kid)[:20]!r}", forge.signed(forge.head | {"kid": kid})


def _headers(forge: Forge) -> Iterator[tuple[str, str]]:
    """Cases 122, 123, 131 and 132: signed by whom the header names, or by the right key."""
    theirs = _mallory(forge.key.alg)
    added: dict[str, dict[str, Any]] = {
        "jku": {"jku": "https://evil.example/jwks"},
        "x5u": {"x5u": "https://evil.example/x5u"},
        "x5c": {"x5c": ["MIIB"]},
        "crit with exp": {"crit": ["exp"]},
        "crit with an unknown": {"crit": ["x"], "x": 1},
        "crit empty": {"crit": []},
        "crit as text": {"crit": "exp"},
        "b64 false": {"b64": False, "crit": ["b64"]},
        "b64 false, not crit": {"b64": False},
        "zip": {"zip": "DEF"},
        "cty": {"cty": "JWT"},
        "enc": {"enc": "A256GCM"},
        "p2c": {"p2c": 2**31},
        "an unknown header": {"unknown": 1},
    }
    if not forge.proof:
        added["jwk"] = {"jwk": theirs.public.to_dict()}
    for name, more in added.items():
        yield name, forge.signed(forge.head | more)
        yield f"{name}, by another key", forge.signed(forge.head | more | {"kid": theirs.kid}, key=theirs)


def _json(forge: Forge) -> Iterator[tuple[str, str]]:
    """Case 126, and JSON that two parsers read in two ways."""
    head, body = json.dumps(forge.head), json.dumps(dict(forge.claims))
    first = next(iter(forge.claims))
    claims = {
        "a claim twice": f'{{"{first}":"x",{body[1:]}',
        "a claim twice, escaped": f'{{"\\u{ord(first[0]):04x}{first[1:]}":"x",{body[1:]}',
        "17 levels": f'{{"x":{"[" * 17}{"]" * 17},{body[1:]}',
        "1000 levels": f'{{"x":{"[" * 1000}{"]" * 1000},{body[1:]}',
        "NaN": f'{{"x":NaN,{body[1:]}',
        "Infinity": f'{{"x":-Infinity,{body[1:]}',
        "1e400": f'{{"x":1e400,{body[1:]}',
        "a number of 400 digits": f'{{"x":{"9" * 400},{body[1:]}',
        "half a surrogate": f'{{"x":"\\ud800",{body[1:]}',
        "a comma at the end": f"{body[:-1]},}}",
        "a comment": f"/**/{body}",
        "more behind it": f"{body}{{}}",
        "an array": f"[{body}]",
        "a text": json.dumps(body),
        "null": "null",
        "nothing": "",
        "a byte order mark": "\ufeff" + body,
        "single quotes": body.replace('"', "'"),
    }
    for name, text in claims.items():
        yield f"claims: {name}", forge.signed(None, text)
    yield "claims: UTF-16", forge.signed(None, body.encode("utf-16"))
    yield "claims: no UTF-8", forge.signed(None, body.encode() + b"\xff")
    for name, text in {"a member twice": f'{{"alg":"none",{head[1:]}', "an array": f"[{head}]"}.items():
        yield f"header: {name}", forge.signed(text)


def _shapes(forge: Forge) -> Iterator[tuple[str, str]]:
    """Cases 130, 131 and 134."""
    good = forge.signed()
    head, body, signature = good.split(".")
    flattened = {"protected": head, "payload": body, "signature": signature}
    shapes = {
        "two segments": f"{head}.{body}",
        "four segments": f"{good}.x",
        "five segments": f"{head}..{body}.{signature}.x",
        "JSON serialization": json.dumps(flattened),
        "general JSON serialization": json.dumps({"payload": body, "signatures": [flattened]}),
        "a detached payload": f"{head}..{signature}",
        "padding": f"{good}=",
        "padding in the middle": f"{head}=.{body}.{signature}",
        "a space inside": f"{head}. {body}.{signature}",
        "the other alphabet": f"{head}.{body}.{signature.replace('-', '+').replace('_', '/')}+",
        "one more character": f"{good}A",
        "a header of 20 kB": f"{'A' * 20_000}.{body}.{signature}",
        "a signature of 40 kB": f"{head}.{body}.{'A' * 40_000}",
        "Bearer before": f"Bearer {good}",
        "quoted": f'"{good}"',
        "percent-encoded": good.replace(".", "%2E"),
        "null": "null",
        "dots": "..",
    }
    yield from shapes.items()
    if not forge.proof:  # around the value of a header there may be spaces
        yield "a space before", f" {good}"
    to = ECKey.generate_key("P-256")
    yield "encrypted", jwe.encrypt_compact({"alg": "ECDH-ES", "enc": "A256GCM"}, good, to)


def _segment(part: Any) -> str:
    """Base64url of octets, of a text, or of the JSON of anything else."""
    if isinstance(part, bytes):
        return base64url.encode(part)
    return base64url.encode((part if isinstance(part, str) else json.dumps(part)).encode("utf-8"))
