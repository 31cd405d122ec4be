"""Look-ups that know no time-out: bounded in time and in number."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from idjag.trust.fetch import FetchFailed, OutboundAllow, PinnedFetcher
from tests.processes.test_workers import eventually

LOCAL = OutboundAllow(loopback=True)


def test_look_ups_that_never_end_are_bounded() -> None:
    """Thread bound: a name server that hangs costs so many threads and no more, and then one sentence."""
    released, begun = threading.Event(), []

    def stuck(host: str, _port: int, _family: int, _kind: int) -> list[Any]:
        begun.append(host)
        released.wait(30)
        return []

    fetcher = PinnedFetcher(LOCAL, total_deadline=0.001, resolver=stuck)
    try:
        for _ in range(70):
            with pytest.raises(FetchFailed, match="in time"):
                fetcher.get("https://idp.example/", max_bytes=1)
        eventually(lambda: len(begun) >= 64)  # the last of them may not have begun to look yet
        assert len(begun) == 64
    finally:
        released.set()
    with pytest.raises(FetchFailed, match="no address"):
        PinnedFetcher(LOCAL, resolver=stuck).get("https://idp.example/", max_bytes=1)
