"""Starts the demo: Acme's IdP, Wiki, and Chat with its authorization server and API."""

from __future__ import annotations

import io
import json
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

from idjag.asgi import ASGIApp, Door, router
from idjag.demo.files import PEOPLE, RECEIPT_KEY, Addresses, ras_file, state_file
from idjag.demo.servers import listen, running
from idjag.demo.site import site
from idjag.demo.wiki import Wiki
from idjag.idp.administration.administrators import operator
from idjag.idp.administration.appointments import give
from idjag.idp.administration.roles import Role
from idjag.idp.app import open_store, serving
from idjag.idp.questions import find_person
from idjag.idp.settings import Settings
from idjag.protocol.http import Reply, TokenRequest, json_reply
from idjag.protocol.jose import PrivateKey
from idjag.ras import config as ras_config
from idjag.ras.guard import Guard, Guarded

__all__ = ["Clock", "World", "world"]

PORTS = (8700, 8701, 8702)  # IdP, Wiki, Chat
_PATIENCE = 20.0
_THREADS = {
    "threads": [{"title": "Release on Friday?", "last": "Ship it."}, {"title": "Lunch", "last": "Ramen"}]
}


class Command(Protocol):
    """The command line, as far as the demo calls it: the layer above hands it down."""

    def __call__(self, arguments: list[str], *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
        """The exit code."""
        ...


@dataclass(slots=True)
class Clock:
    """Chat's clock; the gallery sets it ahead to show what expires."""

    ahead: int = 0

    def __call__(self) -> int:
        """Now as NumericDate."""
        return int(time.time()) + self.ahead


@dataclass(frozen=True, slots=True)
class World:
    """The running demo."""

    at: Addresses
    wiki: Wiki
    clock: Clock
    folder: Path
    environ: Mapping[str, str] = field(repr=False)
    other_client: tuple[str, str] = field(repr=False)
    command: Command = field(repr=False)

    def apply(self, **changes: str) -> None:
        """Apply the state file with changes, as `idjag apply` does beside a running server."""
        path = self.folder / "state.yaml"
        path.write_text(state_file(self.at, wiki_secret=self.wiki.secret, **changes))
        self._run("apply", "-f", str(path))

    def thread(self, jti: str, *, until: str) -> list[dict[str, object]]:
        """What the IdP's audit log says of one ID-JAG, once it says ``until`` or some seconds have passed."""
        ends = time.monotonic() + _PATIENCE
        while True:
            lines = self._run("audit", "export", "--after", "0").splitlines()
            events = [event for event in map(json.loads, lines) if event.get("jti") == jti]
            if any(event["event"] == until for event in events) or time.monotonic() > ends:
                return events
            time.sleep(0.2)

    def _run(self, *arguments: str) -> str:
        out = io.StringIO()
        code = self.command([*arguments], environ=self.environ, out=out, err=out)
        if code == 130:
            raise KeyboardInterrupt
        if code != 0:
            raise RuntimeError(f"idjag {arguments[0]} ended with {code}: {out.getvalue()}")
        return out.getvalue()


@contextmanager
def world(command: Command, *, ports: tuple[int, int, int] = PORTS) -> Iterator[World]:
    """Everything up and seeded while the ``with`` lasts; the folder is gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="idjag-demo-")))
        sockets = [listen(port) for port in ports]
        at = Addresses(*(url for _, url in sockets))
        made = _world(at, folder, command)
        made.apply()
        _own(Settings.load(made.environ, None))
        apps = (
            stack.enter_context(serving(Settings.load(made.environ, None))),
            site(made.wiki),
            stack.enter_context(_chat(made)),
        )
        for app, (listener, _) in zip(apps, sockets, strict=True):
            stack.enter_context(running(app, listener))
        yield made


def _world(at: Addresses, folder: Path, command: Command) -> World:
    secret, chat_secret, other = (secrets.token_urlsafe(24) for _ in range(3))
    (folder / "ras.yaml").write_text(
        ras_file(at, chat_secret=chat_secret, other_secret=other, database=f"sqlite:///{folder}/ras.db")
    )
    (folder / RECEIPT_KEY).write_bytes(PrivateKey.generate("ES256", kid="receipts").to_pem())
    wiki = Wiki(
        redirect_uri=f"{at.wiki}/callback",
        idp=at.idp,
        client_id="wiki",
        secret=secret,
        chat_issuer=at.chat_issuer,
        chat_api=at.chat_api,
        chat_client_id="wiki-at-chat",
        chat_secret=chat_secret,
    )
    environ = {"IDJAG_ISSUER": at.idp, "IDJAG_DATA_DIR": str(folder / "idp")}
    return World(at, wiki, Clock(), folder, environ, ("calendar-at-chat", other), command)


def _own(settings: Settings) -> None:
    """Alice looks after Acme, and Bob in her place: the gallery disables her, and the last owner stays."""
    with open_store(settings) as store:
        for name in PEOPLE:
            give(store, find_person(store, name), Role.OWNER, by=operator({"kind": "operator", "id": "demo"}))


@contextmanager
def _chat(made: World) -> Iterator[ASGIApp]:
    """Chat's authorization server, and its API behind the guard."""
    loaded = ras_config.load(made.folder / "ras.yaml", {})
    with ras_config.build(loaded, clock=made.clock) as built:
        guard = Guard(
            issuer=made.at.chat_issuer,
            resource=made.at.chat_api,
            keys=built.ras.signer.public(),
            scopes=("chat.read",),
            clock=made.clock,
        )
        api = Guarded(Door(_threads), guard)
        yield router({"/api/threads": api}, otherwise=built.app)


async def _threads(_request: TokenRequest) -> Reply:
    return json_reply(json.loads(json.dumps(_THREADS)))
