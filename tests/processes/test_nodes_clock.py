"""A node whose clock is wrong, and set right again: what was used stays used, and nothing falls over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from idjag.protocol.jose import jws
from tests.cluster import Cluster
from tests.processes.acme import acme_in
from tests.processes.clocks import DAY, HOUR, Clock
from tests.processes.nodes import Nodes, nodes_of
from tests.processes.storm import ready
from tests.processes.test_workers import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RIGHT, WRONG = 0, 1
"""The node with the true time, and the one whose clock is moved."""


@dataclass(frozen=True, slots=True)
class Skewed:
    """Two nodes, and what was used at the first before the second started with its clock far ahead."""

    nodes: Nodes
    clock: Clock
    form: dict[str, str] = field(repr=False)
    assertions: list[str] = field(repr=False)
    code: dict[str, str] = field(repr=False)

    def used_again(self, node: int) -> set[int]:
        """What comes of it."""
        again = {self.nodes.asserted(self.form, node=node, assertion=each).status for each in self.assertions}
        return again | {self.nodes.token(self.code, node=node).status}


@pytest.fixture(scope="module")
def skewed(tmp_path_factory: pytest.TempPathFactory, postgres: Cluster) -> Iterator[Skewed]:
    """The second node cleans up when it starts, by a clock that is 23 hours ahead."""
    folder = tmp_path_factory.mktemp("acme")
    folder.chmod(0o700)
    nodes, clock = nodes_of(acme_in(folder), postgres), Clock(folder / "clock")
    nodes.apply()
    clock.move(DAY - HOUR)
    with nodes.node(RIGHT):
        form, code = nodes.form(nodes.sign_in(client="agent")), nodes.code()
        used = [nodes.assertion() for _ in range(3)]
        assert {nodes.asserted(form, assertion=each).status for each in used} == {200}
        assert nodes.token(code).status == 200
        [tenant] = nodes.sql("SELECT id FROM tenant")
        # Dead by the clock that is ahead, and by no other before tomorrow: whoever removes it has that clock.
        ended = int(time.time()) - 2 * HOUR
        bait = f"VALUES ('bait', '{tenant['id']}', 'jti', 'h', {ended})"
        nodes.sql(f"INSERT INTO one_time {bait}")
        with nodes.node(WRONG, clock.environ):
            eventually(lambda: nodes.sql("SELECT id FROM one_time WHERE id = 'bait'") == [])
            yield Skewed(nodes, clock, form, used, code)
    assert nodes.acme.here("audit", "verify").code == 0


@pytest.mark.parametrize("ahead", [DAY - HOUR, -HOUR, 0])
def test_a_clock_that_jumps_makes_nothing_usable_twice(skewed: Skewed, ahead: int) -> None:
    """P4, P14, attack case 210: forward by a day, back by an hour, and right again; no crash, no replay."""
    nodes = skewed.nodes
    skewed.clock.move(ahead)
    for node in (WRONG, RIGHT):
        # by a wrong clock it is long over, or not yet begun: refused, and no fault of ours
        assert skewed.used_again(node) == {400, 401}
    assert nodes.asserted(skewed.form, node=RIGHT).status == 200
    fresh = nodes.asserted(skewed.form, node=WRONG)
    assert fresh.status == (401 if ahead else 200)
    assert ready(nodes) == {200}
    if not ahead:
        claims = jws.parse(str(fresh.json()["access_token"]), max_bytes=16_000).claims
        assert abs(int(str(claims["iat"])) - time.time()) < HOUR / 2


@pytest.mark.parametrize("ahead", [-50, 50])
def test_a_node_whose_clock_is_not_a_minute_off_serves_like_any_other(skewed: Skewed, ahead: int) -> None:
    """P14: what one node issues is taken by the other, in both directions, from the first minute on."""
    nodes = skewed.nodes
    skewed.clock.move(ahead)
    for issuer, asked in ((RIGHT, WRONG), (WRONG, RIGHT)):
        answer = nodes.token(nodes.code(), node=issuer)
        assert answer.status == 200, answer.body
        assert nodes.exchange(str(answer.json()["id_token"]), node=asked).status == 200
