"""Keys and key sets for signatures; each key is pinned to one algorithm when it is imported."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError as JoserfcError
from joserfc.jwa import JWS_ALGORITHMS, JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey

from idjag.protocol.jose import base64url
from idjag.protocol.jose.errors import JwkError, KeyUnknown
from idjag.protocol.jose.json import JsonValue, parse_object
from idjag.protocol.jose.minimums import (
    ALGORITHMS,
    algorithm_name,
    check_certificate,
    check_purpose,
    pinned_algorithm,
    required_members,
)

JoserfcKey: TypeAlias = ECKey | RSAKey | OKPKey

_KID = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,256}")
_MAX_SET_BYTES = 262_144
_MAX_KEYS = 128
_RSA_GENERATED_BITS = 2048
_TYPES: dict[str, type[JoserfcKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_MODELS: dict[str, JWSAlgModel] = {model.name: model for model in JWS_ALGORITHMS if model.name in ALGORITHMS}


class _Ready:
    """A key of joserfc for one operation, which it has checked once and would check again every time."""

    __slots__ = ("_native", "curve_key_size")

    def __init__(self, key: JoserfcKey, operation: Literal["sign", "verify"]) -> None:
        self._native = key.get_op_key(operation)
        self.curve_key_size = key.curve_key_size if isinstance(key, ECKey) else 0

    def get_op_key(self, _operation: str) -> object:
        """What joserfc's algorithms ask a key for."""
        return self._native


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A verification key and the only algorithm that it is used with; made by ``import_public``.

    ``certificate``: the SHA-256 of the first one in x5c, which says nothing about the key itself.
    """

    kid: str | None
    alg: str
    members: tuple[tuple[str, str], ...] = field(repr=False)
    _key: JoserfcKey = field(repr=False, compare=False)
    certificate: bytes | None = field(default=None, repr=False)
    _ready: _Ready = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ready", _Ready(self._key, "verify"))

    @property
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7)."""
        return self._key.as_der(private=False)

    def to_dict(self) -> dict[str, JsonValue]:
        """The public JWK as we publish it; no key_ops, since some clients refuse it beside ``use``."""
        jwk: dict[str, JsonValue] = dict(self.members)
        if self.kid is not None:
            jwk["kid"] = self.kid
        return jwk | {"alg": self.alg, "use": "sig"}

    def fits(self, message: bytes, signature: bytes) -> bool:
        """Whether the raw JWS signature (RFC 7518 section 3) is this key's over the message."""
        return _MODELS[self.alg].verify(message, signature, self._ready)


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A signing key, of which only kid and algorithm ever show."""

    public: PublicKey
    _key: JoserfcKey = field(compare=False)
    _ready: _Ready = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ready", _Ready(self._key, "sign"))

    @classmethod
    def generate(cls, alg: str, *, kid: str) -> PrivateKey:
        """A new key for ES256, ES384, RS256 (2048 bits) or Ed25519; JwkError for any other."""
        match alg:
            case "ES256":
                return cls._of(ECKey.generate_key("P-256"), alg=alg, kid=kid)
            case "ES384":
                return cls._of(ECKey.generate_key("P-384"), alg=alg, kid=kid)
            case "RS256":
                return cls._of(RSAKey.generate_key(_RSA_GENERATED_BITS), alg=alg, kid=kid)
            case "Ed25519":
                return cls._of(OKPKey.generate_key("Ed25519"), alg=alg, kid=kid)
            case _:
                raise JwkError("key_algorithm")

    @classmethod
    def from_pem(cls, pem: bytes, *, alg: str, kid: str, ours: bool = False) -> PrivateKey:
        """The key of an unencrypted PKCS #8 PEM; raises JwkError as ``import_public`` does.

        ``ours``: we made and sealed it, so its primes are not tested again, which takes an RSA key 35 ms.
        """
        try:
            native = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=ours)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise JwkError("key_malformed") from None
        match native:
            case EllipticCurvePrivateKey():
                return cls._of(ECKey.import_key(native), alg=alg, kid=kid)
            case RSAPrivateKey() if native.key_size >= 2048:  # joserfc only warns of weaker ones
                return cls._of(RSAKey.import_key(native), alg=alg, kid=kid)
            case Ed25519PrivateKey():
                return cls._of(OKPKey.import_key(native), alg=alg, kid=kid)
            case RSAPrivateKey():
                raise JwkError("key_weak")
            case _:
                raise JwkError("key_type")

    @classmethod
    def _of(cls, key: JoserfcKey, *, alg: str, kid: str) -> PrivateKey:
        """Our own keys pass the same import as anyone's."""
        jwk = cast("dict[str, JsonValue]", key.as_dict(private=False))
        return cls(public=import_public(jwk | {"kid": kid}, algorithm=alg), _key=key)

    @property
    def kid(self) -> str:
        """The key id that goes into headers."""
        return cast("str", self.public.kid)

    @property
    def alg(self) -> str:
        """The only algorithm that this key signs with."""
        return self.public.alg

    def to_pem(self) -> bytes:
        """Unencrypted PKCS #8 PEM, to be sealed before it is stored."""
        return self._key.as_pem(private=True)

    def sign(self, message: bytes) -> bytes:
        """The raw JWS signature (RFC 7518 section 3) over the message."""
        return _MODELS[self.alg].sign(message, self._ready)

    def __repr__(self) -> str:
        return f"PrivateKey(kid={self.kid!r}, alg={self.alg!r})"


class KeySet:
    """Verification keys of one owner, in their order, no kid twice."""

    __slots__ = ("_by_kid", "keys")

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self.keys = tuple(keys)
        named = [key for key in self.keys if key.kid is not None]
        self._by_kid = {key.kid: key for key in named}
        if len(self._by_kid) != len(named):
            raise JwkError("kid_duplicate")

    @classmethod
    def parse(cls, source: bytes | str | Mapping[str, JsonValue]) -> tuple[KeySet, tuple[str, ...]]:
        """The usable keys of a JWK Set, and for each other one why it was left out.

        A key that we cannot use never costs us its neighbours (RFC 7517 section 5), but two usable
        keys of one kid leave open which is meant and are refused.
        Raises JsonError; JwkError set_malformed, set_too_large, kid_duplicate.
        """
        jwks = source if isinstance(source, Mapping) else parse_object(source, max_bytes=_MAX_SET_BYTES)
        entries = jwks.get("keys")
        if not isinstance(entries, list):
            raise JwkError("set_malformed")
        if len(entries) > _MAX_KEYS:
            raise JwkError("set_too_large")
        keys: list[PublicKey] = []
        skipped: list[str] = []
        for number, entry in enumerate(entries):
            jwk = entry if isinstance(entry, dict) else {}
            try:
                keys.append(import_public(jwk))
            except JwkError as error:
                skipped.append(f"{_label(number, jwk)}: {error.code}")
        return cls(keys), tuple(skipped)

    def select(self, kid: str | None, alg: str) -> PublicKey:
        """The one key that a header with this kid and algorithm means.

        A header without kid is served only if exactly one key fits the algorithm.
        Raises KeyUnknown; JwkError key_algorithm (known, but pinned to another), kid_required.
        """
        alg = algorithm_name(alg)
        if kid is not None:
            key = self._by_kid.get(kid)
            if key is None:
                raise KeyUnknown
            if key.alg != alg:
                raise JwkError("key_algorithm")
            return key
        fitting = [key for key in self.keys if key.alg == alg]
        if not fitting:
            raise KeyUnknown
        if len(fitting) > 1:
            raise JwkError("kid_required")
        return fitting[0]

    def to_dict(self) -> dict[str, JsonValue]:
        """The JWK Set as it is published."""
        return {"keys": [key.to_dict() for key in self.keys]}

    def __len__(self) -> int:
        return len(self.keys)


def import_public(jwk: Mapping[str, JsonValue], *, algorithm: str | None = None) -> PublicKey:
    """The key of a public JWK; ``algorithm`` and ``alg`` may only name its one algorithm.

    Raises JwkError: key_private, key_use, key_certificate, key_type, key_algorithm, key_malformed,
    key_weak, kid_malformed.
    """
    check_purpose(jwk)
    certificate = check_certificate(jwk)
    alg = pinned_algorithm(jwk, algorithm)
    members = required_members(jwk, alg)
    return PublicKey(
        kid=kid_of(jwk["kid"]) if "kid" in jwk else None,
        alg=alg,
        members=tuple(sorted(members.items())),
        _key=_joserfc_key(members),
        certificate=certificate,
    )


def thumbprint(public: PublicKey) -> str:
    """The RFC 7638 SHA-256 thumbprint, as in ``cnf.jkt``."""
    required = json.dumps(dict(public.members), sort_keys=True, separators=(",", ":"))
    return base64url.encode(hashlib.sha256(required.encode("ascii")).digest())


def kid_of(value: JsonValue) -> str:
    """A key id that can be compared, stored and logged; raises JwkError ``kid_malformed``."""
    if not isinstance(value, str) or not _KID.fullmatch(value):
        raise JwkError("kid_malformed")
    return value


def _joserfc_key(members: dict[str, str]) -> JoserfcKey:
    """Built from the checked members alone, so that nothing else in a JWK can steer joserfc."""
    try:
        return _TYPES[members["kty"]].import_key(dict(members))
    except (ValueError, TypeError, UnsupportedAlgorithm, JoserfcError):
        raise JwkError("key_malformed") from None


def _label(number: int, jwk: Mapping[str, JsonValue]) -> str:
    """Which key of a set is meant, for the administrator; a kid is shown only if it is one."""
    try:
        return f"key {number} ({kid_of(jwk.get('kid'))})"
    except JwkError:
        return f"key {number}"
