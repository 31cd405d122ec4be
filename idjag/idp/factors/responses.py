"""What a browser posts after a WebAuthn ceremony: JSON text in, a value out; nothing is proven here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fido2.webauthn import AuthenticationResponse, RegistrationResponse

from idjag.idp.factors import ceremony
from idjag.ledger.entry import OneTime
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import JoseError, base64url, json

__all__ = ["Assertion", "Attestation", "assertion", "attestation", "handle_of"]

T = TypeVar("T")

_MAX_BYTES: Final = 16 * 1024
_MAX_CREDENTIAL_ID: Final = 1023  # WebAuthn section 7.1
_TRANSPORTS: Final = ("usb", "nfc", "ble", "hybrid", "internal", "smart-card")


@dataclass(frozen=True, slots=True)
class Assertion:
    """An answer of ``navigator.credentials.get``; ``handle`` is what its credential is found by."""

    response: AuthenticationResponse = field(repr=False)
    handle: str
    challenge: str

    def once(self, *, now: int) -> tuple[OneTime, ...]:
        """What to name in ``consume_on_success`` beside ``passkeys.check``."""
        return (ceremony.once(self.challenge, now=now),)


@dataclass(frozen=True, slots=True)
class Attestation:
    """An answer of ``navigator.credentials.create``; ``transports`` are the browser's words."""

    response: RegistrationResponse = field(repr=False)
    handle: str
    challenge: str
    transports: tuple[str, ...]


def assertion(text: str) -> Assertion:
    """Read what a sign-in form brings; raises Refused PASSKEY_INVALID."""
    members = _members(text, "authenticatorData", "signature", optional="userHandle")
    response = _foreign(AuthenticationResponse.from_dict, members)
    challenge = base64url.encode(response.response.client_data.challenge)
    return Assertion(response, handle_of(response.raw_id), challenge)


def attestation(text: str) -> Attestation:
    """Read what an enrolment form brings; raises Refused PASSKEY_INVALID."""
    members = _members(text, "attestationObject")
    response = _foreign(RegistrationResponse.from_dict, members)
    challenge = base64url.encode(response.response.client_data.challenge)
    return Attestation(response, handle_of(response.raw_id), challenge, _transports(text))


def handle_of(credential_id: bytes) -> str:
    """What a credential is found by: ids have up to 1023 bytes and are nobody's business in an index."""
    return hashlib.sha256(credential_id).hexdigest()


def _members(text: str, *wanted: str, optional: str = "") -> dict[str, Any]:
    """The members that the library is to read, each proven to be base64url.

    It would make a number of a billion into that many zero bytes.
    """
    outer = _object(text)
    inner = outer.get("response")
    if outer.get("type") != "public-key" or not isinstance(inner, dict):
        raise Refused(Reason.PASSKEY_INVALID)
    response = {name: inner.get(name) for name in ("clientDataJSON", *wanted)}
    if optional and inner.get(optional):
        response[optional] = inner[optional]
    raw_id, client_data, *_ = [_octets(each) for each in (outer.get("rawId"), *response.values())]
    if not 0 < len(raw_id) <= _MAX_CREDENTIAL_ID:
        raise Refused(Reason.PASSKEY_INVALID)
    # one reading of what was signed: the library takes the last of two members of one name
    challenge = _object(client_data).get("challenge")
    _octets(challenge)
    return {"type": "public-key", "id": outer.get("id"), "rawId": outer["rawId"], "response": response}


def _object(text: str | bytes) -> dict[str, json.JsonValue]:
    try:
        return json.parse_object(text, max_bytes=_MAX_BYTES)
    except JoseError:
        raise Refused(Reason.PASSKEY_INVALID) from None


def _octets(value: object) -> bytes:
    try:
        return base64url.decode(value if isinstance(value, str) else "!")
    except JoseError:
        raise Refused(Reason.PASSKEY_INVALID) from None


def _transports(text: str) -> tuple[str, ...]:
    """The ways to the authenticator that we know, as far as the browser names any."""
    inner = _object(text)["response"]
    named = inner.get("transports") if isinstance(inner, dict) else None
    known = [one for one in named if one in _TRANSPORTS] if isinstance(named, list) else []
    return tuple(dict.fromkeys(str(one) for one in known))


def _foreign(read: Callable[[Mapping[str, Any]], T | None], members: Mapping[str, Any]) -> T:
    """The value, or PASSKEY_INVALID: a parser for bytes from anywhere raises whatever it raises."""
    try:
        value = read(members)
    except Exception:  # noqa: BLE001  # its text may quote the input, so that it goes no further
        raise Refused(Reason.PASSKEY_INVALID) from None
    if value is None:
        raise Refused(Reason.PASSKEY_INVALID)
    return value
