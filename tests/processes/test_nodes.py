"""Two nodes with two workers each on PostgreSQL, provoked: races, kills, pauses, a failing insert, a history.

Nothing here depends on how long anything takes: what is compared is what was acknowledged before what began.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from idjag.demo.wire import Answer
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.cluster import Cluster
from tests.processes.acme import Acme
from tests.processes.history import History, Span, contradictions
from tests.processes.nodes import NODES, Nodes, nodes_of
from tests.processes.program import Program
from tests.processes.test_workers import eventually, workers
from tests.proofs import proof

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RACERS = 50
Ask: TypeAlias = Callable[[int], Answer]


def rounds(few: int, many: int) -> list[object]:
    """The same proof: few times in `make test`, many times in `make soak`."""
    return [few, pytest.param(many, marks=pytest.mark.soak)]


@pytest.fixture
def nodes(acme: Acme, postgres: Cluster) -> Nodes:
    """A deployment with its state applied."""
    made = nodes_of(acme, postgres)
    made.apply()
    return made


def raced(ask: Ask) -> Counter[int]:
    """Fifty at once over all nodes."""
    together = threading.Barrier(RACERS)

    def run(number: int) -> int:
        together.wait()
        return ask(number).status

    with ThreadPoolExecutor(RACERS) as pool:
        return Counter(pool.map(run, range(RACERS)))


def with_code(nodes: Nodes) -> Ask:
    form = nodes.code()
    return lambda node: nodes.token(form, node=node)


def with_refresh_token(nodes: Nodes) -> Ask:
    answer = nodes.token(nodes.code(scope="openid offline_access"))
    token = nodes.acme.secrets.add(str(answer.json()["refresh_token"]))
    return lambda node: nodes.token({"grant_type": names.REFRESH_TOKEN, "refresh_token": token}, node=node)


def with_client_assertion(nodes: Nodes) -> Ask:
    form, assertion = nodes.form(nodes.sign_in(client="agent")), nodes.assertion()
    return lambda node: nodes.asserted(form, node=node, assertion=assertion)


def with_proof(nodes: Nodes) -> Ask:
    form = nodes.form(nodes.sign_in())
    dpop = proof(f"{nodes.acme.idp}/token", now=int(time.time()))
    return lambda node: nodes.token(form, node=node, dpop=dpop)


@pytest.mark.parametrize("times", rounds(2, 20))
@pytest.mark.parametrize(
    "make", [with_code, with_refresh_token, with_client_assertion, with_proof], ids=lambda each: each.__name__
)
def test_what_may_be_used_once_is_used_once_by_fifty_on_all_nodes(
    nodes: Nodes, make: Callable[[Nodes], Ask], times: int
) -> None:
    """P4, attack case 218: exactly one success, whoever comes first; the others are refused, not failed."""
    with nodes.serving():
        for _ in range(times):
            statuses = raced(make(nodes))
            assert statuses[200] == 1
            assert sum(statuses[status] for status in (200, 400, 401)) == RACERS
    assert nodes.acme.here("audit", "verify").code == 0


@dataclass
class Storm:
    """Exchanges on all nodes, one after the other in each thread; what was answered, by status."""

    nodes: Nodes
    id_token: str
    held: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @contextmanager
    def blowing(self, *, threads: int = 6) -> Iterator[None]:
        """While the ``with`` lasts."""
        over = threading.Event()
        every = [threading.Thread(target=self._run, args=(number, over)) for number in range(threads)]
        for thread in every:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in every:
                thread.join()

    def until_it_blows_again(self, more: int = 20) -> None:
        """Wait for so many further tokens."""
        before = len(self.held)
        eventually(lambda: len(self.held) >= before + more, seconds=120)

    def _run(self, number: int, over: threading.Event) -> None:
        node = number
        while not over.is_set():
            node += 1
            try:
                answer = self.nodes.exchange(self.id_token, node=node)
            except (OSError, EOFError):  # the worker that was asked is gone
                self.statuses[0] += 1
                continue
            self.statuses[answer.status] += 1
            if answer.status == 200:
                token = str(answer.json()["access_token"])
                self.held.append(str(jws.parse(token, max_bytes=16_000).claims["jti"]))


def kill_a_worker(programs: list[Program], number: int, _: Cluster) -> None:
    os.kill(workers(programs[number % NODES])[0], signal.SIGKILL)


def kill_the_database(_: list[Program], _number: int, postgres: Cluster) -> None:
    postgres.stop("immediate")
    postgres.start()


def pause_a_worker(programs: list[Program], number: int, _: Cluster) -> None:
    """Longer than anybody may hold a lock; then it goes on where it was."""
    pid = workers(programs[number % NODES])[0]
    os.kill(pid, signal.SIGSTOP)
    threading.Event().wait(3)
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("times", rounds(3, 20))
@pytest.mark.parametrize(
    "provoke", [kill_a_worker, kill_the_database, pause_a_worker], ids=lambda each: each.__name__
)
def test_every_token_that_a_client_holds_has_its_record(
    nodes: Nodes, postgres: Cluster, provoke: Callable[[list[Program], int, Cluster], None], times: int
) -> None:
    """P1, P3, P6: and the nodes serve again by themselves; a code that was used stays used."""
    with nodes.serving() as programs:
        id_token = nodes.sign_in()
        used = [nodes.code() for _ in range(2)]
        assert {nodes.token(form).status for form in used} == {200}
        storm = Storm(nodes, id_token)
        with storm.blowing():
            for number in range(times):
                storm.until_it_blows_again()
                provoke(programs, number, postgres)
                storm.until_it_blows_again()
        for program in programs:
            eventually(lambda program=program: len(workers(program)) == 2, seconds=60)
        assert set(storm.statuses) <= {0, 200, 503}
        assert {nodes.token(form, node=node).status for form in used for node in range(NODES)} == {400}
    assert len(storm.held) == len(set(storm.held))
    assert set(storm.held) <= nodes.issued()
    assert nodes.acme.here("audit", "verify").code == 0


def test_a_record_that_cannot_be_written_costs_its_own_client_the_token_and_no_other(nodes: Nodes) -> None:
    """P1, P6: 503 and no token for the one, the same batch serves the others."""
    [mail] = nodes.sql("SELECT id FROM app WHERE key = 'mail'")
    body = "BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END"
    with nodes.serving():
        unlucky, lucky = nodes.sign_in(client="mail"), nodes.sign_in()
        assert nodes.exchange(unlucky, client="mail").status == 200
        nodes.sql(f"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        nodes.sql(
            "CREATE TRIGGER fail BEFORE INSERT ON audit FOR EACH ROW "
            f"WHEN (NEW.requesting_app = '{mail['id']}') EXECUTE FUNCTION fail()"
        )
        before = nodes.issued()

        def ask(number: int) -> tuple[bool, Answer]:
            mine = number % 5 == 0
            token, client = (unlucky, "mail") if mine else (lucky, "wiki")
            return mine, nodes.exchange(token, node=number, client=client)

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(ask, range(100)))
        assert {answer.status for mine, answer in answers if mine} == {503}
        assert not any("access_token" in answer.json() for mine, answer in answers if mine)
        assert {answer.status for mine, answer in answers if not mine} == {200}
        assert len(nodes.issued() - before) == 80
        nodes.sql("DROP TRIGGER fail ON audit")
        assert nodes.exchange(unlucky, client="mail").status == 200
    assert nodes.acme.here("audit", "verify").code == 0


def test_the_checker_of_histories_finds_what_is_wrong() -> None:
    """A checker that finds nothing proves nothing."""
    changes = [Span(0, 1, good=True), Span(10, 11, good=False), Span(20, 21, good=True)]
    right = [
        Span(2, 3, good=True),
        Span(9, 10.5, good=True),
        Span(9, 10.5, good=False),
        Span(12, 13, good=False),
        Span(10.5, 20.5, good=True),
        Span(22, 23, good=True),
    ]
    assert contradictions(changes, right) == []
    for stale in (Span(12, 13, good=True), Span(2, 3, good=False), Span(22, 23, good=False)):
        assert contradictions(changes, [*right, stale]) == [stale]


def ways(nodes: Nodes) -> list[tuple[Callable[[], None], Callable[[], None]]]:
    """How access is taken away, and how it is given back."""
    reason = ("--reason", "a proof")

    def hold(*what: str) -> tuple[Callable[[], None], Callable[[], None]]:
        return (lambda: nodes.here("hold", *what, *reason)), (lambda: nodes.here("release", *what, *reason))

    def paused() -> None:
        nodes.apply(connection="paused")

    return [
        (paused, nodes.apply),
        hold("user", "alice"),
        hold("connection", "wiki-chat"),
        hold("app", "wiki"),
    ]


@pytest.mark.parametrize("times", rounds(1, 5))
@pytest.mark.parametrize("killing", [False, True], ids=["steady", "with kills"])
def test_a_revocation_holds_from_when_it_was_acknowledged_on_every_node(
    nodes: Nodes, postgres: Cluster, times: int, *, killing: bool
) -> None:
    """P5, architecture section 4.4: the history of all nodes, while keys rotate, has no contradiction.

    No success that started after a revocation was acknowledged, no denial that started after a grant was.
    """
    with nodes.serving() as programs:
        history = History(nodes, nodes.sign_in(), killing=killing)
        history.change(nodes.apply, good=True)
        with history.exchanging():
            for number, (stop, go_on) in enumerate(ways(nodes) * times):
                history.change(stop, good=False)
                history.more()
                if killing:
                    kill_a_worker(programs, number, postgres)
                history.change(go_on, good=True)
                nodes.here("keys", "rotate", "--now")
                history.more()
    assert contradictions(history.changes, history.answers) == []
    assert {answer.good for answer in history.answers} == {True, False}
