"""How notices are sent: signed, in lines, tried again, by one node; and what is never said of the address."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from idjag.idp.facts import integer, string
from idjag.idp.snapshot import Snapshot
from idjag.idp.webhook import queue
from idjag.idp.webhook.delivery import wait_after
from idjag.idp.webhook.queue import GIVEN_UP, Notice
from idjag.ledger.entry import Entry, Facts, OneTime, Verdict
from idjag.trust.fetch import OutboundAllow
from tests.idp.signin.seeds import NOW, TENANT
from tests.idp.webhook.conftest import World
from tests.idp.webhook.receiver import SECRET, Node


def wait_for(world: World, *names: str) -> None:
    """Notices that are due now."""
    notices = [Notice(name, "webhook.test", NOW + 10**6, {"name": "Zoë"}) for name in names]
    assert queue.order(world.site.services, notices) == list(names)


def test_notices_are_sent_as_lines_of_json_and_signed(world: World) -> None:
    wait_for(world, "a", "b")
    world.node.send()
    [request] = world.receiver.came
    assert request.path == "/hooks/T0PSECRET?key=H1DDEN"
    assert request.headers["content-type"] == "application/x-ndjson"
    assert request.lines == [
        {"id": name, "time": NOW, "event": "webhook.test", "issuer": world.site.issuer, "name": "Zoë"}
        for name in ("a", "b")
    ]
    assert request.genuine(now=NOW + 300)
    assert not request.genuine(now=NOW + 301)
    assert not request.genuine(now=NOW, secret=SECRET[::-1])
    assert (world.notes(), world.site.rows("notice")) == (["notice.delivered"], [])


def test_nothing_is_sent_when_nothing_is_due(world: World) -> None:
    world.node.send()
    assert world.receiver.came == []


def test_good_answers_are_good(world: World) -> None:
    for status in (200, 201, 202, 204):
        world.receiver.status = status
        wait_for(world, f"n-{status}")
        world.node.send()
    assert world.notes() == ["notice.delivered"] * 4


def test_everything_else_is_tried_again(world: World) -> None:
    for status in (302, 400, 401, 410, 500, 503):
        world.receiver.came.clear()
        world.receiver.status = status
        wait_for(world, f"n-{status}")
        world.node.send()
        world.node.send()
        assert (len(world.receiver.came), world.notes()[-1]) == (1, "notice.failed")
        world.receiver.status = 204
        world.site.clock.now += wait_after(1)
        world.node.send()
        assert world.notes()[-1] == "notice.delivered"
        assert [line["id"] for line in world.receiver.lines] == [f"n-{status}"] * 2


def test_tries_come_later_and_later_and_end_after_three_days(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.receiver.status = 503
    wait_for(world, "a")
    while rows := world.site.rows("notice"):
        world.site.clock.now = integer(rows[0], "due")
        world.node.send()
    tries = len(world.receiver.came)
    assert [wait_after(one) for one in (1, 2, 3, 7, 99)] == [10, 30, 120, 3600, 3600]
    assert 70 <= tries <= 80
    assert world.notes() == ["notice.failed"] * tries + ["notice.abandoned"]
    assert NOW + GIVEN_UP <= world.site.clock.now <= NOW + GIVEN_UP + 3600
    assert "are given up" in caplog.text


def test_what_waits_beside_a_failure_waits_as_long(world: World) -> None:
    """A receiver that is away is asked once a round, however much there is."""
    world.receiver.status = 503
    wait_for(world, *(f"n-{number:03d}" for number in range(130)))
    world.node.send()
    world.node.send()
    assert [len(each.lines) for each in world.receiver.came] == [100]
    assert {integer(row, "due") for row in world.site.rows("notice")} == {NOW + 10}
    world.receiver.status = 204
    world.site.clock.now += 10
    world.node.send()
    assert [len(each.lines) for each in world.receiver.came] == [100, 100, 30]
    assert len({line["id"] for line in world.receiver.lines[100:]}) == 130


def test_the_address_and_the_secret_stand_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Attack case group K: many services have nothing but a path that says who may send."""
    caplog.set_level(logging.DEBUG)
    world.receiver.status = 500
    wait_for(world, "a")
    world.node.send()
    kept = f"{caplog.text} {world.site.events()} {world.site.rows('notice')} {world.node.delivery!r}"
    assert "500" in queue.waiting(world.site.services).problem
    assert "http://127.0.0.1:" in kept
    for part in ("T0PSECRET", "H1DDEN", SECRET, SECRET[:12]):
        assert part not in kept


def test_it_goes_nowhere_that_others_may_not_go(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Attack case group K: the one fetcher, with its rules; the control is every other test."""
    node = Node(world.site.services, world.database, world.receiver, OutboundAllow())
    wait_for(world, "a")
    node.send()
    node.close()
    assert world.receiver.came == []
    assert "127.0.0.1 is not a public address" in caplog.text
    # who may read the console need not know what is inside (attack case 176)
    assert queue.waiting(world.site.services).problem == "could not be reached"
    assert "127.0.0.1" not in str(world.site.last_event())


def test_of_many_nodes_one_sends(world: World) -> None:
    """Two and more that look at the same moment."""
    nodes = [world.another() for _ in range(4)]
    together = threading.Barrier(4)
    wait_for(world, *(f"n-{number}" for number in range(20)))

    def send(node: Node) -> None:
        together.wait(60)
        node.send()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, nodes))
    for node in nodes:
        node.close()
    assert sorted(line["id"] for line in world.receiver.lines) == sorted(
        f"n-{number}" for number in range(20)
    )


def test_a_try_that_another_node_has_is_not_made(world: World) -> None:
    """Also where its change cannot be seen yet: two transactions at the same moment."""
    wait_for(world, "a")
    [row] = world.site.rows("notice")
    value = f"{string(row, 'id')} 0 {integer(row, 'due')}"
    claimed = OneTime("notice_try", TENANT, value, NOW + 10**6)

    def decide(_snapshot: Snapshot, _found: Facts) -> Verdict[None]:
        return Verdict(None, ())

    entry = Entry(TENANT, "another node", NOW, decide, consume_on_success=(claimed,))
    world.site.ledger.commit(entry)
    world.node.send()
    assert world.receiver.came == []
    wait_for(world, "b")
    world.node.send()
    assert [line["id"] for line in world.receiver.lines] == ["b"]


def test_what_another_node_has_taken_since_it_was_found_is_not_taken_again(world: World) -> None:
    """Between the look at what is due and the look at the rows somebody else may have tried it."""
    quicker, found = world.another(), world.node.delivery.due

    def due(*place: str, **limits: int) -> Sequence[str]:
        ids = found(*place, **limits)
        world.receiver.status = 503
        quicker.send()
        return ids

    wait_for(world, "a")
    object.__setattr__(world.node.delivery, "due", due)
    world.node.send()
    quicker.close()
    assert [line["id"] for line in world.receiver.lines] == ["a"]
    assert integer(world.site.rows("notice")[0], "due") > NOW


def test_a_node_that_died_in_a_try_leaves_it_to_others(world: World) -> None:
    """A claim is for a minute: told twice is better than never."""

    class Dies:
        def post(self, *_: object, **__: object) -> object:
            raise SystemExit

    wait_for(world, "a")
    dying = world.another()
    object.__setattr__(dying.delivery, "sender", Dies())
    with pytest.raises(SystemExit):
        dying.send()
    dying.close()
    world.node.send()
    assert world.receiver.came == []
    world.site.clock.now += 60
    world.node.send()
    assert [line["id"] for line in world.receiver.lines] == ["a"]


def test_a_notice_is_written_once_whoever_finds_it(world: World) -> None:
    notices = [Notice(f"n-{number}", "webhook.test", NOW + 10**6) for number in range(40)]
    services = world.site.services
    with ThreadPoolExecutor(4) as threads:
        settled = list(threads.map(lambda _: queue.order(services, notices), range(4)))
    assert [len(one) for one in settled] == [40] * 4
    assert len(world.site.rows("notice")) == 40
    world.node.send()
    queue.order(services, notices)
    assert world.site.rows("notice") == []
