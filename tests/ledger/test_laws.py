"""The laws of architecture section 4, each with the test that interleaves two connections; and those between.

A law of one process alone (back-pressure, who takes turns) has a test too, of that process.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from idjag.ledger.entry import Entry, Head, Insert, Reader
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.trail import check
from tests.ledger.parts import (
    KEY,
    LONG,
    Policy,
    already,
    decision_ids,
    entry,
    jti,
    yes,
)
from tests.ledger.test_interleaved import Nodes, Pause, nodes, rule

__all__ = ["nodes"]

LAWS = {
    "what is consumed is consumed once, on all nodes": """
        ledger/test_interleaved test_two_ledgers_have_one_winner
        ledger/test_interleaved test_who_wants_an_id_that_another_node_is_about_to_use_waits_for_the_outcome
        processes/test_nodes test_what_may_be_used_once_is_used_once_by_fifty_on_all_nodes
        processes/test_ras_workers test_fifty_at_once_redeem_a_grant_once_on_all_nodes""",
    "1 facts of people are fresh by construction": """
        ledger/test_interleaved test_a_fact_committed_elsewhere_is_seen_by_every_later_entry
        ledger/test_interleaved test_a_row_that_changes_while_an_entry_that_writes_is_decided_is_read_again
    """,
    "2 catching up costs by the size of the change": """
        ledger/test_policy_log test_another_process_reads_what_was_changed_and_no_more
        ledger/test_slow_load test_a_snapshot_may_take_longer_than_a_lock_may_be_held""",
    "2 heads are compared for equality; a restore changes the epoch": """
        ledger/test_laws test_a_database_that_is_another_one_meanwhile_is_decided_on_again
        ledger/test_policy_log test_a_database_that_went_back_in_time_takes_a_whole_load""",
    "3 head first, facts second, and the head again with COMMIT": """
        ledger/test_interleaved test_a_policy_that_moves_while_an_entry_is_decided_is_decided_on_again
        ledger/test_interleaved test_what_is_written_without_an_event_moves_the_head_too""",
    "3 after the second time 503": """
        ledger/test_connections test_an_entry_whose_head_moved_twice_is_given_up
        ledger/test_postgres test_a_database_that_refuses_gives_no_reply_and_is_used_again""",
    "3 only after COMMIT do replies leave": """
        ledger/test_laws test_no_reply_leaves_before_the_others_can_see_its_record
        ledger/test_sqlite test_a_reply_leaves_after_its_commit""",
    "3 locks are taken in one order, of ids and of tenants": """
        ledger/test_interleaved test_many_writers_on_two_ledgers_lose_no_update_and_keep_one_chain
        ledger/test_laws test_batches_of_several_tenants_do_not_wait_for_each_other_in_a_circle""",
    "3 nobody holds a lock for longer than two seconds": """
        ledger/test_interleaved test_whoever_stands_still_in_a_transaction_loses_what_he_holds
        ledger/test_postgres test_whoever_holds_the_head_costs_replies_until_he_lets_go""",
    "3 a server that may lose what it acknowledged is refused": """
        ledger/test_postgres test_a_server_that_may_lose_what_it_acknowledged_is_refused""",
    "3 a COMMIT whose outcome is unknown is 503 and never tried again": """
        ledger/test_lost_replies test_a_commit_whose_outcome_is_unknown_gives_no_reply_and_is_not_tried_again
        ledger/test_connections test_a_broken_connection_is_given_up_and_the_entry_is_not_tried_again""",
    "3 any failure is 503, not ready, and healed without a restart": """
        ledger/test_postgres test_a_connection_that_is_cut_in_a_transaction_leaves_nothing
        ledger/test_postgres test_a_server_that_only_reads_makes_a_node_unready_until_it_writes_again
        ledger/test_processes test_a_full_disk_refuses_and_heals
        processes/test_nodes_faults test_nobody_holds_a_token_without_its_record_and_all_nodes_serve_again""",
    "3 a cancelled waiter costs its neighbours nothing; back-pressure; turns": """
        ledger/test_committer test_a_cancelled_entry_does_not_run_and_its_neighbours_get_their_answers
        ledger/test_committer test_a_full_line_turns_away_and_keeps_places_for_the_kill_switch
        ledger/test_turns test_clients_take_turns_and_each_keeps_its_own_order""",
    "4 no token without its durable record": """
        ledger/test_processes test_what_was_acknowledged_outlives_a_kill
        ledger/test_processes test_a_disk_that_does_not_sync_gives_nobody_a_reply
        processes/test_nodes test_a_record_that_cannot_be_written_costs_its_own_client_the_token_and_no_other
    """,
    "4 a revocation is effective on every node once it was acknowledged": """
        ledger/test_interleaved test_an_acknowledged_change_is_seen_by_every_later_entry_elsewhere
        processes/test_nodes_history test_no_answer_is_older_than_what_was_acknowledged""",
    "4 after a restore older grants die": """
        processes/test_restore_drill test_a_restore_brings_back_the_state_and_no_access""",
    "5 one chain over all nodes, without gaps": """
        ledger/test_interleaved test_an_entry_without_writes_is_not_decided_again_for_its_neighbours_records
        ledger/test_verification test_an_older_table_restored_is_found_by_a_checkpoint_alone""",
    "6 every writer of a SQLite file passes the gate": """
        ledger/test_sqlite test_the_gate_is_open_again_after_the_transaction_has_begun
        ledger/test_sqlite test_a_gate_lets_one_pass_at_a_time
        processes/test_ras_workers test_with_sqlite_there_is_one_worker_and_the_message_says_why""",
    "7 large changes are planned outside and verify policy_seq": """
        ledger/test_interleaved test_of_two_changes_computed_on_one_state_the_second_is_a_conflict
        ledger/test_ready test_an_event_that_was_hashed_beforehand_is_like_any_other""",
    "a used id outlives every step of a clock that is tolerated": """
        ledger/test_expire test_an_expiry_says_how_many_and_never_reaches_the_ledger_s_own_tables
        processes/test_nodes_clock test_a_clock_that_jumps_makes_nothing_usable_twice""",
}


@pytest.mark.parametrize("law", LAWS)
def test_every_law_has_the_tests_that_are_said_to_hold_it(law: str) -> None:
    """Somebody who renames or removes one must look here."""
    for line in LAWS[law].strip().splitlines():
        module, name = line.split()
        source = Path(__file__).resolve().parent.parent / f"{module}.py"
        tree = ast.parse(source.read_bytes())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted"


def sql(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "change",
    ["UPDATE ledger_head SET epoch = 'another'", "UPDATE ledger_head SET policy_seq = policy_seq - 1"],
)
def test_a_database_that_is_another_one_meanwhile_is_decided_on_again(
    nodes: Nodes, url: str, change: str
) -> None:
    """Law 2: a restore makes a new epoch, and a head that went back is as different as one that went on."""
    one, two = nodes
    assert two.commit(entry("rule", already(rule("rule", "s")))) == "yes"
    pause = Pause(entry("paused", on_success=(jti("a"),)))
    future = one.submit(pause.entry())
    assert pause.reached.wait(LONG)
    sql(url, change)
    pause.go_on.set()
    assert future.result(LONG) == "yes"
    assert len(pause.policies) == 2
    assert decision_ids(one) == ["rule", "paused"]


def test_no_reply_leaves_before_the_others_can_see_its_record(nodes: Nodes, url: str) -> None:
    """Law 3: while COMMIT waits for somebody there is no reply; when there is one, the record is there."""
    one, two = nodes
    seen: Future[list[object]] = Future()
    with psycopg.connect(url) as holder:
        holder.execute("SELECT * FROM ledger_head FOR UPDATE")
        future = one.submit(entry("d-1"))
        future.add_done_callback(lambda _: seen.set_result(decision_ids(two)))
        while not holder.execute(WAITING).fetchall():
            assert not future.done()
        assert decision_ids(two) == []
        holder.rollback()
    assert future.result(LONG) == "yes"
    assert seen.result(LONG) == ["d-1"]


TENANTS = ("a", "b", "c", "d")


def load(_reader: Reader, _tenant: str, head: Head) -> Policy:
    return Policy(head.policy_seq, frozenset())


@contextmanager
def shared(url: str) -> Iterator[tuple[PostgresLedger[Policy], PostgresLedger[Policy]]]:
    """Two ledgers of several tenants."""
    pair = [PostgresLedger(url, load=load, chain_key=KEY) for _ in range(2)]
    for tenant in TENANTS:
        pair[0].open_tenant(tenant)
    with pair[0] as one, pair[1] as two:
        yield one, two


def deadlocks(url: str) -> int:
    """How many the server has had to break: what a retry hides from everybody else."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_batches_of_several_tenants_do_not_wait_for_each_other_in_a_circle(url: str) -> None:
    """Law 3: each node gets them in an order of its own, and locks their heads in one order."""
    before = deadlocks(url)
    with shared(url) as pair, psycopg.connect(url) as holder:
        # Both are stopped half-way: who has locked from the other end has by now what the other one wants.
        holder.execute("SELECT * FROM ledger_head WHERE tenant IN ('b', 'c') FOR UPDATE")
        asked = [
            ledger.submit(hired(f"p-{number}-{n}", tenant))
            for number, (ledger, order) in enumerate(zip(pair, (TENANTS, TENANTS[::-1]), strict=True))
            for n, tenant in enumerate(order)
        ]
        while len(holder.execute(WAITING).fetchall()) < len(pair):
            assert not all(each.done() for each in asked)
        holder.rollback()
        assert [each.result(LONG) for each in asked] == ["yes"] * 2 * len(TENANTS)
        for tenant in TENANTS:
            assert pair[0].head(tenant).audit_no == len(pair)
            assert check(pair[1], tenant, key=KEY) is None
    assert deadlocks(url) == before


def hired(id_: str, tenant: str) -> Entry[Policy, str]:
    person = Insert("people", {"id": id_, "status": "active", "epoch": 0, "team": None})
    return replace(entry(id_, already(yes(id_, writes=[person]))), tenant=tenant)
