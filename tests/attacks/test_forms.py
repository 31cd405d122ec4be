"""Group A of the attack cases at every entry of the IdP: what is no request, and what is one all the same."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode

import pytest

from idjag.protocol import names
from tests.attacks.entries import ENTRIES, Entry, assert_granted, assert_refused, far_away
from tests.attacks.target import HOST, Target, Wire, basic, target
from tests.idp.grants.acme import SECRETS

Bend = Callable[[Wire, Entry], None]

_TYPE = b"application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def idp() -> Iterator[Target]:
    """Acme in memory; nothing here changes its rules."""
    with target(None) as made:
        yield made


def _value(wire: Wire, entry: Entry) -> str:
    return next(value for name, value in wire.form if name == entry.about)


def _body(wire: Wire) -> bytes:
    return urlencode(wire.form).encode()


def _typed(media_type: bytes | None) -> Bend:
    def bend(wire: Wire, _entry: Entry) -> None:
        wire.headers = [pair for pair in wire.headers if pair[0] != b"content-type"]
        if media_type is not None:
            wire.headers.append((b"content-type", media_type))

    return bend


def _more(name: str, value: str) -> Bend:
    return lambda wire, _entry: wire.form.append((name, value))


def _tail(octets: bytes) -> Bend:
    def bend(wire: Wire, _entry: Entry) -> None:
        wire.body = _body(wire) + octets

    return bend


def _head(name: bytes, value: bytes) -> Bend:
    return lambda wire, _entry: wire.headers.append((name, value))


def _made(change: Callable[[bytes], bytes]) -> Bend:
    def bend(wire: Wire, _entry: Entry) -> None:
        wire.body = change(_body(wire))

    return bend


def _in_url(wire: Wire, entry: Entry) -> None:
    wire.query = urlencode({entry.about: _value(wire, entry)}).encode()


def _half_in_url(wire: Wire, _entry: Entry) -> None:
    """Parameter pollution: the body says one thing, the URL another."""
    wire.query = b"client_id=notes"


def _repeated(wire: Wire, entry: Entry) -> None:
    wire.form.append((entry.about, _value(wire, entry)))


def _emptied_again(wire: Wire, entry: Entry) -> None:
    wire.form.append((entry.about, ""))


def _spelt_otherwise(wire: Wire, entry: Entry) -> None:
    first = f"%{ord(entry.about[0]):02x}"
    wire.body = _body(wire) + f"&{first}{entry.about[1:]}=x".encode()


def _gone(wire: Wire, entry: Entry) -> None:
    wire.form = [pair for pair in wire.form if pair[0] != entry.about]


def _empty(wire: Wire, entry: Entry) -> None:
    wire.form = [(name, "" if name == entry.about else value) for name, value in wire.form]


# What is wrong, the status, the error.
WRONG: dict[str, tuple[Bend, int, str]] = {
    "a parameter twice": (_repeated, 400, "invalid_request"),
    "an empty repeat": (_emptied_again, 400, "invalid_request"),
    "a repeat in other letters": (_spelt_otherwise, 400, "invalid_request"),
    "what it is about is missing": (_gone, 400, "invalid_request"),
    "what it is about is empty": (_empty, 400, "invalid_request"),
    "multipart": (_typed(b"multipart/form-data; boundary=x"), 415, "invalid_request"),
    "JSON": (_typed(b"application/json"), 415, "invalid_request"),
    "text": (_typed(b"text/plain"), 415, "invalid_request"),
    "no type": (_typed(None), 415, "invalid_request"),
    "an empty type": (_typed(b""), 415, "invalid_request"),
    "another charset": (_typed(_TYPE + b"; charset=utf-7"), 415, "invalid_request"),
    "two types in one header": (_typed(_TYPE + b", " + _TYPE), 415, "invalid_request"),
    "10,001 parameters": (_tail(b"&a=1" * 10_001), 400, "invalid_request"),
    "a megabyte of scopes": (_tail(b"&scope=" + b"a+" * 524_288), 413, "invalid_request"),
    "5 MB": (_tail(b"&a=" + b"a" * 5_000_000), 413, "invalid_request"),
    "NUL": (_tail(b"&unknown=a%00b"), 400, "invalid_request"),
    "CR and LF": (_tail(b"&unknown=a%0d%0ab"), 400, "invalid_request"),
    "TAB": (_tail(b"&unknown=%09"), 400, "invalid_request"),
    "DEL": (_tail(b"&unknown=%7f"), 400, "invalid_request"),
    "no UTF-8": (_tail(b"&unknown=%ff"), 400, "invalid_request"),
    "an overlong UTF-8": (_tail(b"&unknown=%c0%af"), 400, "invalid_request"),
    "a surrogate": (_tail(b"&unknown=%ed%a0%80"), 400, "invalid_request"),
    "a bad escape": (_tail(b"&unknown=%zz"), 400, "invalid_request"),
    "half an escape": (_tail(b"&unknown=%4"), 400, "invalid_request"),
    "a bad escape in a name": (_tail(b"&%=1"), 400, "invalid_request"),
    "raw octets": (_tail("&unknown=é".encode()), 400, "invalid_request"),
    "a raw space": (_tail(b"&unknown=a b"), 400, "invalid_request"),
    "a byte order mark": (_made(lambda body: b"\xef\xbb\xbf" + body), 400, "invalid_request"),
    "UTF-16": (_made(lambda body: body.decode().encode("utf-16")), 400, "invalid_request"),
    "compressed": (_made(gzip.compress), 400, "invalid_request"),
    "what it is about in the URL too": (_in_url, 400, "invalid_request"),
    "another client in the URL": (_half_in_url, 400, "invalid_request"),
    "two Authorization headers": (_head(b"authorization", basic("wiki", "x")), 400, "invalid_request"),
    "two types": (_head(b"content-type", _TYPE), 400, "invalid_request"),
    "two hosts": (_head(b"host", HOST), 400, "invalid_request"),
    "two lengths": (_head(b"content-length", b"1"), 400, "invalid_request"),
    "the secret in the body too": (_more("client_secret", SECRETS["wiki"]), 400, "invalid_request"),
    "an empty assertion type": (_more("client_assertion_type", "x"), 400, "invalid_request"),
    "a junk assertion too": (_more("client_assertion", "x.y.z"), 400, "invalid_request"),
    "another client in the body": (_more("client_id", "notes"), 400, "invalid_request"),
    "the client in capitals": (_more("client_id", "WIKI"), 400, "invalid_request"),
    "the client and a space": (_more("client_id", "wiki "), 400, "invalid_request"),
    "the client in wide letters": (_more("client_id", "\uff57\uff49\uff4b\uff49"), 400, "invalid_request"),
}
for _method in ("GET", "HEAD", "PUT", "TRACE", "DELETE", "PATCH", "OPTIONS", "post", "QUERY"):
    WRONG[f"the method {_method}"] = (
        lambda wire, _entry, method=_method: setattr(wire, "method", method),  # type: ignore[misc]
        405,
        "invalid_request",
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_request_is_refused_at_every_entry(idp: Target, entry: Entry, name: str) -> None:
    """Attack cases 1, 6, 7, 9 to 11, 19, 20; XCH-01 to XCH-04."""
    bend, status, error = WRONG[name]
    wire = entry.wire(idp)
    if name == "two lengths":
        wire.headers.append((b"transfer-encoding", b"chunked"))
    bend(wire, entry)
    about_it = "is missing" in name or "is empty" in name
    event = assert_refused(idp, wire, status, error, inside=about_it)
    assert event.get("event", "refused.before_authentication") != "id_jag.issued"


def _untouched(_wire: Wire, _entry: Entry) -> None:
    """The request as it is."""


def _escaped(wire: Wire, _entry: Entry) -> None:
    """Every character as an escape, in small letters."""
    pairs = [f"{name}={''.join(f'%{octet:02x}' for octet in value.encode())}" for name, value in wire.form]
    wire.body = "&".join(pairs).encode()


RIGHT: dict[str, Bend] = {
    "as it is": _untouched,
    "an unknown parameter": _more("unknown", "x"),
    "our parameters in capitals": _more("GRANT_TYPE", "password"),
    "a parameter of a form that is not ours": _more("_method", "DELETE"),
    "an empty scope": _more("state", ""),
    "ampersands": _made(lambda body: b"&&" + body.replace(b"&", b"&&") + b"&"),
    "escapes": _escaped,
    "a charset": _typed(_TYPE + b"; charset=UTF-8"),
    "a quoted charset": _typed(_TYPE.upper() + b';charset="utf-8"'),
    "the client in the body too": _more("client_id", "wiki"),
    "a method that overrides": _head(b"x-http-method-override", b"DELETE"),
    "a host that overrides": _head(b"x-forwarded-host", b"evil.example"),
    "a proxy that is none of ours": _head(b"forwarded", b"for=127.0.0.1;host=evil.example;proto=http"),
    "a cookie": _head(b"cookie", b"session=x"),
    "an origin that is nobody's": _head(b"origin", b"null"),
}


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_none_of_our_business_changes_nothing(idp: Target, entry: Entry, name: str) -> None:
    """Attack cases 11, 12, 211; the positive control of the refusals above."""
    wire = entry.wire(idp)
    RIGHT[name](wire, entry)
    assert_granted(idp, wire)


@pytest.mark.parametrize(
    "path",
    [
        "//token",
        "/%74oken",
        "/token/",
        "/token;x",
        "/TOKEN",
        "/./token",
        "/token%20",
        "/x/../token",
        "/token%00",
    ],
)
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_an_entry_has_one_address(idp: Target, entry: Entry, path: str) -> None:
    """Attack case 215: no second door, and nothing is used up where there is none."""
    wire = entry.wire(idp)
    wire.path = path.replace("token", entry.path[1:]).replace("TOKEN", entry.path[1:].upper())
    answer = wire.exchange().through(idp.app)
    assert answer.status in (404, 405)
    wire.path = entry.path
    assert_granted(idp, wire)


@pytest.mark.parametrize("entry", ENTRIES[:4], ids=str)
@pytest.mark.parametrize(
    "grant_type",
    [
        "password", "implicit", "client_credentials", names.JWT_BEARER, names.JWT_DPOP, "Authorization_Code",
        "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba", "refresh_token ",
        "refresh\u200b_token", quote(names.TOKEN_EXCHANGE, safe=""), names.TOKEN_EXCHANGE.upper(), "null",
    ],
)  # fmt: skip
def test_an_unknown_grant_type_is_refused_whatever_comes_with_it(
    idp: Target, entry: Entry, grant_type: str
) -> None:
    """Attack case 15; nothing is used up."""
    wire = entry.wire(idp)
    right = wire.form[0]
    wire.form[0] = ("grant_type", grant_type)
    assert_refused(idp, wire, 400, "unsupported_grant_type", inside=True, echo=True)
    wire.form[0] = right
    assert_granted(idp, wire)


@pytest.mark.parametrize(
    "scope",
    [
        "openid  email", " openid", "openid ", "openid\u00a0email", "openid\u2003email", 'open"id',
        "open\\id", "openidé", " ".join(f"s{number}" for number in range(300)), "x" * 300,
    ],
)  # fmt: skip
@pytest.mark.parametrize("entry", ENTRIES[1:4], ids=str)
def test_a_scope_is_never_guessed_at(idp: Target, entry: Entry, scope: str) -> None:
    """Attack case 13: the grammar, never Unicode white space; only for those grants that read it."""
    wire = entry.wire(idp)
    kept = [pair for pair in wire.form if pair[0] != "scope"]
    wire.form = [*kept, ("scope", scope)]
    assert_refused(idp, wire, 400, "invalid_scope", inside=True)
    wire.form, wire.source = kept, far_away()
    assert_granted(idp, wire)
