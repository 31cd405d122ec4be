"""The ledger in PostgreSQL when the server fails, stops, refuses, or is set up carelessly."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from idjag.ledger.entry import Event, Facts, Insert, Key, Unavailable, Upsert, Verdict
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.postgres_wire import ServerRefused, Wire
from idjag.ledger.trail import check
from tests.cluster import Cluster
from tests.ledger.parts import (
    KEY,
    LONG,
    Policy,
    T,
    already,
    code,
    decision_ids,
    entry,
    eventually,
    is_ready,
    jti,
    make_postgres_tables,
    postgres_ledger,
    yes,
)

ALICE = Upsert("people", {"id": "alice", "status": "active", "epoch": 1, "team": None})


@pytest.fixture
def one(url: str) -> Iterator[PostgresLedger[Policy]]:
    with postgres_ledger(url) as ledger:
        yield ledger


def sql(url: str, statement: str) -> list[dict[str, Any]]:
    """What an operator with psql would see, or do."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def served(ledger: PostgresLedger[Policy], decision_id: str) -> None:
    """Ask until an entry is served: by itself, but not for longer than any machine needs."""
    until = time.monotonic() + LONG
    while True:
        try:
            assert ledger.commit(entry(decision_id, on_success=(jti(decision_id),))) == "yes"
        except Unavailable:
            assert time.monotonic() < until
        else:
            return


def raising(url: str, state: str, *, when: str = "TRUE") -> None:
    """From now on the database refuses audit rows in this way."""
    sql(
        url,
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {when} THEN RAISE EXCEPTION 'refused' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$",
    )
    sql(url, "CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION refuse()")


@pytest.mark.parametrize("state", ["40001", "40P01", "53100", "53300", "25006", "57P03", "P0001", "58030"])
def test_a_database_that_refuses_gives_no_reply_and_is_used_again(
    one: PostgresLedger[Policy], url: str, state: str
) -> None:
    """Promises P1, P6 and P15, attack cases 220, 221 and 225: no token, no row, no restart."""
    raising(url, state)
    refused = entry("d-1", already(yes("d-1", writes=[ALICE])), always=(code("c"),))
    with pytest.raises(Unavailable):
        one.commit(refused)
    sql(url, "DROP TRIGGER refuse ON audit")
    served(one, "d-2")
    assert decision_ids(one) == ["d-2"]
    assert sql(url, "SELECT * FROM people") == []
    assert one.commit(entry("d-3", always=(code("c"),))) == "yes"


def test_a_serialization_failure_that_passes_is_not_seen_by_anybody(
    one: PostgresLedger[Policy], url: str
) -> None:
    """Attack case 225."""
    sql(url, "CREATE SEQUENCE tries")
    raising(url, "40001", when="nextval('tries') = 1")
    assert one.commit(entry("d-1", on_success=(jti("a"),))) == "yes"
    assert decision_ids(one) == ["d-1"]


def test_a_record_that_cannot_be_written_costs_its_own_reply_alone(
    one: PostgresLedger[Policy], url: str
) -> None:
    """Promise P1, attack case 222."""
    raising(url, "P0001", when="NEW.decision_id = 'd-7'")
    entries = [entry(f"d-{n}", on_success=(jti(f"j-{n}"),)) for n in range(40)]
    entries[7] = entry("d-7", already(yes("d-7", writes=[ALICE])), on_success=(jti("j-7"),))
    futures = [one.submit(each) for each in entries]
    with pytest.raises(Unavailable):
        futures[7].result(30)
    assert [future.result(30) for n, future in enumerate(futures) if n != 7] == ["yes"] * 39
    assert "d-7" not in decision_ids(one)
    assert sql(url, "SELECT * FROM people") == []
    assert one.commit(entry("d-8", on_success=(jti("j-7"),))) == "yes"
    assert check(one, T, key=KEY) is None


def test_a_connection_that_is_cut_in_a_transaction_leaves_nothing(
    one: PostgresLedger[Policy], url: str
) -> None:
    """Attack case 220."""

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        assert len(sql(url, killed)) == 1
        return yes("d-1", writes=[ALICE])

    with pytest.raises(Unavailable):
        one.commit(entry("d-1", decide, on_success=(jti("a"),)))
    served(one, "d-2")
    assert decision_ids(one) == ["d-2"]
    assert one.commit(entry("d-3", on_success=(jti("a"),))) == "yes"


def test_a_reader_whose_connection_was_cut_reads_all_the_same(one: PostgresLedger[Policy], url: str) -> None:
    one.commit(entry("d-0", already(yes("d-0", writes=[ALICE]))))
    alice = Key("people", "id", "alice")
    assert one.read([alice])(alice)[0]["status"] == "active"
    sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert one.read([alice])(alice)[0]["status"] == "active"
    served(one, "d-1")


def test_whoever_holds_the_head_costs_replies_until_he_lets_go(one: PostgresLedger[Policy], url: str) -> None:
    """A paused lock holder: 503 after two seconds, and not for ever."""
    with psycopg.connect(url) as rude:
        rude.execute("SELECT * FROM ledger_head FOR UPDATE")
        with pytest.raises(Unavailable):
            one.commit(entry("d-1"))
        rude.rollback()
    served(one, "d-2")
    assert decision_ids(one) == ["d-2"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_was_restarted_is_used_again(postgres: Cluster, url: str, mode: str) -> None:
    """Promises P3 and P6: what was acknowledged is there, and nobody restarts idjag."""
    with postgres_ledger(url) as ledger:
        for n in range(20):
            ledger.commit(entry(f"d-{n}", on_success=(jti(str(n)),)))
        postgres.stop(mode)
        with pytest.raises(Unavailable):
            ledger.commit(entry("down"))
        with pytest.raises(Unavailable):
            ledger.read([Key("people", "id", "alice")])
        down = ledger.ready
        postgres.start()
        served(ledger, "up")
        assert (down, ledger.ready) == (False, True)
        assert decision_ids(ledger) == [*(f"d-{n}" for n in range(20)), "up"]
        assert ledger.commit(entry("again", on_success=(jti("7"),))) == "lost"
        assert check(ledger, T, key=KEY) is None


@contextmanager
def stopped(postgres: Cluster) -> Iterator[None]:
    postgres.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        postgres.signal(signal.SIGCONT)


@pytest.mark.slow
def test_a_server_that_stands_still_costs_replies_and_heals(postgres: Cluster, url: str) -> None:
    """Attack case 220: SIGSTOP.  The deadline ends the wait of the caller, and of the writer too."""
    with postgres_ledger(url, deadline=1.0) as ledger:
        served(ledger, "d-1")
        with stopped(postgres), pytest.raises(Unavailable):
            ledger.commit(entry("d-2"))
        served(ledger, "d-3")
        assert decision_ids(ledger)[-1] == "d-3"
        assert check(ledger, T, key=KEY) is None


@pytest.mark.parametrize("setting", ["synchronous_commit%3Doff", "synchronous_commit%3Dlocal"])
def test_a_server_that_may_lose_what_it_acknowledged_is_refused(
    postgres: Cluster, url: str, setting: str
) -> None:
    """Promise P1: an answer must not outlive its record."""
    with pytest.raises(ServerRefused, match="synchronous_commit"):
        postgres_ledger(f"{url}%20-c{setting}").start()
    ledger = postgres_ledger(f"{url}%20-csynchronous_commit%3Dremote_write")
    ledger.start()
    ledger.close()


def test_a_database_without_the_tables_fails_the_start(postgres: Cluster) -> None:
    ledger = postgres_ledger(postgres.schema())
    with pytest.raises(RuntimeError, match="has no ledger"):
        ledger.start()
    ledger.close()


def test_texts_and_octets_come_back_as_they_were(postgres: Cluster, one: PostgresLedger[Policy]) -> None:
    """Arrays and backslashes are written by hand on the wire."""
    hard = ['a"b', "a\\b", "{a,b}", "NULL", "", " ", "\u20ac\U0001f600", "a%sb", "'", "\n"]
    for n, text in enumerate(hard):
        row = Insert("people", {"id": f"p-{n}", "status": text, "epoch": n, "team": text})
        event = Event("user.created", {"decision_id": f"d-{n}", "jti": text, "after": {"status": text}})
        assert one.commit(entry(f"d-{n}", already(Verdict("yes", [event], [row])))) == "yes"
        key = Key("people", "team", text)
        assert [found["status"] for found in one.read([key])(key)] == [text]
    assert [row["jti"] for row in one.audit_rows(T, after_no=0, limit=100)] == hard
    assert check(one, T, key=KEY) is None


def test_a_key_that_cannot_be_stored_finds_nothing(one: PostgresLedger[Policy]) -> None:
    """NUL and half a surrogate pair come from requests; the database would refuse the whole batch."""
    keys = tuple(Key("people", "id", value) for value in ("a\0b", "a\ud800", "alice"))

    def decide(_policy: Policy, facts: Facts) -> Verdict[str]:
        assert [facts(key) for key in keys] == [(), (), ()]
        return yes("d-1")

    assert one.commit(entry("d-1", decide, reads=keys)) == "yes"
    assert one.read(keys)(keys[0]) == ()


def test_a_table_that_was_changed_under_a_running_ledger_is_read_as_it_is(
    one: PostgresLedger[Policy], url: str
) -> None:
    """A migration while an older version serves: what was prepared for the old columns is given up."""
    alice = Key("people", "id", "alice")

    def decide(_policy: Policy, facts: Facts) -> Verdict[str]:
        return Verdict(" ".join(sorted(facts(alice)[0])), [])

    one.commit(entry("d-0", already(yes("d-0", writes=[ALICE]))))
    for _ in range(3):
        assert one.commit(entry("ask", decide, reads=(alice,))) == "epoch id status team"
    sql(url, "ALTER TABLE people ADD COLUMN nick TEXT")
    served(one, "d-1")
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        try:
            answer = one.commit(entry("ask", decide, reads=(alice,)))
        except Unavailable:
            continue
        assert answer == "epoch id nick status team"
        break
    else:
        raise AssertionError("it has not healed")


def test_a_server_without_a_free_place_is_waited_for(postgres: Cluster, url: str) -> None:
    """Attack case 220: too many connections."""
    with postgres_ledger(url) as ledger:
        ledger.commit(entry("d-1"))
        sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        taken = []
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(psycopg.connect(url))
        with pytest.raises(Unavailable):
            ledger.commit(entry("d-2"))
        for connection in taken:
            connection.close()
        served(ledger, "d-3")


def test_a_question_that_fails_half_way_spoils_no_later_one(url: str) -> None:
    """What was prepared in the part that the server skipped is not taken for prepared."""
    with closing(Wire(url)) as wire:
        select = ("SELECT %s::text AS a", ("x",))
        for _ in range(3):
            with pytest.raises(psycopg.errors.DivisionByZero):
                wire.ask(("SELECT 1 / %s::int", (0,)), select)
            assert wire.ask(select) == [[{"a": "x"}]]


def test_tables_are_made_once(postgres: Cluster) -> None:
    url = postgres.schema()
    make_postgres_tables(url)
    ledger = postgres_ledger(url)
    with closing(ledger):
        ledger.open_tenant(T)
        ledger.open_tenant(T)
        assert ledger.head(T).audit_no == 0


@pytest.mark.slow
def test_a_server_that_only_reads_makes_a_node_unready_until_it_writes_again(
    one: PostgresLedger[Policy], url: str
) -> None:
    """P21: a standby, or a full disk: connecting works and nothing else; no entry is needed to find out."""
    assert is_ready(one)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    sql(url, "ALTER DATABASE idjag SET default_transaction_read_only = on")
    try:
        sql(url, others)
        with pytest.raises(Unavailable):
            one.commit(entry("d-1"))
        for _ in range(10):
            assert not is_ready(one)
            with pytest.raises(Unavailable):
                one.commit(entry("d-2"))
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER DATABASE idjag RESET default_transaction_read_only")
    sql(url, others)
    eventually(lambda: is_ready(one))
    served(one, "d-3")  # it may have been ready on a connection that was cut just now
    assert decision_ids(one) == ["d-3"]
