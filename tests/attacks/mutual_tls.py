"""Clients with certificates at both servers: what valid requests are, and how to bend what a proxy tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idjag.forwarded import CertificateHeaders
from tests.attacks.entries import far_away
from tests.attacks.target import Wire, basic
from tests.certificates import DAY, NOW, Shown, shown

__all__ = ["BENT", "HEADERS", "OTHERS", "PROXY", "SELF", "SUBJECT", "TLS", "WRONG", "Bent", "certified"]

PROXY = "10.0.0.1"
HEADERS = CertificateHeaders("Client-Cert", "X-Any-Client-Cert")
VERIFIED, UNVERIFIED = b"client-cert", b"x-any-client-cert"
TLS, SELF = "tls", "self"
SUBJECT = "CN=Wiki,O=Acme\\, Inc."

CA = shown("CA", key="ca", authority=True)
OF_CA = shown(by=CA)
OWN = shown(key="own")


def header(client: str, certificate: Shown | None = None) -> tuple[bytes, bytes]:
    """What the proxy tells of this client."""
    name, usual = (VERIFIED, OF_CA) if client == TLS else (UNVERIFIED, OWN)
    return name, (certificate or usual).byte_sequence


def certified(wire: Wire) -> Wire:
    """The request as it comes through the proxy."""
    wire.form.append(("client_id", wire.client))
    wire.headers = [pair for pair in wire.headers if pair[0] != b"authorization"]
    wire.headers += [(b"x-forwarded-for", far_away().encode()), header(wire.client)]
    wire.source = PROXY
    return wire


@dataclass(frozen=True, slots=True)
class Bent:
    """One thing changed in a good request; which error, and which reason in the log."""

    name: str
    bend: Callable[[Wire], object]
    error: str = "invalid_client"
    status: int = 401

    def __str__(self) -> str:
        return self.name


def _without(wire: Wire) -> None:
    wire.headers = [pair for pair in wire.headers if pair[0] not in (VERIFIED, UNVERIFIED)]


def _saying(make: Callable[[Wire], bytes]) -> Callable[[Wire], None]:
    def bend(wire: Wire) -> None:
        name = header(wire.client)[0]
        _without(wire)
        wire.headers.append((name, make(wire)))

    return bend


def _showing(certificate: Shown) -> Callable[[Wire], None]:
    return _saying(lambda _wire: certificate.byte_sequence)


def _as(name: bytes) -> Callable[[Wire], None]:
    def bend(wire: Wire) -> None:
        text = header(wire.client)[1]
        _without(wire)
        wire.headers.append((name, text))

    return bend


def _twice(wire: Wire) -> None:
    wire.headers.append(header(wire.client))


def _beside_own(wire: Wire) -> None:
    wire.headers.insert(0, (header(wire.client)[0], OWN.byte_sequence))


def _from_outside(wire: Wire) -> None:
    wire.source = far_away()


def _nameless(wire: Wire) -> None:
    wire.form = [pair for pair in wire.form if pair[0] != "client_id"]


def _with_secret(wire: Wire) -> None:
    wire.form.append(("client_secret", "wiki-secret-0123456789"))


def _with_basic(wire: Wire) -> None:
    wire.headers.append((b"authorization", basic(wire.client, "wiki-secret-0123456789")))


def _forged(wire: Wire) -> None:
    _without(wire)
    wire.headers.append((UNVERIFIED, shown("Wiki", key="somebody").byte_sequence))


WRONG = Bent("another key and subject", _showing(shown("Notes", key="notes", by=CA)))
BENT = (
    Bent("no certificate", _without),
    Bent("not through the proxy", _from_outside),
    Bent("an empty header", _saying(lambda _: b"")),
    Bent("garbage", _saying(lambda _: b"garbage")),
    Bent("a subject in place of a certificate", _saying(lambda _: SUBJECT.encode())),
    Bent("SUCCESS", _saying(lambda _: b"SUCCESS")),
    Bent("too long", _saying(lambda _: b":" + b"A" * 20_000 + b":")),
    Bent("a list", _saying(lambda wire: header(wire.client)[1] + b", " + CA.byte_sequence)),
    Bent(
        "a chain of PEMs", _saying(lambda wire: (OF_CA if wire.client == TLS else OWN).escaped + CA.escaped)
    ),
    Bent("the authority itself", _showing(CA)),
    WRONG,
    Bent("over", _saying(lambda wire: _dated(wire, NOW - 2 * DAY, NOW - 1))),
    Bent("not yet", _saying(lambda wire: _dated(wire, NOW + 1000 * DAY, NOW + 2000 * DAY))),
    Bent("under the name of nginx", _as(b"x-ssl-client-cert")),
    Bent("under a name with an underscore", _as(b"client_cert")),
    Bent("the header twice", _twice, "invalid_request", 400),
    Bent("one of their own before it", _beside_own, "invalid_request", 400),
    Bent("no client_id", _nameless),
    Bent("a secret beside it", _with_secret, "invalid_request", 400),
    Bent("a header beside it", _with_basic, "invalid_request", 400),
)
OTHERS = (
    Bent("the certificate of another client", _showing(shown("Self", key="own", by=CA))),
    Bent("its own, whose chain nobody has verified", _as(UNVERIFIED)),
    Bent("its name on somebody's own certificate", _forged),
)
"""For tls_client_auth alone."""


def _dated(wire: Wire, start: int, end: int) -> bytes:
    by = CA if wire.client == TLS else None
    key = "wiki" if wire.client == TLS else "own"
    return shown(key=key, by=by, start=start, end=end).byte_sequence
