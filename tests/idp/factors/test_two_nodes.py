"""Factors on two nodes of one PostgreSQL: transactions that overlap, and still each secret counts once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import pytest

from idjag.idp.factors import operations, recovery
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.snapshot import Loader
from idjag.idp.store import schema
from idjag.ledger.entry import Facts, Insert
from idjag.ledger.postgres import PostgresLedger
from idjag.protocol.errors import Reason, Refused
from tests.authenticator import Authenticator
from tests.cluster import Cluster
from tests.idp.factors.acme import ADMIN, ALICE, ISSUER, NOW, SEALER, TENANT, Acme
from tests.idp.factors.test_races import at_once, proofs
from tests.idp.settling import LONG
from tests.idp.signin.seeds import person_rows

ROUNDS = 6

Show: TypeAlias = Callable[[Acme], Proof | Wrong | None]


def show_code(code: str) -> Show:
    return lambda node: node.show_code(code)


def show_passkey(answer: str) -> Show:
    return lambda node: node.show_passkey(answer)


def show_paper(code: str) -> Show:
    def check(found: Facts) -> Proof | Wrong:
        return recovery.check(found, ALICE, code)

    return lambda node: node.show(check, recovery.once(ALICE, code, now=node.now))


@pytest.fixture
def nodes(postgres: Cluster) -> Iterator[tuple[Acme, Acme]]:
    url, chain_key = postgres.schema(), b"c" * 32
    schema.upgrade(url)
    with (
        PostgresLedger(url, load=Loader(SEALER), chain_key=chain_key, deadline=LONG) as one,
        PostgresLedger(url, load=Loader(SEALER), chain_key=chain_key, deadline=LONG) as two,
    ):
        one.open_tenant(TENANT)
        first = Acme(one)
        tenant = Insert("tenant", {"id": TENANT, "name": "Acme", "issuer": ISSUER, "created": NOW})
        first.write(tenant, *person_rows("alice"))
        yield first, Acme(two)


def test_a_secret_is_used_up_on_one_node(nodes: tuple[Acme, Acme]) -> None:
    """Promise P4: codes of apps, recovery codes and answers of passkeys."""
    one, two = nodes
    key = Authenticator(counts=False)
    app = one.add_totp()
    one.add_passkey(key)
    codes = operations.regenerate(one, one.person(), source=one.source())
    for round_, written in enumerate(codes[:ROUNDS], start=1):
        one.now = two.now = NOW + 60 * round_
        code = one.code(app)
        answer = key.get(one.request_options(one.ceremony(), ALICE), ISSUER)
        for show in (show_code(code), show_passkey(answer), show_paper(written)):
            assert proofs(at_once(*[partial(show, node) for node in nodes * 3])) == 1
    assert recovery.left(two.found(), ALICE) == len(codes) - ROUNDS


def test_the_last_factor_stays_whichever_node_is_asked(nodes: tuple[Acme, Acme]) -> None:
    one, _ = nodes
    for _ in range(ROUNDS):
        while len(one.factors()) < 2:
            one.now += 60
            one.add_totp()
        ids = [factor.id for factor in one.factors()]
        outcomes = at_once(*map(partial, [removed] * 2, nodes, ids))
        assert sorted(outcomes, key=str) == [None, Reason.FACTOR_LAST]
        assert len(one.factors()) == 1


def removed(node: Acme, id_: str) -> Reason | None:
    try:
        operations.remove(node, node.person(), id_, required=True, source=node.source())
    except Refused as refused:
        return refused.reason
    return None


def test_no_enrolment_on_one_node_outruns_a_reset_on_the_other(nodes: tuple[Acme, Acme]) -> None:
    one, two = nodes
    for _ in range(ROUNDS):

        def enrol() -> str:
            try:
                return one.add_passkey(Authenticator())
            except Refused:
                return ""

        def reset() -> str:
            operations.reset(two, ALICE, source=two.source(), actor=ADMIN)
            return ""

        before = len(one.events())
        at_once(enrol, reset)
        names = [event["event"] for event in one.events()[before:]]
        stays = names[-1] == "factor.added"
        assert len(one.factors()) == int(stays), names
