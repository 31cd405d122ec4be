"""A token request and its answer as plain values: what both servers take in and give back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from idjag.protocol.client_certificate import Told
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.form import Form, parse

__all__ = ["Reply", "TokenRequest", "form_of", "json_reply", "public_reply", "refusal_reply", "token_reply"]

NO_STORE = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
JSON_TYPE = (b"content-type", b"application/json")
PUBLIC_MAX_AGE = 300  # seconds; a new key is published longer than this before its first use
# Two DPoP headers are an invalid proof and no invalid request: dpop.proof_of says so (attack case 108).
_ONCE = (b"authorization", b"content-type", b"host")
_FORM_TYPE = b"application/x-www-form-urlencoded"
_TO_TEXT = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One HTTP request to a token endpoint, as it came.

    ``headers`` are pairs with lower-case names; ``query`` is the raw query string; ``source`` the client
    address; ``user_agent`` what it calls itself.  ``certificate``: what the client has shown in the
    handshake, as somebody tells it who is believed.
    """

    method: str
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = field(default=b"", repr=False)
    source: str = ""
    certificate: Told | None = None

    def header(self, name: bytes) -> bytes | None:
        """The single value of a header; raises Refused DUPLICATE_HEADER."""
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1 and name in (*_ONCE, b"dpop"):
            raise Refused(Reason.DUPLICATE_HEADER, header=name.decode("ascii"))
        return values[0] if values else None

    @property
    def user_agent(self) -> str:
        """At most 200 characters, printable ASCII only, for the audit log."""
        raw = next((value for key, value in self.headers if key == b"user-agent"), b"")
        return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in raw[:200])


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer; ``body`` never appears in a repr because it may hold a token."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=False)


def form_of(request: TokenRequest) -> Form:
    """The request's form; raises Refused for a wrong method, media type, repeated header or query.

    XCH-01, XCH-02, XCH-04; attack cases A.
    """
    if request.method != "POST":
        raise Refused(Reason.METHOD_WRONG)
    names = [name for name, _ in request.headers]
    for name in _ONCE:
        if names.count(name) > 1:
            raise Refused(Reason.DUPLICATE_HEADER, header=name.decode("ascii"))
    media_type, _, parameters = (request.header(b"content-type") or b"").partition(b";")
    if media_type.strip().lower() != _FORM_TYPE:
        raise Refused(Reason.MEDIA_TYPE_WRONG)
    if parameters.strip() and parameters.strip().lower().replace(b'"', b"") != b"charset=utf-8":
        raise Refused(Reason.MEDIA_TYPE_WRONG)
    if request.query:
        # a parameter in the URL ends in logs; to honour some and ignore others would be a guess
        raise Refused(Reason.SECRET_IN_QUERY)
    return parse(request.body)


def json_reply(members: Mapping[str, object], *, status: int = 200) -> Reply:
    """A JSON answer that nobody may cache."""
    return Reply(status, (JSON_TYPE, *NO_STORE), _TO_TEXT.encode(members).encode())


def public_reply(members: Mapping[str, object], *, if_none_match: bytes | None = None) -> Reply:
    """A document that anybody may read from anywhere and keep for minutes (MET-10, interop fact 10)."""
    body = _TO_TEXT.encode(members).encode()
    etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
    headers = (
        (b"cache-control", b"public, max-age=%d" % PUBLIC_MAX_AGE),
        (b"etag", etag),
        (b"access-control-allow-origin", b"*"),
    )
    if if_none_match is not None and _matches(if_none_match, etag):
        return Reply(304, headers, b"")
    return Reply(200, (JSON_TYPE, *headers), body)


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    """RFC 9110 section 13.1.2: a list, compared weakly, since proxies that compress write W/ before ours."""
    tags = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in tags or b"*" in tags


def token_reply(members: Mapping[str, object], *, decision_id: str) -> Reply:
    """A successful token answer (RFC 6749 section 5.1); the decision id goes into a header."""
    reply = json_reply(members)
    return Reply(200, (*reply.headers, (b"x-decision-id", decision_id.encode())), reply.body)


def refusal_reply(
    refused: Refused, *, decision_id: str, challenge: str | None = None, allow: bytes = b"POST"
) -> Reply:
    """The error answer of RFC 6749 section 5.2, from the one table.

    ``challenge`` is the WWW-Authenticate value for 401 answers to a request that used the header; ``allow``
    names the methods of the path for a 405.
    """
    answer = ANSWERS[refused.reason]
    members: dict[str, object] = {
        "error": answer.error,
        "error_description": f"{answer.text} (ref {decision_id})",
        "decision_id": decision_id,
        **refused.extra,
    }
    reply = json_reply(members, status=answer.status)
    headers = [*reply.headers, (b"x-decision-id", decision_id.encode())]
    if answer.status == 405:
        headers.append((b"allow", allow))
    if answer.status in (429, 503):
        headers.append((b"retry-after", b"%d" % refused.wait))
    if answer.status == 401 and challenge:
        headers.append((b"www-authenticate", challenge.encode()))
    return Reply(answer.status, tuple(headers), reply.body)
