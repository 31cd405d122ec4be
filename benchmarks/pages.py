"""Whole pages of the console and lists of the admin API over HTTP, on the deployment of ``large.py``.

`python -m benchmarks pages` prints for each how long 95 of 100 requests take at most, and half of them.
Each request is about something else; what a form leads to is asked with what the form holds.
BENCH_ROWS is how many audit rows there are (100,000; the aim is 10,000,000, which takes a quarter of an hour
to fill and 20 GB), BENCH_FOLDER a folder that keeps them for the next time.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.console import ROWS
from benchmarks.large import Large, large
from benchmarks.measure import ROUNDS, Measurement, commit
from benchmarks.pages_browser import Browser
from benchmarks.servers import Server
from idjag.idp.console.table import PLACES

__all__ = ["LEFT_OUT", "LINES", "PAGES", "SENT", "measurements"]

LINES: Final = ("pages.postgres",)
_SAMPLES: Final = 20
# What is saved is always something else: a kept database knows what the last run has saved.
_FRESH: Final = (f"{time.time_ns():x}.{number}" for number in itertools.count())
_DECISION: Final = "/admin/audit/decision"
_FLOOR: Final = "/.well-known/openid-configuration"

Path = Callable[[int], str]


def _at(path: str, **query: str) -> Path:
    """The path with this query; {n} ... are numbers that fit what they are of."""

    def filled(n: int) -> str:
        numbers = {
            "app": 1 + n * 97 % 1000,
            "target": 1 + n * 7 % 250,
            "connection": 1 + n * 331 % 9999,
            "person": 1 + n * 991 % 99_999,
            "group": 11 + n * 13 % 900,
            "large": 1 + n % 10,
            "jti": ROWS // 2 - n * (ROWS // 400),
        }
        return path + ("?" + urlencode({key: value.format(**numbers) for key, value in query.items()}))

    return filled


_APP: Final = "app{app}"
_TARGET: Final = "target{target}"
_CONNECTION: Final = "connection-{connection:05}"
_PERSON: Final = "user{person:06}"
_GROUP: Final = "group {group:04}"
_LARGE: Final = "group {large:04}"

PAGES: Final[Mapping[str, Path]] = {
    "overview": _at("/admin"),
    "attention.bursts": _at("/admin/attention", **{"for": "bursts"}),
    "attention.expiring": _at("/admin/attention", **{"for": "expiring"}),
    "attention.first_seen": _at("/admin/attention", **{"for": "new"}),
    "attention.unused": _at("/admin/attention", **{"for": "unused"}),
    "attention.unused_rules": _at("/admin/attention", **{"for": "rules"}),
    "map.first": _at("/admin/map"),
    "map.app": _at("/admin/map", app=_APP),
    "map.resource_app": _at("/admin/map", to=_TARGET),
    "map.person": _at("/admin/map", user=_PERSON),
    "matrix": _at("/admin/matrix"),
    "matrix.search": _at("/admin/matrix", q="resource {target}"),
    "connections": _at("/admin/connections"),
    "connections.next": _at("/admin/connections", after=_CONNECTION),
    "connections.search": _at("/admin/connections", q="resource {target}"),
    "connections.status": _at("/admin/connections", status="paused", after=_CONNECTION),
    "connections.owner": _at("/admin/connections", owner="owner{large}@acme.example"),
    "connections.app": _at("/admin/connections", **{"from": _APP}),
    "connection": _at("/admin/connection", id=_CONNECTION),
    "connection.people": _at("/admin/connection/people", id=_CONNECTION),
    "connection.form": _at("/admin/connection/edit", id=_CONNECTION),
    "connection.rule": _at("/admin/connection/rule", id=_CONNECTION, rule="writers"),
    "connection.new_rule": _at("/admin/connection/rule", id=_CONNECTION),
    "wizard": _at("/admin/connect"),
    "guardrails": _at("/admin/guardrails"),
    "guardrail.new": _at("/admin/guardrail/edit"),
    "ask": _at("/admin/ask"),
    "ask.answer": _at("/admin/ask", user=_PERSON, to=_TARGET, scopes="chat.read", **{"from": _APP}),
    "audit": _at("/admin/audit"),
    "audit.chain": _at("/admin/audit/chain"),
    "audit.next": _at("/admin/audit", before="{jti}"),
    "audit.event": _at("/admin/audit", event="id_jag.denied"),
    "audit.person": _at("/admin/audit", user=_PERSON),
    "audit.actor": _at("/admin/audit", by=_PERSON),
    "audit.app": _at("/admin/audit", **{"from": _APP}),
    "audit.resource_app": _at("/admin/audit", to=_TARGET),
    "audit.pair": _at("/admin/audit", event="id_jag.denied", to=_TARGET, **{"from": _APP}),
    "audit.reason": _at("/admin/audit", reason="held"),
    "audit.jti": _at("/admin/audit", jti="j{jti}"),
    "audit.thread": _at("/admin/audit/thread", jti="j{jti}"),
    "lens": _at("/admin/lens"),
    "apps": _at("/admin/apps"),
    "apps.next": _at("/admin/apps", after=_APP),
    "apps.search": _at("/admin/apps", q="application {large}"),
    "app": _at("/admin/app", id=_APP),
    "app.form": _at("/admin/app/edit", id=_APP),
    "app.new": _at("/admin/app/edit"),
    "resource_apps": _at("/admin/resource-apps"),
    "resource_apps.search": _at("/admin/resource-apps", q="resource {large}"),
    "resource_app": _at("/admin/resource-app", id=_TARGET),
    "resource_app.form": _at("/admin/resource-app/edit", id=_TARGET),
    "people": _at("/admin/people"),
    "people.next": _at("/admin/people", after=_PERSON),
    "people.search": _at("/admin/people", q="first{group}."),
    "people.disabled": _at("/admin/people", status="disabled"),
    "person": _at("/admin/person", id=_PERSON),
    "person.form": _at("/admin/person/edit", id=_PERSON),
    "person.owns": _at("/admin/person/owns", id=_PERSON),
    "people.names": _at("/admin/people/names", user="first{group}."),
    "people.import": _at("/admin/people/import"),
    "groups": _at("/admin/groups"),
    "groups.next": _at("/admin/groups", after=_GROUP),
    "groups.search": _at("/admin/groups", q="group 0{large}"),
    "group": _at("/admin/group", id=_GROUP),
    "group.large": _at("/admin/group", id=_LARGE),
    "group.search": _at("/admin/group", id=_LARGE, q="first{group}."),
    "group.new": _at("/admin/group/edit"),
    "holds": _at("/admin/holds"),
    "keys": _at("/admin/keys"),
    "administrators": _at("/admin/administrators"),
    "settings": _at("/admin/settings"),
}
"""What is looked at."""

API: Final[Mapping[str, Path]] = {
    "api.apps": _at("/admin/api/v1/apps/"),
    "api.connections": _at("/admin/api/v1/connections/"),
    "api.connections.next": _at("/admin/api/v1/connections/", after=_CONNECTION),
    "api.connection": lambda n: f"/admin/api/v1/connections/connection-{1 + n * 331 % 9999:05}",
    "api.groups": _at("/admin/api/v1/groups/"),
    "api.users": _at("/admin/api/v1/users/"),
    "api.users.next": _at("/admin/api/v1/users/", after=_PERSON),
    "api.user": lambda n: f"/admin/api/v1/users/user{1 + n * 991 % 99_999:06}",
    "api.audit": _at("/admin/api/v1/audit"),
    "api.holds": _at("/admin/api/v1/holds"),
}
"""The lists that programs read."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that is sent: the page that it is on, where it goes, and what is typed into it.

    ``saves``: what is measured is not the review page that it leads to, but the saving of what that shows.
    """

    page: Path
    to: str
    typed: Mapping[str, str]
    saves: bool = False


_SEVERAL: Final = "connection-00020"
_DESCRIPTION: Final = {"owner": "somebody{n}.{run}@acme.example"}
_NAMED: Final = {"name": "Another Name {n} {run}"}

SENT: Final[Mapping[str, Sent]] = {
    "review.connection": Sent(PAGES["connection.form"], "/admin/connection/edit", _DESCRIPTION),
    "review.connection.status": Sent(PAGES["connection"], "/admin/connection/status", {}),
    "review.connection.remove": Sent(PAGES["connection"], "/admin/connection/remove", {}),
    "review.rule": Sent(PAGES["connection.rule"], "/admin/connection/rule", {"lifetime": "4m"}),
    "review.rule.remove": Sent(PAGES["connection.rule"], "/admin/connection/rule/remove", {}),
    "review.app": Sent(PAGES["app.form"], "/admin/app/edit", _NAMED),
    "review.resource_app": Sent(PAGES["resource_app.form"], "/admin/resource-app/edit", _NAMED),
    "review.person": Sent(PAGES["person.form"], "/admin/person/edit", _NAMED),
    "review.person.new": Sent(
        _at("/admin/person/edit"), "/admin/person/edit", {"id": "somebody.new{n}.{run}"}
    ),
    "review.group.member": Sent(PAGES["group"], "/admin/group/member", {"username": "user{n:06}"}),
    "review.several": Sent(
        PAGES["connections.status"], "/admin/connections/several", {"one": _SEVERAL, "do": "activate"}
    ),
    "review.group.new": Sent(PAGES["group.new"], "/admin/group/edit", {"name": "another group {n} {run}"}),
    "save.connection": Sent(PAGES["connection.form"], "/admin/connection/edit", _DESCRIPTION, saves=True),
    "save.person": Sent(PAGES["person.form"], "/admin/person/edit", _NAMED, saves=True),
    "save.app": Sent(PAGES["app.form"], "/admin/app/edit", _NAMED, saves=True),
}
"""What is changed."""

AFTER: Final = (
    "overview",
    "map.person",
    "matrix",
    "connections",
    "connection",
    "person",
    "group",
    "ask.answer",
)
"""Pages that are asked for again right after a connection was changed: what was known is known no more."""

LEFT_OUT: Final[Mapping[str, str]] = {
    "/admin/audit/export": "a file, not a page",
    "/admin/people/import": "what comes of it depends on the list",
    "/admin/lens": "what comes of it depends on the token",
    "/admin/undo": "the review of a form by another way",
    **dict.fromkeys(("/admin/connection/check", "/admin/settings/webhook"), "asks another server"),
    **dict.fromkeys(("/admin/people/several", "/admin/person/owns"), "as that of connections"),
    **dict.fromkeys(("/admin/app/remove", "/admin/resource-app/remove"), "all of them are in use"),
    **dict.fromkeys(("/admin/person/remove", "/admin/group/remove"), "takes its people along"),
    **dict.fromkeys(
        (
            *("/admin/administrators/give", "/admin/administrators/end", "/admin/tokens/new"),
            *("/admin/tokens/end", "/admin/app/secret/new", "/admin/app/secret/retire"),
            *("/admin/hold", "/admin/hold/several", "/admin/hold/release", "/admin/audit/verify"),
            *("/admin/keys/rotate", "/admin/keys/revoke"),
            *("/admin/person/link", "/admin/person/sign-out", "/admin/person/unlock"),
            *("/admin/person/factors", "/admin/connect", "/admin/guardrail/edit", "/admin/settings"),
            "/admin/guardrail/remove",
        ),
        "reads and writes by its key",
    ),
}
"""Paths that are sent forms and not measured, with why."""


@dataclass(frozen=True, slots=True)
class Page(Measurement):
    """``value`` is the 95th percentile; ``load`` how many processes wanted to run beside it (one minute)."""

    p50: float
    load: float

    def members(self) -> dict[str, Any]:
        """As those of others."""
        return {name: round(it, 4) if isinstance(it, float) else it for name, it in asdict(self).items()}


def measurements(lines: Sequence[str]) -> Iterator[Measurement]:
    """One for each page, if there is a server; forgotten places are told first."""
    if not lines:
        return
    if forgotten := sorted(unmeasured()):
        raise SystemExit(f"benchmarks: no page of {', '.join(forgotten)}")
    only = os.environ.get("BENCH_PAGES", "").split()
    with large(ROWS) as served:
        for name, ask in _questions(served).items():
            if not only or any(name.startswith(one) for one in only):
                yield _measured(name, ask, served)


def unmeasured() -> set[str]:
    """The paths of the console that nothing here asks for."""
    shown = {path(1).partition("?")[0] for path in PAGES.values()}
    shown |= {_DECISION, *(path for path in LEFT_OUT if PLACES[path].change is None)}
    sent = {each.to for each in SENT.values()} | {"/admin/change"} | LEFT_OUT.keys()
    seen = {path for path, place in PLACES.items() if place.show is not None} - shown
    return seen | ({path for path, place in PLACES.items() if place.change is not None} - sent)


Ask = Callable[[int], float]
"""Asks for the page of a number; how many milliseconds it took."""


def _questions(served: Large) -> dict[str, Ask]:
    browser = Browser(served.url)
    browser.enter(served.username, served.password)
    token = Browser(served.url, bearer=served.token)
    decisions = browser.found("/admin/audit?event=id_jag.denied", rf"{_DECISION}\?id=(\w+)")
    asked: dict[str, Ask] = {name: partial(_seen, browser, path) for name, path in PAGES.items()}
    asked["audit.decision"] = partial(
        _seen, browser, lambda n: f"{_DECISION}?id={decisions[n % len(decisions)]}"
    )
    asked |= {name: partial(_sent, browser, sent) for name, sent in SENT.items()}
    asked |= {f"after_change.{name}": partial(_after, browser, PAGES[name]) for name in AFTER}
    asked |= {name: partial(_seen, token, path) for name, path in API.items()}
    return asked


def _seen(browser: Browser, path: Path, n: int) -> float:
    return browser.get(path(n)).took


def _sent(browser: Browser, sent: Sent, n: int) -> float:
    page = browser.get(sent.page(n))
    typed = {name: value.format(n=n, run=next(_FRESH)) for name, value in sent.typed.items()}
    review = browser.submit(page, sent.to, typed)
    if not sent.saves:
        return review.took
    saved = browser.submit(review, "/admin/change", {"reason": "measured"}, status=303)
    return saved.took


def _after(browser: Browser, path: Path, n: int) -> float:
    _sent(browser, SENT["save.connection"], n)
    return _seen(browser, path, n)


def _measured(name: str, ask: Ask, served: Large) -> Page:
    server = Server(0, (served.pid,))
    floor = Browser(served.url)
    ask(ROUNDS * _SAMPLES + 1)
    highest, middles, floors, cpus = [], [], [], []
    for round_ in range(ROUNDS):
        numbers = range(round_ * _SAMPLES, (round_ + 1) * _SAMPLES)
        floors.append(_p95([floor.get(_FLOOR).took for _ in numbers]))
        before = server.cpu()
        took = [ask(1 + number) for number in numbers]
        cpus.append((server.cpu() - before) / _SAMPLES * 1e6)
        highest.append(_p95(took))
        middles.append(median(took))
    value, base = median(highest), median(floors)
    spread = (max(highest) - min(highest)) / value
    return Page(
        f"{LINES[0]}.{name}.p95",
        value,
        "ms",
        base,
        value / base,
        spread,
        median(cpus),
        commit(),
        median(middles),
        os.getloadavg()[0],
    )


def _p95(took: Sequence[float]) -> float:
    return sorted(took)[len(took) * 95 // 100 - 1]
