"""Client certificates for tests: an authority, what it signs or what signs itself, and the headers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from idjag.protocol.client_certificate import Told
from idjag.protocol.jose import base64url

NOW = 1_800_000_000
DAY = 24 * 3600


@cache
def key_named(name: str) -> ec.EllipticCurvePrivateKey:
    """One key a name and session."""
    del name
    return ec.generate_private_key(ec.SECP256R1())


def subject(common_name: str, organization: str = "Acme, Inc.") -> x509.Name:
    """A subject of two parts; the comma must be escaped in its text."""
    parts = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


@dataclass(frozen=True)
class Shown:
    """A certificate and its key, as a client has them."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        """The certificate's octets."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate in a file."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key in a file."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def byte_sequence(self) -> bytes:
        """RFC 9440."""
        return b":" + base64.b64encode(self.der) + b":"

    @property
    def escaped(self) -> bytes:
        """As nginx writes $ssl_client_escaped_cert."""
        return quote(self.pem.decode(), safe="").encode()

    @property
    def verified(self) -> Told:
        """From a proxy that has verified the chain."""
        return Told(self.byte_sequence, chain_verified=True)

    @property
    def unverified(self) -> Told:
        """From a proxy that has not."""
        return Told(self.byte_sequence)

    def jwk(self, *, x5c: bool = False, **more: Any) -> dict[str, Any]:
        """The key as a client registers it."""
        numbers = self.key.public_key().public_numbers()
        x, y = (base64url.encode(each.to_bytes(32, "big")) for each in (numbers.x, numbers.y))
        chain = {"x5c": [base64.b64encode(self.der).decode()]} if x5c else {}
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y, **chain, **more}


def shown(
    common_name: str = "Wiki",
    *,
    key: str = "wiki",
    by: Shown | None = None,
    name: x509.Name | None = None,
    names: Sequence[x509.GeneralName] = (),
    start: int = NOW - DAY,
    end: int = NOW + DAY,
    authority: bool = False,
) -> Shown:
    """A certificate; signed by itself when ``by`` is None."""
    own, whose = key_named(key), name or subject(common_name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(by.certificate.subject if by else whose)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(start, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Shown(builder.sign(by.key if by else own, hashes.SHA256()), own)
