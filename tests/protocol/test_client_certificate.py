"""Client certificates: read from what a proxy tells, and compared with whom a registration names."""

from __future__ import annotations

import base64
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol import client_certificate, names
from idjag.protocol.client_certificate import SUBJECTS, Subject, SubjectWrong, Told
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import KeySet
from tests.certificates import DAY, NOW, key_named, shown, subject
from tests.protocol.parts import outcome, refusal

WIKI = shown()
CHAIN = shown(authority=True, common_name="CA", key="ca")
NAMES = (
    x509.DNSName("wiki.client.example"),
    x509.DNSName("*.apps.example"),
    x509.UniformResourceIdentifier("https://client.example/Wiki"),
    x509.IPAddress(ip_address("2001:db8::1")),
    x509.RFC822Name("Wiki@client.example"),
)
NAMED = shown(names=NAMES)


def text_of(name: x509.Name) -> str:
    return name.rfc4514_string()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WIKI.byte_sequence, id="RFC 9440"),
        pytest.param(WIKI.escaped, id="nginx"),
        pytest.param(quote(WIKI.pem, safe="+/=").encode(), id="a balancer that escapes less"),
        pytest.param(WIKI.escaped.replace(b"%0A", b"%0D%0A"), id="CR LF"),
        pytest.param(WIKI.escaped.removesuffix(b"%0A"), id="no line end after the end"),
    ],
)
def test_both_forms_are_known_by_themselves(text: bytes) -> None:
    """CAU-08: no setting says which of them a proxy writes."""
    assert client_certificate.read(Told(text)) == WIKI.certificate


MALFORMED = [
    pytest.param(b"garbage", "neither a byte sequence nor an escaped PEM", id="garbage"),
    pytest.param(b":", "neither a byte sequence nor an escaped PEM", id="one colon"),
    pytest.param(WIKI.byte_sequence[:-1], "neither a byte sequence nor an escaped PEM", id="cut off"),
    pytest.param(WIKI.byte_sequence[1:-1], "neither a byte sequence nor an escaped PEM", id="bare base64"),
    pytest.param(b"::", "not a certificate", id="empty byte sequence"),
    pytest.param(b":AAAA:", "not a certificate", id="base64 of something else"),
    pytest.param(WIKI.byte_sequence.replace(b":M", b": M"), "base64", id="a space inside"),
    pytest.param(WIKI.byte_sequence + b", " + CHAIN.byte_sequence, "base64", id="a list of byte sequences"),
    pytest.param(WIKI.byte_sequence + b";a=:", "base64", id="parameters"),
    pytest.param(b":" + base64.b64encode(WIKI.der + b"\0") + b":", "not a certificate", id="more after it"),
    pytest.param(b":" + base64.b64encode(WIKI.der[:-1]) + b":", "not a certificate", id="less than one"),
    pytest.param(
        b":" + base64.urlsafe_b64encode(b"\xfb\xff" * 300) + b":", "base64", id="the other alphabet"
    ),
    pytest.param(WIKI.escaped + CHAIN.escaped, "a chain", id="a chain of PEMs"),
    pytest.param(quote(WIKI.key_pem, safe="").encode(), "not a PEM", id="a private key"),
    pytest.param(WIKI.pem.replace(b"\n", b" "), "not a PEM", id="a PEM on one line"),
    pytest.param(WIKI.escaped.replace(b"%0A", b"%0A%2A", 2), "base64", id="a sign that is not base64"),
    pytest.param(WIKI.escaped + b"%0A%0AX", "not a PEM", id="more after the PEM"),
    pytest.param(
        b":" + b"A" * (names.MAX_CLIENT_CERTIFICATE - 1) + b":", "too long", id="one octet too long"
    ),
]


@pytest.mark.parametrize(("text", "problem"), MALFORMED)
def test_what_is_not_exactly_one_certificate_is_refused(text: bytes, problem: str) -> None:
    """CAU-08, RFC 9440 section 2.2: never as if there were none."""
    refused = refusal(lambda: client_certificate.read(Told(text, chain_verified=True)))
    assert (refused.reason, refused.fact["problem"]) == (Reason.CLIENT_CERTIFICATE_MALFORMED, problem)


def test_the_longest_header_is_still_read() -> None:
    """Positive control of the limit: what is refused there is its content."""
    text = b":" + b"A" * (names.MAX_CLIENT_CERTIFICATE - 2) + b":"
    assert refusal(lambda: client_certificate.read(Told(text))).fact["problem"] != "too long"


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda octets: b":" + octets + b":"))
def test_no_header_makes_anything_but_a_certificate_or_a_refusal(text: bytes) -> None:
    """Attack case 33, for certificates."""
    assert isinstance(outcome(lambda: client_certificate.read(Told(text))), Refused)


@given(st.integers(0, len(WIKI.der) - 1), st.integers(0, 255))
def test_a_certificate_with_one_octet_changed_is_read_or_refused(place: int, octet: int) -> None:
    """Attack case 33: cryptography reads parts of it late, and none of its errors may come out later."""
    der = bytearray(NAMED.der)
    der[place] = octet
    read = outcome(
        lambda: client_certificate.read(Told(b":" + base64.b64encode(bytes(der)) + b":", chain_verified=True))
    )
    if not isinstance(read, Refused):
        client_certificate.alive(read, now=NOW)
        client_certificate.has_key(read, KeySet(()))
        client_certificate.shown(read)
        assert [
            kind for kind, text in SUBJECT_TEXTS if client_certificate.has_subject(read, Subject(kind, text))
        ]


SUBJECT_TEXTS = [
    ("tls_client_auth_subject_dn", text_of(NAMED.certificate.subject)),
    ("tls_client_auth_san_dns", "wiki.client.example"),
    ("tls_client_auth_san_uri", "https://client.example/Wiki"),
    ("tls_client_auth_san_ip", "2001:db8::1"),
    ("tls_client_auth_san_email", "Wiki@client.example"),
]


def test_what_is_told_does_not_show_itself() -> None:
    """Attack case 199: neither in logs nor in reprs."""
    assert repr(Told(b"canary", chain_verified=True)) == "Told(chain_verified=True)"


@pytest.mark.parametrize(
    ("now", "expected"),
    [(NOW - 1, False), (NOW, True), (NOW + DAY, True), (NOW + DAY + 1, False)],
)
def test_a_certificate_lives_from_its_first_second_to_its_last(now: int, *, expected: bool) -> None:
    """CAU-08, RFC 5280 section 4.1.2.5, attack case 174."""
    certificate = shown(start=NOW, end=NOW + DAY).certificate
    assert client_certificate.alive(certificate, now=now) is expected


MULTIPLE = x509.Name(
    [
        x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme")]),
        x509.RelativeDistinguishedName(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "Wiki"),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Apps"),
            ]
        ),
    ]
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (subject("Wiki"), "CN=Wiki,O=Acme\\, Inc."),
        (subject("Wiki"), "cn=Wiki,o=Acme\\2C Inc."),
        (subject("Wiki"), "2.5.4.3=Wiki,2.5.4.10=Acme\\, Inc."),
        (subject("Büro"), "CN=Büro,O=Acme\\, Inc."),
        (subject("Büro"), "CN=B\\C3\\BCro,O=Acme\\, Inc."),
        (MULTIPLE, "CN=Wiki+OU=Apps,O=Acme"),
        (MULTIPLE, "OU=Apps+CN=Wiki,O=Acme"),
        (
            x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "w@a.example")]),
            "emailAddress=w@a.example",
        ),
        (x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "7")]), "serialNumber=7"),
    ],
)
def test_a_subject_has_several_texts(name: x509.Name, text: str) -> None:
    """CAU-08: compared part by part, not as texts (RFC 4514, RFC 8705 section 2.1.2)."""
    registered = Subject("tls_client_auth_subject_dn", text)
    assert client_certificate.has_subject(shown(name=name).certificate, registered)
    assert not client_certificate.has_subject(shown("Other").certificate, registered)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("O=Acme\\, Inc.,CN=Wiki", id="the other way round"),
        pytest.param("CN=Wiki", id="a part is missing"),
        pytest.param("CN=Wiki,O=Acme\\, Inc.,C=DE", id="a part more"),
        pytest.param("CN=Wiki+O=Acme\\, Inc.", id="one part of two"),
        pytest.param("CN=wiki,O=Acme\\, Inc.", id="another case"),
        pytest.param("OU=Wiki,O=Acme\\, Inc.", id="another attribute"),
    ],
)
def test_another_subject_is_another_client(text: str) -> None:
    """CAU-08, attack case 174; the positive control stands above."""
    assert not client_certificate.has_subject(
        shown("Wiki").certificate, Subject("tls_client_auth_subject_dn", text)
    )


@pytest.mark.parametrize(("kind", "text"), SUBJECT_TEXTS[1:])
def test_an_alternative_name_is_enough_and_only_in_its_own_kind(kind: str, text: str) -> None:
    """CAU-08: of several names one is the client's; a certificate without them has none."""
    registered = Subject(kind, text)
    assert client_certificate.has_subject(NAMED.certificate, registered)
    assert not client_certificate.has_subject(WIKI.certificate, registered)
    assert not client_certificate.has_subject(shown(text[:60]).certificate, registered)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("san_dns", "WIKI.client.Example", True),
        ("san_dns", "client.example", False),
        ("san_dns", "a.apps.example", False),
        ("san_uri", "https://client.example/wiki", False),
        ("san_uri", "https://CLIENT.example/Wiki", False),
        ("san_ip", "2001:0db8:0:0::1", True),
        ("san_ip", "2001:db8::2", False),
        ("san_email", "Wiki@CLIENT.example", True),
        ("san_email", "wiki@client.example", False),
        ("san_email", "client.example@Wiki", False),
    ],
)
def test_alternative_names_are_compared_as_their_kind_is(kind: str, text: str, *, expected: bool) -> None:
    """CAU-08, RFC 5280 section 7: and what a certificate has with a star fits nobody."""
    registered = Subject(f"tls_client_auth_{kind}", text)
    assert client_certificate.has_subject(NAMED.certificate, registered) is expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("subject_dn", ""),
        ("subject_dn", "x" * 1025),
        ("subject_dn", "Wiki"),
        ("subject_dn", "CN=Wiki, O=Acme"),
        ("subject_dn", "/O=Acme/CN=Wiki"),
        ("subject_dn", "CN=Wiki;O=Acme"),
        ("subject_dn", "colour=red"),
        ("subject_dn", "CN=#0C0457696B69"),
        ("san_dns", "*.client.example"),
        ("san_dns", "client..example"),
        ("san_dns", "client.example."),
        ("san_dns", "a b"),
        ("san_uri", "client.example"),
        ("san_uri", "https:"),
        ("san_uri", "https://a b"),
        ("san_ip", "client.example"),
        ("san_ip", "192.0.2.0/24"),
        ("san_ip", "192.0.2.01"),
        ("san_email", "client.example"),
        ("san_email", "a@b@c"),
        ("san_email", "a b@client.example"),
        ("san_other", "anything"),
    ],
)
def test_a_subject_that_no_certificate_could_have_is_refused(kind: str, text: str) -> None:
    """CAU-08: when it is registered, not when somebody fails; positive controls stand above."""
    with pytest.raises(SubjectWrong):
        Subject(f"tls_client_auth_{kind}", text)


def keys(*jwks: dict[str, Any]) -> KeySet:
    return KeySet.parse({"keys": list(jwks)})[0]


def test_the_registered_key_is_the_certificate_s() -> None:
    """CAU-08, RFC 8705 section 2.2: a new certificate for the same key needs no new registration."""
    registered = keys(shown(key="another").jwk(kid="1"), WIKI.jwk(kid="2"))
    assert client_certificate.has_key(WIKI.certificate, registered)
    assert client_certificate.has_key(shown("Renewed").certificate, registered)
    assert not client_certificate.has_key(shown(key="third").certificate, registered)
    assert not client_certificate.has_key(WIKI.certificate, keys())


def test_a_registered_certificate_is_that_one_alone() -> None:
    """CAU-08, RFC 8705 section 2.2.2: x5c names the certificate, and a key beside it alone does not do."""
    registered = keys(WIKI.jwk(x5c=True))
    assert client_certificate.has_key(WIKI.certificate, registered)
    assert not client_certificate.has_key(shown("Renewed").certificate, registered)
    # the certificate of somebody else beside their own key
    other = shown(key="another")
    swapped = keys({**other.jwk(), "x5c": WIKI.jwk(x5c=True)["x5c"]})
    assert not client_certificate.has_key(WIKI.certificate, swapped)
    assert not client_certificate.has_key(other.certificate, swapped)


def test_a_key_that_we_never_use_can_be_in_a_certificate() -> None:
    """CAU-08: it matches nothing, and nothing breaks."""
    own = ed448.Ed448PrivateKey.generate()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject("Wiki"))
        .issuer_name(subject("Wiki"))
        .public_key(own.public_key())
        .serial_number(1)
        .not_valid_before(WIKI.certificate.not_valid_before_utc)
        .not_valid_after(WIKI.certificate.not_valid_after_utc)
        .sign(own, None)
    )
    assert not client_certificate.has_key(certificate, keys(WIKI.jwk()))
    assert key_named("wiki").public_key() == WIKI.certificate.public_key()


def test_an_operator_sees_whose_certificate_came() -> None:
    assert client_certificate.shown(NAMED.certificate) == (
        "CN=Wiki,O=Acme\\, Inc. wiki.client.example *.apps.example https://client.example/Wiki"
    )


def test_every_kind_of_subject_has_its_test() -> None:
    assert [kind for kind, _ in SUBJECT_TEXTS] == list(SUBJECTS)
