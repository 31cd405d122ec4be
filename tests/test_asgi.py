"""The bare ASGI door, driven as a server would drive it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from idjag.asgi import ASGIApp, Door, Receive, Scope, Send, later
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.http import Reply, TokenRequest, form_of, json_reply
from idjag.protocol.names import MAX_BODY
from tests.asgi_parts import Exchange, chunk, noting, seen_through


def refused_through(exchange: Exchange, **options: Any) -> Reason:
    """What the door itself turned the request away for, before anything answered."""
    seen: list[TokenRequest] = []
    told: list[tuple[Refused, TokenRequest, str]] = []
    door = Door(noting(seen), refused=lambda *each: told.append(each), **options)
    exchange.through(door)
    assert seen == []
    ((refused, request, decision_id),) = told
    assert request.body == b""
    answer = ANSWERS[refused.reason]
    assert (exchange.status, exchange.json["error"]) == (answer.status, answer.error)
    assert exchange.json["decision_id"] == decision_id
    assert exchange.header(b"cache-control") == b"no-store"
    assert exchange.header(b"connection") == b"close"
    return refused.reason


def test_a_request_comes_in_as_a_value_and_the_reply_goes_out() -> None:
    """The positive control of this file."""
    exchange = Exchange(
        query=b"q=1",
        headers=((b"Host", b"idp.example"), (b"X-Two", b"a"), (b"x-two", b"b")),
        messages=[chunk(b"a=", more=True), chunk(b"", more=True), chunk(b"1")],
    )
    assert seen_through(exchange) == TokenRequest(
        method="POST",
        query=b"q=1",
        headers=((b"host", b"idp.example"), (b"x-two", b"a"), (b"x-two", b"b")),
        body=b"a=1",
        source="192.0.2.7",
    )
    assert exchange.body == b'{"ok":true}'
    assert exchange.header(b"content-length") == b"11"
    assert exchange.header(b"content-type") == b"application/json"
    assert [message["type"] for message in exchange.sent] == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize("method", ["GET", "PUT", "TRACE", "HEAD", "post"])
def test_a_method_stays_what_it_is(method: str) -> None:
    """Attack case 10: nobody turns HEAD into GET or lower case into upper case on the way."""
    assert seen_through(Exchange(method=method)).method == method


def test_an_answer_to_head_has_its_length_and_no_body() -> None:
    """RFC 9110 section 9.3.2."""
    exchange = Exchange(method="HEAD")
    seen_through(exchange)
    assert (exchange.body, exchange.header(b"content-length")) == (b"", b"11")


def test_an_answer_without_content_has_no_length() -> None:
    """RFC 9110 section 8.6: conditional GET of metadata (attack case 217)."""

    async def unchanged(_request: TokenRequest) -> Reply:
        return Reply(304, ((b"etag", b'"a"'),), b"")

    exchange = Exchange(method="GET").through(Door(unchanged))
    assert (exchange.status, exchange.header(b"content-length")) == (304, None)


def test_a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() -> None:
    """Attack case 19: 413 from the table."""
    half = MAX_BODY // 2
    halves = [chunk(b"a" * half, more=True), chunk(b"a" * half)]
    assert len(seen_through(Exchange(messages=halves)).body) == MAX_BODY
    halves = [chunk(b"a" * half, more=True), chunk(b"a" * (half + 1))]
    assert refused_through(Exchange(messages=halves)) is Reason.TOO_LARGE


def test_a_body_without_an_end_is_answered_at_the_limit() -> None:
    """Attack case 19: nothing beyond the limit is read before the answer has gone out."""
    exchange = Exchange(messages=[chunk(b"a" * 10_000, more=True)] * 2000)
    assert refused_through(exchange) is Reason.TOO_LARGE
    assert exchange.received_at_answer == 7


def test_the_rest_of_a_body_is_thrown_away_up_to_a_bound() -> None:
    """A client that is still sending would lose the 413 if the connection closed under it."""
    five_mb = [*[chunk(b"a" * 50_000, more=True)] * 100, chunk(b"")]
    exchange = Exchange(messages=five_mb)
    assert refused_through(exchange) is Reason.TOO_LARGE
    assert exchange.received == len(five_mb)
    endless = Exchange(messages=[chunk(b"a" * 1_000_000, more=True)] * 2000)
    assert refused_through(endless) is Reason.TOO_LARGE
    assert endless.received < 12
    left = Exchange(messages=[chunk(b"a" * 100_000, more=True), {"type": "http.disconnect"}])
    assert refused_through(left) is Reason.TOO_LARGE


@pytest.mark.parametrize("length", [b"65537", b"5000000", b"9" * 5000])
def test_an_announced_body_that_is_too_long_is_answered_before_it_is_read(length: bytes) -> None:
    """Attack case 19: 413 before parsing."""
    exchange = Exchange(headers=((b"content-length", length),))
    assert refused_through(exchange) is Reason.TOO_LARGE
    assert exchange.received_at_answer == 0
    assert seen_through(Exchange(headers=((b"content-length", b"65536"),))).body == b"a=1"


def test_a_body_that_drips_ends_at_the_deadline() -> None:
    """Attack case 19: 1 byte per 5 s, closed by 30 s; the deadline is for the sum."""
    exchange = Exchange(messages=[chunk(b"a", more=True)])
    assert refused_through(exchange, body_seconds=0.05) is Reason.BODY_TOO_SLOW
    assert exchange.status == 408


def test_a_client_that_leaves_before_its_request_is_complete_gets_no_answer() -> None:
    """Nothing is decided on half a request."""
    seen: list[TokenRequest] = []
    exchange = Exchange(messages=[chunk(b"a", more=True), {"type": "http.disconnect"}])
    exchange.through(Door(noting(seen)))
    assert (seen, exchange.sent) == ([], [])


def test_a_client_that_leaves_before_the_answer_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Servers may raise OSError from send once the client has gone."""

    async def gone(_message: Any) -> None:
        raise ConnectionResetError

    exchange = Exchange()
    seen: list[TokenRequest] = []
    with caplog.at_level(logging.INFO):
        asyncio.run(Door(noting(seen))(exchange.scope, exchange.receive, gone))
    assert (len(seen), caplog.records) == (1, [])


def test_too_many_headers_are_refused() -> None:
    """Attack case 214: some servers let 20,000 of them pass."""
    many = [(b"x-%d" % number, b"1") for number in range(101)]
    assert len(seen_through(Exchange(headers=many[:100])).headers) == 100
    assert refused_through(Exchange(headers=many)) is Reason.HEADERS_TOO_LARGE
    assert Exchange(headers=many * 200).through(Door(noting([]))).status == 431


def test_headers_and_query_that_are_too_long_are_refused() -> None:
    """Attack case 214: 5 MB header, 200 KB URL."""
    assert seen_through(Exchange(headers=((b"x", b"a" * 32_000),))).source == "192.0.2.7"
    assert refused_through(Exchange(headers=((b"x", b"a" * 33_000),))) is Reason.HEADERS_TOO_LARGE
    assert refused_through(Exchange(query=b"a" * 200_000)) is Reason.HEADERS_TOO_LARGE


@pytest.mark.parametrize("name", [b"Host", b"authorization", b"content-type", b"content-length"])
def test_a_header_that_must_be_single_is_refused_twice(name: bytes) -> None:
    """Attack cases 20 and 211: which of two would count is nobody's guess; equal ones included."""
    assert seen_through(Exchange(headers=((name, b"1"),))).headers == ((name.lower(), b"1"),)
    twice = Exchange(headers=((name, b"1"), (name.lower(), b"1")))
    assert refused_through(twice) is Reason.DUPLICATE_HEADER


@pytest.mark.parametrize(
    "host", [b"evil.example", b"idp.example.evil.example", b"", b"idp.example:8443", b"\xff"]
)
def test_a_host_that_is_not_ours_is_refused_when_ours_are_known(host: bytes) -> None:
    """Attack case 211: 421."""
    options: dict[str, Any] = {"known_host": {"idp.example"}.__contains__}
    assert seen_through(Exchange(headers=((b"host", b"IdP.example"),)), **options).method == "POST"
    assert refused_through(Exchange(headers=((b"host", host),)), **options) is Reason.HOST_UNKNOWN
    assert refused_through(Exchange(headers=()), **options) is Reason.HOST_UNKNOWN


def test_forwarding_headers_change_nothing_but_the_address() -> None:
    """Attack case 211: X-Forwarded-Host, -Proto, -Prefix and Forwarded are not believed, by anybody."""
    plain = seen_through(Exchange(), trusted_proxies=["192.0.2.7"])
    names = (b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-prefix", b"forwarded", b"x-real-ip")
    forged = Exchange(headers=((b"host", b"idp.example"), *((name, b"203.0.113.9") for name in names)))
    request = seen_through(forged, trusted_proxies=["192.0.2.7"])
    assert (request.method, request.query, request.source) == (plain.method, plain.query, plain.source)


def test_an_exception_is_a_server_error_with_an_id_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Architecture section 5: a 500 with an id, logged once, with no input echoed, causes included."""

    async def broken(request: TokenRequest) -> Reply:
        try:
            return json_reply({"x": int(request.body)})
        except ValueError as error:
            raise LookupError(request.body.decode()) from error

    exchange = Exchange(messages=[chunk(b"secret=canary")], headers=((b"authorization", b"Basic canary"),))
    exchange.through(Door(broken, new_id=lambda: "ref-1"))
    assert (exchange.status, exchange.json["error"]) == (500, "server_error")
    assert exchange.json["decision_id"] == "ref-1"
    assert exchange.header(b"cache-control") == b"no-store"
    (record,) = caplog.records
    text = logging.Formatter().format(record)
    assert "ref=ref-1" in text
    assert "LookupError" in text
    assert "ValueError" in text
    assert "in broken" in text
    assert "canary" not in text
    assert "canary" not in exchange.body.decode()


def test_a_refusal_that_escapes_is_answered_from_the_table() -> None:
    """Nothing else builds an error body."""

    async def strict(request: TokenRequest) -> Reply:
        form_of(request)
        return json_reply({})

    exchange = Exchange(headers=((b"content-type", b"application/json"),)).through(Door(strict))
    assert (exchange.status, exchange.json["error"]) == (415, "invalid_request")


def test_who_counts_refusals_cannot_change_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A full table of counters is not the client's problem."""

    def broken(_refused: Refused, _request: TokenRequest, _decision_id: str) -> None:
        raise RuntimeError(secret)

    secret = f"can{'ary'}"  # a traceback shows source lines
    exchange = Exchange(query=b"a" * 200_000).through(Door(noting([]), refused=broken))
    assert exchange.status == 431
    assert "canary" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_one_request_that_fails_does_not_end_another() -> None:
    """One door serves many at once."""
    slow = Exchange(messages=[chunk(b"a", more=True)])
    quick = Exchange()
    door = Door(noting([]), body_seconds=0.05)

    async def both() -> None:
        await asyncio.gather(*(door(each.scope, each.receive, each.send) for each in (slow, quick)))

    asyncio.run(both())
    assert (slow.status, quick.status) == (408, 200)


def test_a_websocket_is_closed_and_a_lifespan_is_not_spoken() -> None:
    """Servers take the exception as: this application has no lifespan."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    door = Door(noting([]))
    asyncio.run(door({"type": "websocket"}, Exchange().receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
    with pytest.raises(RuntimeError, match="lifespan"):
        asyncio.run(door({"type": "lifespan"}, Exchange().receive, send))


def test_an_application_for_later_is_made_once_by_whoever_come_first_together() -> None:
    made: list[int] = []

    def make() -> ASGIApp:
        made.append(1)

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "made"})

        return app

    async def ask() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError

        await asyncio.gather(*(lazy({"type": "http"}, receive, send) for _ in range(20)))
        return sent

    lazy = later(make)
    assert made == []
    assert asyncio.run(ask()) == [{"type": "made"}] * 20
    assert made == [1]
