"""Two nodes with two workers each on PostgreSQL: races for what may be used once, a record that fails."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import pytest

from idjag.demo.wire import Answer
from idjag.protocol import names
from tests.cluster import Cluster
from tests.processes.nodes import Nodes, deployed
from tests.proofs import proof

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RACERS = 50
ROUNDS = [5, pytest.param(20, marks=pytest.mark.soak)]
Ask: TypeAlias = Callable[[int], Answer]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, postgres: Cluster) -> Iterator[Nodes]:
    """One deployment for all tests of this module."""
    with deployed(tmp_path_factory.mktemp("acme"), postgres) as running:
        yield running.nodes


def raced(ask: Ask) -> list[Answer]:
    """Fifty at once over all nodes."""
    together = threading.Barrier(RACERS)

    def run(number: int) -> Answer:
        together.wait()
        return ask(number)

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


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


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize(
    ("make", "refusal"),
    [
        (with_code, (400, "invalid_grant")),
        (with_refresh_token, (400, "invalid_grant")),
        (with_client_assertion, (401, "invalid_client")),
        (with_proof, (400, "invalid_dpop_proof")),
    ],
    ids=["code", "refresh token", "client assertion", "proof"],
)
def test_what_may_be_used_once_is_used_once_by_fifty_on_all_nodes(
    nodes: Nodes, make: Callable[[Nodes], Ask], refusal: tuple[int, str], rounds: int
) -> None:
    """P4, attack case 218: one success, whoever comes first; the others are refused, none fails."""
    for _ in range(rounds):
        answers = raced(make(nodes))
        told = Counter((answer.status, answer.json().get("error")) for answer in answers)
        assert told == {(200, None): 1, refusal: RACERS - 1}


def test_a_record_that_cannot_be_written_costs_its_own_client_the_token_and_no_other(nodes: Nodes) -> None:
    """P1, P6, attack case 222: 503 and no token for the one, the same batches serve the others."""
    [mail] = nodes.sql("SELECT id FROM app WHERE key = 'mail'")
    body = "BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END"
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
