"""A million audit rows: verified in less than a minute, while others write."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import pytest

from idjag.ledger import chain, sqlite
from idjag.ledger.entry import Event, Value
from idjag.ledger.schema import AUDIT_COLUMNS
from idjag.ledger.verification import verify
from tests.ledger.parts import KEY, NOW, T, entry, sql, sqlite_ledger

ROWS = 1_000_000
SECONDS = 60
PROCESSORS = 2
BATCH = 16
_INSERT = f"INSERT INTO audit VALUES ({', '.join(f':{name}' for name in AUDIT_COLUMNS)})"  # noqa: S608


def prepared(n: int) -> chain.ReadyEvent:
    """An exchange as the identity provider records it."""
    event = Event(
        "id_jag.issued",
        {
            "decision_id": f"decision-{n:012d}", "actor": {"kind": "app", "id": "aBcDeFgHiJkLmNoPqRsTuV"},
            "subject": "u-12345678901234567890", "requesting_app": "wiki", "resource_app": "chat",
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token", "profile": "id-jag",
            "client_id_at_resource": "f53f191f9311af35", "audience": "https://acme.chat.example/",
            "resources": ["https://api.chat.example/"], "scopes_requested": ["chat.read"],
            "scopes_granted": ["chat.read"], "rule_ids": ["engineers-read"], "rule_versions": [3],
            "policy_seq": 3, "jti": f"jti-{n:018d}", "acr": "urn:idjag:acr:pwd", "amr": ["pwd"],
            "auth_time": NOW, "ip": "192.0.2.7", "user_agent": "python-httpx/0.28",
            "inputs": {
                "groups": ["g-1", "g-2"], "amr": ["pwd"], "key_bound": False, "now": NOW, "auth_time": NOW,
                "ip": "192.0.2.7", "scopes": ["chat.read"], "resources": ["https://api.chat.example/"],
            },
        },
    )  # fmt: skip
    salts = {name: os.urandom(16) for name in chain.personal_fields(event)}
    return chain.ready(event, tenant=T, time=NOW, salts=salts)


def rows_of(count: int) -> Iterator[dict[str, Value]]:
    """The rows of a log; what is in them repeats itself, their links do not."""
    link = prev = chain.genesis(T)
    for no, event in enumerate(islice(cycle([prepared(n) for n in range(1000)]), count), start=1):
        row = chain.row(event, no=no, prev=prev, key=KEY)
        prev = bytes.fromhex(str(row["hash"]))
        if no % BATCH == 0 or no == count:
            link = prev = chain.link_after(link, prev)
        yield row


def fill(path: Path, count: int) -> None:
    """Write the rows and their head at once, as nobody but a test does."""
    with closing(sqlite.connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        running = chain.Walk(T)

        def followed() -> Iterator[dict[str, Value]]:
            for row in rows_of(count):
                assert running.follow(row) is None
                yield row

        connection.executemany(_INSERT, followed())
        connection.execute("UPDATE ledger_head SET audit_no = ?, link = ?", (count, running.link))
        connection.execute("COMMIT")


def test_a_filled_log_is_what_the_ledger_would_have_written(path: Path) -> None:
    """Positive control of the long proof below, and that it would notice."""
    fill(path, 2500)
    with sqlite_ledger(path) as ledger:
        ledger.commit(entry("d"))
        assert verify(ledger, T, key=KEY, processes=2).broken is None
        sql(path, "UPDATE audit SET jti = 'x' WHERE no = 2400")
        assert verify(ledger, T, key=KEY, processes=2).broken is not None


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_million_rows_verify_in_less_than_a_minute_while_others_write(path: Path) -> None:
    """Attack case 202, on two processors: what other programs take of them meanwhile is not ours."""
    fill(path, ROWS)
    waited: list[float] = []
    stop = Flag()
    with sqlite_ledger(path) as ledger:

        def write() -> None:
            while not stop.wait(0.05):
                began = time.monotonic()
                assert ledger.commit(entry(f"d-{len(waited)}")) == "yes"
                waited.append(time.monotonic() - began)

        writer = Thread(target=write)
        writer.start()
        began, busy = time.monotonic(), os.times()
        try:
            done = verify(ledger, T, key=KEY)
        finally:
            stop.set()
            writer.join()
        took, after = time.monotonic() - began, os.times()
    cpu = sum(after[:4]) - sum(busy[:4])
    print(  # noqa: T201  # what was measured
        f"{ROWS} rows: {took:.1f} s, {cpu:.1f} s of processors; writes waited {max(waited):.3f} s at most"
    )
    assert (done.broken, done.last >= ROWS) == (None, True)
    assert min(took, cpu / PROCESSORS) < SECONDS
