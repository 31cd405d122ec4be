"""Passkeys (W3C WebAuthn): what a browser is asked, and what its answers prove; the user is always verified.

A passkey that has verified its user is two factors in one, and signs in without a password too.  It is
discoverable, so that nobody need type a name first.  No attestation is asked for: which makes of
authenticators people may use is nobody's rule here, and asking would make browsers warn.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from fido2 import cbor
from fido2.cose import RS256, CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import (
    Aaguid,
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from idjag.idp.factors.ceremony import LIFETIME, Ceremony, once
from idjag.idp.factors.enrolled import TABLE, Enrolment, NewFactor, rows, spec, used, written
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.factors.relying_party import RelyingParty
from idjag.idp.factors.responses import Assertion, Attestation
from idjag.idp.facts import string
from idjag.ledger.entry import Facts, Key, Row
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import base64url

__all__ = ["ALGORITHMS", "check", "creation_options", "enrolment", "owner", "request_options", "user_handle"]

ALGORITHMS: Final = (-8, -7, -257)  # EdDSA, ES256, RS256 (the TPMs of Windows)
_RSA_BITS: Final = range(2048, 4097)
_RSA_EXPONENTS: Final = range(65537, 2**32, 2)  # a long one would make each check as dear as a signature
_REQUIRED: Final = UserVerificationRequirement.REQUIRED


class Reads(Protocol):
    """A ledger, as far as looking somebody up goes."""

    def read(self, keys: tuple[Key, ...]) -> Facts:
        """Fresh facts."""
        ...


def creation_options(
    ceremony: Ceremony, *, challenge: str, tenant: str, person_id: str, username: str, name: str, found: Facts
) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptionsJSON for a new passkey of this person (``enrolled.keys``)."""
    options, _ = _server(ceremony.rp).register_begin(
        PublicKeyCredentialUserEntity(
            id=user_handle(tenant, person_id), name=username, display_name=name or username
        ),
        credentials=_descriptors(found, person_id),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_REQUIRED,
        challenge=base64url.decode(challenge),
    )
    return _plain(options.public_key)


def request_options(
    ceremony: Ceremony, *, challenge: str, found: Facts | None = None, person_id: str | None = None
) -> dict[str, Any]:
    """PublicKeyCredentialRequestOptionsJSON; without a person, any passkey that the browser has for us.

    Raises Refused FACTOR_UNKNOWN for a person who has none: no list would mean anybody's.
    """
    credentials = None
    if found is not None and person_id is not None:
        credentials = _descriptors(found, person_id)
        if not credentials:
            raise Refused(Reason.FACTOR_UNKNOWN)
    options, _ = _server(ceremony.rp).authenticate_begin(
        credentials=credentials, user_verification=_REQUIRED, challenge=base64url.decode(challenge)
    )
    return _plain(options.public_key)


def owner(ledger: Reads, tenant: str, assertion: Assertion) -> str | None:
    """Whose passkey it says to be; ``check`` must prove it in the decision."""
    key = Key(TABLE, "handle", assertion.handle)
    found = ledger.read((key,))(key)
    return next((string(row, "person_id") for row in found if row["tenant_id"] == tenant), None)


def check(
    found: Facts, person_id: str, assertion: Assertion, *, ceremony: Ceremony, tenant: str, now: int
) -> Proof | Wrong:
    """Whether one of this person's passkeys has answered this very attempt (WebAuthn section 7.2)."""
    mine = [row for row in rows(found, person_id, "passkey") if row["handle"] == assertion.handle]
    if not mine or mine[0]["tenant_id"] != tenant:
        return Wrong(Reason.FACTOR_UNKNOWN)
    row, id_ = mine[0], string(mine[0], "id")
    if not ceremony.fits(assertion.challenge, now=now):
        return Wrong(Reason.FACTOR_EXPIRED, id_)
    response = assertion.response.response
    signed, known = response.authenticator_data, spec(row)
    if response.user_handle and response.user_handle != user_handle(tenant, person_id):
        return Wrong(Reason.PASSKEY_INVALID, id_)
    if not _signed_by(row, assertion, ceremony) or not _consistent(signed, response.client_data):
        return Wrong(Reason.PASSKEY_INVALID, id_)
    if signed.is_backup_eligible() != known["backup_eligible"]:  # it never changes in the life of a key
        return Wrong(Reason.PASSKEY_INVALID, id_)
    counter = int(known["counter"])
    if (signed.counter or counter) and signed.counter <= counter:
        # Another authenticator has the same key, or had; which of the two this is, nobody can tell.
        return Wrong(Reason.PASSKEY_COUNTER, id_)
    changed = {"counter": signed.counter, "backed_up": signed.is_backed_up()}
    return Proof("passkey", id_, (used(row, changed, now=now),))


def enrolment(attestation: Attestation, *, ceremony: Ceremony, new: NewFactor) -> Enrolment | Wrong:
    """The passkey that a browser has just made (WebAuthn section 7.1); FACTOR_EXPIRED, PASSKEY_INVALID."""
    now, response = new.source.now, attestation.response
    if not ceremony.fits(attestation.challenge, now=now):
        return Wrong(Reason.FACTOR_EXPIRED)
    try:
        made = _server(ceremony.rp).register_complete(_state(attestation.challenge), response)
    except Exception:  # noqa: BLE001  # checks and parsers of the library on bytes from anywhere
        return Wrong(Reason.PASSKEY_INVALID)
    credential = made.credential_data
    if credential is None or credential.credential_id != response.raw_id:
        return Wrong(Reason.PASSKEY_INVALID)
    if not _consistent(made, response.response.client_data) or not _usable(credential.public_key):
        return Wrong(Reason.PASSKEY_INVALID)
    row = new.row(
        "passkey",
        secret=base64url.encode(cbor.encode(credential.public_key)),
        handle=attestation.handle,
        spec=written(
            {
                "id": base64url.encode(credential.credential_id),
                "aaguid": str(credential.aaguid),
                "counter": made.counter,
                "backup_eligible": made.is_backup_eligible(),
                "backed_up": made.is_backed_up(),
                "transports": list(attestation.transports),
            }
        ),
    )
    return Enrolment(new, "passkey", row, (once(attestation.challenge, now=now),))


def user_handle(tenant: str, person_id: str) -> bytes:
    """What authenticators know a person by: says nothing about anybody, and never changes."""
    return hashlib.sha256(f"idjag user handle\0{tenant}\0{person_id}".encode()).digest()


def _server(rp: RelyingParty) -> Fido2Server:
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=rp.id, name=rp.name or rp.id),
        attestation=AttestationConveyancePreference.NONE,
        # the library would take any host below ours: whoever has one of those must not sign in here
        verify_origin=lambda origin: origin == rp.origin,
    )
    server.timeout = cast("None", LIFETIME * 1000)  # it is declared by its first value
    server.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=alg) for alg in ALGORITHMS
    ]
    return server


def _state(challenge: str) -> dict[str, str]:
    return {"challenge": challenge, "user_verification": _REQUIRED}


def _signed_by(row: Row, assertion: Assertion, ceremony: Ceremony) -> bool:
    """Type, origin, challenge, relying party, flags and signature."""
    try:
        cose = cast("Mapping[int, Any]", cbor.decode(base64url.decode(string(row, "secret"))))
        public_key = CoseKey.parse(cose)
        stored = AttestedCredentialData.create(Aaguid.NONE, assertion.response.raw_id, public_key)
        _server(ceremony.rp).authenticate_complete(_state(assertion.challenge), [stored], assertion.response)
    except Exception:  # noqa: BLE001  # a signature of another shape raises whatever it raises
        return False
    return True


def _consistent(signed: AuthenticatorData, client_data: CollectedClientData) -> bool:
    """What the library leaves out: a frame of another site's, and a backup of what cannot be backed up."""
    return client_data.cross_origin is False and (signed.is_backup_eligible() or not signed.is_backed_up())


def _usable(key: CoseKey) -> bool:
    """Whether it can verify anything: without attestation nothing has been signed with it yet."""
    if key.ALGORITHM not in ALGORITHMS:
        return False
    try:
        if isinstance(key, RS256):
            modulus, exponent = (int.from_bytes(key[label], "big") for label in (-1, -2))
            size = RSAPublicNumbers(exponent, modulus).public_key().key_size
            return size in _RSA_BITS and exponent in _RSA_EXPONENTS
        key.verify(b"", bytes(64))
    except InvalidSignature:
        return True
    except Exception:  # noqa: BLE001  # not on its curve, of another length, without a coordinate
        return False
    return False


def _descriptors(found: Facts, person_id: str) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor.from_dict(
            {"type": "public-key", "id": known["id"], "transports": known["transports"]}
        )
        for known in map(spec, rows(found, person_id, "passkey"))
    ]


def _plain(options: Any) -> dict[str, Any]:
    """The options as JSON has them; the library's own mappings look like that only to ``json``."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(options)))
    return plain
