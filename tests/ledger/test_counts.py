"""What is counted in the batches is what a scan of the log finds, whoever wrote it and in whatever order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from idjag.ledger import trail
from idjag.ledger.counts import COUNT_COLUMNS, tallied
from idjag.ledger.entry import Event, Facts, Insert, Key, Unavailable, Verdict
from idjag.ledger.postgres import PostgresLedger
from tests.ledger.parts import KEY, NOW, AnyLedger, Policy, T, audit, entry, load, postgres_ledger

EVENTS = ("id_jag.issued", "id_jag.denied", "id_jag.redeemed", "login.succeeded", "token.refreshed")
DAY = 86_400


def counted(ledger: AnyLedger) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """The rows of the counts: count, first and last by everything else."""
    key = Key("audit_count", "tenant", T)
    return {
        tuple(row[name] for name in COUNT_COLUMNS[:7]): (row["n"], row["first"], row["last"])  # type: ignore[misc]
        for row in ledger.read([key])(key)
    }


def scanned(ledger: AnyLedger) -> dict[tuple[Any, ...], list[int]]:
    """The times of everything that belongs together, from the log alone."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for row in audit(ledger):
        event = trail.event_of(row)
        name, at = str(event["event"]), int(str(event["time"]))
        told = (event["rule_ids"], event["scopes_granted"]) if name == "id_jag.issued" else event["reason"]
        pair = event["requesting_app"] or "", event["resource_app"] or ""
        keys: list[tuple[Any, ...]] = [("hour", name, at // 3600 * 3600, "", "", event["reason"])]
        if name.startswith("id_jag."):
            keys.append(("day", name, at // DAY * DAY, *pair, told))
        if name in {"id_jag.issued", "id_jag.redeemed"}:
            keys.append(("ever", name, 0, *pair, told))
        for key in keys:
            found.setdefault(tuple(map(str, key)), []).append(at)
    return found


def same(ledger: AnyLedger) -> None:
    """The counts are those of the log: as many groups, of the same sizes and times."""
    expected = [(len(times), min(times), max(times), key[:5]) for key, times in scanned(ledger).items()]
    found = [(*tally, tuple(map(str, key[:5]))) for key, tally in counted(ledger).items()]
    assert sorted(found) == sorted(expected)


def some(number: int) -> tuple[Event, int]:
    """An event and its time, always the same for a number."""
    dice = random.Random(number)  # noqa: S311  # no secret
    name = dice.choice(EVENTS)
    fields: dict[str, object] = {"decision_id": f"d{number}", "subject": f"p{dice.randrange(3)}"}
    if name.startswith("id_jag."):
        fields |= {"requesting_app": f"a{dice.randrange(2)}", "resource_app": f"r{dice.randrange(2)}"}
    if name == "id_jag.issued":
        fields |= {"rule_ids": [f"u{dice.randrange(2)}"], "scopes_granted": ["chat.read"]}
    if name == "id_jag.denied":
        fields |= {"reason": dice.choice(["held", "not_allowed"])}
    return Event(name, fields), NOW + dice.randrange(3 * DAY)


def record(
    ledger: AnyLedger, number: int, decided: Callable[[Verdict[str]], Verdict[str]] = lambda it: it
) -> None:
    """One entry with one event."""
    event, at = some(number)

    def decide(_policy: Policy, _facts: Facts) -> Verdict[str]:
        return decided(Verdict("", [event]))

    ledger.commit(replace(entry(f"d{number}", decide), now=at))


def test_the_counts_are_those_of_the_log(ledger: AnyLedger) -> None:
    for number in range(60):
        record(ledger, number)
    same(ledger)
    assert len(counted(ledger)) > 20


def test_a_batch_that_leaves_nothing_is_not_counted(ledger: AnyLedger) -> None:
    """The database takes no second row with the same id, and undoes everything."""
    badge = Insert("badges", {"id": "b1", "person": None})
    record(ledger, 1, lambda verdict: replace(verdict, writes=[badge]))
    with pytest.raises(Unavailable):
        record(ledger, 2, lambda verdict: replace(verdict, writes=[badge]))
    record(ledger, 3)
    same(ledger)
    assert len(audit(ledger)) == 2


def test_several_events_of_one_batch_are_counted_together(ledger: AnyLedger) -> None:
    futures = []
    for number in range(40):
        event, _ = some(number)
        verdict = Verdict("", [event, event])
        futures.append(
            ledger.submit(entry(f"d{number}", lambda _policy, _facts, verdict=verdict: verdict))  # type: ignore[misc]
        )
    for future in futures:
        future.result(10)
    same(ledger)
    assert sum(tally[0] for key, tally in counted(ledger).items() if key[0] == "hour") == 80


@pytest.mark.parametrize("seed", range(3))
def test_two_nodes_at_once_count_every_row_once(url: str, seed: int) -> None:
    """Their batches collide, are rolled back and decided again."""
    with postgres_ledger(url) as one, postgres_ledger(url) as other:

        def work(node: PostgresLedger[Policy], first: int) -> None:
            for number in range(first, first + 60, 2):
                record(node, number)

        threads = [
            threading.Thread(target=work, args=(node, 1000 * seed + at))
            for at, node in enumerate((one, other))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        same(one)
        assert len(audit(one)) == 60


def test_behind_a_gap_nothing_is_counted_until_somebody_fills_it(url: str) -> None:
    """An older idjag beside this one does not count; a count that is sometimes right is worse than none."""
    with PostgresLedger(url, load=load, chain_key=KEY, counting=False) as older, postgres_ledger(url) as node:
        record(node, 1)
        same(node)
        before = counted(node)
        record(older, 2)
        record(node, 3)
        assert counted(node) == before


def test_what_is_counted_is_about_nobody() -> None:
    fields: Mapping[str, object] = {
        "subject": "person-1",
        "actor": {"kind": "user", "id": "person-1"},
        "ip": "198.51.100.7",
        "inputs": {"person": "person-1"},
        "requesting_app": "wiki",
        "resource_app": "chat",
        "rule_ids": ["r"],
        "scopes_granted": ["chat.read"],
    }
    found = tallied([("id_jag.issued", NOW, fields)])
    assert [key.span for key in found] == ["day", "ever", "hour"]
    assert "person-1" not in repr(found)
    assert "198.51" not in repr(found)


def test_a_combination_of_any_size_has_a_short_name() -> None:
    """A key of an index has room for some 2,700 octets."""
    rules = [f"rule-{number}" for number in range(500)]
    found = tallied([("id_jag.issued", NOW, {"rule_ids": rules, "scopes_granted": ["a"]})])
    assert all(len(key.about) <= 16 for key in found)
    assert any("rule-499" in tally.told for tally in found.values())
