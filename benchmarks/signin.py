"""Sign-ins as people do them, over HTTP: how long they wait at ten a second, and what a hundred at once hold.

The floor is one Argon2id hash of the same cost in this process: what nobody can do without.
"""

from __future__ import annotations

import http.client
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from statistics import median
from urllib.parse import urlencode, urlsplit

from argon2 import PasswordHasher

from benchmarks.exchange import Deployment, deployed
from benchmarks.measure import ROUNDS, Measurement, commit
from benchmarks.rounds import measured
from benchmarks.servers import Server, resident_mib
from idjag.idp.signin.passwords import LANES, MEMORY_KIB, PASSES
from tests.processes.acme import Acme
from tests.processes.program import Program

__all__ = ["LINES", "measurements"]

LINES = ("signin.sqlite.rate10.p95", "signin.sqlite.parallel100.memory")
"""What can be measured: milliseconds that 95 of 100 do not exceed; MiB at the peak, over those at rest."""

_RATE, _COUNT, _PARALLEL = 10, 50, 100
_FIELD = re.compile(r'name="(request|form_token)" value="([^"]*)"')


@dataclass(slots=True)
class _Visits:
    """Sign-ins of alice, each in a browser of its own; ``seconds`` from sending the form to the answer."""

    acme: Acme
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self) -> tuple[dict[str, str], str]:
        """The fields of the sign-in form, and the cookies that came with it."""
        url = urlsplit(self.acme.wiki.begin().url)
        status, headers, body = self._ask("GET", f"{url.path}?{url.query}")
        assert status == 200, status
        fields = {name: unescape(value) for name, value in _FIELD.findall(body)}
        cookies = "; ".join(header.partition(";")[0] for header in headers.get_all("set-cookie") or ())
        return fields, cookies

    def submit(self, fields: dict[str, str], cookies: str) -> None:
        """Send the form, and note how long it took."""
        body = urlencode({**fields, "username": "alice", "password": self.acme.password("alice")})
        begun = time.perf_counter()
        status, _, _ = self._ask("POST", "/signin", body, cookies)
        taken = time.perf_counter() - begun
        with self.lock:
            self.statuses[status] += 1
            if status == 303:
                self.seconds.append(taken)

    def _ask(
        self, method: str, target: str, body: str = "", cookies: str = ""
    ) -> tuple[int, http.client.HTTPMessage, str]:
        there = urlsplit(self.acme.idp)
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=60)
        headers = {"content-type": "application/x-www-form-urlencoded"} if body else {}
        headers |= {"cookie": cookies} if cookies else {}
        try:
            connection.request(method, target, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()


def measurements(chosen: Sequence[str]) -> Iterator[Measurement]:
    """The chosen lines."""
    if not chosen:
        return
    with ExitStack() as stack:
        acme, _ = deployed(Deployment("sqlite"), stack)
        program = stack.enter_context(acme.serve())
        if LINES[0] in chosen:
            yield _waiting(acme, program)
        if LINES[1] in chosen:
            yield _memory(acme, program)


def _waiting(acme: Acme, program: Program) -> Measurement:
    """Rounds of one sign-in every tenth of a second, however long the ones before take."""
    server = Server(urlsplit(acme.idp).port or 0, (program.process.pid,))
    _round(acme)  # the first ones load what later ones have
    before, products, floors = server.cpu(), list[float](), list[float]()
    for _ in range(ROUNDS):
        floors.append(_one_hash())
        products.append(_round(acme))
    cpu_us = (server.cpu() - before) / (ROUNDS * _COUNT) * 1e6
    return measured(LINES[0], "ms", products, floors, cpu_us=cpu_us)


def _round(acme: Acme) -> float:
    """Milliseconds that 95 of 100 did not exceed."""
    visits, start = _Visits(acme), time.monotonic()

    def visit(number: int) -> None:
        time.sleep(max(0.0, start + number / _RATE - time.monotonic()))
        visits.submit(*visits.page())

    with ThreadPoolExecutor(_COUNT) as pool:
        list(pool.map(visit, range(_COUNT)))
    assert visits.statuses == {303: _COUNT}, visits.statuses
    return 1000 * sorted(visits.seconds)[int(_COUNT * 0.95)]


def _memory(acme: Acme, program: Program) -> Measurement:
    """All forms at the same moment: two are hashed, some wait, the rest are told to come again (429)."""
    visits = _Visits(acme)
    visits.submit(*visits.page())
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: visits.page(), range(_PARALLEL)))
    rest, together = resident_mib(program.process.pid), threading.Barrier(_PARALLEL)

    def submit(page: tuple[dict[str, str], str]) -> None:
        together.wait()
        visits.submit(*page)

    with ThreadPoolExecutor(_PARALLEL) as pool:
        list(pool.map(submit, pages))
    assert visits.statuses[303] + visits.statuses[429] == _PARALLEL + 1, visits.statuses
    peak = _peak_mib(program.process.pid)
    return Measurement(LINES[1], peak, "MiB", rest, peak / rest, 0.0, 0.0, commit())


def _one_hash() -> float:
    """Milliseconds of one hash."""
    hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
    encoded, walls = hasher.hash(secrets.token_bytes(16)), []
    for _ in range(15):
        begun = time.perf_counter()
        hasher.hash(encoded)
        walls.append(1000 * (time.perf_counter() - begun))
    return median(walls)


def _peak_mib(pid: int) -> float:
    """The most that the process has held since it started."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [each for each in status.splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
