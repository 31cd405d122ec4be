"""The sender of receipts over real HTTP: bounded, patient, and gone when its server ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import parse_qs

import pytest

from idjag.protocol import receipt
from idjag.protocol.jose import KeySet, PrivateKey, jws
from idjag.ras.ports import Report
from idjag.ras.receipts import Counts, Receipts
from idjag.trust.fetch import Fetched, OutboundAllow, PinnedFetcher
from idjag.trust.memory import MemoryFetcher
from idjag.trust.outbound import FetchFailed
from tests.ras.world import IDP, NOW, OTHER_IDP, RAS
from tests.trust.servers import Server, response

KEY = PrivateKey.generate("ES256", kid="receipts-1")
LOCAL = OutboundAllow(loopback=True)


class Issuer:
    """An issuer over real HTTP: its metadata, and the receipts that it was sent."""

    def __init__(self, *, asks: bool = True) -> None:
        self.asks = asks
        self.status = "202 Accepted"
        self.heard: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, Any]] = []
        self.came = threading.Semaphore(0)
        self.looked = 0
        self.hold: threading.Event | None = None
        self._server = Server(self._speak)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *said: object) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.__exit__(None, None, None)

    def _speak(self, wire: Any) -> None:
        head, _, form = self._server.requests[-1].partition(b"\r\n\r\n")
        if head.startswith(b"GET"):
            self.looked += 1
            endpoint = f', "receipt_endpoint": "{self.url}/receipts"' if self.asks else ""
            wire.sendall(response(f'{{"issuer": "{self.url}"{endpoint}}}'.encode()))
            self.came.release()
            return
        if self.hold is not None:
            self.hold.wait(60)
        if self.status.startswith("2"):
            while not parse_qs(form.decode()).get("receipt"):
                form += wire.recv(4096)
            jwt = jws.parse(parse_qs(form.decode())["receipt"][0], max_bytes=4096)
            claims = jws.verify(jwt, keys=KeySet([KEY.public]), algorithms=["ES256"])
            self.headers.append(jwt.header)
            self.heard.append(dict(claims))
        wire.sendall(response(b"{}", status=self.status))
        self.came.release()

    def wait(self, times: int = 1) -> None:
        """Until it was asked so often."""
        for _ in range(times):
            assert self.came.acquire(timeout=60)


def report(issuer: str, jti: str = "j-1", outcome: str = "redeemed") -> Report:
    """A report to be sent."""
    return Report(RAS, issuer, jti, outcome, NOW)


@contextmanager
def sending(**changes: Any) -> Iterator[Receipts]:
    """The sender over the real way out."""
    usual: dict[str, Any] = {"waits": (0.01,), "clock": lambda: NOW}
    made = Receipts(KEY, changes.pop("web", PinnedFetcher(LOCAL)), **(usual | changes))
    try:
        yield made
    finally:
        made.close(within=0.0)


def until(fact: Callable[[], bool]) -> None:
    """Wait for something that another thread does at once."""
    event = threading.Event()
    for _ in range(6000):
        if fact():
            return
        event.wait(0.01)
    raise AssertionError("it never came")


def test_a_receipt_reaches_an_issuer_that_asks_for_it() -> None:
    with Issuer() as idp, sending() as receipts:
        receipts.report(report(idp.url))
        idp.wait(2)
        until(lambda: receipts.counts == Counts(delivered=1, dropped=0, waiting=0))
        [claims], [header] = idp.heard, idp.headers
        assert header == {"alg": "ES256", "kid": "receipts-1", "typ": "idjag-receipt+jwt"}
        told = receipt.accept(claims, issuer=idp.url, now=NOW)
        assert (told.iss, told.id_jag, told.outcome, told.at) == (RAS, "j-1", "redeemed", NOW)


def test_an_issuer_that_asks_for_none_is_sent_none() -> None:
    with Issuer(asks=False) as idp, sending() as receipts:
        receipts.report(report(idp.url))
        idp.wait()
        until(lambda: receipts.counts.waiting == 0)
        receipts.report(report(idp.url, "j-2"))
        until(lambda: receipts.counts.waiting == 0)
        assert (idp.heard, idp.looked, receipts.counts.dropped) == ([], 1, 0)


def test_an_issuer_that_is_away_is_told_when_it_is_back() -> None:
    """With the same jti: it must be able to see that it knows it already."""
    with Issuer() as idp, sending() as receipts:
        idp.status = "503 Busy"
        receipts.report(report(idp.url))
        receipts.report(report(idp.url, "j-2"))
        idp.wait(4)
        idp.status = "202 Accepted"
        until(lambda: len(idp.heard) == 2)
        assert [claims["id_jag"] for claims in idp.heard] == ["j-1", "j-2"]
        until(lambda: receipts.counts == Counts(2, 0, 0))


@pytest.mark.parametrize(
    "said", ["ftp://idp.example/r", "http://idp.example/r", "", 7, ["https://idp.example/"], None]
)
def test_no_receipt_goes_to_an_address_that_is_none(said: Any) -> None:
    where = f"{IDP}/.well-known/oauth-authorization-server"
    web = MemoryFetcher({where: {"issuer": IDP, "receipt_endpoint": said}})
    with sending(web=web, waits=(3600.0,)) as receipts:
        receipts.report(report(IDP))
        failures = 0 if said is None else 1
        until(lambda: web.asked == [where] and not receipts._lines[IDP].busy)
        assert (web.sent, receipts._lines[IDP].failures) == ([], failures)


class Silent:
    """A way out on which nothing ever comes back, until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = threading.Semaphore(0)

    def get(self, url: str, **_: Any) -> Fetched:
        self.asked.release()
        self.go.wait(60)
        raise FetchFailed(f"{url}: gone")

    def post(self, url: str, form: bytes, **_: Any) -> Fetched:
        raise AssertionError(f"{url}: nobody was found to post {len(form)} bytes to")


def test_the_oldest_goes_when_too_many_wait(caplog: pytest.LogCaptureFixture) -> None:
    web = Silent()
    with caplog.at_level(logging.WARNING, "idjag.ras"), sending(web=web, most=3, waits=(3600.0,)) as receipts:
        receipts.report(report(IDP, "first"))
        assert web.asked.acquire(timeout=60)
        for number in range(5):
            receipts.report(report(IDP, f"j-{number}"))
        assert receipts.counts == Counts(delivered=0, dropped=2, waiting=3)
        assert caplog.text.count("receipts dropped: too many wait") == 1  # said once a minute
        web.go.set()


def test_an_issuer_that_is_away_takes_no_place_of_another() -> None:
    web = Silent()
    with sending(web=web, most=4, waits=(3600.0,)) as receipts:
        for issuer, first in ((OTHER_IDP, "other"), (IDP, "first")):  # nor its thread, once it has that
            receipts.report(report(issuer, first))
            assert web.asked.acquire(timeout=60)
        receipts.report(report(OTHER_IDP, "other-2"))
        for number in range(9):
            receipts.report(report(IDP, f"j-{number}"))
        lines = receipts._lines
        assert [each.told.id_jag for each in lines[OTHER_IDP].waiting] == ["other-2"]
        assert [each.told.id_jag for each in lines[IDP].waiting] == ["j-6", "j-7", "j-8"]
        web.go.set()


def test_a_grant_is_reported_as_often_as_an_issuer_takes() -> None:
    """Four refusals and a redemption: whoever presents a stolen grant for ever fills no line."""
    web = Silent()
    with sending(web=web, waits=(3600.0,)) as receipts:
        for _ in range(50):
            receipts.report(report(IDP, "stolen", "wrong_client"))
        receipts.report(report(IDP, "stolen"))
        receipts.report(report(IDP, "another"))
        assert web.asked.acquire(timeout=60)
        assert receipts.counts.waiting == 5  # and one is on its way
        web.go.set()


def test_the_end_sends_what_it_can_and_counts_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    with Issuer() as idp, caplog.at_level(logging.WARNING, "idjag.ras"):
        receipts = Receipts(KEY, PinnedFetcher(LOCAL), waits=(3600.0,), clock=lambda: NOW)
        for number in range(3):
            receipts.report(report(idp.url, f"j-{number}"))
        receipts.report(report("http://127.0.0.1:9", "lost"))
        receipts.close(within=60.0)
        assert len(idp.heard) == 3
        until(lambda: not any(thread.is_alive() for thread in receipts._threads))
        receipts.report(report(idp.url, "late"))
        assert receipts.counts == Counts(delivered=3, dropped=1, waiting=0)
        assert "receipts dropped: the server ended" in caplog.text


def test_the_end_does_not_wait_for_an_issuer_that_hangs() -> None:
    web = Silent()
    receipts = Receipts(KEY, web)
    receipts.report(report(IDP))
    assert web.asked.acquire(timeout=60)
    ended = threading.Thread(target=receipts.close, kwargs={"within": 0.05})
    ended.start()
    ended.join(60)
    assert not ended.is_alive()
    web.go.set()


def test_a_receipt_that_nobody_takes_for_a_day_is_given_up() -> None:
    now = [0.0]
    web = Silent()
    web.go.set()
    with sending(web=web, monotonic=lambda: now[0], waits=(0.0,)) as receipts:
        receipts.report(report(IDP))
        for _ in range(4):
            assert web.asked.acquire(timeout=60)
        assert receipts.counts.dropped == 0
        now[0] = 86_400.0
        until(lambda: receipts.counts == Counts(0, 1, 0))


def test_the_waits_grow_and_stay() -> None:
    """A day's trouble of an issuer is no load on it: at most one try an hour in the end."""
    web = Silent()
    web.go.set()
    now = [0.0]
    with sending(web=web, monotonic=lambda: now[0], waits=(10.0, 30.0)) as receipts:
        receipts.report(report(IDP))
        for passed, due in [(0.0, 10.0), (10.0, 40.0), (40.0, 70.0)]:
            now[0] = passed
            with receipts._turn:
                receipts._turn.notify_all()
            until(lambda due=due: receipts._lines[IDP].due == due)  # type: ignore[misc]


def test_another_key_signs_from_the_next_try_on() -> None:
    with Issuer() as idp, sending() as receipts:
        receipts.sign_with(PrivateKey.generate("ES256", kid="receipts-2"))
        assert [each.kid for each in receipts.public().keys] == ["receipts-2"]
        receipts.sign_with(KEY)
        receipts.report(report(idp.url))
        until(lambda: len(idp.heard) == 1)


@pytest.mark.parametrize("wrong", [{"most": 0}, {"waits": ()}])
def test_what_could_never_send_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="receipts: at least one may wait"):
        Receipts(KEY, Silent(), **wrong)
