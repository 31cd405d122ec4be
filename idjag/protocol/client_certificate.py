"""The client certificate of a TLS connection: read as a proxy tells it, and compared with a registration.

RFC 8705 section 2, RFC 9440, RFC 4514.  From whom a header is believed is not decided here (idjag.forwarded).
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate
from cryptography.x509.oid import NameOID

from idjag.protocol import names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import KeySet

__all__ = [
    "SUBJECTS",
    "Certificate",
    "Subject",
    "SubjectWrong",
    "Told",
    "alive",
    "has_key",
    "has_subject",
    "read",
    "shown",
]

_PREFIX = "tls_client_auth_"
SUBJECTS: Final = tuple(
    _PREFIX + kind for kind in ("subject_dn", "san_dns", "san_uri", "san_ip", "san_email")
)
"""How a registration may say whose certificate it is: exactly one of these (RFC 8705 section 2.1.2)."""

_LONGEST_SUBJECT = 1024
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\r?\n([^-]+)-----END CERTIFICATE-----(?:\r?\n)?")
_PEM_BEGINS = b"-----BEGIN"
# A label of a name that stands for itself: what is matched is never a pattern.
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+")
_EMAIL = re.compile(r"[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.-]+")
# What people write and openssl prints beside the nine names of RFC 4514.
_OIDS = {
    "CN": NameOID.COMMON_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
}
_NAMES = {way(name): oid for name, oid in _OIDS.items() for way in (str, str.lower, str.upper)}
_Alternative: TypeAlias = (
    x509.DNSName | x509.UniformResourceIdentifier | x509.IPAddress | x509.RFC822Name  # of what subjects name
)
# What cryptography raises for certificates that it cannot read, some of it only when it is asked for a part.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class SubjectWrong(ValueError):
    """A registration's subject that no certificate could be compared with; a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Told:
    """The certificate that the client of a connection has shown, as somebody we believe tells it.

    ``text``: a byte sequence of RFC 9440, or a percent-encoded PEM; nothing of it is read yet.
    ``chain_verified``: it leads to an authority of theirs.  That the client has the key is certain in any
    case: the handshake proves it.
    """

    text: bytes = field(repr=False)
    chain_verified: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose certificate is the client's; ``kind`` is one of ``SUBJECTS``, ``text`` as it was registered.

    Raises SubjectWrong.
    """

    kind: str
    text: str

    def __post_init__(self) -> None:
        if self.kind not in SUBJECTS:
            raise SubjectWrong("is not a way to name a certificate")
        if not 0 < len(self.text) <= _LONGEST_SUBJECT:
            raise SubjectWrong(f"has 1 to {_LONGEST_SUBJECT} characters")
        match self.kind.removeprefix(_PREFIX):
            case "subject_dn":
                _name(self.text)
            case "san_dns" if not all(map(_LABEL.fullmatch, self.text.split("."))):
                raise SubjectWrong("is a DNS name, without wildcards")
            case "san_uri" if not _URI.fullmatch(self.text):
                raise SubjectWrong("is an absolute URI")
            case "san_ip":
                _address(self.text)
            case "san_email" if not _EMAIL.fullmatch(self.text):
                raise SubjectWrong("is an email address")


def _name(text: str) -> x509.Name:
    """The distinguished name of its RFC 4514 text; raises SubjectWrong."""
    try:
        # its form with # is for values that are no text: cryptography reads it as one
        name = None if "=#" in text else x509.Name.from_rfc4514_string(text, _NAMES)
    except ValueError:
        name = None
    if name is None:
        raise SubjectWrong(
            "is a name as RFC 4514 writes it, the most specific part first and no space after commas: "
            "openssl x509 -noout -subject -nameopt RFC2253 prints it"
        )
    return name


def _address(text: str) -> object:
    try:
        return ip_address(text)
    except ValueError:
        raise SubjectWrong("is an IP address") from None


def read(told: Told) -> Certificate:
    """The one certificate; raises Refused CLIENT_CERTIFICATE_MALFORMED.

    A chain is refused: which of its members the client has the key of is then anybody's guess.
    """
    if len(told.text) > names.MAX_CLIENT_CERTIFICATE:
        raise _malformed("too long")
    der = _from_pem(told.text) if told.text.startswith(_PEM_BEGINS) else _from_byte_sequence(told.text)
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        _ = certificate.subject, certificate.extensions, certificate.not_valid_after_utc
    except _UNREADABLE:
        raise _malformed("not a certificate") from None
    return certificate


def _from_byte_sequence(text: bytes) -> bytes:
    """RFC 9440 section 2.1, RFC 8941 section 3.3.5: base64 between colons."""
    if len(text) < 2 or not text.startswith(b":") or not text.endswith(b":"):
        raise _malformed("neither a byte sequence nor an escaped PEM")
    return _base64(text[1:-1])


def _from_pem(text: bytes) -> bytes:
    """What nginx calls $ssl_client_escaped_cert; others escape less of it."""
    pem = unquote_to_bytes(text)
    if pem.count(_PEM_BEGINS) > 1:
        raise _malformed("a chain")
    found = _PEM.fullmatch(pem)
    if found is None:
        raise _malformed("not a PEM")
    return _base64(found[1].replace(b"\n", b"").replace(b"\r", b""))


def _base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise _malformed("base64") from None


def _malformed(problem: str) -> Refused:
    return Refused(Reason.CLIENT_CERTIFICATE_MALFORMED, problem=problem)


def alive(certificate: Certificate, *, now: int) -> bool:
    """Whether it is valid at that second (RFC 5280 section 4.1.2.5: both ends included)."""
    moment = datetime.fromtimestamp(now, UTC)
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def shown(certificate: Certificate) -> str:
    """Its name and alternative names, for the operator."""
    names_ = [_alternatives(certificate, kind) for kind in (x509.DNSName, x509.UniformResourceIdentifier)]
    return " ".join([certificate.subject.rfc4514_string(), *(str(one) for each in names_ for one in each)])


def has_subject(certificate: Certificate, subject: Subject) -> bool:
    """Whether the certificate is that of the subject (RFC 8705 section 2.1.2).

    Names are compared part by part, each value exactly; of several alternative names one is enough.
    """
    text = subject.text
    match subject.kind.removeprefix(_PREFIX):
        case "subject_dn":
            return certificate.subject == _name(text)
        case "san_dns":
            return text.lower() in map(str.lower, _alternatives(certificate, x509.DNSName))
        case "san_uri":
            return text in _alternatives(certificate, x509.UniformResourceIdentifier)
        case "san_ip":
            return _address(text) in _alternatives(certificate, x509.IPAddress)
        case _:
            return _folded(text) in map(_folded, _alternatives(certificate, x509.RFC822Name))


def _alternatives(certificate: Certificate, kind: type[_Alternative]) -> list[Any]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return list(extension.value.get_values_for_type(kind))


def _folded(email: str) -> str:
    """RFC 5280 section 7.5: the host in any case, the local part exactly."""
    local, _, host = email.rpartition("@")
    return f"{local}@{host.lower()}"


def has_key(certificate: Certificate, keys: KeySet) -> bool:
    """Whether the certificate's key is registered (RFC 8705 section 2.2).

    Where a registered key comes with a certificate of its own (x5c), it must be this one.
    """
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = certificate.fingerprint(hashes.SHA256())
    return any(each.spki == key and each.certificate in (None, digest) for each in keys.keys)
