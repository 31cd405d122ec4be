"""The IdP's store in PostgreSQL: schema, key check, tenant and keys, made once whoever comes first."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from idjag.idp.app import open_store
from idjag.idp.settings import Settings
from idjag.idp.store import schema
from idjag.idp.store.lists import indexes
from idjag.idp.store.schema import SchemaRefused
from idjag.ledger.schema import OWN_TABLES
from idjag.ledger.trail import check
from idjag.seal import KekRefused
from tests.cluster import Cluster

ISSUER = "https://idp.acme.example"


@pytest.fixture
def url(postgres: Cluster) -> str:
    return postgres.schema()


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    kek = tmp_path / "kek"
    kek.write_text(secrets.token_hex(32), encoding="ascii")
    kek.chmod(0o600)
    given = {"ISSUER": ISSUER, "DATABASE_URL": url, "KEK_FILE": str(kek)}
    return Settings.load({"HOME": str(tmp_path), **{f"IDJAG_{name}": it for name, it in given.items()}})


def test_an_upgrade_makes_every_table_and_a_second_one_nothing(url: str) -> None:
    assert schema.current(url) is None
    with pytest.raises(SchemaRefused, match="PostgreSQL database has no schema"):
        schema.check(url)
    assert schema.upgrade(url) == schema.upgrade(url) == schema.head() == schema.current(url)
    schema.check(url)
    with schema.reading(url) as connection:
        assert set(inspect(connection).get_table_names()) == {
            *SQLModel.metadata.tables,
            *OWN_TABLES,
            "alembic_version",
        }


def test_tables_and_migrations_agree(url: str) -> None:
    schema.upgrade(url)
    with schema.reading(url) as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, _type, _names: name not in OWN_TABLES | indexes.EVERY},
        )
        assert compare_metadata(context, SQLModel.metadata) == []


def test_two_nodes_that_start_at_once_make_one_schema(url: str) -> None:
    """Attack case 226."""
    together, outcomes = threading.Barrier(4), list[str]()

    def upgrade() -> None:
        together.wait()
        outcomes.append(schema.upgrade(url))

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [schema.head()] * 4


def test_a_schema_that_is_newer_or_of_something_else_is_refused(url: str) -> None:
    """Attack case 226."""
    with schema.writing(url) as connection:
        connection.execute(text("CREATE TABLE invoices (id TEXT)"))
    with pytest.raises(SchemaRefused, match="something else"):
        schema.upgrade(url)
    with schema.writing(url) as connection:
        connection.execute(text("DROP TABLE invoices"))
    schema.upgrade(url)
    with schema.writing(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    for act in (schema.upgrade, schema.check):
        with pytest.raises(SchemaRefused, match="newer"):
            act(url)


def test_nodes_that_start_at_once_share_tenant_and_keys(settings: Settings) -> None:
    """Attack case 206: two processes make one key of each kind."""
    together, tenants, failed = threading.Barrier(3), list[str](), list[BaseException]()
    kids: list[str] = []

    def start() -> None:
        together.wait()
        try:
            with open_store(settings) as store:
                tenants.append(store.tenant)
                kids.append(store.ledger.fresh(store.tenant).keys.signing("ES256", now=store.clock()).kid)
                assert check(store.ledger, store.tenant, key=store.chain_key) is None
        except BaseException as error:  # noqa: BLE001  # said below
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(tenants) == 3
    assert (len(set(tenants)), len(set(kids))) == (1, 1)


def test_a_key_encryption_key_is_never_made_for_it(settings: Settings) -> None:
    """Architecture section 7: nodes that share a database must be given the same one."""
    assert settings.kek_file is not None
    moved = settings.kek_file.rename(settings.kek_file.with_name("kek.old"))
    with pytest.raises(KekRefused), open_store(settings):
        pass
    assert not settings.kek_file.exists()
    moved.rename(settings.kek_file)
    with open_store(settings) as store:
        assert store.issuer == ISSUER


def test_a_server_that_is_not_there_is_refused_without_its_password() -> None:
    with pytest.raises(SchemaRefused) as refused:
        schema.upgrade("postgresql://idjag:s3cret@127.0.0.1:1/idjag")
    assert "s3cret" not in str(refused.value)
