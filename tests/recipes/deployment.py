"""Two nodes behind nginx as docs/recipes/nginx.md says, under load, each of them restarted in its turn."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace

from idjag.demo.wire import Answer, fetch
from idjag.protocol.jose import jws
from tests.processes.crowd import crowd
from tests.processes.nodes import Nodes
from tests.processes.program import Program, free_port, started
from tests.processes.test_workers import eventually

__all__ = ["Deployment", "Load"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """``nodes`` with ports of their own, and for how long each drains; the issuer is nginx's address."""

    nodes: Nodes
    drain: str

    @classmethod
    def of(cls, nodes: Nodes, *, drain: str, workers: int) -> Deployment:
        """The state is applied; nothing serves yet."""
        environ = {**nodes.acme.environ, "IDJAG_WORKERS": str(workers), "IDJAG_TRUSTED_PROXIES": "127.0.0.1"}
        acme = replace(nodes.acme, environ=environ)
        made = replace(nodes, acme=acme, ports=tuple(free_port() for _ in nodes.ports))
        made.apply()
        return cls(made, drain)

    @property
    def port(self) -> int:
        """Where nginx listens."""
        return int(self.nodes.acme.environ["IDJAG_PORT"])

    @contextmanager
    def node(self, number: int) -> Iterator[Program]:
        """One node, from when it is ready to when it has ended by itself."""
        acme, port = self.nodes.acme, self.nodes.ports[number]
        environ = {**acme.environ, "IDJAG_PORT": str(port), "IDJAG_DRAIN": self.drain}
        with started(["serve"], environ=environ, folder=acme.folder, secrets=acme.secrets) as program:
            eventually(lambda: ready(port))
            yield program

    def exchange(self, id_token: str) -> Answer:
        """One through nginx."""
        pair = f"wiki:{self.nodes.acme.environ['WIKI_SECRET']}".encode()
        basic = f"Basic {base64.b64encode(pair).decode()}"
        url = f"{self.nodes.acme.idp}/token"
        return fetch(url, form=self.nodes.form(id_token), headers={"authorization": basic})


@dataclass
class Load:
    """Exchanges without a pause; what was answered, by status (0: nothing), and which grants are held."""

    deployment: Deployment
    id_token: str = field(repr=False)
    held: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def on(self, *, threads: int) -> AbstractContextManager[None]:
        """While the ``with`` lasts."""
        return crowd(self._run, threads=threads)

    def more(self, count: int) -> None:
        """Wait for so many further answers."""
        before = self.statuses.total()
        eventually(lambda: self.statuses.total() >= before + count, seconds=120)

    def _run(self, _number: int, over: threading.Event) -> None:
        while not over.is_set():
            try:
                answer = self.deployment.exchange(self.id_token)
            except (OSError, EOFError):
                self.statuses[0] += 1
                continue
            self.statuses[answer.status] += 1
            if answer.status == 200:
                token = str(answer.json()["access_token"])
                self.held.append(str(jws.parse(token, max_bytes=16_000).claims["jti"]))


def ready(port: int) -> bool:
    """Whether the node itself says that it is; who asks for health needs no name."""
    with suppress(OSError):
        return fetch(f"http://127.0.0.1:{port}/readyz").status == 200
    return False
