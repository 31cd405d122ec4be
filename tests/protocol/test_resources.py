"""Resource indicators: what is one, and when two are the same."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.protocol.errors import Reason
from idjag.protocol.names import MAX_RESOURCES
from idjag.protocol.resources import claim_of, comparable, is_resource, parse, same_issuer_lookup
from tests.protocol.parts import API, FILES, reason_of

RESOURCES = [
    API,
    "https://api.chat.example",
    "https://api.chat.example:8443/v1?tenant=acme&x=%20",
    "https://[2001:db8::1]:443/",
    "https://192.0.2.1/",
    "https://h:",
    "http://localhost:9404/mcp",
    "HTTPS://API.Chat.Example/",
    "https://api.chat.example/a%2Fb;c=1/@me",
    "https://api.chat.example/?callback=user@host",
    "urn:acme:chat",
    "urn:ietf:params:x@y",
    "mailto:it@acme.example",
    "app+v1.2-x://host/path",
    "x:y",
]
NO_RESOURCES = [
    pytest.param("", id="empty"),
    pytest.param("api.chat.example", id="no scheme"),
    pytest.param("/v1", id="relative path"),
    pytest.param("//api.chat.example/v1", id="relative to the scheme"),
    pytest.param("https:", id="scheme alone"),
    pytest.param("1https://api.chat.example/", id="scheme that begins with a digit"),
    pytest.param("ht_tps://api.chat.example/", id="scheme with an underscore"),
    pytest.param("https:api.chat.example", id="no authority"),
    pytest.param("https:/api.chat.example", id="one slash"),
    pytest.param("https:///v1", id="empty authority"),
    pytest.param("https://:443/", id="no host"),
    pytest.param("http://?x", id="no host but a query"),
    pytest.param("https://api.chat.example/#top", id="fragment"),
    pytest.param("https://api.chat.example/#", id="empty fragment"),
    pytest.param("urn:acme:chat#x", id="fragment of a URN"),
    pytest.param("https://user@api.chat.example/", id="userinfo"),
    pytest.param("https://user:secret@api.chat.example/", id="userinfo with a secret"),
    pytest.param("https://@api.chat.example/", id="empty userinfo"),
    pytest.param("ssh://git@host/path", id="userinfo under another scheme"),
    pytest.param("https://api.chat.example:443x/", id="port with a letter"),
    pytest.param("https://api.chat.example:65536/", id="port beyond"),
    pytest.param("https://api.chat.example:-1/", id="port below"),
    pytest.param("https://[2001:db8::1/", id="bracket not closed"),
    pytest.param("https://api\t.chat.example/", id="TAB"),
    pytest.param("https://api.chat.example/\r", id="CR"),
    pytest.param("https://api.chat.example/\n", id="LF at the end"),
    pytest.param("\nhttps://api.chat.example/", id="LF at the beginning"),
    pytest.param("https://api.chat.example/\x00", id="NUL"),
    pytest.param("https://api.chat.example/\x7f", id="DEL"),
    pytest.param(" https://api.chat.example/", id="leading space"),
    pytest.param("https://api.chat.example/a b", id="space"),
    pytest.param("https:\\\\api.chat.example\\", id="backslashes"),
    pytest.param("https://api.chat.example/a\\b", id="backslash in the path"),
    pytest.param("https://api.chat.example\\@evil.example/", id="backslash before userinfo"),
    pytest.param("https://api.chät.example/", id="not ASCII"),
    pytest.param("https://api.chat.example/\u2215", id="a slash that is none"),
    pytest.param("https://api.chat.example/%", id="percent alone"),
    pytest.param("https://api.chat.example/%2", id="percent and one digit"),
    pytest.param("https://api.chat.example/%zz", id="percent and no digits"),
    pytest.param("https://api.chat.example/%%41", id="two percents"),
    pytest.param("https://api.chat.example/<x>", id="angle brackets"),
    pytest.param('https://api.chat.example/"', id="quote"),
    pytest.param("https://api.chat.example/{id}", id="braces"),
    pytest.param("https://api.chat.example/a|b", id="bar"),
    pytest.param("https://api.chat.example/^", id="caret"),
    pytest.param("https://api.chat.example/`", id="backtick"),
]
EQUAL = [
    pytest.param("https://h", "https://h/", id="empty path"),
    pytest.param("https://h?x=1", "https://h/?x=1", id="empty path before a query"),
    pytest.param("HTTPS://API.Chat.Example/a", "https://api.chat.example/a", id="case of scheme and host"),
    pytest.param("https://h:443/a", "https://h/a", id="default port of https"),
    pytest.param("http://h:80/a", "http://h/a", id="default port of http"),
    pytest.param("https://h:/a", "https://h/a", id="empty port"),
    pytest.param("https://h:443", "https://h/", id="default port and empty path"),
    pytest.param("https://[2001:DB8::1]:443/", "https://[2001:db8::1]", id="IPv6"),
    pytest.param("https://h/%7Ea", "https://h/~a", id="encoded unreserved character"),
    pytest.param("https://h/%41%2d%2E%5f", "https://h/A-._", id="encoded letters and marks"),
    pytest.param("https://h/a%2fb", "https://h/a%2Fb", id="case of hexadecimal digits"),
    pytest.param("https://h/?q=%7e%3a", "https://h/?q=~%3A", id="encoding in the query"),
    pytest.param("https://ex%61mple/", "https://example/", id="encoding in the host"),
    pytest.param("https://%4a%c3%a9/", "https://j%C3%A9/", id="encoding and case in the host"),
    pytest.param("https://h/a/./b", "https://h/a/b", id="dot segment"),
    pytest.param("https://h/a/../b", "https://h/b", id="two dots"),
    pytest.param("https://h/../../b", "https://h/b", id="two dots above the root"),
    pytest.param("https://h/a/b/..", "https://h/a/", id="two dots at the end"),
    pytest.param("https://h/a/.", "https://h/a/", id="a dot at the end"),
    pytest.param("https://h/..", "https://h/", id="nothing but dots"),
    pytest.param("https://h/a/%2e%2E/b", "https://h/b", id="encoded dots"),
    pytest.param("https://h/a//../b", "https://h/a/b", id="dots after an empty segment"),
    pytest.param("URN:acme:ch%61t", "urn:acme:chat", id="URN"),
]
DIFFERENT = [
    pytest.param("https://h/a", "https://h/a/", id="trailing slash"),
    pytest.param("https://h/", "https://h//", id="two slashes"),
    pytest.param("https://h/a", "https://h/A", id="case of the path"),
    pytest.param("https://h/a", "http://h/a", id="scheme"),
    pytest.param("https://h/a", "https://h.evil/a", id="host"),
    pytest.param("https://h/a", "https://h:8443/a", id="port"),
    pytest.param("https://h:80/a", "https://h/a", id="default port of the other scheme"),
    pytest.param("http://h:443/a", "http://h/a", id="default port of the other scheme, back"),
    pytest.param("app://h:443/a", "app://h/a", id="port of a scheme without default"),
    pytest.param("https://h:4433/a", "https://h:443/a", id="port that begins alike"),
    pytest.param("https://h/a%2Fb", "https://h/a/b", id="encoded slash"),
    pytest.param("https://h/a%3Fb", "https://h/a?b", id="encoded question mark"),
    pytest.param("https://h/a%2541", "https://h/a%41", id="encoded percent"),
    pytest.param("https://h/a?x", "https://h/a", id="query"),
    pytest.param("https://h/a?", "https://h/a", id="empty query"),
    pytest.param("https://h/?x=/../y", "https://h/?x=/y", id="dots in a query"),
    pytest.param("https://h/...", "https://h/", id="three dots"),
    pytest.param("https://h/.a", "https://h/a", id="a name that begins with a dot"),
    pytest.param("urn:acme:Chat", "urn:acme:chat", id="case of a URN"),
    pytest.param("app:/a/../b", "app:/b", id="dots where there is no authority"),
]


@pytest.mark.parametrize("uri", RESOURCES)
def test_an_absolute_uri_is_a_resource(uri: str) -> None:
    """XCH-22."""
    assert is_resource(uri)
    assert parse([uri]) == (uri,)


@pytest.mark.parametrize("uri", NO_RESOURCES)
def test_anything_else_is_none(uri: str) -> None:
    """XCH-22, stack facts: URL parsers drop TAB, CR and LF and believe backslashes."""
    assert not is_resource(uri)
    assert reason_of(lambda: parse([API, uri])) is Reason.RESOURCE_MALFORMED


def test_a_resource_has_a_length() -> None:
    longest = API + "a" * (2048 - len(API))
    assert is_resource(longest)
    assert not is_resource(longest + "a")


def test_repeated_resources_are_a_set_in_wire_order() -> None:
    """XCH-23."""
    assert parse([FILES, API, FILES]) == (FILES, API)
    assert parse([]) == ()


def test_resources_have_a_number() -> None:
    """Attack case 9."""
    many = [f"{API}{number}" for number in range(MAX_RESOURCES)]
    assert parse(many) == tuple(many)
    assert parse([*many, many[0]]) == tuple(many)
    assert reason_of(lambda: parse([*many, API])) is Reason.RESOURCE_MALFORMED


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_two_spellings_of_one_resource_are_equal(one: str, other: str) -> None:
    """XCH-27, A-08: RFC 3986 section 6.2.2, the default port, and the empty path."""
    assert is_resource(one)
    assert is_resource(other)
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_resources_stay_two(one: str, other: str) -> None:
    """XCH-27, A-08: no other slash is folded, and nothing reserved is decoded."""
    assert is_resource(one)
    assert is_resource(other)
    assert comparable(one) != comparable(other)


@pytest.mark.parametrize(
    ("uri", "form"),
    [
        ("HTTPS://H:443/%7ea/../b?%2f", "https://h/b?%2F"),
        ("urn:Acme:%7e%2f", "urn:Acme:~%2F"),
        ("https://h/a/b/../../..//c", "https://h//c"),
    ],
)
def test_the_form_that_is_compared(uri: str, form: str) -> None:
    """XCH-27, RFC 3986 section 5.2.4."""
    assert comparable(uri) == form


PIECES = st.sampled_from(
    ["a", "B", ".", "..", "/", "//", "%41", "%2e", "%2F", "%c3", "~", ":", "@", "?", "=", "&", ";", "+"]
)
HOSTS = st.sampled_from(["h", "H.Example", "%48", "[::1]", "192.0.2.1", "h%2Eexample", "h:443", "h:80", "h:"])
URIS = st.builds(
    lambda scheme, host, path: f"{scheme}://{host}/{''.join(path)}",
    st.sampled_from(["https", "HTTP", "app"]),
    HOSTS,
    st.lists(PIECES, max_size=12),
) | st.builds(lambda rest: f"urn:{''.join(rest)}", st.lists(PIECES, min_size=1, max_size=8))


@given(URIS)
def test_the_comparable_form_is_a_resource_and_its_own_form(uri: str) -> None:
    """XCH-27: normalising twice is normalising once, so that either side may do it."""
    assert is_resource(uri)
    form = comparable(uri)
    assert is_resource(form)
    assert comparable(form) == form


@given(URIS)
def test_normalising_never_moves_a_resource_to_another_host(uri: str) -> None:
    before, after = urlsplit(uri), urlsplit(comparable(uri))
    assert after.scheme == before.scheme
    decoded = (before.hostname or "").replace("%48", "h").replace("%2e", ".")
    assert (after.hostname or "") == decoded


@given(st.text(max_size=40))
def test_comparing_never_fails_whatever_is_compared(text: str) -> None:
    """The RAS compares what an unknown issuer calls itself, to tell the administrator of a near miss."""
    assert isinstance(comparable(text), str)


@given(st.text(max_size=40) | st.text("htps:/@\\%#?[].0 \t\n", max_size=40).map("https://".__add__))
def test_no_text_makes_the_check_fail(text: str) -> None:
    """What passes can be compared and has neither fragment nor userinfo."""
    if is_resource(text):
        assert comparable(comparable(text)) == comparable(text)
        assert "#" not in text
        assert "@" not in urlsplit(text).netloc
        assert text.isascii()


@pytest.mark.parametrize(
    ("issuer", "key"),
    [
        ("https://acme.chat.example/", "https://acme.chat.example"),
        ("https://acme.chat.example", "https://acme.chat.example"),
        ("https://acme.chat.example:8443/", "https://acme.chat.example:8443"),
        ("https://acme.chat.example/t/", "https://acme.chat.example/t/"),
        ("https://acme.chat.example/t", "https://acme.chat.example/t"),
        ("https://acme.chat.example//", "https://acme.chat.example//"),
        ("HTTPS://Acme.chat.example/", "HTTPS://Acme.chat.example"),
        ("https://acme.chat.example:443/", "https://acme.chat.example:443"),
        ("urn:acme:chat/", "urn:acme:chat/"),
        ("urn:acme:chat", "urn:acme:chat"),
        ("https://h/x://y/", "https://h/x://y/"),
        ("://h/", "://h/"),
        ("", ""),
    ],
)
def test_an_audience_is_looked_up_with_or_without_the_root_slash(issuer: str, key: str) -> None:
    """Interop fact 3, contract section 7: nothing but the empty path is folded, XCH-15."""
    assert same_issuer_lookup(issuer) == key
    assert same_issuer_lookup(key) == key


def test_the_claim_is_a_string_for_one_and_an_array_for_several() -> None:
    """JAG-15, A-07."""
    assert claim_of((API,)) == API
    assert claim_of((API, FILES)) == [API, FILES]
