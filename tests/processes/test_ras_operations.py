"""The RAS as operators run it: real servers on one file, reloaded, stopped for somebody, used all at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from idjag.protocol import names
from idjag.protocol.jose import KeySet, PrivateKey, jws
from idjag.ras.control import Control, tell
from tests import plain_http
from tests.processes.program import Finished, Program, Secrets, free_port, run, started

pytestmark = pytest.mark.slow

IDP = "https://idp.acme.example"
KEY = PrivateKey.generate("ES256", kid="idp")
SECRET = "a-secret-of-the-wiki"
FILE = f"""\
issuer: ISSUER
trusted_issuers:
  - issuer: {IDP}
    subject: {{by: [iss_sub], jit: true}}
    keys: {json.dumps(KeySet([KEY.public]).to_dict())}
clients:
  - {{client_id: wiki, auth: {{secret: "env:WIKI"}}, scopes: [chat.read], issuers: ["{IDP}"]}}
resources:
  - {{uri: "ISSUER/api", scopes: [chat.read, chat.write]}}
default_resource: "ISSUER/api"
"""


@dataclass
class Chat:
    """One deployment; ``ports`` are of the servers that run on its file, each with these flags.

    ``always`` ends whatever is written.
    """

    folder: Path
    ports: list[int] = field(default_factory=lambda: [free_port()])
    secrets: Secrets = field(default_factory=lambda: Secrets(SECRET))
    flags: tuple[str, ...] = ()
    always: str = ""

    def __post_init__(self) -> None:
        self.write(FILE)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def write(self, text: str) -> None:
        """The file as its administrators want it."""
        (self.folder / "ras.yaml").write_text(
            text.replace("ISSUER", self.issuer) + self.always, encoding="utf-8"
        )

    @contextmanager
    def serving(self) -> Iterator[list[Program]]:
        """A server for each port."""
        with ExitStack() as running:
            yield [running.enter_context(self._server(port)) for port in self.ports]

    def _server(self, port: int) -> Any:
        line = ["ras", "serve", "-f", "ras.yaml", "--port", str(port), *self.flags]
        return started(line, environ={"WIKI": SECRET}, folder=self.folder, secrets=self.secrets)

    def command(self, *arguments: str) -> Finished:
        """One command of the operator, without a secret of the file."""
        return run("ras", *arguments, "-f", "ras.yaml", environ={}, folder=self.folder, secrets=self.secrets)

    def redeem(self, *, port: int | None = None, **claims: Any) -> httpx.Response:
        """One redemption; ``claims`` change the grant."""
        now = int(time.time())
        good: dict[str, Any] = {
            "iss": IDP,
            "sub": "alice",
            "aud": self.issuer,
            "client_id": "wiki",
            "jti": os.urandom(12).hex(),
            "iat": now,
            "exp": now + 300,
            "scope": "chat.read chat.write",
        }
        form = {
            "grant_type": names.JWT_BEARER,
            "assertion": jws.sign(good | claims, key=KEY, typ=names.ID_JAG_TYP),
        }
        url = f"http://127.0.0.1:{port or self.ports[0]}/token"
        return plain_http.post(url, data=form, auth=("wiki", SECRET), timeout=30)

    def introspect(self, token: str) -> Any:
        """What the wiki is told of its own token."""
        form = {"token": token}
        return plain_http.post(f"{self.issuer}/introspect", data=form, auth=("wiki", SECRET)).json()


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    """One deployment in a folder of its own."""
    return Chat(tmp_path)


def test_a_running_server_takes_the_file_up_or_says_why_not(chat: Chat) -> None:
    """RAS-47: `ras reload` succeeds only when the new file is in force; the old one stays otherwise."""
    with chat.serving():
        token = chat.redeem().json()
        assert token["scope"] == "chat.read"
        chat.write(FILE.replace("scopes: [chat.read], issuers", "scopes: [chat.read, chat.write], issuers"))
        assert chat.redeem().json()["scope"] == "chat.read"  # nobody guesses when a file is finished
        done = chat.command("reload")
        assert (done.code, done.out, done.err) == (0, "reloaded: ras.yaml\n", "")
        assert chat.redeem().json()["scope"] == "chat.read chat.write"

        chat.write(FILE.replace("auth: {secret", "auht: {secret"))
        refused = chat.command("reload")
        assert (refused.code, refused.out) == (2, "")
        assert "ras.yaml:7:" in refused.err

        chat.write(FILE.replace('"env:WIKI"', '"env:NOT_THERE"'))  # what only the server can know
        refused = chat.command("reload")
        assert (refused.code, "env:NOT_THERE" in refused.err) == (2, True)
        assert "the old configuration stays in force (1 of 1)" in refused.err

        chat.write(FILE + "access_token: {alg: RS256}\n")
        refused = chat.command("reload")
        assert (refused.code, "access_token.alg: only a start" in refused.err) == (2, True)
        assert chat.redeem().json()["scope"] == "chat.read chat.write"

        other = FILE.replace(IDP, "https://idp.globex.example")
        chat.write(other)
        assert chat.command("reload").code == 0
        assert chat.redeem().json()["error"] == "invalid_grant"
        assert chat.introspect(token["access_token"]) == {"active": False}
    log = [json.loads(line) for line in chat.command("audit", "export").out.splitlines()]
    applied = [event for event in log if event["event"] == "state.applied"]
    assert [event["actor"]["kind"] for event in applied] == ["operator", "operator"]
    assert all(len(event["inputs"]["sha256"]) == 64 for event in applied)


def test_without_a_server_nothing_is_reloaded(chat: Chat) -> None:
    """Contract section 2: the environment failed; a socket that a crash left behind is nobody."""
    assert chat.command("reload").code == 3
    with chat.serving() as [program]:
        program.process.kill()
        program.process.wait()
        [left] = chat.folder.glob("*.control")
        done = chat.command("reload")
        assert (done.code, "no running server" in done.err) == (3, True)
        assert not left.exists()


def test_a_hangup_reads_the_file_again_and_ends_nobody(chat: Chat) -> None:
    """What service managers send; a file that is refused leaves the server as it was."""
    with chat.serving() as [program]:
        chat.write("issuer: [")
        program.process.send_signal(signal.SIGHUP)
        _wait_for(program, "configuration not read again")
        assert chat.redeem().status_code == 200
        chat.write(FILE.replace("jit: true", "jit: false"))
        program.process.send_signal(signal.SIGHUP)
        _wait_for(program, "configuration read again by=SIGHUP")
        assert chat.redeem(sub="bob").json()["error"] == "access_denied"


def _wait_for(program: Program, words: str) -> None:
    until = time.monotonic() + 60
    while words not in program.err:
        assert time.monotonic() < until, program.err
        assert program.process.poll() is None
        program.process.poll()
        threading.Event().wait(0.02)


def test_a_path_that_is_too_long_for_a_socket_stops_no_server(tmp_path: Path) -> None:
    """The limit of a socket's name is some hundred bytes; people's folders know nothing of it."""
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    chat = Chat(folder)
    with chat.serving() as [program]:
        assert "`idjag ras reload` cannot reach this server, SIGHUP can: " in program.err
        assert chat.redeem().status_code == 200
        program.process.send_signal(signal.SIGHUP)
        _wait_for(program, "configuration read again by=SIGHUP")
        assert chat.command("reload").code == 3


def test_an_operator_stops_somebody_in_a_running_server(chat: Chat) -> None:
    """RAS-47, attack case 160: another process says so, and the next request knows."""
    with chat.serving():
        members = chat.redeem().json()
        account = chat.introspect(members["access_token"])["sub"]
        assert chat.command("accounts", "pause", account, "--reason", "left").code == 0
        assert chat.redeem().json()["error"] == "access_denied"
        assert chat.introspect(members["access_token"]) == {"active": False}
        assert chat.command("accounts", "resume", account, "--reason", "back").code == 0
        assert chat.redeem().status_code == 200


def test_a_new_person_is_made_once_by_two_servers(tmp_path: Path) -> None:
    """RAS-23, attack case 104: 20 first uses at once, two processes, one file: one account, one link."""
    chat = Chat(tmp_path, ports=[free_port(), free_port()])
    with chat.serving():
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda n: chat.redeem(port=chat.ports[n % 2]), range(20)))
        assert [answer.status_code for answer in answers] == [200] * 20
        assert chat.command("reload").out == "reloaded: ras.yaml\n"  # both were reached
    subjects = {_claims(answer.json()["access_token"])["sub"] for answer in answers}
    listed = json.loads(chat.command("accounts", "list", "--json").out)["accounts"]
    assert [each["id"] for each in listed] == list(subjects)
    assert len(listed[0]["links"]) == 1
    log = [json.loads(line) for line in chat.command("audit", "export").out.splitlines()]
    redeemed = [event for event in log if event["event"] == "id_jag.redeemed"]
    assert [bool(event["inputs"].get("created")) for event in redeemed].count(True) == 1
    assert len([event for event in log if event["event"] == "state.applied"]) == 2
    assert chat.command("audit", "verify").code == 0


def _claims(token: str) -> Mapping[str, Any]:
    return jws.parse(token, max_bytes=16_000).claims


def test_a_server_answers_whoever_speaks_its_language(tmp_path: Path) -> None:
    """Nonsense and unknown words end nobody; the socket is the owner's alone and goes with its server."""
    database = tmp_path / "ras.db"
    heard: list[Any] = []

    def answer(message: Mapping[str, Any]) -> str | None:
        heard.append(dict(message))
        return None if message.get("do") == "reload" else "unknown"

    with Control(database, answer):
        [path] = tmp_path.glob("ras.db.*.control")
        assert path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(path))
            stranger.sendall(b"nonsense\n")
            assert stranger.recv(100) == b""
        assert [answered.problem for answered in tell(database, {"do": "x"})] == ["unknown"]
        assert [answered.problem for answered in tell(database, {"do": "reload"})] == [None]
        assert [answered.pid for answered in tell(database, {"do": "reload"})] == [os.getpid()]
    assert not path.exists()
    assert tell(database, {"do": "reload"}) == []
    assert heard[0] == {"do": "x"}
