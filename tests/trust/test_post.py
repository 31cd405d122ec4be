"""The outbound fetcher when it sends a form: in the same way, once, and nowhere else."""

from __future__ import annotations

import pytest

from idjag.trust.fetch import Fetched, FetchFailed, OutboundAllow, PinnedFetcher
from tests.trust.servers import Server, response

LOCAL = OutboundAllow(loopback=True)
FORM = b"logout_token=a.b.c"


def posted(answer: bytes, *, max_bytes: int = 100) -> tuple[Fetched, list[bytes]]:
    with Server(answer) as server:
        found = PinnedFetcher(LOCAL).post(
            f"http://127.0.0.1:{server.port}/heard?x=1", FORM, max_bytes=max_bytes
        )
        return found, server.requests


def test_a_form_is_sent_whole_and_once() -> None:
    """OIDC-21: Back-Channel Logout section 2.5."""
    found, requests = posted(response(b"ok"))
    assert (found.status, found.body) == (200, b"ok")
    [request] = requests
    head, _, body = request.decode().partition("\r\n\r\n")
    assert head.startswith("POST /heard?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 18\r\n" in head
    assert (body, "ookie" in head) == (FORM.decode(), False)


def test_no_content_is_an_answer_too() -> None:
    """OIDC-21: 204."""
    found, _ = posted(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (found.status, found.body) == (204, b"")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "redirects"),
        (
            b"HTTP/1.1 307 Temporary\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "redirects",
        ),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "400"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "503"),
        (b"", "broke"),
    ],
)
def test_everything_else_is_a_failure(answer: bytes, problem: str) -> None:
    """OIDC-21: no redirect is followed, whichever it is; attack case group K."""
    with pytest.raises(FetchFailed) as failed:
        posted(answer)
    assert problem in failed.value.problem


def test_an_answer_that_is_too_long_is_not_read() -> None:
    with pytest.raises(FetchFailed):
        posted(response(b"x" * 101))
    assert posted(response(b"x" * 100))[0].status == 200


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://169.254.169.254/latest", "ftp://127.0.0.1/"])
def test_the_same_places_are_shut_as_for_documents(url: str) -> None:
    """Attack case group K: loopback where it is not allowed, link-local always."""
    with pytest.raises(FetchFailed):
        PinnedFetcher(OutboundAllow()).post(url, FORM, max_bytes=10)


def test_a_document_must_still_come_with_200() -> None:
    """What a form may be answered with is no document."""
    with Server(b"HTTP/1.1 204 No Content\r\n\r\n") as server, pytest.raises(FetchFailed, match="204"):
        PinnedFetcher(LOCAL).get(f"http://127.0.0.1:{server.port}/jwks", max_bytes=10)


def test_what_is_sent_may_be_of_another_type_and_carry_headers() -> None:
    with Server(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n") as server:
        PinnedFetcher(LOCAL).post(
            f"http://127.0.0.1:{server.port}/hook",
            b"{}\n",
            max_bytes=10,
            good=(202,),
            media_type="application/x-ndjson",
            headers={"Idjag-Signature": "t=1,v1=ab"},
        )
        head = server.requests[0].decode()
    assert "Content-Type: application/x-ndjson\r\nIdjag-Signature: t=1,v1=ab\r\nContent-Length: 3\r\n" in head


@pytest.mark.parametrize(
    "headers",
    [{"X": "a\r\nHost: evil.example"}, {"X\r\n": "a"}, {"X": ""}, {"X": "ä"}, {"": "a"}, {"X Y": "a"}],
)
def test_what_is_no_header_is_never_sent(headers: dict[str, str]) -> None:
    with Server(response(b"ok")) as server, pytest.raises(ValueError, match="header"):
        PinnedFetcher(LOCAL).post(f"http://127.0.0.1:{server.port}/hook", b"", max_bytes=10, headers=headers)
    assert server.connections == 0
