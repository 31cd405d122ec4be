"""`idjag ras accounts|issuers|tokens|audit`: in force for the next request of a server that is running."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from idjag.ledger.sqlite import connect
from idjag.protocol.jose import jws
from idjag.ras.config import build, load
from idjag.ras.control import Control
from idjag.ras.reloading import Reloading
from tests.cli.ras_deployment import ENVIRON, FILE, RasDeployment, fresh_grant, ras_deployment
from tests.ras.world import ALICE, CLIENT, IDP, body

OPERATOR = {"kind": "operator", "id": f"{os.getuid()}@{socket.gethostname()}"}
REASON = ("--reason", "stolen laptop")


@pytest.fixture
def chat(tmp_path: Path) -> RasDeployment:
    """A deployment of which the file is there."""
    return ras_deployment(tmp_path)


def jti_of(token: str) -> str:
    return str(jws.parse(token, max_bytes=16_000).claims["jti"])


@pytest.mark.parametrize(
    ("noun", "name", "error", "paused", "resumed"),
    [
        ("accounts", "u-alice", "access_denied", "user.paused", "user.resumed"),
        ("issuers", IDP, "invalid_grant", "issuer.paused", "issuer.resumed"),
    ],
)
def test_a_pause_is_in_force_for_the_next_request(  # noqa: PLR0917  # a row of the table
    chat: RasDeployment, noun: str, name: str, error: str, paused: str, resumed: str
) -> None:
    """RAS-47, attack cases 160 and 163: in a server that is running, and after its next start."""
    with chat.serving() as server:
        token, assertion = server.token(), fresh_grant()
        said = chat.run(noun, "pause", name, *REASON)
        assert (said.code, said.err) == (0, "")
        assert body(server.redeem(assertion))["error"] == error
        assert not server.active(token)
        again = chat.run(noun, "pause", name, "--reason", "another")
        assert (again.code, "stolen laptop" in again.out) == (0, True)
    with chat.serving() as server:  # the file says active, and resumes nobody
        assert body(server.redeem(assertion))["error"] == error
        assert chat.run(noun, "resume", name, *REASON).code == 0
        assert server.redeem(assertion).status == 200
        assert server.active(token)
        nothing = chat.run(noun, "resume", name, *REASON)
        assert (nothing.code, nothing.out.split(":")[0]) == (1, "nothing to resume")
    events = [event for event in chat.events() if event["event"] in (paused, resumed)]
    assert [event["event"] for event in events] == [paused, resumed]
    assert [event["actor"] for event in events] == [OPERATOR, OPERATOR]
    assert [event["after"]["reason"] for event in events] == ["stolen laptop", "stolen laptop"]
    assert [event["subject"] for event in events] == [name if noun == "accounts" else None] * 2


def test_keys_of_an_issuer_are_fetched_anew_before_it_is_believed_again(chat: RasDeployment) -> None:
    """Attack case 163: running servers forget them, when it is paused and while it still is."""
    heard: list[tuple[Any, str]] = []

    def answer(message: Any) -> None:
        heard.append((dict(message), chat.run("issuers", "list", "--json").json["issuers"][0]["status"]))

    with chat.serving(), Control(chat.folder / "ras.db", answer):
        assert chat.run("issuers", "pause", IDP, *REASON).code == 0
        assert chat.run("issuers", "resume", IDP, *REASON).code == 0
        assert chat.run("accounts", "pause", "u-alice", *REASON).code == 0
    assert heard == [({"do": "forget", "issuer": IDP}, "paused")] * 2


def test_a_server_forgets_when_it_is_told(chat: RasDeployment) -> None:
    """Attack case 163: and does nothing that it does not know."""
    loaded = load(chat.file, ENVIRON)
    with build(loaded) as built:
        reloading = Reloading(chat.file, ENVIRON, loaded=loaded, built=built)
        assert reloading({"do": "forget", "issuer": IDP}) is None
        assert "does not know this command" in str(reloading({"do": "explode"}))
        assert "reads" in str(reloading({"do": "reload", "file": "/elsewhere/ras.yaml", "by": "0@host"}))
        assert reloading({"do": "reload", "file": str(chat.file), "by": "0@host"}) is None


def test_what_the_file_stops_stays_stopped(chat: RasDeployment) -> None:
    """The operator takes back what operators said, and is told what is left."""
    with chat.serving():
        assert chat.run("accounts", "pause", "u-alice", *REASON).code == 0
    chat.file.write_text(FILE.replace("{id: u-alice,", "{id: u-alice, status: disabled,"), encoding="utf-8")
    with chat.serving() as server:
        said = chat.run("accounts", "resume", "u-alice", *REASON)
        assert (said.code, said.out) == (0, "resumed: account u-alice, which is disabled by ras.yaml\n")
        assert body(server.redeem())["error"] == "access_denied"


@pytest.mark.parametrize(
    "arguments",
    [
        ("accounts", "not-before", "u-alice"),
        ("issuers", "not-before", IDP),
        ("issuers", "not-before", IDP, "--sub", ALICE),
    ],
    ids=["account", "issuer", "person"],
)
def test_nothing_older_counts(chat: RasDeployment, arguments: tuple[str, ...]) -> None:
    """AT-08: tokens and grants; sign in again, and it is good."""
    with chat.serving() as server:
        token, assertion = server.token(), fresh_grant()
        assert chat.run(*arguments).code == 0
        assert not server.active(token)
        assert body(server.redeem(assertion))["error"] == "invalid_grant"
    ahead = int(time.time()) + 30
    with chat.serving(ahead=30) as server:
        assert server.redeem(fresh_grant(iat=ahead, auth_time=ahead)).status == 200
    [event] = [event for event in chat.events() if event["event"] == "token.revoked"]
    assert event["actor"] == OPERATOR


def test_a_person_is_named_with_the_tenant_that_their_grants_have(tmp_path: Path) -> None:
    """AT-08, TEN-08: the answer is never yes for a person whom no grant can be about."""
    several = FILE.replace("    status: active\n", "    status: active\n    tenants: [t-acme]\n")
    text = several.replace(f'issuer: "{IDP}", sub:', f'issuer: "{IDP}", tenant: t-acme, sub:')
    chat = ras_deployment(tmp_path, text)
    with chat.serving() as server:
        token = server.token(tenant="t-acme")
        for wrong in (["--sub", ALICE], ["--sub", ALICE, "--tenant", "t-acne"], ["--tenant", "t-acme"]):
            said = chat.run("issuers", "not-before", IDP, *wrong)
            assert (said.code, "--tenant" in said.err) == (2, True)
        assert server.active(token)
        assert chat.run("issuers", "not-before", IDP, "--sub", ALICE, "--tenant", "t-acme").code == 0
        assert not server.active(token)


def test_a_tenant_of_an_issuer_without_tenants_is_refused(chat: RasDeployment) -> None:
    """AT-08, TEN-08."""
    with chat.serving():
        assert chat.run("issuers", "not-before", IDP, "--sub", ALICE, "--tenant", "t-acme").code == 2


def test_an_instant_may_be_named(chat: RasDeployment) -> None:
    """AT-08: with its zone, and not one that nobody could reach."""
    with chat.serving() as server:
        token = server.token()
        assert chat.run("accounts", "not-before", "u-alice", "--at", "2020-01-01T00:00:00Z").code == 0
        assert server.active(token)
        assert chat.run("accounts", "not-before", "u-alice", "--at", "2020-01-01T00:00:00").code == 2
        ahead = chat.run("accounts", "not-before", "u-alice", "--at", "2120-01-01T00:00:00+02:00")
        assert (ahead.code, "in the future" in ahead.err) == (2, True)


REVOKES = [
    ("tokens", "revoke", "JTI"),
    ("tokens", "revoke", "--account", "u-alice"),
    ("tokens", "revoke", "--client", CLIENT),
    ("tokens", "revoke", "--issuer", IDP),
    ("accounts", "revoke", "u-alice"),
    ("issuers", "revoke", IDP),
]


@pytest.mark.parametrize("arguments", REVOKES, ids=" ".join)
def test_tokens_are_ended(chat: RasDeployment, arguments: tuple[str, ...]) -> None:
    """Attack case 164: by jti, by account, by client, by issuer; a new one is good; twice is nothing."""
    with chat.serving() as server:
        token = server.token()
        line = [jti_of(token) if each == "JTI" else each for each in arguments]
        said = chat.run(*line)
        assert (said.code, said.out) == (0, "revoked: 1 token\n")
        assert not server.active(token)
        assert server.active(server.token())
        if "JTI" in arguments:
            assert chat.run(*line).code == 1
    [event] = [event for event in chat.events() if event["event"] == "token.revoked"]
    assert event["actor"] == OPERATOR
    assert event["after"]["tokens"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("accounts", "pause", "nobody", *REASON),
        ("accounts", "resume", "nobody", *REASON),
        ("accounts", "not-before", "nobody"),
        ("issuers", "pause", f"{IDP}/", *REASON),
        ("tokens", "revoke"),
        ("tokens", "revoke", "x", "--account", "u-alice"),
        ("accounts", "pause", "u-alice", "--reason", " "),
        ("accounts", "pause", "u-alice", "--reason", "two\nlines"),
    ],
    ids=str,
)
def test_wrong_use_is_exit_2_in_one_line(chat: RasDeployment, arguments: tuple[str, ...]) -> None:
    """Contract section 2: a mistyped name stops nobody in silence."""
    with chat.serving() as server:
        said = chat.run(*arguments)
        assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
        assert server.redeem().status == 200


def test_nothing_to_end_is_exit_1(chat: RasDeployment) -> None:
    """Contract section 2."""
    with chat.serving():
        for line in (("tokens", "revoke", "x"), ("accounts", "revoke", "u-bob"), ("issuers", "revoke", "x")):
            assert chat.run(*line).code == 1
    assert [event for event in chat.events() if event["event"] == "token.revoked"] == []


def test_the_lists_say_who_is_stopped_by_whom(chat: RasDeployment) -> None:
    """For people a line each, for scripts JSON."""
    with chat.serving() as server:
        token = server.token()
        chat.run("accounts", "pause", "u-bob", *REASON)
        chat.run("issuers", "pause", IDP, *REASON)
        accounts = chat.run("accounts", "list", "--json").json["accounts"]
        issuers = chat.run("issuers", "list", "--json").json["issuers"]
        tokens = chat.run("tokens", "list", "--json").json["tokens"]
        lines = chat.run("accounts", "list").out.splitlines()
    assert [(each["id"], each["status"]) for each in accounts] == [("u-alice", "active"), ("u-bob", "paused")]
    assert accounts[0]["links"] == [{"issuer": IDP, "tenant": "", "sub": ALICE}]
    assert accounts[1]["paused"]["by"] == OPERATOR["id"]
    assert [(each["id"], each["status"]) for each in issuers] == [(IDP, "paused")]
    assert [(each["id"], each["account"], each["status"]) for each in tokens] == [
        (jti_of(token), "u-alice", "active")
    ]
    assert lines[0].startswith("u-alice  active")
    assert "stolen laptop" in lines[1]


def test_the_list_of_tokens_is_narrowed(chat: RasDeployment) -> None:
    """By what they have in common; the latest first; revoked ones are shown as such."""
    with chat.serving() as server:
        first = server.token()
        bob = {"sub": "bob", "email": "bob@acme.example", "email_verified": True}
        server.token(**bob)
        chat.run("tokens", "revoke", jti_of(first))

        def listed(*arguments: str) -> list[tuple[str, str]]:
            rows: Any = chat.run("tokens", "list", "--json", *arguments).json["tokens"]
            return [(each["account"], each["status"]) for each in rows]

        assert sorted(listed()) == [("u-alice", "revoked"), ("u-bob", "active")]
        assert listed("--account", "u-bob") == [("u-bob", "active")]
        assert listed("--client", "nobody") == []
        assert len(listed("--issuer", IDP)) == 2
        assert len(listed("--last", "1")) == 1


def test_an_issuer_that_left_the_file_can_still_be_resumed_and_is_listed(chat: RasDeployment) -> None:
    """Nothing that an operator said is lost out of sight."""
    with chat.serving():
        chat.run("issuers", "pause", IDP, *REASON)
    other = IDP.replace("acme", "initech")
    chat.file.write_text(FILE.replace(IDP, other), encoding="utf-8")
    with chat.serving():
        rows = chat.run("issuers", "list", "--json").json["issuers"]
        assert [(row["id"], row["status"]) for row in rows] == [(other, "active"), (IDP, "paused")]
        assert chat.run("issuers", "pause", IDP, *REASON).code == 2
        assert chat.run("issuers", "resume", IDP, *REASON).code == 0


def test_the_audit_log_is_read_back(chat: RasDeployment) -> None:
    """Contract section 2: listed, exported, verified; a change of a row shows."""
    with chat.serving() as server:
        server.token()
        server.redeem("nonsense")
    lines = chat.run("audit", "list", "--last", "2").out.splitlines()
    assert ["id_jag.redeemed" in lines[0], "id_jag.refused" in lines[1]] == [True, True]
    assert "account=u-alice" in lines[0]
    assert chat.run("audit", "verify").out == "verified\n"

    with closing(connect(chat.folder / "ras.db")) as connection:
        connection.execute(
            "UPDATE audit SET body = replace(body, 'u-alice', 'u-bob') WHERE subject = 'u-alice'"
        )
    assert chat.run("audit", "verify").code == 1


def test_a_deployment_that_is_not_there_is_not_made(chat: RasDeployment, tmp_path: Path) -> None:
    """Contract section 2: exit 3 without a database, 2 for the file; a mistyped path verifies nothing."""
    for line in (("accounts", "list"), ("tokens", "revoke", "x"), ("audit", "verify")):
        said = chat.run(*line)
        assert (said.code, "no such database" in said.err) == (3, True)
    assert not (tmp_path / "ras.db").exists()
    gone = RasDeployment(tmp_path / "elsewhere").run("accounts", "list")
    assert (gone.code, "no such file" in gone.err) == (2, True)


def test_commands_need_no_secret_of_the_file(chat: RasDeployment) -> None:
    """The kill switch must not wait for whoever knows the clients' secrets."""
    with chat.serving() as server:
        said = chat.run("accounts", "pause", "u-alice", *REASON, "--json", environ={"PATH": "/"})
        assert (said.code, said.json) == (0, {"changed": True, "account": "u-alice", "status": "paused"})
        assert body(server.redeem())["error"] == "access_denied"


WITHOUT_THE_IDP = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"litestar", "sqlmodel", "sqlalchemy", "jinja2", "alembic", "argon2"}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Missing())
from idjag.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_commands_need_none_of_the_idp_s_packages(chat: RasDeployment) -> None:
    """`pip install 'idjag[standalone]'` is enough for whoever runs a RAS alone."""
    with chat.serving():
        pass
    for line in (["accounts", "list"], ["tokens", "list"], ["audit", "list"]):
        command = [sys.executable, "-c", WITHOUT_THE_IDP, "ras", *line, "-f", str(chat.file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
