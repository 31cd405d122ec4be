"""Bends of a form that make it no request, and others that change nothing; for both servers."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlencode

from tests.attacks.target import Wire

__all__ = ["RIGHT", "WRONG", "Bend"]

_TYPE = b"application/x-www-form-urlencoded"


class About(Protocol):
    """An entry, of which a bend knows only the parameter that holds what it is about."""

    @property
    def about(self) -> str: ...


Bend = Callable[[Wire, About], None]


def _value(wire: Wire, entry: About) -> str:
    return next(value for name, value in wire.form if name == entry.about)


def _body(wire: Wire) -> bytes:
    return urlencode(wire.form).encode()


def _typed(media_type: bytes | None) -> Bend:
    def bend(wire: Wire, _entry: About) -> None:
        wire.headers = [pair for pair in wire.headers if pair[0] != b"content-type"]
        if media_type is not None:
            wire.headers.append((b"content-type", media_type))

    return bend


def _more(name: str, value: str) -> Bend:
    return lambda wire, _entry: wire.form.append((name, value))


def _tail(octets: bytes) -> Bend:
    def bend(wire: Wire, _entry: About) -> None:
        wire.body = _body(wire) + octets

    return bend


def _head(name: bytes, value: bytes) -> Bend:
    return lambda wire, _entry: wire.headers.append((name, value))


def _made(change: Callable[[bytes], bytes]) -> Bend:
    def bend(wire: Wire, _entry: About) -> None:
        wire.body = change(_body(wire))

    return bend


def _in_url(wire: Wire, entry: About) -> None:
    wire.query = urlencode({entry.about: _value(wire, entry)}).encode()


def _half_in_url(wire: Wire, _entry: About) -> None:
    """Parameter pollution: the body says one thing, the URL another."""
    wire.query = b"client_id=notes"


def _repeated(wire: Wire, entry: About) -> None:
    wire.form.append((entry.about, _value(wire, entry)))


def _emptied_again(wire: Wire, entry: About) -> None:
    wire.form.append((entry.about, ""))


def _spelt_otherwise(wire: Wire, entry: About) -> None:
    first = f"%{ord(entry.about[0]):02x}"
    wire.body = _body(wire) + f"&{first}{entry.about[1:]}=x".encode()


def _gone(wire: Wire, entry: About) -> None:
    wire.form = [pair for pair in wire.form if pair[0] != entry.about]


def _empty(wire: Wire, entry: About) -> None:
    wire.form = [(name, "" if name == entry.about else value) for name, value in wire.form]


def _two_lengths(wire: Wire, _entry: About) -> None:
    wire.headers += [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")]


def _credentials(wire: Wire) -> tuple[str, str]:
    """Client and secret of the header."""
    header = next(value for name, value in wire.headers if name == b"authorization")
    client, _, secret = base64.b64decode(header[6:]).decode().partition(":")
    return client, secret


def _named(change: Callable[[str], str]) -> Bend:
    return lambda wire, _entry: wire.form.append(("client_id", change(_credentials(wire)[0])))


def _secret_again(wire: Wire, _entry: About) -> None:
    wire.form.append(("client_secret", _credentials(wire)[1]))


def _wide(name: str) -> str:
    """The letters that NFKC folds into these."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in name)


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
    "two Authorization headers": (_head(b"authorization", b"Basic eDp5"), 400, "invalid_request"),
    "two types": (_head(b"content-type", _TYPE), 400, "invalid_request"),
    "two hosts": (_head(b"host", b"x.example"), 400, "invalid_request"),
    "two lengths": (_two_lengths, 400, "invalid_request"),
    "the secret in the body too": (_secret_again, 400, "invalid_request"),
    "an empty assertion type": (_more("client_assertion_type", "x"), 400, "invalid_request"),
    "a junk assertion too": (_more("client_assertion", "x.y.z"), 400, "invalid_request"),
    "another client in the body": (_more("client_id", "notes"), 400, "invalid_request"),
    "the client in capitals": (_named(str.upper), 400, "invalid_request"),
    "the client and a space": (_named(lambda name: f"{name} "), 400, "invalid_request"),
    "the client in wide letters": (_named(_wide), 400, "invalid_request"),
}
for _method in ("GET", "HEAD", "PUT", "TRACE", "DELETE", "PATCH", "OPTIONS", "post", "QUERY"):
    WRONG[f"the method {_method}"] = (
        lambda wire, _entry, method=_method: setattr(wire, "method", method),  # type: ignore[misc]
        405,
        "invalid_request",
    )


def _untouched(_wire: Wire, _entry: About) -> None:
    """The request as it is."""


def _escaped(wire: Wire, _entry: About) -> None:
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
    "the client in the body too": _named(lambda name: name),
    "a method that overrides": _head(b"x-http-method-override", b"DELETE"),
    "a host that overrides": _head(b"x-forwarded-host", b"evil.example"),
    "a proxy that is none of ours": _head(b"forwarded", b"for=127.0.0.1;host=evil.example;proto=http"),
    "a cookie": _head(b"cookie", b"session=x"),
    "an origin that is nobody's": _head(b"origin", b"null"),
}
