"""A serving RAS writes checkpoints of its audit log elsewhere, and forgets what is too old; both stores."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from idjag.ledger.retention import Pruning
from idjag.ledger.verification import Verified, verify
from idjag.ras.config import SettingsWrong, Standalone, build, load
from idjag.ras.server import new_id
from idjag.ras.store_sql import Database
from idjag.ras.store_sql.tables import TENANT
from idjag.ras.store_sql.upkeep import Rows
from tests.cli.ras_deployment import ENVIRON, FILE, Beside, RasDeployment, ras_deployment
from tests.cluster import Cluster
from tests.ras.stores import kek_in

DAY = 86_400


@pytest.fixture(params=["sqlite", "postgresql"])
def chat(request: pytest.FixtureRequest, tmp_path: Path) -> RasDeployment:
    """The file of a deployment that nobody has served yet."""
    text = FILE
    if request.param == "postgresql":
        postgres: Cluster = request.getfixturevalue("postgres")
        text += f'kek_file: {kek_in(tmp_path)}\ndatabase_url: "{postgres.schema()}"\n'
    return ras_deployment(tmp_path, text)


@contextmanager
def serving(chat: RasDeployment, settings: Mapping[str, str], *, ahead: int = 0) -> Iterator[Standalone]:
    loaded = load(chat.file, {**ENVIRON, **settings})
    with build(loaded, clock=lambda: int(time.time()) + ahead) as built:
        yield built


def verified(database: Database) -> Verified:
    return verify(database.ledger, TENANT, key=database.chain_key)


def test_checkpoints_of_a_server_find_rows_that_are_gone(chat: RasDeployment, tmp_path: Path) -> None:
    """Promise P2 for the RAS: at the start, and at the end, without any person's data."""
    heads = tmp_path / "heads"
    with serving(chat, {"IDJAG_AUDIT_CHECKPOINT": str(heads)}) as built:
        Beside(built).token()
    written = len(heads.read_text("ascii").splitlines())
    assert written >= 2  # and one more each time that the thread looks between two requests
    assert heads.stat().st_mode & 0o777 == 0o600
    checked = chat.run("audit", "verify", "--checkpoint", str(heads))
    assert (checked.code, checked.out) == (0, f"verified against {written} checkpoints\n")
    with serving(chat, {}) as built:
        Rows(built.database).remove(1_000_000)
    assert chat.run("audit", "verify", "--checkpoint", str(heads)).code == 1


def test_checkpoints_that_cannot_be_written_stop_the_start(chat: RasDeployment, tmp_path: Path) -> None:
    settings = {"IDJAG_AUDIT_CHECKPOINT": str(tmp_path / "mounted" / "heads")}
    with pytest.raises(SettingsWrong, match="no such file or directory"), serving(chat, settings):
        pass
    (tmp_path / "mounted").mkdir()
    with serving(chat, settings):
        pass


def test_a_database_that_is_older_than_its_checkpoints_is_not_served(tmp_path: Path) -> None:
    """What was revoked since the backup would be good again: the message says what to do."""
    chat, heads = ras_deployment(tmp_path), tmp_path / "heads"
    settings = {"IDJAG_AUDIT_CHECKPOINT": str(heads)}
    database = tmp_path / "ras.db"
    with serving(chat, {}):
        pass
    backup = database.read_bytes()
    with serving(chat, settings) as built:
        Beside(built).token()
    for left in (database, *tmp_path.glob("ras.db-*")):
        left.unlink()
    database.write_bytes(backup)
    database.chmod(0o600)
    with pytest.raises(SettingsWrong, match="was it restored"), serving(chat, settings):
        pass
    heads.rename(tmp_path / "heads.before")
    with serving(chat, settings):
        pass


def test_what_is_too_old_goes_and_the_rest_verifies(chat: RasDeployment) -> None:
    """As the identity provider's, by the same code; a server does it when it starts."""
    with serving(chat, {}) as built:
        for _ in range(3):
            Beside(built).token()
        before = verified(built.database)
    with serving(chat, {}, ahead=12 * DAY) as built:
        database = built.database
        pruning = Pruning(
            database.ledger, Rows(database), TENANT, 10 * DAY, database.chain_key,
            lambda: int(time.time()) + 12 * DAY, new_id,
        )  # fmt: skip
        pruning.run(lambda _seconds: False)
        after = verified(database)
    assert (after.broken, after.first) == (None, before.last + 1)
    assert chat.run("audit", "verify").out.splitlines()[-1] == "verified"


def test_what_is_young_stays(chat: RasDeployment) -> None:
    """Positive control; and a setting that nobody can mean is refused."""
    with serving(chat, {"IDJAG_AUDIT_RETENTION": "400d"}) as built:
        Beside(built).token()
        assert verified(built.database).first == 1
    with pytest.raises(SettingsWrong, match="IDJAG_AUDIT_RETENTION must be days"):
        load(chat.file, {**ENVIRON, "IDJAG_AUDIT_RETENTION": "1y"})
