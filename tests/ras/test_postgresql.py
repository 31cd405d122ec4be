"""One PostgreSQL database of several servers: made once, opened with one key, never another program's."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from idjag.ledger import trail
from idjag.ledger.entry import Key
from idjag.ras import Account
from idjag.ras.places import PostgresUrl
from idjag.ras.store_sql import bring_in, is_made, open_database
from idjag.ras.store_sql.opening import Database
from idjag.ras.store_sql.postgresql import SchemaRefused
from idjag.seal import KekRefused
from tests.cluster import Cluster
from tests.ras.stores import kek_in
from tests.ras.world import NOW

SERVERS = 6


@pytest.fixture
def at(postgres: Cluster) -> PostgresUrl:
    """An empty schema."""
    return PostgresUrl(postgres.schema())


@contextmanager
def sql(at: PostgresUrl) -> Iterator[psycopg.Connection]:
    """What an operator does beside us."""
    with psycopg.connect(at.url, autocommit=True) as connection:
        yield connection


def test_servers_that_start_at_once_make_one_database(at: PostgresUrl, tmp_path: Path) -> None:
    """Architecture section 9: one chain, one signing key, whoever comes first."""
    kek = kek_in(tmp_path)
    assert not is_made(at)

    with ExitStack() as closing_all, ThreadPoolExecutor(SERVERS) as pool:

        def start(_: int) -> Database:
            server = open_database(at, kek_file=kek)
            closing_all.callback(server.close)
            return server

        servers = list(pool.map(start, range(SERVERS)))
        signers = list(pool.map(lambda server: server.signer("ES256", now=NOW), servers))
        assert is_made(at)
        assert len({server.chain_key for server in servers}) == 1
        assert len({signer.public().to_dict()["keys"][0]["kid"] for signer in signers}) == 1
        active = Key("ras_key", "status", "active")
        assert len(servers[0].ledger.read([active])(active)) == 1
        assert trail.check(servers[0].ledger, "ras", key=servers[0].chain_key) is None


def test_a_key_of_another_database_and_a_missing_one_stop_the_start(at: PostgresUrl, tmp_path: Path) -> None:
    """Architecture section 7: and nothing is ever made instead."""
    with pytest.raises(KekRefused, match="does not exist"):
        open_database(at, kek_file=tmp_path / "kek")
    assert not (tmp_path / "kek").exists()
    assert not is_made(at)  # the tables were undone with it
    open_database(at, kek_file=kek_in(tmp_path)).close()
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(KekRefused, match="not the key-encryption key of this database"):
        open_database(at, kek_file=kek_in(other))
    open_database(at, kek_file=kek_in(tmp_path)).close()


@pytest.mark.parametrize("table", ["account", "alembic_version", "ledger_head"])
def test_the_tables_of_another_program_are_left_alone(at: PostgresUrl, tmp_path: Path, table: str) -> None:
    """A SaaS has accounts of its own, and the identity provider a ledger."""
    with sql(at) as connection:
        connection.execute(f"CREATE TABLE {table} (id TEXT PRIMARY KEY)".encode())
    with pytest.raises(SchemaRefused, match=table):
        open_database(at, kek_file=kek_in(tmp_path))
    with sql(at) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO of_somebody_else".encode())
    open_database(at, kek_file=kek_in(tmp_path)).close()


def test_a_shared_database_of_an_earlier_version_gets_what_it_lacks(at: PostgresUrl, tmp_path: Path) -> None:
    """An older server beside this one goes on: columns are added, none is changed."""
    open_database(at, kek_file=kek_in(tmp_path)).close()
    with sql(at) as connection:
        connection.execute("ALTER TABLE account DROP COLUMN scopes")
        connection.execute("DROP TABLE issued_token")
        connection.execute("DROP INDEX account_email")
    with closing(open_database(at, kek_file=kek_in(tmp_path))) as database:
        account = Account("u-alice", scopes=frozenset({"chat.read"}))
        bring_in(database.ledger, [account], {}, now=NOW, decision_id="start")
        assert database.store.by_id("u-alice") == account
        assert database.store.token("jti") is None
    with sql(at) as connection:
        found = connection.execute("SELECT to_regclass('account_email') IS NOT NULL").fetchone()
    assert found == (True,)


def test_a_start_does_not_wait_for_those_who_write(at: PostgresUrl, tmp_path: Path) -> None:
    """A rolling restart must not stop the servers that are still there, nor be stopped by them."""
    open_database(at, kek_file=kek_in(tmp_path)).close()
    with psycopg.connect(at.url) as writing:
        writing.execute("LOCK TABLE account, issued_token, one_time, audit IN ROW EXCLUSIVE MODE")
        open_database(at, kek_file=kek_in(tmp_path)).close()
