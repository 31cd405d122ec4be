"""Which URLs and addresses may be fetched."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from idjag.trust.outbound import FetchFailed, OutboundAllow, Target, address_of, parse_url

PUBLIC = "93.184.216.34"

SPECIAL = [
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:93.184.216.34",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


def refusal(allow: OutboundAllow, url: str, *addresses: str) -> str | None:
    """Why the URL may not be fetched at the addresses; None when it may."""
    try:
        allow.check(parse_url(url), [address_of(text) for text in addresses])
    except FetchFailed as failed:
        return failed.problem
    return None


def url_refusal(url: str) -> str | None:
    try:
        parse_url(url)
    except FetchFailed as failed:
        return failed.problem
    return None


@pytest.mark.parametrize("address", SPECIAL)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    """Attack case 176, CAU-11: special-use ranges, also those that ipaddress.is_private misses."""
    assert "not a public address" in (refusal(OutboundAllow(), "https://idp.example", address) or "")


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"])
def test_a_public_address_is_open(address: str) -> None:
    """The positive control of the list above."""
    assert refusal(OutboundAllow(), "https://idp.example", address) is None


def test_one_private_address_among_public_ones_condemns_all() -> None:
    """A name that answers with both is the usual way around a check of the first one."""
    assert refusal(OutboundAllow(), "https://idp.example", PUBLIC, PUBLIC) is None
    assert refusal(OutboundAllow(), "https://idp.example", PUBLIC, "10.0.0.1") is not None


def test_a_name_without_addresses_is_refused() -> None:
    """Nothing to check is not a passed check."""
    assert refusal(OutboundAllow(), "https://idp.example") is not None


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://127.1/jwks", id="short form"),
        pytest.param("https://0x7f000001/jwks", id="hexadecimal"),
        pytest.param("https://2130706433/jwks", id="one number"),
        pytest.param("https://0177.0.0.1/jwks", id="octal"),
        pytest.param("https://idp.example.0x1/jwks", id="last label a number"),
        pytest.param("https://1.2.3.4.5/jwks", id="five numbers"),
        pytest.param("https://[fe80::1%25eth0]/jwks", id="zone"),
        pytest.param("https://[::1/jwks", id="bracket not closed"),
        pytest.param("https://[::g]/jwks", id="not hexadecimal"),
        pytest.param("file:///etc/passwd", id="file"),
        pytest.param("gopher://idp.example/jwks", id="gopher"),
        pytest.param("unix:///run/x.sock", id="unix"),
        pytest.param("HTTPS://idp.example/jwks", id="upper-case scheme"),
        pytest.param("//idp.example/jwks", id="no scheme"),
        pytest.param("https:/idp.example/jwks", id="one slash"),
        pytest.param("https:///jwks", id="no host"),
        pytest.param("https://user@idp.example/jwks", id="user name"),
        pytest.param("https://user:secret@idp.example/jwks", id="password"),
        pytest.param("https://idp.example\\@evil.example/jwks", id="backslash before userinfo"),
        pytest.param("https://idp.example\\jwks", id="backslash"),
        pytest.param("https://idp.example/\\jwks", id="backslash in the path"),
        pytest.param("https://idp.example/jwks#keys", id="fragment"),
        pytest.param("https://idp.example/jwks#", id="empty fragment"),
        pytest.param("https://idp.example\t.evil.example/jwks", id="tab"),
        pytest.param("https://idp.example/jw ks", id="space"),
        pytest.param("https://idp.example/jwks\r\nHost: evil", id="line break"),
        pytest.param("https://idp.exämple/jwks", id="not ASCII"),
        pytest.param("https://idp.example。/jwks", id="ideographic full stop"),
        pytest.param("https://idp..example/jwks", id="empty label"),
        pytest.param("https://idp.example./jwks", id="trailing dot"),
        pytest.param("https://-idp.example/jwks", id="label begins with a hyphen"),
        pytest.param("https://idp_1.example/jwks", id="underscore"),
        pytest.param("https://" + "a" * 64 + ".example/jwks", id="long label"),
        pytest.param("https://" + "a." * 130 + "example/jwks", id="long name"),
        pytest.param("https://idp.example:0/jwks", id="port 0"),
        pytest.param("https://idp.example:65536/jwks", id="port 65536"),
        pytest.param("https://idp.example:/jwks", id="empty port"),
        pytest.param("https://idp.example:4 43/jwks", id="port with a space"),
        pytest.param("https://idp.example:٤٤٣/jwks", id="port in other digits"),
        pytest.param("https://idp.example/" + "a" * 2048, id="too long"),
        pytest.param("", id="empty"),
    ],
)
def test_a_url_that_two_parsers_could_read_differently_is_refused(url: str) -> None:
    """Attack case 176: strange spellings never get as far as the resolver."""
    assert url_refusal(url) is not None


def test_a_password_in_a_url_is_named_and_not_shown() -> None:
    """The operator hears what to remove; the log does not hear the password."""
    said = url_refusal("https://user:canary@idp.example/jwks") or ""
    assert "user name or password" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://idp.example", Target("https", "idp.example", 443, "/", None)),
        ("https://IdP.example/jwks", Target("https", "idp.example", 443, "/jwks", None)),
        ("https://idp.example:8443/a/b?c=d@e", Target("https", "idp.example", 8443, "/a/b?c=d@e", None)),
        ("https://idp.example?x=1", Target("https", "idp.example", 443, "/?x=1", None)),
        ("http://127.0.0.1:8700/", Target("http", "127.0.0.1", 8700, "/", ip_address("127.0.0.1"))),
        ("https://[2606:4700:0::1]/", Target("https", "2606:4700::1", 443, "/", ip_address("2606:4700::1"))),
    ],
)
def test_a_plain_url_is_read(url: str, expected: Target) -> None:
    """The positive control."""
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://idp.example/x", "idp.example"),
        ("https://idp.example:443/x", "idp.example"),
        ("https://idp.example:80/x", "idp.example:80"),
        ("https://[::1]:8443/x", "[::1]:8443"),
    ],
)
def test_the_host_header_has_brackets_and_no_default_port(url: str, expected: str) -> None:
    """RFC 9112 section 3.2."""
    assert parse_url(url).authority == expected


def test_the_query_is_not_shown() -> None:
    """Some servers hand out signed URLs."""
    assert parse_url("https://idp.example/jwks?key=canary").shown == "https://idp.example/jwks"


@pytest.mark.parametrize("port", [22, 25, 80, 5432, 6379, 8080, 11211])
def test_an_unusual_port_of_a_public_host_is_refused(port: int) -> None:
    """Attack case 176: https means 443, or 8443 where somebody could not have that."""
    assert refusal(OutboundAllow(), "https://idp.example:8443", PUBLIC) is None
    assert "port" in (refusal(OutboundAllow(), f"https://idp.example:{port}", PUBLIC) or "")


@pytest.mark.parametrize("port", [22, 25, 5432, 6379, 11211])
def test_a_database_port_is_refused_even_on_a_named_host(port: int) -> None:
    """Attack case 176: naming a host opens its web servers, not its databases."""
    allow = OutboundAllow.parse("idp.corp.example", loopback=True)
    assert refusal(allow, "https://idp.corp.example:9000", "10.0.0.1") is None
    assert "port" in (refusal(allow, f"https://idp.corp.example:{port}", "10.0.0.1") or "")
    assert "port" in (refusal(allow, f"https://localhost:{port}", "127.0.0.1") or "")


def test_a_named_host_may_be_private_and_only_it() -> None:
    """IDJAG_OUTBOUND_ALLOW with a host name."""
    allow = OutboundAllow.parse("IdP.corp.example")
    assert refusal(allow, "https://idp.corp.example", "10.0.0.1") is None
    assert refusal(allow, "https://idp.corp.example", "fd00::1") is None
    assert refusal(allow, "https://other.corp.example", "10.0.0.1") is not None
    assert refusal(allow, "https://idp.corp.example.evil.example", "10.0.0.1") is not None


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "127.0.0.1", "::1", "fe80::1", "224.0.0.1", "0.0.0.1"]
)
def test_a_named_host_that_turns_to_another_inside_stays_shut(address: str) -> None:
    """Whoever can change the name's record must not reach metadata services or this machine."""
    allow = OutboundAllow.parse("idp.corp.example")
    assert refusal(allow, "https://idp.corp.example", "10.0.0.1") is None
    assert refusal(allow, "https://idp.corp.example", address) is not None


def test_a_named_network_is_open_to_every_name() -> None:
    """IDJAG_OUTBOUND_ALLOW with CIDRs."""
    allow = OutboundAllow.parse("10.20.0.0/16, fd00:1::/32")
    assert refusal(allow, "https://idp.example", "10.20.3.4") is None
    assert refusal(allow, "https://idp.example", "fd00:1::5") is None
    assert refusal(allow, "https://idp.example", "10.21.0.1") is not None
    assert refusal(allow, "https://idp.example", "fd00:2::1") is not None


def test_a_named_network_does_not_open_its_disguises() -> None:
    """NAT64 and mapped addresses need their own network, and the inner address too."""
    inner = OutboundAllow.parse("10.0.0.0/8")
    outer = OutboundAllow.parse("64:ff9b::/96")
    both = OutboundAllow.parse("10.0.0.0/8 64:ff9b::/96")
    assert refusal(inner, "https://idp.example", "64:ff9b::a00:1") is not None
    assert refusal(outer, "https://idp.example", "64:ff9b::a00:1") is not None
    assert refusal(both, "https://idp.example", "64:ff9b::a00:1") is None
    assert refusal(outer, "https://idp.example", "64:ff9b::5db8:d822") is None
    assert refusal(inner, "https://idp.example", "::ffff:10.0.0.1") is not None


def test_loopback_is_open_only_when_allowed() -> None:
    """Contract section 3: loopback only while our own issuer is loopback."""
    assert refusal(OutboundAllow(loopback=True), "https://localhost:9000", "127.0.0.1", "::1") is None
    assert refusal(OutboundAllow(), "https://localhost:9000", "127.0.0.1") is not None
    assert refusal(OutboundAllow(loopback=True), "https://localhost:9000", "10.0.0.1") is not None
    assert refusal(OutboundAllow.parse("localhost"), "https://localhost:9000", "127.0.0.1") is None


@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1"])
def test_http_without_tls_is_for_loopback_alone(address: str) -> None:
    """Attack case 176: https only."""
    allow = OutboundAllow.parse("idp.example", loopback=True)
    assert refusal(allow, "https://idp.example", address) is None
    assert "use https" in (refusal(allow, "http://idp.example", address) or "")
    assert refusal(allow, "http://idp.example", "127.0.0.1") is None


def test_the_setting_takes_commas_spaces_and_single_addresses() -> None:
    """Contract section 3: hosts and CIDRs."""
    allow = OutboundAllow.parse(" idp.example,10.0.0.0/8  192.168.1.5\n[fd00::5] ", loopback=True)
    assert allow == OutboundAllow(
        hosts=frozenset({"idp.example"}),
        networks=(ip_network("10.0.0.0/8"), ip_network("192.168.1.5/32"), ip_network("fd00::5/128")),
        loopback=True,
    )
    assert OutboundAllow.parse("") == OutboundAllow()


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.1/8",
        "10.0.0.0/33",
        "127.1",
        "0.0.0.0/0",
        "::/0",
        "*.example",
        "https://idp.example",
        "a_b",
        "h:80",
    ],
)
def test_a_setting_that_is_not_understood_is_named(entry: str) -> None:
    """Settings that are wrong stop the start with one message naming each."""
    with pytest.raises(ValueError, match="network") as caught:
        OutboundAllow.parse(f"good.example {entry} also_bad!")
    assert repr(entry) in str(caught.value)
    assert "'also_bad!'" in str(caught.value)


def test_a_resolver_that_answers_nonsense_is_refused() -> None:
    """Some resolvers put a host name where the address belongs."""
    assert str(address_of("fe80::1%eth0")) == "fe80::1"
    with pytest.raises(FetchFailed):
        address_of("localhost")
