"""`idjag ras serve --workers 2` on PostgreSQL: one listening socket, two processes, one truth."""

from __future__ import annotations

import json
import os
import secrets
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idjag.protocol.jose import jws
from tests.cluster import Cluster
from tests.processes.program import free_port, run
from tests.processes.test_ras_operations import FILE, SECRET, Chat
from tests.processes.test_workers import ended, eventually, workers

pytestmark = pytest.mark.slow

NODES = 2


@pytest.fixture
def shared(tmp_path: Path, postgres: Cluster) -> Chat:
    """Two nodes of two workers each, with one database and one key."""
    chat = Chat(tmp_path, ports=[free_port() for _ in range(NODES)], flags=("--workers", "2"))
    kek = tmp_path / "kek.of.all.nodes"
    kek.touch(mode=0o600)
    kek.write_text(chat.secrets.add(secrets.token_hex(32)), encoding="ascii")
    chat.always = f'database_url: "{postgres.schema()}"\nkek_file: {kek.name}\n'
    chat.write(FILE)
    return chat


def test_with_sqlite_there_is_one_worker_and_the_message_says_why(tmp_path: Path) -> None:
    """Architecture section 4.6."""
    chat = Chat(tmp_path)
    line = ("ras", "serve", "-f", "ras.yaml", "--workers", "2")
    refused = run(*line, environ={"WIKI": SECRET}, folder=chat.folder, secrets=chat.secrets)
    assert refused.code == 2
    assert "several workers need PostgreSQL" in refused.err


def test_every_worker_takes_the_file_up_and_knows_who_was_stopped(shared: Chat) -> None:
    """RAS-47, P5: one command reaches all of them; each request may meet another worker."""
    with shared.serving() as servers:
        for server in servers:
            eventually(lambda server=server: len(workers(server)) == 2)
        eventually(lambda: len(list(shared.folder.glob("ras.yaml.*.control"))) == 4)
        account = jws.parse(shared.redeem().json()["access_token"], max_bytes=16_000).claims["sub"]
        shared.write(FILE.replace("scopes: [chat.read], issuers", "scopes: [chat.read, chat.write], issuers"))
        assert shared.command("reload").out == "reloaded: ras.yaml\n"
        assert seen(shared, "scope") == {"chat.read chat.write"}
        assert shared.command("accounts", "pause", str(account), "--reason", "left").code == 0
        assert seen(shared, "error") == {"access_denied"}
        assert shared.command("accounts", "resume", str(account), "--reason", "back").code == 0
        assert seen(shared, "error") == {None}
        shared.write(FILE)
        servers[0].process.send_signal(signal.SIGHUP)
        servers[1].process.send_signal(signal.SIGHUP)
        eventually(lambda: seen(shared, "scope") == {"chat.read"})
        listed = json.loads(shared.command("tokens", "list", "--json", "--last", "3").out)["tokens"]
        assert len(listed) == 3
        revoked = shared.command("tokens", "revoke", "--account", str(account))
        assert (revoked.code, revoked.out.startswith("revoked: ")) == (0, True)
        assert json.loads(shared.command("tokens", "list", "--json").out)["tokens"][0]["revoked"]
    assert shared.command("audit", "verify").code == 0


def seen(chat: Chat, member: str) -> set[str | None]:
    """What many requests to all nodes are answered."""
    return {chat.redeem(port=port).json().get(member) for port in chat.ports * 6}


@pytest.mark.parametrize("rounds", [5, pytest.param(20, marks=pytest.mark.soak)])
def test_fifty_at_once_redeem_a_grant_once_on_all_nodes(shared: Chat, rounds: int) -> None:
    """RAS-20, P4, attack case 93: 2 nodes with 2 workers; exactly one success for each ID-JAG."""
    with shared.serving() as servers:
        for server in servers:
            eventually(lambda server=server: len(workers(server)) == 2)
        for _ in range(rounds):
            jti = secrets.token_hex(8)
            with ThreadPoolExecutor(50) as pool:
                answers = list(
                    pool.map(
                        lambda n, jti=jti: shared.redeem(port=shared.ports[n % NODES], jti=jti), range(50)
                    )
                )
            assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 49}
            assert {answer.json().get("error") for answer in answers} == {None, "invalid_grant"}
    assert shared.command("audit", "verify").code == 0


def test_a_worker_that_is_killed_is_replaced_and_what_it_knew_is_used_up(shared: Chat) -> None:
    """P1, P3, P4: the tokens that clients hold have their records; the grants stay used."""
    with shared.serving() as servers:
        eventually(lambda: len(workers(servers[0])) == 2)
        held = {jti: shared.redeem(jti=jti) for jti in (secrets.token_hex(8) for _ in range(4))}
        assert {answer.status_code for answer in held.values()} == {200}
        first = workers(servers[0])
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(workers(servers[0])) == 2 and not set(first) & set(workers(servers[0])))
        assert {shared.redeem(jti=jti).json()["error"] for jti in held} == {"invalid_grant"}
        assert shared.redeem().status_code == 200
    assert all(map(ended, first))
    log = [json.loads(line) for line in shared.command("audit", "export").out.splitlines()]
    recorded = {event["jti"] for event in log if event["event"] == "id_jag.redeemed"}
    assert set(held) <= recorded
