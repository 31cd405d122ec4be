"""A snapshot that caught up with changes equals one that is loaded anew, and reads no more than it must."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from idjag.idp.keys import ensure_keys
from idjag.idp.snapshot import Loader, Snapshot
from idjag.idp.state.plan import Problems
from idjag.ledger.entry import Entry, Facts, Head, Insert, Key, Reader, Row, Update, Verdict
from idjag.ledger.memory import MemoryLedger
from idjag.ledger.policy_log import Changed
from idjag.ledger.run import Snapshots
from idjag.seal import KekSealer
from tests.idp.state.parts import KEY, NOW, TENANT, Acme

SEALER = KekSealer(os.urandom(32))
SECRET = {"secret": "env:WIKI_SECRET"}
DOCUMENT = {"method": "client_id_metadata_document"}
APPS = ("wiki", "mail", "notes")
TARGETS = ("chat", "files", "pay")
CONNECTIONS = 100_000


class Counted(Loader):
    """Says how it came to each snapshot."""

    def __init__(self) -> None:
        super().__init__(SEALER)
        self.ways: list[str] = []

    def __call__(self, reader: Reader, tenant: str, head: Head) -> Snapshot:
        self.ways.append("load")
        return super().__call__(reader, tenant, head)

    def catch_up(self, reader: Reader, before: Snapshot, changed: Changed, head: Head) -> Snapshot | None:
        self.ways.append("catch up")
        return super().catch_up(reader, before, changed, head)


class Counting:
    """A reader that counts rows."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.rows_read = 0

    def rows(self, table: str, where: Row | None = None) -> list[Row]:
        rows = self._reader.rows(table, where)
        self.rows_read += len(rows)
        return rows

    def each(self, table: str, where: Row) -> list[Row]:
        return self.rows(table, where)


def scopes() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(["a.read", "a.write", "a.list"]), min_size=1, unique=True)


@st.composite
def states(draw: st.DrawFn) -> dict[str, Any]:
    """A state file in which every noun comes, goes and changes."""
    apps = [app(draw, key) for key in draw(st.lists(st.sampled_from(APPS), min_size=1, unique=True))]
    targets = [
        {"id": key, "issuer": f"https://{key}.example", "scopes": draw(scopes())}
        | draw(st.sampled_from([{}, {"aliases": [f"urn:acme:{key}"]}, {"status": "disabled"}]))
        for key in draw(st.lists(st.sampled_from(TARGETS), min_size=1, unique=True))
    ]
    pairs = [(one["id"], other["id"]) for one in apps for other in targets]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=4))
    connections = [
        {
            # Numbers, so that a connection of one name may change places with another
            "id": f"connection-{number}",
            "from": source,
            "to": target,
            "client_id": "x",
            "status": draw(st.sampled_from(["active", "paused"])),
            "rules": [{"id": "r", "who": {"everyone": True}, "scopes": draw(scopes())}],
        }
        for number, (source, target) in enumerate(chosen)
    ]
    guardrails = [
        {"id": f"never-{target['id']}", "who": {"groups": ["sales"]}, "to": [target["id"]], "reason": "x"}
        for target in targets
        if draw(st.booleans())
    ]
    return {
        "version": 1,
        "groups": [{"name": "sales"}],
        "users": [{"username": draw(st.sampled_from(["alice", "bob"]))}],
        "apps": apps,
        "resource_apps": targets,
        "connections": connections,
        "guardrails": guardrails,
    }


def app(draw: st.DrawFn, key: str) -> dict[str, Any]:
    """An app with a secret, or one that is known by its document."""
    common = {"id": key, "assigned": {"everyone": True}, "grants": ["authorization_code", "token_exchange"]}
    if draw(st.integers(0, 3)) == 0:
        common["subject_tokens_from"] = [draw(st.sampled_from([one for one in APPS if one != key]))]
    uri = f"https://{key}.example/{draw(st.sampled_from(['a', 'b']))}"
    if draw(st.integers(0, 4)) == 0:
        return common | {"client_id": f"https://{key}.example/app.json", "auth": DOCUMENT}
    name = draw(st.sampled_from([key, f"{key}-2"]))
    return common | {"client_id": name, "auth": SECRET, "redirect_uris": [uri]}


def told(snapshot: Snapshot) -> dict[str, Any]:
    """Everything that anybody could learn from it, in no order."""
    policy = snapshot.policy
    names = {name for ra in policy.resource_apps.values() for name in (ra.issuer, *ra.aliases)}
    return {
        "tenant": (snapshot.tenant, snapshot.issuer, policy.seq, policy.issuers, policy.sign_ins),
        "apps": dict(policy.apps),
        "resource_apps": dict(policy.resource_apps),
        "connections": dict(policy.connections),
        "guardrails": {each.id: each for each in policy.guardrails},
        "clients": dict(snapshot.clients),
        "lent": snapshot.lent,
        "connected": {id_: policy.connected(id_) for id_ in policy.apps},
        "audiences": {name: {each.id for each in policy.audience(name)} for name in names},
        "near": {name: policy.near_miss(name.upper()) for name in names},
        "declared": {id_: policy.declared(each).pairs for id_, each in policy.resource_apps.items()},
        "keys": sorted(str(each["kid"]) for each in snapshot.keys.published(NOW)),
    }


def made(load: Loader) -> tuple[MemoryLedger[Any], Acme]:
    ledger: MemoryLedger[Any] = MemoryLedger(load, chain_key=KEY)
    ledger.open_tenant(TENANT)
    acme = Acme(ledger)
    row: Row = {"id": TENANT, "name": "default", "issuer": acme.issuer, "created": NOW}
    acme.write(Insert("tenant", row), policy_changed=True)
    return ledger, acme


def loaded(ledger: MemoryLedger[Any]) -> Snapshot:
    """As a process that starts now has it."""
    with ledger._alone() as transaction:
        return Loader(SEALER)(transaction, TENANT, transaction.head(TENANT))


@given(st.lists(states(), min_size=2, max_size=5), st.booleans())
def test_whatever_was_applied_the_snapshot_is_the_one_of_the_rows(
    files: list[dict[str, Any]],
    looked_at: bool,  # noqa: FBT001  # hypothesis gives it by position
) -> None:
    """Architecture section 4.2; a snapshot that was decoded in between, and one that was not."""
    ledger, acme = made(Loader(SEALER))
    for file in files:
        try:
            acme.apply(file, prune=True)
        except Problems:
            continue
        snapshot = ledger.fresh(TENANT)
        if looked_at:
            assert told(snapshot) == told(loaded(ledger))
    assert told(ledger.fresh(TENANT)) == told(loaded(ledger))


def published_app(**changes: Any) -> dict[str, Any]:
    """An app whose keys are fetched."""
    auth = {"method": "private_key_jwt", "jwks_uri": "https://wiki.example/jwks"}
    return {"id": "wiki", "auth": auth, "redirect_uris": ["https://wiki.example/cb"]} | changes


def test_what_an_app_published_is_forgotten_when_it_is_registered_anew() -> None:
    """Attack case 161: disabled, moved, gone; and whether one caught up or loaded all."""
    gone: list[str] = []
    ledger, acme = made(Loader(SEALER, gone.append))
    other = {"id": "mail", "auth": SECRET, "redirect_uris": ["https://mail.example/cb"]}
    moved = {"method": "private_key_jwt", "jwks_uri": "https://wiki.example/other"}
    seen = []
    for app_ in (
        published_app(),
        published_app(name="Another name"),
        published_app(status="disabled"),
        published_app(),
        published_app(auth=moved),
        published_app(auth=SECRET),
    ):
        acme.apply({"version": 1, "apps": [app_, other]})
        ledger.fresh(TENANT)
        seen.append(len(gone))
    assert seen == [0, 0, 1, 2, 3, 4]
    assert set(gone) == {"wiki"}

    acme.apply({"version": 1, "apps": [published_app(), other]})
    loader = Loader(SEALER, gone.append)
    with ledger._alone() as transaction:
        loader(transaction, TENANT, transaction.head(TENANT))
    acme.apply({"version": 1, "apps": [other]}, prune=True)
    with ledger._alone() as transaction:
        loader(transaction, TENANT, transaction.head(TENANT))
    assert len(gone) == 5
    ledger.fresh(TENANT)
    assert len(gone) == 6


def test_keys_that_rotate_are_caught_up_with() -> None:
    """The way of a rotation: KeyLoader opens the new ones alone."""
    load = Counted()
    ledger, acme = made(load)
    before = ledger.fresh(TENANT)
    numbers = iter(range(100))
    ensure_keys(ledger, SEALER, tenant=TENANT, now=NOW, new_kid=lambda: f"kid-{next(numbers)}")
    load.ways.clear()
    after = ledger.fresh(TENANT)
    assert load.ways == ["catch up"]
    assert told(after) == told(loaded(ledger)) != told(before)
    acme.write(Update("signing_key", {"id": "kid-0"}, {"status": "revoked"}), policy_changed=True)
    assert told(ledger.fresh(TENANT)) == told(loaded(ledger)) != told(after)


def test_one_changed_rule_of_a_hundred_thousand_connections_costs_two_rows() -> None:
    """The one that says what was changed, and the connection itself; the 99,999 others are not looked at."""
    load = Counted()
    ledger, acme = made(load)
    table = ledger._store.table("connection")
    for number in range(CONNECTIONS):
        id_ = f"c{number}"
        table[id_] = connection(id_, app=f"app-{number % 300}", resource_app=f"ra-{number // 300}")
    snapshots: Snapshots[Snapshot] = Snapshots(load)
    with ledger._alone() as transaction:
        snapshots.of(transaction, TENANT, transaction.head(TENANT))
    paused = {"status": "paused"}
    change(ledger, Update("connection", {"id": "c77777"}, paused))
    load.ways.clear()
    with ledger._alone() as transaction:
        reader = Counting(transaction)
        after = snapshots.of(reader, TENANT, transaction.head(TENANT))
    assert (load.ways, reader.rows_read) == (["catch up"], 2)
    found = after.policy.connection("app-77", "ra-259")
    other = after.policy.connection("app-78", "ra-259")
    assert found is not None
    assert other is not None
    assert (found.id, found.status.value, other.status.value) == ("c77777", "paused", "active")
    assert acme.tenant == after.tenant


def connection(id_: str, *, app: str, resource_app: str) -> Mapping[str, Any]:
    spec: dict[str, Any] = {
        "client_id": "x",
        "rules": [],
        "profile": "id-jag",
        "expires": None,
        "owner": None,
        "reason": None,
    }
    return {
        "id": id_,
        "tenant_id": TENANT,
        "key": id_,
        "app_id": app,
        "resource_app_id": resource_app,
        "status": "active",
        "spec": json.dumps(spec),
        "managed_by": "file",
        "created": NOW,
        "updated": NOW,
    }


def change(ledger: MemoryLedger[Any], write: Update) -> None:
    def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
        return Verdict(None, events=(), writes=[write], policy_changed=True)

    ledger.commit(Entry(TENANT, "change", NOW, decide))


def test_the_log_names_the_tables_that_a_load_reads() -> None:
    """A table that the load reads and the log leaves out would be stale for ever."""
    read: set[str] = set()

    class Named:
        def rows(self, table: str, where: Row | None = None) -> list[Row]:
            read.add(table)
            return (
                [] if where is None or table != "tenant" else [{"id": TENANT, "issuer": "https://i.example"}]
            )

        def each(self, table: str, where: Row) -> list[Row]:
            return self.rows(table, where)

    Loader(SEALER)(Named(), TENANT, Head("e", 1, 0, b""))
    assert read == Loader.tables
    assert Key("connection", "id", "x").table in read
