"""Nobody waits for what is not theirs: issuers that hang, strangers at the door (attack case 181, P13)."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from idjag.protocol.access_token import AccessToken
from idjag.protocol.jose import KeySet
from idjag.ras import Account, JwtSigner, Link, MemoryStore, Ras, TokenRequest
from idjag.ras.flights import Busy, Flights
from idjag.ras.ports import Outcome, Record
from idjag.trust.fetch import Fetched
from idjag.trust.jwks import Jwks
from idjag.trust.kept import Limits
from idjag.trust.memory import MemoryFetcher
from tests.asgi_parts import Exchange
from tests.ras.inquiries import API_CLIENT, API_SECRET, Site, site_config
from tests.ras.world import (
    ALICE,
    API,
    CLIENT,
    IDP,
    NOW,
    OTHER_IDP,
    RAS,
    FakeKeys,
    World,
    basic,
    body,
    client,
    config,
    grant,
    key,
    request,
)

BOTH = config(clients=(client(issuers=frozenset({IDP, OTHER_IDP})),))
GIL = {"iss": OTHER_IDP, "sub": "gil"}


def linked() -> MemoryStore:
    """Two people, each known at an issuer of their own."""
    links = [(Link(IDP, "", ALICE), "u-alice"), (Link(OTHER_IDP, "", "gil"), "u-gil")]
    return MemoryStore([Account("u-alice"), Account("u-gil")], links)


class Hanging(FakeKeys):
    """A port of a host's own: the keys of IDP do not come until somebody lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.let, self.begun = threading.Event(), threading.Event()

    def keys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        found = super().keys(issuer, jwks_uri, kid=kid)
        self.begun.set()
        if issuer == IDP and not self.let.wait(60):
            raise TimeoutError
        return found


class HangingFetcher(MemoryFetcher):
    """The network of our own cache: what IDP publishes does not come until somebody lets it."""

    def __init__(self) -> None:
        sets = {IDP: KeySet([key("idp").public]), OTHER_IDP: KeySet([key("other").public])}
        documents: dict[str, Any] = {}
        for issuer, keys in sets.items():
            metadata = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}
            documents[f"{issuer}/.well-known/oauth-authorization-server"] = metadata
            documents[f"{issuer}/jwks"] = dict(keys.to_dict())
        super().__init__(documents)
        self.let = threading.Event()

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        if url == f"{IDP}/jwks" and not self.let.wait(60):
            raise TimeoutError
        return super().get(url, max_bytes=max_bytes, accept=accept)


def of_a_host() -> tuple[Any, threading.Event]:
    keys = Hanging()
    return keys, keys.let


def of_our_own() -> tuple[Any, threading.Event]:
    fetcher = HangingFetcher()
    return Jwks(fetcher, limits=Limits(patience=60.0)), fetcher.let


class Asking:
    """A host's signer that asks a key service, which answers when somebody lets it, or never."""

    def __init__(self) -> None:
        self.signer, self.let, self.down = JwtSigner(key("ras")), threading.Event(), False

    def issue(self, token: AccessToken) -> str:
        self._ask()
        return self.signer.issue(token)

    def public(self) -> KeySet:
        self._ask()
        return self.signer.public()

    def _ask(self) -> None:
        if self.down or not self.let.wait(60):
            raise TimeoutError


def asking(signer: Asking) -> Site:
    """A site with this signer."""
    site = Site(config=site_config())
    site.ras = Ras(
        site.config, keys=site.keys, accounts=site.store, store=site.store, signer=signer, clock=site.clock
    )
    return site


def test_a_signer_that_waits_holds_no_event_loop() -> None:
    """P13, AT-04: the ports of a host may block, so the async doors call them in a thread."""
    signer = Asking()
    ras = asking(signer).ras
    token = AccessToken(RAS, "u", (API,), CLIENT, "j", NOW, NOW + 9)
    asked = introspection(signer.signer.issue(token))

    async def both() -> list[int]:
        waiting = [asyncio.create_task(each) for each in (ras.atoken(request()), ras.aserve(*asked))]
        asyncio.get_running_loop().call_later(0.05, signer.let.set)  # never, were the loop held up
        return [reply.status for reply in await asyncio.gather(*waiting)]

    assert asyncio.run(both()) == [200, 200]


def test_a_signer_that_is_down_is_503() -> None:
    """AT-04, contract section 7: no token, nothing inactive that nobody looked at, and no jti burnt."""
    signer = Asking()
    signer.let.set()
    site = asking(signer)
    token, assertion = site.redeemed(), grant()
    signer.down = True
    for reply in (site.introspect(token), site.revoke(token), site.post({"assertion": assertion})):
        assert (reply.status, body(reply)["error"]) == (503, "temporarily_unavailable")
    signer.down = False
    assert site.active(token)
    assert site.post({"assertion": assertion}).status == 200


def introspection(token: str) -> tuple[Any, TokenRequest]:
    """What the API would ask."""
    form = b"token=" + token.encode()
    return "introspect", request(form, authorization=basic(API_CLIENT, API_SECRET))


@pytest.mark.parametrize("made", [of_a_host, of_our_own], ids=["a host's port", "our cache"])
def test_an_issuer_that_hangs_holds_nobody_of_another(
    made: Callable[[], tuple[Any, threading.Event]],
) -> None:
    """P13: 60 requests wait for one issuer's keys, and 200 of another go through meanwhile."""
    keys, let = made()
    world = World(config=BOTH, store=linked(), keys=keys)

    async def attack() -> tuple[Counter[int], int, Counter[int]]:
        waiting = [asyncio.create_task(world.ras.atoken(request())) for _ in range(60)]
        await asyncio.sleep(0)
        others = [world.ras.atoken(request({"assertion": grant(key("other"), **GIL)})) for _ in range(200)]
        async with asyncio.timeout(50):
            replies = await asyncio.gather(*others)
        still = sum(not task.done() for task in waiting)
        let.set()
        late = await asyncio.gather(*waiting)
        return Counter(r.status for r in replies), still, Counter(r.status for r in late)

    try:
        assert asyncio.run(attack()) == ({200: 200}, 60, {200: 60})
    finally:
        let.set()
        world.ras.close()


def test_all_who_wait_for_one_issuer_wait_for_one_thread() -> None:
    """One flight an issuer: the port is asked once, however many wait."""
    keys = Hanging()
    world = World(config=BOTH, store=linked(), keys=keys)

    async def attack() -> Counter[int]:
        waiting = [asyncio.create_task(world.ras.atoken(request())) for _ in range(30)]
        assert await asyncio.to_thread(keys.begun.wait, 60)
        asked = len(keys.asked)
        keys.let.set()
        replies = await asyncio.gather(*waiting)
        assert asked == 1
        return Counter(reply.status for reply in replies)

    try:
        assert asyncio.run(attack()) == {200: 30}
    finally:
        world.ras.close()


def test_who_gives_up_takes_nothing_from_those_who_wait_on() -> None:
    """A client that goes away: the fetch goes on for the others, even one that has not begun."""
    keys = Hanging()
    world = World(config=BOTH, store=linked(), keys=keys)
    world.ras._driver._fetches = Flights("test", threads=1, most=10)

    async def attack() -> list[int]:
        hanging = asyncio.create_task(world.ras.atoken(request()))
        assert await asyncio.to_thread(keys.begun.wait, 60)
        of_another = request({"assertion": grant(key("other"), **GIL)})
        again = request({"assertion": grant(key("other"), **GIL)})
        queued = [asyncio.create_task(world.ras.atoken(each)) for each in (of_another, again)]
        await asyncio.sleep(0)
        queued[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued[0]
        keys.let.set()
        return [reply.status for reply in await asyncio.gather(hanging, queued[1])]

    try:
        assert asyncio.run(attack()) == [200, 200]
    finally:
        keys.let.set()
        world.ras.close()


class Rotating(Hanging):
    """Its set changed between the first request and the second."""

    def keys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        super().keys(issuer, jwks_uri, kid=kid)
        return KeySet([key("idp-next" if kid == "idp-next" else "idp").public])


def test_a_key_that_the_flight_did_not_bring_is_asked_for_again() -> None:
    """RAS-10: whoever has another kid was not served by the first one's fetch."""
    keys = Rotating()
    world = World(config=BOTH, store=linked(), keys=keys)

    async def both() -> list[int]:
        assertions = [grant(), grant(key("idp-next"))]
        asked = [request({"assertion": assertion}) for assertion in assertions]
        waiting = [asyncio.create_task(world.ras.atoken(each)) for each in asked]
        assert await asyncio.to_thread(keys.begun.wait, 60)
        keys.let.set()
        return [reply.status for reply in await asyncio.gather(*waiting)]

    try:
        assert asyncio.run(both()) == [200, 200]
        assert [kid for _, kid in keys.asked] == ["idp", "idp-next"]
    finally:
        keys.let.set()
        world.ras.close()


def test_no_more_is_under_way_than_may_be() -> None:
    """One flight a key, and an end to the queue."""
    let = threading.Event()
    flights: Flights[bool] = Flights("test", threads=1, most=2)
    try:
        first, own = flights.board("a", lambda: let.wait(60))
        again, not_own = flights.board("a", lambda: False)
        second, _ = flights.board("b", lambda: True)
        with pytest.raises(Busy):
            flights.board("c", lambda: True)
        assert (own, not_own, again is first) == (True, False, True)
        let.set()
        assert (first.result(20), second.result(20)) == (True, True)
        assert flights.board("c", lambda: True)[0].result(20)
    finally:
        let.set()
        flights.close(finish=True)


class Slow(MemoryStore):
    """A store whose disk does not answer until somebody lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.writing: set[str] = set()

    def commit(self, record: Record) -> Outcome:
        self.writing.add(threading.current_thread().name)
        if not self.let.wait(60):
            raise TimeoutError
        return super().commit(record)


def turned_away(number: int) -> Exchange:
    """What the door refuses by itself: a header twice."""
    twice = ((b"host", b"a.example"), (b"host", b"b.example"))
    return Exchange(headers=twice, client=(f"2001:db8::{number:x}", 5000))


def test_strangers_at_the_door_are_answered_while_the_disk_does_not() -> None:
    """Contract section 9, P12: counted at once, written by one thread, and dropped beyond what may wait."""
    store = Slow()
    world = World(store=store)
    app = world.ras.asgi

    async def attack() -> Counter[int]:
        exchanges = [turned_away(number) for number in range(2000)]
        async with asyncio.timeout(50):
            await asyncio.gather(*(app(each.scope, each.receive, each.send) for each in exchanges))
        return Counter(each.status for each in exchanges)

    try:
        assert asyncio.run(attack()) == {400: 2000}
        assert len(store.writing) <= 1
        store.let.set()
        world.ras.close()
        assert 1 <= len(store.events) <= 101
    finally:
        store.let.set()
        world.ras.close()


def test_one_stranger_at_the_door_is_one_line_a_minute(world: World) -> None:
    """Contract section 9: the positive control; nothing waits, and everything due is written."""

    async def attack() -> None:
        exchanges = [turned_away(1) for _ in range(50)] + [turned_away(2)]
        await asyncio.gather(*(world.ras.asgi(each.scope, each.receive, each.send) for each in exchanges))

    asyncio.run(attack())
    world.ras.close()
    assert Counter(event.fields["ip"] for event in world.store.events) == {"2001:db8::1": 1, "2001:db8::2": 1}


def test_a_store_that_fails_for_a_stranger_is_no_fault_of_the_door(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is there to be told but the log."""

    class Broken(MemoryStore):
        def commit(self, record: Record) -> Outcome:
            raise OSError(record.decision_id)

    world = World(store=Broken())
    exchange = turned_away(1)
    with caplog.at_level("ERROR", logger="idjag.ras"):
        exchange.through(world.ras.asgi)
        world.ras.close()
    assert exchange.status == 400
    assert [record.message.partition(" error=")[2] for record in caplog.records] == ["OSError"]
