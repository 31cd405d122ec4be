"""Token exchanges of a whole server against the floor, over real connections; ``make bench`` prints them."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load import Requests
from benchmarks.measure import Measurement
from benchmarks.rounds import compared
from benchmarks.seeds import ASKING, exchanges, seed
from benchmarks.servers import Server, children, floor
from idjag.protocol.jose import PrivateKey
from tests.cluster import binaries, cluster
from tests.processes.acme import Acme, acme_in

__all__ = ["LINES", "Deployment", "deployed", "measurements"]

_BY_SECRET = 'auth: {method: client_secret, secret: "env:WIKI_SECRET"}'


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is measured, beside the number of connections to it."""

    store: str
    workers: int = 1
    by_key: bool = False
    new_tokens: bool = False
    people: int = ASKING
    connections: int = 10


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    deployment: Deployment
    at_once: int


def _lines() -> Iterator[_Line]:
    for store in ("sqlite", "postgres"):
        for at_once in (1, 16, 64):
            yield _Line(f"exchange.{store}.c{at_once}.w1", Deployment(store), at_once)
        yield _Line(f"exchange.{store}.new_tokens.c16.w1", Deployment(store, new_tokens=True), 16)
        by_key = Deployment(store, by_key=True)
        yield _Line(f"exchange.{store}.private_key_jwt.c16.w1", by_key, 16)
    for at_once in (32, 64):
        yield _Line(f"exchange.postgres.c{at_once}.w2", Deployment("postgres", workers=2), at_once)
    for connections in (1_000, 100_000):
        sized = Deployment("sqlite", connections=connections)
        yield _Line(f"exchange.sqlite.connections{connections}.c16.w1", sized, 16)
    crowd = Deployment("sqlite", people=1_000_000)
    yield _Line("exchange.sqlite.people1000000.c16.w1", crowd, 16)


LINES = {line.name: line for line in _lines()}
"""What can be measured; without another number there are 10 connections and 64 people."""


def measurements(chosen: Sequence[str]) -> Iterator[Measurement]:
    """The chosen lines; deployments of the same kind are made once."""
    lines = [LINES[name] for name in chosen]
    for deployment in dict.fromkeys(line.deployment for line in lines):
        with ExitStack() as stack:
            acme, requests = deployed(deployment, stack)
            product, bare = _served(acme, deployment, requests(), stack)
            for line in lines:
                if line.deployment == deployment:
                    yield from compared(line.name, product, bare, requests, connections=line.at_once)


def deployed(deployment: Deployment, stack: ExitStack) -> tuple[Acme, Requests]:
    """A deployment with its people and connections, not yet served, and what they ask."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    acme = _with_store(acme_in(folder), deployment, stack)
    key = PrivateKey.generate("ES256", kid="wiki") if deployment.by_key else None
    state = folder / "acme.yaml"
    if key is not None:
        by_key = {"method": "private_key_jwt", "jwks": {"keys": [key.public.to_dict()]}}
        text = state.read_text(encoding="utf-8").replace(_BY_SECRET, f"auth: {json.dumps(by_key)}")
        state.write_text(text, encoding="utf-8")
    done = acme.here("apply", "-f", str(state))
    assert done.code == 0, done.err
    seed(acme, people=deployment.people, connections=deployment.connections)
    return acme, exchanges(acme, key=key, new_tokens=deployment.new_tokens)


def _with_store(acme: Acme, deployment: Deployment, stack: ExitStack) -> Acme:
    given = {"IDJAG_LOG_LEVEL": "error", "IDJAG_WORKERS": str(deployment.workers)}
    if deployment.store == "postgres":
        found = binaries()
        if found is None:
            raise SystemExit("benchmarks: no PostgreSQL server is installed")
        kek = acme.folder / "kek.of.all.nodes"
        kek.touch(mode=0o600)
        kek.write_text(secrets.token_hex(32), encoding="ascii")
        url = stack.enter_context(cluster(found)).schema()
        given |= {"IDJAG_DATABASE_URL": url, "IDJAG_KEK_FILE": str(kek)}
    return replace(acme, environ={**acme.environ, **given})


def _served(acme: Acme, deployment: Deployment, request: bytes, stack: ExitStack) -> tuple[Server, Server]:
    pid = stack.enter_context(acme.serve()).process.pid
    port = int(urlsplit(acme.idp).port or 0)
    workers = children(pid, deployment.workers) if deployment.workers > 1 else (pid,)
    verified = ["RS256", *(["ES256"] if deployment.by_key else [])]
    bare = floor(request, like=port, verified=verified, workers=deployment.workers)
    return Server(port, workers), stack.enter_context(bare)
