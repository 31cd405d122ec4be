"""The same upkeep on PostgreSQL: housekeeping, retention, erasure, a restore, another key-encryption key."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from idjag.idp.app import Store, open_store
from idjag.idp.erasure import Erasure
from idjag.idp.housekeeping import Housekeeping
from idjag.idp.restore import Restore
from idjag.idp.retention import Retention
from idjag.idp.settings import Settings
from idjag.idp.store import schema
from idjag.idp.store.dead import dead
from idjag.idp.store.kek_rewrap import Rewrapping
from idjag.idp.verifications import Verifications
from idjag.idp.verifying import Verifying
from idjag.kek_ring import file_ring
from idjag.kek_rotation import retire, rotate
from idjag.ledger.entry import Entry, Event, Facts, Insert, Verdict, Write
from idjag.ledger.expiry import KEPT
from idjag.ledger.verification import verify
from tests.cluster import Cluster

NOW = 1_800_000_000
DAY = 86_400
OPERATOR = {"kind": "operator", "id": "1000@host"}


class Clock:
    """Set by hand."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(postgres: Cluster, tmp_path: Path) -> Settings:
    kek = tmp_path / "kek"
    kek.write_text(secrets.token_hex(32), encoding="ascii")
    kek.chmod(0o600)
    given = {"ISSUER": "https://idp.acme.example", "DATABASE_URL": postgres.schema(), "KEK_FILE": str(kek)}
    return Settings.load({"HOME": str(tmp_path), **{f"IDJAG_{name}": it for name, it in given.items()}})


@pytest.fixture
def store(settings: Settings, clock: Clock) -> Iterator[Store]:
    with open_store(settings, clock=clock) as opened:
        yield opened


def record(store: Store, *events: Event, writes: tuple[Write, ...] = ()) -> None:
    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, events, writes)

    store.ledger.commit(Entry(store.tenant, store.new_id(), store.clock(), decide))


def count(settings: Settings, table: str) -> int:
    with schema.reading(settings.database_url) as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


def whole(store: Store) -> bool:
    return verify(store.ledger, store.tenant, key=store.chain_key).broken is None


def test_what_is_dead_goes(store: Store, settings: Settings, clock: Clock) -> None:
    rows = [
        Insert("throttle", {"id": f"t-{n}", "tenant_id": store.tenant, "failures": 1, "until": NOW + n})
        for n in range(600)
    ]
    record(store, writes=tuple(rows))
    with schema.writing(settings.database_url) as connection:
        connection.execute(
            text(
                "INSERT INTO one_time "
                "SELECT 'o' || i, 't', 'jti', 'h', :n + i FROM generate_series(0, 599) AS i"
            ),
            {"n": NOW},
        )
    clock.now = NOW + KEPT + 300
    look = partial(dead, settings.database_url)
    Housekeeping(store.ledger, store.tenant, look, clock, store.new_id).run(lambda _: False)
    assert (count(settings, "throttle"), count(settings, "one_time")) == (299, 299)
    assert whole(store)


def test_a_log_is_pruned_and_rid_of_a_person(store: Store, settings: Settings, clock: Clock) -> None:
    record(store, *[Event("login.failed", {"decision_id": "d", "subject": "u-1", "ip": "192.0.2.7"})] * 1200)
    clock.now = NOW + 11 * DAY
    record(store, Event("login.failed", {"decision_id": "d", "subject": "u-1", "ip": "192.0.2.7"}))
    url = settings.database_url
    kept = Retention(store.ledger, url, store.tenant, 10 * DAY, store.chain_key, clock, store.new_id)
    kept.run(lambda _: False)
    assert count(settings, "audit") == 2
    erasure = Erasure(store.ledger, url, store.tenant)
    somebody = erasure.find("u-1")
    assert somebody is not None
    assert erasure.run(somebody) == 1
    [row] = store.ledger.audit_rows(store.tenant, after_no=0, limit=1)
    assert (row["subject"], "192.0.2.7" in str(row["body"])) == (None, False)
    assert whole(store)


def test_the_log_is_verified_here_and_by_a_process_of_its_own(
    store: Store, settings: Settings, clock: Clock
) -> None:
    """Attack case 202."""
    record(store, *[Event("login.failed", {"decision_id": "d", "ip": "192.0.2.7"})] * 300)
    kept = Verifications(store.ledger, store.tenant, store.chain_key, clock, store.new_id)
    here = Verifying(store.ledger, kept, settings.database_url, "a")
    rows = store.ledger.head(store.tenant).audit_no
    for node in (here, replace(here, few=10, by="b")):
        clock.now += DAY
        node.run(lambda _: False)
        known = kept.known()
        assert known is not None
        assert (known.whole_no, known.broken_no, known.by) == (rows, 0, node.by)
    with schema.writing(settings.database_url) as connection:
        connection.execute(text("UPDATE audit SET reason = 'x' WHERE no = 9"))
    clock.now += DAY
    here.run(lambda _: False)
    known = kept.known()
    assert known is not None
    assert known.broken_no == 9


def test_a_restore_ends_what_was_given_out(store: Store, settings: Settings) -> None:
    record(
        store,
        writes=(
            Insert("session", {
                "id": "s", "tenant_id": store.tenant, "cookie": "c", "person_id": "p", "epoch": 0,
                "auth_time": NOW, "acr": "a", "amr": "[]", "ip": "", "user_agent": "", "created": NOW,
                "expires": NOW + DAY, "ended": None, "revoked": None,
            }),
        ),
    )  # fmt: skip
    before = store.ledger.head(store.tenant)
    restore = Restore(store.ledger, store.sealer, settings.database_url, store.tenant, store.new_id)
    ended = restore.run(now=NOW, actor=OPERATOR)
    assert (ended.sessions, ended.keys, count(settings, "session")) == (1, 3, 0)
    assert store.ledger.head(store.tenant).epoch != before.epoch
    assert store.ledger.fresh(store.tenant).keys.signing("ES256", now=NOW).alg == "ES256"
    assert whole(store)


def test_the_key_encryption_key_is_rotated(store: Store, settings: Settings) -> None:
    assert settings.kek_file is not None
    rewrap = Rewrapping(settings.database_url)
    assert len(list(rotate(settings.kek_file, rewrap))) == 4
    assert retire(settings.kek_file, rewrap) == 1
    ring = file_ring(settings.kek_file)
    for row in rewrap.rows("signing_key"):
        assert ring.open(row.sealed, context=f"{row.tenant}/signing_key/sealed/{row.id}")
