"""A software authenticator and the browser around it (W3C WebAuthn): options as JSON in, answers as JSON out.

It signs with its own code, so that idjag's checks meet another's idea of the bytes.  ``Lie`` makes one answer
say something else than a browser would.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

__all__ = ["TRUTH", "Authenticator", "Lie", "NotAllowed", "Resident", "b64", "unb64"]

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Options: TypeAlias = dict[str, Any]

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40
ES256, EDDSA, RS256 = -7, -8, -257


class NotAllowed(Exception):
    """The browser or the authenticator refuses; the person sees it, the server never does."""


@dataclass(frozen=True)
class Lie:
    """What an answer says instead of the truth; None is the truth."""

    challenge: str | None = None
    origin: str | None = None
    type: str | None = None
    cross_origin: bool | None = None
    rp_id: str | None = None
    flags: int | None = None
    counter: int | None = None
    user_handle: bytes | None = None
    signature: bytes | None = None
    raw_id: bytes | None = None
    cose: bytes | None = None


TRUTH = Lie()


@dataclass
class Resident:
    """A discoverable credential."""

    id: bytes
    rp_id: str
    user_handle: bytes
    user_name: str
    private: PrivateKey
    counter: int = 0


@dataclass
class Authenticator:
    """``verifies``: it asks for a PIN or a finger.  ``counts``: each signature raises a counter.

    ``synced``: its keys are copied to the person's other devices.
    """

    algorithms: tuple[int, ...] = (ES256, EDDSA, RS256)
    verifies: bool = True
    counts: bool = True
    synced: bool = False
    residents: list[Resident] = field(default_factory=list)

    def create(self, options: Options, origin: str, lie: Lie = TRUTH) -> str:
        """``navigator.credentials.create``, and ``toJSON`` of what it gives."""
        rp_id = _allowed_rp(options["rp"]["id"], origin)
        excluded = {unb64(each["id"]) for each in options.get("excludeCredentials") or []}
        if any(resident.id in excluded for resident in self.residents):
            raise NotAllowed("InvalidStateError: this authenticator is registered already")
        offered = [each["alg"] for each in options["pubKeyCredParams"]]
        algorithm = next((one for one in self.algorithms if one in offered), None)
        if algorithm is None:
            raise NotAllowed("NotSupportedError: no algorithm in common")
        self._verify(options["authenticatorSelection"]["userVerification"])
        private = _new_key(algorithm)
        handle, name = unb64(options["user"]["id"]), options["user"]["name"]
        resident = Resident(secrets.token_bytes(32), rp_id, handle, name, private)
        self.residents.append(resident)
        return self._created(options, origin, resident, lie)

    def get(self, options: Options, origin: str, lie: Lie = TRUTH) -> str:
        """``navigator.credentials.get``, and ``toJSON`` of what it gives."""
        rp_id = _allowed_rp(options["rpId"], origin)
        listed = [unb64(each["id"]) for each in options.get("allowCredentials") or []]
        mine = [one for one in self.residents if one.rp_id == rp_id and (not listed or one.id in listed)]
        if not mine:
            raise NotAllowed("NotAllowedError: no credential for this site")
        self._verify(options["userVerification"])
        resident = mine[-1]
        resident.counter += self.counts
        counter = resident.counter if lie.counter is None else lie.counter
        data = _head(lie.rp_id or rp_id, self._flags(lie), counter)
        client_data = _client_data("webauthn.get", options, origin, lie)
        signature = _sign(resident.private, data + hashlib.sha256(client_data).digest())
        response = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(lie.signature or signature),
            "userHandle": b64(resident.user_handle if lie.user_handle is None else lie.user_handle),
        }
        return _answer(lie.raw_id or resident.id, response)

    def _created(self, options: Options, origin: str, resident: Resident, lie: Lie) -> str:
        cose = lie.cose or _cose(resident.private)
        credential = bytes(16) + struct.pack(">H", len(resident.id)) + resident.id + cose
        data = _head(lie.rp_id or resident.rp_id, self._flags(lie) | AT, lie.counter or 0) + credential
        statement = _map(
            (_text("fmt"), _text("none")), (_text("attStmt"), _map()), (_text("authData"), _octets(data))
        )
        client_data = _client_data("webauthn.create", options, origin, lie)
        response = {
            "clientDataJSON": b64(client_data),
            "attestationObject": b64(statement),
            "transports": ["internal", "hybrid", "pigeon"],
        }
        return _answer(lie.raw_id or resident.id, response)

    def _verify(self, wanted: str) -> None:
        if wanted == "required" and not self.verifies:
            raise NotAllowed("NotAllowedError: it cannot verify its user")

    def _flags(self, lie: Lie) -> int:
        if lie.flags is not None:
            return lie.flags
        return UP | (UV if self.verifies else 0) | (BE | BS if self.synced else 0)


def b64(octets: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The octets of it."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _allowed_rp(rp_id: str, origin: str) -> str:
    """What a browser checks: a secure page, of that domain or one below it, never of an address."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if host.replace(".", "").isdigit() or ":" in host:
        raise NotAllowed("SecurityError: an address is no domain")
    if parts.scheme != "https" and host != "localhost":
        raise NotAllowed("SecurityError: not a secure context")
    if host != rp_id and not host.endswith("." + rp_id):
        raise NotAllowed("SecurityError: another site's relying party")
    return rp_id


def _client_data(kind: str, options: Options, origin: str, lie: Lie) -> bytes:
    members = {
        "type": lie.type or kind,
        "challenge": lie.challenge or options["challenge"],
        "origin": lie.origin or origin,
        "crossOrigin": bool(lie.cross_origin),
    }
    return json.dumps(members, separators=(",", ":")).encode()


def _head(rp_id: str, flags: int, counter: int) -> bytes:
    return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, counter)


def _answer(raw_id: bytes, response: dict[str, Any]) -> str:
    return json.dumps(
        {
            "id": b64(raw_id),
            "rawId": b64(raw_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
    )


def _new_key(algorithm: int) -> PrivateKey:
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == RS256:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _sign(private: PrivateKey, message: bytes) -> bytes:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return private.sign(message, ec.ECDSA(hashes.SHA256()))


def _cose(private: PrivateKey) -> bytes:
    """The public key as COSE has it (RFC 9053)."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        x = private.public_key().public_bytes_raw()
        return _map((_int(1), _int(1)), (_int(3), _int(EDDSA)), (_int(-1), _int(6)), (_int(-2), _octets(x)))
    if isinstance(private, rsa.RSAPrivateKey):
        return rsa_cose(private.public_key().public_numbers().n)
    point = private.public_key().public_numbers()
    return ec_cose(point.x, point.y)


def ec_cose(x: int, y: int, *, algorithm: int = ES256) -> bytes:
    """A key on P-256, if the point is."""
    coordinates = [_octets(each.to_bytes(32, "big")) for each in (x, y)]
    return _map(
        (_int(1), _int(2)),
        (_int(3), _int(algorithm)),
        (_int(-1), _int(1)),
        (_int(-2), coordinates[0]),
        (_int(-3), coordinates[1]),
    )


def rsa_cose(modulus: int, exponent: int = 65537) -> bytes:
    """An RSA key."""
    octets, power = (each.to_bytes((each.bit_length() + 7) // 8, "big") for each in (modulus, exponent))
    return _map(
        (_int(1), _int(3)),
        (_int(3), _int(RS256)),
        (_int(-1), _octets(octets)),
        (_int(-2), _octets(power)),
    )


def _map(*pairs: tuple[bytes, bytes]) -> bytes:
    return _typed(5, len(pairs)) + b"".join(key + value for key, value in pairs)


def _int(number: int) -> bytes:
    return _typed(0, number) if number >= 0 else _typed(1, -1 - number)


def _octets(octets: bytes) -> bytes:
    return _typed(2, len(octets)) + octets


def _text(text: str) -> bytes:
    return _typed(3, len(text)) + text.encode()


def _typed(major: int, number: int) -> bytes:
    """A CBOR head (RFC 8949 section 3)."""
    if number < 24:
        return bytes([major << 5 | number])
    if number < 256:
        return bytes([major << 5 | 24, number])
    return bytes([major << 5 | 25]) + number.to_bytes(2, "big")
