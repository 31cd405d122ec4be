"""idjag.idp.store.kek: the KEK is proven at every start; wrong or missing, it stops it and makes nothing."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from idjag.idp.settings import Settings
from idjag.idp.store import schema
from idjag.idp.store.kek import open_sealer
from idjag.kek_ring import load_keks
from idjag.seal import KekRefused, context_of

NOW = 1_800_000_000
OTHER_KEK = "8f3b6c0de2a95714f0c17b92d46e38a5176de90b42fc8563aa1e70d93c5b28f4"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"IDJAG_ISSUER": "https://idp.example", "IDJAG_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    settings = Settings.load(environ)
    schema.upgrade(settings.database_url)
    return settings


def kek_file(settings: Settings) -> Path:
    assert settings.kek_file is not None
    return settings.kek_file


def query(settings: Settings, text: str) -> list[tuple[object, ...]]:
    path = settings.data_dir / "idjag.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(text).fetchall()


def test_an_unused_database_gets_a_key_and_keeps_it(settings: Settings) -> None:
    """Architecture section 7."""
    sealer, chain_key = open_sealer(settings, now=NOW)
    place = context_of("t", "signing_key", "sealed", "kid")
    sealed = sealer.seal(b"plain", context=place)
    again, same_chain_key = open_sealer(settings, now=NOW + 1)
    assert again.open(sealed, context=place) == b"plain"
    assert same_chain_key == chain_key
    assert len(chain_key) == 32
    assert query(settings, "SELECT id, created FROM kek_check ORDER BY id") == [
        ("audit_chain", NOW),
        ("kek", NOW),
    ]


def test_the_chain_key_is_not_in_the_database(settings: Settings) -> None:
    _, chain_key = open_sealer(settings, now=NOW)
    kek = load_keks(kek_file(settings))[0].key
    content = (settings.data_dir / "idjag.db").read_bytes()
    assert chain_key not in content
    assert kek not in content


def test_a_missing_key_stops_the_start_and_none_is_made(settings: Settings) -> None:
    open_sealer(settings, now=NOW)
    before = query(settings, "SELECT * FROM kek_check")
    kept = kek_file(settings).rename(settings.data_dir / "kept")
    with pytest.raises(KekRefused, match="does not exist"):
        open_sealer(settings, now=NOW)
    assert not kek_file(settings).exists()
    assert query(settings, "SELECT * FROM kek_check") == before
    kept.rename(kek_file(settings))
    open_sealer(settings, now=NOW)


def test_a_wrong_key_stops_the_start_and_makes_nothing(settings: Settings, environ: dict[str, str]) -> None:
    open_sealer(settings, now=NOW)
    before = query(settings, "SELECT * FROM kek_check")
    with pytest.raises(KekRefused, match="not the key-encryption key of the database"):
        open_sealer(Settings.load({**environ, "IDJAG_KEK": OTHER_KEK}), now=NOW)
    assert query(settings, "SELECT * FROM kek_check") == before
    right = load_keks(kek_file(settings))[0].key.hex()
    open_sealer(Settings.load({**environ, "IDJAG_KEK": right}), now=NOW)


def test_a_key_in_the_environment_makes_no_file(settings: Settings, environ: dict[str, str]) -> None:
    open_sealer(Settings.load({**environ, "IDJAG_KEK": OTHER_KEK}), now=NOW)
    assert not kek_file(settings).exists()
    with pytest.raises(KekRefused, match="does not exist"):
        open_sealer(settings, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM kek_check WHERE id = 'kek'",
        "DELETE FROM kek_check WHERE id = 'audit_chain'",
        "UPDATE kek_check SET sealed = (SELECT max(sealed) FROM kek_check)",
        "UPDATE kek_check SET sealed = (SELECT min(sealed) FROM kek_check)",
        "UPDATE kek_check SET sealed = x'00'",
    ],
)
def test_a_check_value_that_was_tampered_with_is_never_made_again(settings: Settings, change: str) -> None:
    open_sealer(settings, now=NOW)
    query(settings, change)
    before = query(settings, "SELECT * FROM kek_check")
    with pytest.raises(KekRefused):
        open_sealer(settings, now=NOW)
    assert query(settings, "SELECT * FROM kek_check") == before


@pytest.mark.parametrize(
    "row",
    [
        "INSERT INTO tenant (id, name, issuer, created) VALUES ('t', 'default', 'https://idp.example', 1)",
        "INSERT INTO signing_key VALUES ('k', 't', 'ES256', 'active', '{}', x'00', 1, 1, NULL)",
        "INSERT INTO person VALUES ('p', 't', 'alice', NULL, 0, '', '{}', 'active', 0, '', 1, 1)",
    ],
)
def test_a_used_database_that_lost_its_check_value_gets_no_new_key(settings: Settings, row: str) -> None:
    query(settings, row)
    with pytest.raises(KekRefused):
        open_sealer(settings, now=NOW)
    assert not kek_file(settings).exists()
    assert query(settings, "SELECT * FROM kek_check") == []


def test_a_start_that_was_killed_after_the_file_goes_on_with_it(settings: Settings) -> None:
    kek = load_keks(kek_file(settings), create=True)[0].key
    open_sealer(settings, now=NOW)
    assert load_keks(kek_file(settings))[0].key == kek


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_key_that_others_can_read_stops_the_start(settings: Settings, mode: int) -> None:
    """Attack case 209."""
    open_sealer(settings, now=NOW)
    kek_file(settings).chmod(mode)
    with pytest.raises(KekRefused, match="chmod 600"):
        open_sealer(settings, now=NOW)
    kek_file(settings).chmod(0o600)
    open_sealer(settings, now=NOW)


def test_all_that_start_at_the_same_time_get_the_same_keys(settings: Settings) -> None:
    start = threading.Barrier(4)
    chain_keys = []

    def begin() -> None:
        start.wait()
        chain_keys.append(open_sealer(settings, now=NOW)[1])

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain_keys == [open_sealer(settings, now=NOW)[1]] * 4
