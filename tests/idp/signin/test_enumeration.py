"""Nobody learns from a refusal who exists: what is seen, and what work is done (attack cases 154, 156).

Time is not measured here: the same hashes, reads and commits are what the same time is made of.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import pytest
from argon2 import PasswordHasher

from idjag.idp.app import assemble
from idjag.idp.audit import Source
from idjag.idp.signin.guesses import Attempt
from idjag.idp.signin.passwords import Busy, Passwords
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Delete, Entry, Facts, Insert, Key, Ledger, Row
from tests.idp.signin.seeds import PASSWORDS, hold, person_rows, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser

HERE = "203.0.113.5"
PEOPLE = ("dave", "erin", "frank", "grace")


class CountingLedger:
    """A ledger that counts what is asked of it."""

    def __init__(self, ledger: Ledger[Snapshot]) -> None:
        self._ledger = ledger
        self.counts: Counter[str] = Counter()

    def submit(self, entry: Entry[Snapshot, Any]) -> Future[Any]:
        self.counts["submitted"] += 1
        return self._ledger.submit(entry)

    def commit(self, entry: Entry[Snapshot, Any]) -> Any:
        self.counts["committed"] += 1
        self.counts["keys of entries"] += len(entry.reads)
        return self._ledger.commit(entry)

    def read(self, keys: Sequence[Key]) -> Facts:
        self.counts["read"] += 1
        self.counts["keys"] += len(keys)
        return self._ledger.read(keys)

    def snapshot(self, tenant: str) -> Snapshot:
        return self._ledger.snapshot(tenant)

    def fresh(self, tenant: str) -> Snapshot:
        self.counts["fresh"] += 1
        return self._ledger.fresh(tenant)

    def issued(
        self, tenant: str, *, subject: str, requesting_app: str, resource_app: str
    ) -> tuple[int, int] | None:
        return self._ledger.issued(
            tenant, subject=subject, requesting_app=requesting_app, resource_app=resource_app
        )

    def close(self) -> None:
        self._ledger.close()


class Watched:
    """A site whose work is counted and whose visitors come from where they say."""

    def __init__(self, site: Site, host: Host) -> None:
        self.site, self.ledger = site, CountingLedger(site.ledger)
        services = replace(site.services, ledger=self.ledger)
        host.app = assemble(services, trusted_proxies=["127.0.0.1"])

    @contextmanager
    def browser(self, ip: str = HERE) -> Iterator[Browser]:
        with Browser(self.site) as browser:
            browser.headers["x-forwarded-for"] = ip
            yield browser

    def tried(self, username: str, password: str, *, ip: str = HERE) -> tuple[Seen, Counter[str]]:
        """What a new browser sees of one attempt, and the work that it made."""
        with self.browser(ip) as browser:
            page = browser.ask()
            self.ledger.counts.clear()
            hashes = self.site.hasher.verified
            answer = browser.fill(page, username=username, password=password)
            work = Counter(self.ledger.counts)
            work["hashes"] = self.site.hasher.verified - hashes
            return seen(answer, username), work


class Seen(NamedTuple):
    """All that a stranger sees, but random values and the name that he typed himself."""

    status: int
    headers: dict[str, str]
    text: str


def seen(answer: httpx.Response, username: str) -> Seen:
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    headers["set-cookie"] = re.sub(r"=[\w-]{22,}", "=X", headers.get("set-cookie", ""))
    text = re.sub(r"[\w-]{22,}", "X", answer.text.replace(f'"{username}"', '"NAME"'))
    headers["content-length"] = str(int(headers["content-length"]) - len(username))
    return Seen(answer.status_code, headers, text)


@pytest.fixture
def watched(site: Site, host: Host) -> Watched:
    people = [_renamed(row.row, name) for name in PEOPLE for row in person_rows("bob")]
    site.write(*(Insert(table, row) for rows in people for table, row in rows))
    return Watched(site, host)


def _renamed(row: Row, name: str) -> list[tuple[str, dict[str, Any]]]:
    """One more person like Bob."""
    table = "credential" if "secret" in row else "person"
    values = {
        key: str(value).replace("bob", name) if isinstance(value, str) else value
        for key, value in row.items()
    }
    if table == "credential":
        values["secret"] = row["secret"]
    return [(table, values)]


def test_every_refused_sign_in_looks_alike_and_costs_the_same(watched: Watched) -> None:
    """Attack case 154: unknown, wrong, disabled, held, locked, no password; text, size, cookies, work."""
    site = watched.site
    site.write(hold("user", "p-dave"), Delete("credential", {"id": "c-erin"}))
    site.write(update("person", "p-frank", status="disabled"))
    for number in range(20):  # locked for strangers, from many networks
        attempt = Attempt("t1", "grace", stranger(site, f"192.0.2.{number}"))
        site.write(*attempt.failed(site.ledger.read(attempt.reads), "p-grace").writes)
    bob = PASSWORDS["bob"]
    tries = {
        "unknown": ("nobody", bob), "wrong": ("bob", "a wrong password"), "held": ("dave", bob),
        "no password": ("erin", bob), "disabled": ("frank", bob), "disabled, wrong": ("frank", "wrong"),
        "locked": ("grace", bob), "locked, wrong": ("grace", "wrong"),
    }  # fmt: skip
    results = {name: watched.tried(*what) for name, what in tries.items()}
    pages, work = zip(*results.values(), strict=True)
    assert all(page == pages[0] for page in pages), {name: result[0] for name, result in results.items()}
    assert all(each == work[0] for each in work), dict(zip(results, work, strict=True))
    assert (work[0]["hashes"], work[0]["committed"], pages[0].status) == (1, 1, 403)
    reasons = [event["reason"] for event in site.events() if event["event"] == "login.failed"]
    assert reasons == [
        "subject_unknown", "password_wrong", "held", "password_wrong", "person_disabled", "password_wrong",
        "sign_in_locked", "sign_in_locked",
    ]  # fmt: skip


def stranger(site: Site, ip: str) -> Source:
    """A stranger's address."""
    return Source("d", site.clock.now, ip, "")


def test_the_positive_control_is_let_in(watched: Watched) -> None:
    page, work = watched.tried("bob", PASSWORDS["bob"])
    assert (page.status, work["hashes"]) == (303, 1)


def test_being_stopped_looks_alike_for_names_that_nobody_has(watched: Watched) -> None:
    """Attack cases 154, 156: five wrong guesses, then 429 without any work, for everybody."""
    results = {
        name: [watched.tried(name, "guess", ip=ip) for _ in range(6)]
        for name, ip in (("bob", "192.0.2.1"), ("nobody", "192.0.2.2"), ("carol", "192.0.2.3"))
    }
    assert results["bob"] == results["nobody"] == results["carol"]
    page, work = results["bob"][5]
    assert (page.status, page.headers["retry-after"], work["hashes"], work["committed"]) == (429, "30", 0, 0)


def test_one_password_for_everybody_from_one_address_is_stopped(watched: Watched) -> None:
    """Attack case 156: after thirty failures the right password is refused there too, and works elsewhere."""
    for number in range(30):
        attempt = Attempt("t1", f"user-{number}", stranger(watched.site, HERE))
        watched.site.write(*attempt.failed(watched.site.ledger.read(attempt.reads), None).writes)
    refused, _ = watched.tried("bob", PASSWORDS["bob"])
    admitted, _ = watched.tried("bob", PASSWORDS["bob"], ip="198.51.100.9")
    assert (refused.status, admitted.status) == (403, 303)


def test_spraying_over_http_is_recorded_as_an_alarm(watched: Watched) -> None:
    """Attack case 156: alerted, once."""
    for number in range(32):
        watched.tried(f"user-{number}", "Winter 2026!")
    alarms = [event for event in watched.site.events() if event["event"] == "login.sprayed"]
    assert [(alarm["ip"], alarm["inputs"]["count"]) for alarm in alarms] == [(HERE, "network")]
    assert "user-7" not in str(watched.site.events())


def test_whoever_guesses_at_somebody_does_not_lock_them_out(watched: Watched) -> None:
    """Attack case 156: from elsewhere, and at the same address from the browser that they always use."""
    with watched.browser() as own:
        assert own.sign_in("bob").status_code == 303
        guesses = [watched.tried("bob", "guess")[0].status for _ in range(6)]
        again = own.ask(prompt="login")
        assert own.fill(again, username="bob", password=PASSWORDS["bob"]).status_code == 303
    elsewhere, _ = watched.tried("bob", PASSWORDS["bob"], ip="198.51.100.9")
    assert (guesses[5], elsewhere.status) == (429, 303)


def test_guesses_at_the_same_moment_are_counted_one_after_the_other(host: Host) -> None:
    """OIDC-26: a hundred at once are no way around the limit."""
    with running(host) as site:
        watched = Watched(site, host)

        def guess(_number: int) -> int:
            return watched.tried("bob", "guess")[0].status

        with ThreadPoolExecutor(12) as pool:
            statuses = Counter(pool.map(guess, range(12)))
    assert statuses == {403: 5, 429: 7}


class Slow:
    """A hasher that notes how many work at the same time."""

    def __init__(self) -> None:
        self._real = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
        self._lock, self.gate = threading.Lock(), threading.Event()
        self.working = self.most = 0

    def hash(self, password: bytes, /) -> str:
        return self._real.hash(password)

    def verify(self, encoded: str, password: bytes, /) -> bool:
        with self._lock:
            self.working += 1
            self.most = max(self.most, self.working)
        self.gate.wait(60)
        with self._lock:
            self.working -= 1
        return self._real.verify(encoded, password)

    def check_needs_rehash(self, encoded: str, /) -> bool:
        return self._real.check_needs_rehash(encoded)


def test_a_hundred_sign_ins_at_once_take_the_memory_of_two() -> None:
    """Issue 6: each hash takes 19 MiB, two work, 32 wait, and the rest are told to come again."""
    hasher = Slow()
    passwords, start = Passwords(2, 32, hasher=hasher), threading.Barrier(100)

    def sign_in(_number: int) -> str:
        start.wait(60)
        try:
            passwords.verify(None, "guess")
        except Busy:
            with counted:
                busy.append(1)
                if len(busy) == 66:
                    hasher.gate.set()
            return "busy"
        return "checked"

    busy: list[int] = []
    counted = threading.Lock()
    with ThreadPoolExecutor(100) as pool:
        results = Counter(pool.map(sign_in, range(100)))
    assert (results, hasher.most) == ({"busy": 66, "checked": 34}, 2)
