"""A token request and its answer as plain values: what is let in, and how every answer looks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol import dpop
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, form_of, json_reply, refusal_reply, token_reply
from tests.protocol.parts import reason_of, refusal

FORM = (b"content-type", b"application/x-www-form-urlencoded")
GOOD = TokenRequest("POST", headers=(FORM,), body=b"grant_type=x", source="192.0.2.1")
REF = "0123456789abcdefghij"
NO_STORE = {b"cache-control": b"no-store", b"pragma": b"no-cache", b"content-type": b"application/json"}


def with_headers(*headers: tuple[bytes, bytes]) -> TokenRequest:
    return replace(GOOD, headers=(*GOOD.headers, *headers))


def body(reply: Reply) -> Any:
    return json.loads(reply.body)


def test_a_posted_form_is_read() -> None:
    """XCH-01."""
    assert form_of(GOOD).one("grant_type") == "x"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "TRACE", "OPTIONS", "PATCH", "DELETE", "post", ""])
def test_every_other_method_is_refused(method: str) -> None:
    """XCH-01, attack case 10."""
    assert reason_of(lambda: form_of(replace(GOOD, method=method))) is Reason.METHOD_WRONG


@pytest.mark.parametrize(
    "value",
    [
        b"application/x-www-form-urlencoded",
        b"Application/X-WWW-Form-Urlencoded",
        b" application/x-www-form-urlencoded ",
        b"application/x-www-form-urlencoded; charset=UTF-8",
        b'application/x-www-form-urlencoded;charset="utf-8"',
        b"application/x-www-form-urlencoded ;",
        b"application/x-www-form-urlencoded; ",
    ],
)
def test_the_media_type_of_a_form_is_accepted_in_each_equal_spelling(value: bytes) -> None:
    """XCH-01."""
    assert form_of(replace(GOOD, headers=((b"content-type", value),))).one("grant_type") == "x"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"multipart/form-data; boundary=x",
        b"application/json",
        b"text/plain",
        b"application/x-www-form-urlencoded, application/json",
        b"application/x-www-form-urlencodedx",
        b"application/x-www-form-urlencoded; charset=utf-16",
        b"application/x-www-form-urlencoded; charset=iso-8859-1",
        b"application/x-www-form-urlencoded; boundary=x",
        b"application/x-www-form-urlencoded; charset=utf-8; charset=utf-16",
    ],
)
def test_every_other_media_type_is_refused(value: bytes) -> None:
    """XCH-01, attack cases 6 and 7; stack facts: a framework ignores charset=utf-16."""
    request = replace(GOOD, headers=((b"content-type", value),))
    assert reason_of(lambda: form_of(request)) is Reason.MEDIA_TYPE_WRONG


def test_a_missing_media_type_is_refused() -> None:
    """XCH-01."""
    assert reason_of(lambda: form_of(replace(GOOD, headers=()))) is Reason.MEDIA_TYPE_WRONG


@pytest.mark.parametrize("query", [b"grant_type=x", b"client_secret=s", b"x", b"&", b"subject_token="])
def test_nothing_in_the_url_is_honoured(query: bytes) -> None:
    """XCH-04: what stands in a URL ends in logs."""
    assert reason_of(lambda: form_of(replace(GOOD, query=query))) is Reason.SECRET_IN_QUERY


@pytest.mark.parametrize("name", [b"authorization", b"host", b"content-type"])
@pytest.mark.parametrize("values", [(b"a", b"b"), (b"a", b"a")], ids=["different", "the same"])
def test_a_header_that_decides_something_comes_once(name: bytes, values: tuple[bytes, bytes]) -> None:
    """Attack cases 20, 211; stack facts: servers hand both over, and ``get`` returns one."""
    pairs = [(name, value) for value in values]
    if name != b"content-type":
        assert form_of(with_headers(pairs[0])).one("grant_type") == "x"
    refused = refusal(lambda: form_of(with_headers(*pairs)))
    assert (refused.reason, refused.fact) == (Reason.DUPLICATE_HEADER, {"header": name.decode()})


def test_two_proofs_are_left_to_who_reads_them() -> None:
    """Attack case 108: they are an invalid proof, with its own error; nobody reads the first of two."""
    request = with_headers((b"dpop", b"a"), (b"dpop", b"b"))
    assert form_of(request).one("grant_type") == "x"
    assert reason_of(lambda: request.header(b"dpop")) is Reason.DUPLICATE_HEADER
    assert reason_of(lambda: dpop.proof_of(request.headers)) is Reason.DPOP_PROOF_INVALID


def test_other_headers_may_come_twice() -> None:
    request = with_headers((b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"192.0.2.2"))
    assert form_of(request).one("grant_type") == "x"
    assert request.header(b"x-forwarded-for") == b"192.0.2.1"
    assert request.header(b"dpop") is None


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"python-httpx/0.28", "python-httpx/0.28"),
        (b"a\r\nset-cookie: b", "a??set-cookie: b"),
        (b"\x1b[31m\x00\x1f\x7f", "?[31m???"),
        ("Zoë".encode(), "Zo??"),
        (b"~ " + b"x" * 300, "~ " + "x" * 198),
    ],
)
def test_a_user_agent_is_one_short_printable_line(sent: bytes, shown: str) -> None:
    """Attack case 198."""
    assert with_headers((b"user-agent", sent)).user_agent == shown


def test_a_request_without_user_agent_has_an_empty_one() -> None:
    assert GOOD.user_agent == ""


def test_neither_request_nor_reply_shows_its_body() -> None:
    """Attack case 199: bodies hold assertions, secrets and tokens."""
    assert "hunter2" not in repr(replace(GOOD, body=b"client_secret=hunter2"))
    assert "hunter2" not in repr(token_reply({"access_token": "hunter2"}, decision_id=REF))


def test_an_answer_is_json_that_nobody_keeps() -> None:
    """XCH-57."""
    reply = json_reply({"a": [1, "é"]}, status=201)
    assert (reply.status, dict(reply.headers), body(reply)) == (201, NO_STORE, {"a": [1, "é"]})
    assert reply.body.isascii()
    assert json_reply({}).status == 200


def test_a_token_answer_carries_the_decision_in_a_header() -> None:
    """XCH-57, contract section 7."""
    reply = token_reply({"access_token": "t", "expires_in": 300}, decision_id=REF)
    assert (reply.status, body(reply)) == (200, {"access_token": "t", "expires_in": 300})
    assert dict(reply.headers) == NO_STORE | {b"x-decision-id": REF.encode()}


@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_is_json_that_nobody_keeps_and_names_its_decision_three_times(reason: Reason) -> None:
    """XCH-57, XCH-58, contract section 7: in the body, as a header, at the end of the description."""
    reply = refusal_reply(Refused(reason), decision_id=REF, challenge="Basic")
    answer = ANSWERS[reason]
    assert reply.status == answer.status
    assert body(reply) == {
        "error": answer.error,
        "error_description": f"{answer.text} (ref {REF})",
        "decision_id": REF,
    }
    headers = dict(reply.headers)
    assert len(headers) == len(reply.headers)
    assert headers.items() >= NO_STORE.items()
    assert headers[b"x-decision-id"] == REF.encode()
    assert headers.get(b"allow") == (b"POST" if answer.status == 405 else None)
    assert headers.get(b"retry-after") == (b"5" if answer.status in (429, 503) else None)
    assert headers.get(b"www-authenticate") == (b"Basic" if answer.status == 401 else None)


@pytest.mark.parametrize("reason", [Reason.CLIENT_SECRET_WRONG, Reason.CLIENT_UNKNOWN, Reason.TOKEN_INVALID])
def test_there_is_no_challenge_unless_the_header_was_used(reason: Reason) -> None:
    """XCH-58, contract section 7."""
    reply = refusal_reply(Refused(reason), decision_id=REF)
    assert (reply.status, dict(reply.headers).get(b"www-authenticate")) == (401, None)
    told = refusal_reply(Refused(reason), decision_id=REF, challenge='Basic realm="x"')
    assert dict(told.headers)[b"www-authenticate"] == b'Basic realm="x"'


def test_a_step_up_says_which_sign_in_would_do() -> None:
    """XCH-60, contract section 7: ``acr_values`` is text, ``max_age`` a number."""
    refused = Refused(Reason.STEP_UP, extra={"acr_values": "urn:a urn:b", "max_age": 300})
    answer = body(refusal_reply(refused, decision_id=REF))
    assert (answer["acr_values"], answer["max_age"]) == ("urn:a urn:b", 300)
    assert "acr_values" not in body(refusal_reply(Refused(Reason.STEP_UP), decision_id=REF))


@pytest.mark.parametrize("reason", Reason)
def test_no_answer_repeats_what_the_audit_log_learns(reason: Reason) -> None:
    """XCH-64, RAS-42, contract section 7: no input echoed, no hint beyond the code."""
    refused = Refused(reason, got="MARK-1 MARK-2", expected="MARK-3", parameter="MARK-4")
    reply = refusal_reply(refused, decision_id=REF)
    assert b"MARK" not in reply.body
    assert b"MARK" not in b"".join(name + value for name, value in reply.headers)
