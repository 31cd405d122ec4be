"""idjag.idp.keys.ensure_keys: the first keys are made once, recorded, and never under a wrong KEK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from idjag.idp.keys import KeyLoader, SigningKeys, ensure_keys, load
from idjag.idp.store import schema
from idjag.ledger.entry import Key, Ledger
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.sqlite import SqliteLedger
from idjag.seal import KekSealer, SealBroken, context_of

NOW = 1_800_000_000
TENANT = "t1"
SEALER = KekSealer(bytes.fromhex("8f3b6c0de2a95714f0c17b92d46e38a5176de90b42fc8563aa1e70d93c5b28f4"))
OTHER_SEALER = KekSealer(bytes(reversed(range(7, 231, 7))))
ALL_KEYS = Key("signing_key", "tenant_id", TENANT)
CHAIN_KEY = b"c" * 32


def kids(keys: SigningKeys) -> set[object]:
    return {key["kid"] for key in keys.published(NOW)}


def place(kid: str) -> str:
    return context_of(TENANT, "signing_key", "sealed", kid)


def new_kids(prefix: str = "kid") -> Iterator[str]:
    return (f"{prefix}-{number}" for number in count(1))


@pytest.fixture
def ledger() -> MemoryLedger[SigningKeys]:
    made = MemoryLedger(
        lambda reader, tenant, _head: load(reader.rows("signing_key", {"tenant_id": tenant}), SEALER),
        chain_key=CHAIN_KEY,
    )
    made.open_tenant(TENANT)
    return made


def make(ledger: Ledger[SigningKeys], prefix: str = "kid") -> tuple[str, ...]:
    names = new_kids(prefix)
    return ensure_keys(ledger, SEALER, tenant=TENANT, now=NOW, new_kid=lambda: next(names))


def test_the_first_keys_are_one_of_each_algorithm_active_and_recorded(
    ledger: MemoryLedger[SigningKeys],
) -> None:
    """Contract section 9: key.created and key.activated."""
    made = make(ledger)
    keys = ledger.fresh(TENANT)
    assert {keys.signing(alg, now=NOW).kid for alg in ("ES256", "RS256", "Ed25519")} == set(made)
    audit = ledger.audit_rows(TENANT, after_no=0, limit=100)
    assert [event["event"] for event in audit] == ["key.created", "key.activated"] * 3
    bodies = [json.loads(str(event["body"])) for event in audit]
    assert {body["after"]["kid"] for body in bodies} == set(made)
    assert {body["actor"]["kind"] for body in bodies} == {"system"}
    assert ledger.head(TENANT).policy_seq == 1


def test_the_audit_log_has_no_key_in_it(ledger: MemoryLedger[SigningKeys]) -> None:
    """Attack case 199."""
    make(ledger)
    log = str(ledger.audit_rows(TENANT, after_no=0, limit=100))
    for stored in ledger.read((ALL_KEYS,))(ALL_KEYS):
        pem = SEALER.open(cast("bytes", stored["sealed"]), context=place(str(stored["id"])))
        secret = b"".join(pem.splitlines()[1:-1]).decode()
        assert secret[-40:] not in log
        assert cast("bytes", stored["sealed"]).hex() not in log


def test_keys_that_are_there_are_kept_and_nothing_is_recorded(ledger: MemoryLedger[SigningKeys]) -> None:
    make(ledger)
    before, head = ledger.read((ALL_KEYS,))(ALL_KEYS), ledger.head(TENANT)
    assert make(ledger, "again") == ()
    assert ledger.read((ALL_KEYS,))(ALL_KEYS) == before
    assert ledger.head(TENANT) == head


def test_a_wrong_key_encryption_key_makes_no_new_keys(ledger: MemoryLedger[SigningKeys]) -> None:
    """Architecture section 7."""
    make(ledger)
    before, names = ledger.read((ALL_KEYS,))(ALL_KEYS), new_kids("new")
    with pytest.raises(SealBroken):
        ensure_keys(ledger, OTHER_SEALER, tenant=TENANT, now=NOW, new_kid=lambda: next(names))
    assert ledger.read((ALL_KEYS,))(ALL_KEYS) == before


def test_two_that_start_at_the_same_time_make_one_key_of_each(ledger: MemoryLedger[SigningKeys]) -> None:
    """Attack case 206: the second comes between the first one's look and its commit."""
    names = new_kids("first")
    others: list[str] = []

    def while_another_starts() -> str:
        if not others:
            others.extend(make(ledger, "second"))
        return next(names)

    made = ensure_keys(ledger, SEALER, tenant=TENANT, now=NOW, new_kid=while_another_starts)
    assert made == ()
    assert len(others) == 3
    assert {stored["id"] for stored in ledger.read((ALL_KEYS,))(ALL_KEYS)} == set(others)
    assert len(ledger.audit_rows(TENANT, after_no=0, limit=100)) == 6


def test_keys_of_one_tenant_are_no_keys_of_another(ledger: MemoryLedger[SigningKeys]) -> None:
    ledger.open_tenant("t2")
    names = new_kids("t2")
    mine = make(ledger)
    theirs = ensure_keys(ledger, SEALER, tenant="t2", now=NOW, new_kid=lambda: next(names))
    assert len(theirs) == 3
    assert kids(ledger.fresh(TENANT)) == set(mine)
    assert kids(ledger.fresh("t2")) == set(theirs)


def test_the_keys_survive_a_restart_on_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "data" / "idjag.db"
    schema.upgrade(f"sqlite:///{path}")

    def opened() -> SqliteLedger[SigningKeys]:
        loader = KeyLoader(SEALER)
        return SqliteLedger(
            path,
            load=lambda reader, tenant, _head: loader.load(reader.rows("signing_key", {"tenant_id": tenant})),
            chain_key=CHAIN_KEY,
        )

    with opened() as first:
        first.open_tenant(TENANT)
        made = make(first)
        jwks = first.fresh(TENANT).published(NOW)
    with opened() as second:
        assert make(second, "again") == ()
        assert second.fresh(TENANT).published(NOW) == jwks
    assert {jwk["kid"] for jwk in jwks} == set(made)
    assert b"PRIVATE KEY" not in path.read_bytes()
