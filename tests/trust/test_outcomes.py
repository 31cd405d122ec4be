"""What may be told of a failed fetch to whoever named the URL."""

from __future__ import annotations

import pytest

from idjag.trust.fetch import FetchFailed, OutboundAllow, PinnedFetcher
from tests.trust.servers import Server, response


@pytest.mark.parametrize(
    ("answer", "outcome", "challenge"),
    [
        (response(status="404 No"), "answered 404", ""),
        (response(status="302 Found", headers=("Location: https://10.0.0.7/",)), "answered 302", ""),
        (response(b"x" * 2000), "is too large", ""),
        (response(b"x", length=5000), "is too large", ""),
        (
            response(headers=("Content-Encoding: gzip",)),
            "answered with something compressed",
            "",
        ),
        (
            response(status="401 No", headers=('WWW-Authenticate: Bearer x="y"',)),
            "answered 401",
            'Bearer x="y"',
        ),
        (response(status="403 No", headers=("WWW-Authenticate: Bearer",)), "answered 403", ""),
        (b"SSH-2.0-OpenSSH\r\n", "could not be reached", ""),
        (b"", "could not be reached", ""),
    ],
)
def test_others_are_told_how_it_ended_and_nothing_of_our_network(
    answer: bytes, outcome: str, challenge: str
) -> None:
    """Attack case 176: whoever named the URL; what does not speak HTTP is like what is not there."""
    fetcher = PinnedFetcher(OutboundAllow(loopback=True))
    with Server(answer) as server, pytest.raises(FetchFailed) as caught:
        fetcher.get(f"http://127.0.0.1:{server.port}/a", max_bytes=1000)
    assert (caught.value.outcome, caught.value.challenge) == (outcome, challenge)
