"""The questions of the console's screens on 1,000 apps, 10,000 connections, 100,000 people, a long log.

`python -m benchmarks console` prints the 95th percentile of each in milliseconds, beside a question that
needs no table.  BENCH_ROWS is how many audit rows there are (100,000; the aim is 10,000,000, which takes a
quarter of an hour and 20 GB), BENCH_URL a schema that was filled before.
`python -m benchmarks.console` prints how they are answered, for docs/console-queries.md.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from statistics import median
from typing import Any, Final

from benchmarks.console_seeds import ADMINISTRATORS, DAYS, END, TENANT, fill, name_of
from benchmarks.measure import ROUNDS, Measurement, commit
from idjag.idp.lookups import Audience, Thing
from idjag.idp.store import schema
from idjag.idp.store.listing import Listing
from idjag.idp.store.lists.asking import Asking
from idjag.idp.store.lists.indexes import ACTED, ACTOR
from idjag.ledger.schema import AUDIT_COLUMNS
from idjag.policy.model import Who
from tests.cluster import Cluster, binaries, cluster

__all__ = ["LINES", "measurements"]

LINES: Final = ("console.postgres",)
ROWS: Final = int(os.environ.get("BENCH_ROWS", "100000"))
_CALLS: Final = 40
_LONGEST: Final = 24  # lines of a plan; what is below tells nothing new
_DAY: Final = 86_400
_WINDOW: Final = {"since": END - _DAY, "until": END + 1}
_MONTH: Final = {"since": END - 30 * _DAY, "until": END + 1}

Question = Callable[[Listing, int], object]


def _about(number: int) -> tuple[str, str]:
    """The pair of a connection."""
    return name_of("a", 1 + number % 1000), name_of("r", 1 + number // 40)


def _group(number: int) -> Who:
    return Who(groups=frozenset({name_of("g", number)}))


def _log(*names: str, window: Mapping[str, int] = _WINDOW, **also: Any) -> Question:
    """A page of the log by these columns."""

    def ask(listing: Listing, n: int) -> object:
        app, target = _about(n * 97 % 10_000)
        known = {
            "event": ("id_jag.denied", "connection.updated", "login.succeeded", "id_jag.issued")[n % 4],
            "subject": name_of("p", 1 + n * 991 % 100_000),
            "requesting_app": app,
            "resource_app": target,
            "reason": ("held", "not_allowed", "nothing of the kind")[n % 3],
            "jti": f"j{n * ROWS // 100}",
            "actor": "operator" if n % 5 == 0 else f"person:{name_of('p', 1 + n % ADMINISTRATORS)}",
        }
        about = {name: known[name] for name in names}
        since, until = window.get("since"), window.get("until")
        return listing.audit(
            **{"about": about, "since": since, "until": until, "before_no": None, "limit": 101, **also}
        )

    return ask


QUESTIONS: Final[Mapping[str, Question]] = {
    "audit.day": _log(),
    "audit.event": _log("event"),
    "audit.event_month": _log("event", window=_MONTH),
    "audit.subject": _log("subject"),
    "audit.subject_month": _log("subject", window=_MONTH),
    "audit.requesting_app": _log("requesting_app", window=_MONTH),
    "audit.resource_app": _log("resource_app", window=_MONTH),
    "audit.reason": _log("reason", window=_MONTH),
    "audit.actor": _log("actor"),
    "audit.actor_month": _log("actor", window=_MONTH),
    "audit.actor_and_event": _log("actor", "event", window=_MONTH),
    "audit.jti": _log("jti", window={}),
    "audit.app_and_reason": _log("requesting_app", "reason", window=_MONTH),
    "audit.app_and_subject": _log("requesting_app", "subject", window=_MONTH),
    "audit.next_page": _log("event", window=_MONTH, before_no=ROWS // 10 * 9),
    "audit.text": _log(text="chat.write"),
    "thread": lambda listing, n: listing.thread(f"j{n * ROWS // 100}"),
    "history.connection": lambda listing, n: listing.history(Thing("connection", name_of("c", n), _about(n))),
    "history.group": lambda listing, n: listing.history(Thing("group", name_of("g", n))),
    "history.user": lambda listing, n: listing.history(Thing("user", name_of("p", n))),
    "counts.day": lambda listing, _: listing.counts(**_WINDOW, step="hour"),
    "counts.month": lambda listing, _: listing.counts(**_MONTH, step="day"),
    "uses.month": lambda listing, n: listing.uses(_about(n), **_MONTH),
    "rules_used": lambda listing, n: listing.rules_used(_about(n)),
    "pair_uses.page": lambda listing, n: listing.pair_uses([_about(n + k * 101) for k in range(50)]),
    "pair_uses.all": lambda listing, _: listing.pair_uses(),
    "first_seen": lambda listing, _: listing.first_seen(since=END - 7 * _DAY),
    "bursts": lambda listing, _: listing.bursts(now=END),
    "people.page": lambda listing, n: listing.find_people(after=f"user{n * 2000:06}"),
    "people.letter": lambda listing, n: listing.find_people(text="ulm"[n % 3]),
    "people.name": lambda listing, n: listing.find_people(text=f"first{n}."),
    "people.disabled": lambda listing, n: listing.find_people(status="disabled", after=f"user{n * 2000:06}"),
    "groups.page": lambda listing, n: listing.groups(after=f"group {n * 20:04}"),
    "groups.first": lambda listing, _: listing.groups(),
    "members.large": lambda listing, n: listing.members(name_of("g", 1 + n % 10)),
    "members.search": lambda listing, n: listing.members(name_of("g", 1 + n % 10), text=f"first{n}."),
    "groups_of": lambda listing, n: listing.groups_of(name_of("p", n)),
    "connections.page": lambda listing, n: listing.connections(now=END, after=f"connection-{n * 200:05}"),
    "connections.text": lambda listing, n: listing.connections(now=END, text=f"resource {n}"),
    "connections.owner": lambda listing, n: listing.connections(now=END, owner=f"owner{n}"),
    "connections.app": lambda listing, n: listing.connections(now=END, requesting_app=_about(n)[0]),
    "connections.expired": lambda listing, _: listing.connections(now=END + 10**9, status="expired"),
    "expiring": lambda listing, _: listing.expiring(now=END, until=END + 30 * _DAY),
    "unused": lambda listing, _: listing.unused(now=END, since=END - 30 * _DAY),
    "unused_rules": lambda listing, _: listing.unused_rules(now=END, since=END - 30 * _DAY),
    "reached.groups": lambda listing, n: listing.reached(Audience([_group(11 + n)], [_group(1 + n % 10)])),
    "reached.large": lambda listing, n: listing.reached(Audience([_group(1 + n % 10)])),
    "reached.everyone": lambda listing, n: listing.reached(
        Audience([Who(everyone=True, except_groups=frozenset({name_of("g", 11 + n)}))])
    ),
    "reached.people": lambda listing, n: listing.reached_people(
        Audience([Who(everyone=True)]), but=Audience([_group(1 + n % 10)])
    ),
}


def measurements(lines: Sequence[str]) -> Iterator[Measurement]:
    """One for each question, if there is a server; and how long it took to write an audit row."""
    if not lines:
        return
    with _filled() as (url, _), closing(Listing(url, TENANT)) as listing, closing(Asking(url)) as bare:
        for name, question in QUESTIONS.items():
            yield _measured(name, partial(question, listing), lambda _: bare.rows("SELECT 1 AS n"))


def _measured(name: str, product: Callable[[int], object], floor: Callable[[int], object]) -> Measurement:
    product(_CALLS)
    walls, floors, cpus = [], [], []
    for round_ in range(ROUNDS):
        floors.append(_p95(floor, round_))
        before = time.process_time()
        walls.append(_p95(product, round_))
        cpus.append((time.process_time() - before) / _CALLS * 1e6)
    value, base = median(walls), median(floors)
    spread = (max(walls) - min(walls)) / value
    return Measurement(
        f"{LINES[0]}.{name}.p95", value, "ms", base, value / base, spread, median(cpus), commit()
    )


def _p95(call: Callable[[int], object], round_: int) -> float:
    """Milliseconds that 19 of 20 calls stay below, each about something else."""
    took = []
    for number in range(_CALLS):
        began = time.perf_counter()
        call(1 + round_ + number * 5 % (_CALLS + 7))
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)[_CALLS * 95 // 100 - 1]


class Explaining(Asking):
    """Keeps the plans of what is asked."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.plans: list[tuple[str, str]] = []

    def rows(self, question: str, **values: Any) -> list[dict[str, Any]]:
        """Ask twice: how, and what."""
        explained = super().rows(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {question}", **values
        )
        self.plans.append((question, "\n".join(str(row["QUERY PLAN"]) for row in explained)))
        return super().rows(question, **values)


@contextmanager
def _filled() -> Iterator[tuple[str, Cluster]]:
    server = binaries()
    if server is None:
        raise SystemExit("benchmarks: no PostgreSQL server is installed")
    with cluster(server) as running:
        url = os.environ.get("BENCH_URL") or running.schema()
        if "BENCH_URL" not in os.environ:
            schema.upgrade(url)
            fill(url, ROWS)
        yield url, running


def _page() -> Iterator[str]:
    yield "# How the console's questions are answered"
    yield ""
    yield (
        f"Made by `python -m benchmarks.console` in PostgreSQL, on {ROWS:,} audit rows of {DAYS} days, 1,000 "
        "apps, 10,000 connections and 100,000 people. Each plan is what the server did, without its times."
    )
    with _filled() as (url, _), closing(Explaining(url)) as ask:
        listing = Listing(url, TENANT, ask=ask)
        for name, question in QUESTIONS.items():
            ask.plans.clear()
            question(listing, 3)
            yield from ("", f"## {name}")
            for asked, plan in {_folded(asked): plan for asked, plan in ask.plans}.items():
                yield from ("", "```sql", asked, "```", "", "```", _cleaned(plan), "```")


def _folded(question: str) -> str:
    """Broken before its clauses, so that it can be read; what is long and the same each time is cut short."""
    question = question.replace(", ".join(AUDIT_COLUMNS), "...")
    question = question.replace(ACTED["postgresql"], "acted").replace(ACTOR["postgresql"], "actor")
    question = re.sub(
        r"(SELECT 0 AS n.{40}).*(SELECT 1 AS n.{40}).*?\) AS w", r"\1 ... \2 ...) AS w", question
    )
    return re.sub(r" (FROM|WHERE|AND|JOIN|GROUP BY|HAVING|ORDER BY|UNION) ", r"\n    \1 ", question)


def _cleaned(plan: str) -> str:
    """Without what differs from run to run, and without what stands there many times."""
    noise = re.compile(
        r"(Memory|Heap Blocks|Buckets|Disk|Workers|Planning|Execution|->  Result|Cache|Hits:|Sort M)"
    )
    # who did it, as the expression that idjag/idp/store/lists/indexes.py has for it
    plan = re.sub(r'CASE "substring".*?END', "actor", plan, flags=re.DOTALL)
    kept = [line[:140] for line in plan.splitlines() if not noise.search(line)]
    return re.sub(r"(p|g|a|r|c)0{12,}(\d+)", r"\1...\2", "\n".join(kept[:_LONGEST]))


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in _page())
