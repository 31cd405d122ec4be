"""Policy as code from a pipeline: `idjag --server` against a running identity provider, and no database."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from idjag import cli
from tests.plain_http import get
from tests.processes.acme import Acme
from tests.processes.program import Finished

READING = (
    "users list", "users list --json", "users show alice", "users show alice --json", "admin list",
    "admin token-list", "keys list", "keys list --json", "apps secret list wiki",
    "apps secret list wiki --json", "export",
)  # fmt: skip
REFUSED = {
    "users show nobody": 2, "users disable nobody": 2, "users unlock alice": 1, "admin end bob": 1,
    "admin end nobody": 2, "admin token-revoke nothing": 1, "apps secret list nothing": 2,
    "apps secret retire wiki nothing": 1, "keys revoke nothing --reason r": 2,
    "release user bob --reason r": 1, "release user bob --app wiki --reason r --json": 1,
}  # fmt: skip
CHANGING = (
    "users disable {user}", "users disable {user} --json", "users enable {user}",
    "users end-sessions {user} --json", "users reset-factors {user}", "users set-password-link {user}",
    "users set-password-link {user} --json", "hold user {user} --reason r --until 2h",
    "hold user {user} --app wiki --reason r --json", "release user {user} --app wiki --reason r",
    "release user {user} --reason r --json", "keys rotate --alg {alg}", "keys rotate --alg {alg} --json",
    "admin token-create --name x --role viewer --expires 1m", "apps secret new wiki --expires 90d",
)  # fmt: skip
HOST_ALONE = (
    "db current", "kek status", "admin create root", "admin reset alice", "audit erase --user alice",
    "audit verify --checkpoint x", "keys rotate --now",
)  # fmt: skip
SEEN_ONCE = re.compile(r"set/([\w-]{40,})|once: (\w{43})|(idjag_[\w-]{40,})")


def alike(text: str) -> str:
    """Without what differs from one time, person, key and hand to another."""
    for pattern, word in (
        (r"20\d\d-\d\d-\d\dT[\d:]{8}Z|\b\d{10}\b", "TIME"),
        (r"(operator|api_token) [^\s,:\"]+", "SOMEBODY"),
        (r"[A-Za-z0-9_-]{22,}", "ID"),
        (r"\b[0-9a-f]{8}\b|\bt\d{10}\b|tTIME", "SECRET"),
        (r"alice|bob", "USER"),
        ("ES256|RS256", "ALG"),
    ):
        text = re.sub(pattern, word, text)
    return text


class Pipeline:
    """A machine that has the file, the secrets and a token, and nothing else."""

    def __init__(self, acme: Acme, folder: Path) -> None:
        self.acme, self.token = acme, folder / "token"

    def has(self, role: str) -> None:
        """A token of this role, as the operator makes one."""
        made = self.acme.here(
            "admin", "token-create", "--name", "pipeline", "--role", role, "--expires", "1h"
        )
        assert made.code == 0, made.err
        self.acme.secrets.add(made.out.strip())
        self.token.write_text(made.out)

    def __call__(self, *arguments: str, **environ: str) -> Finished:
        given = {
            "IDJAG_SERVER": self.acme.idp,
            "IDJAG_API_TOKEN_FILE": str(self.token),
            **{name: self.acme.environ[name] for name in ("ALICE_PASSWORD", "WIKI_SECRET")},
            **environ,
        }
        out, err = io.StringIO(), io.StringIO()
        done = Finished(cli.run(arguments, environ=given, out=out, err=err), out.getvalue(), err.getvalue())
        # a receipt is a JWT, and for everybody
        assert self.acme.secrets.found_in(re.sub(r'"receipt": "[^"]+"', "", done.out) + done.err) == []
        return done


@pytest.fixture
def pipeline(acme: Acme, tmp_path: Path) -> Pipeline:
    """One that has no token yet."""
    return Pipeline(acme, tmp_path)


def test_a_pipeline_applies_asks_holds_and_exports_without_a_database(acme: Acme, pipeline: Pipeline) -> None:
    """Contract section 2: the commands that read or change state go through the admin API."""
    acme.apply()
    question = ("ask", "--user", "alice", "--from", "wiki", "--to", "chat", "--scope", "chat.read")
    with acme.serve():
        pipeline.has("owner")
        file = str(acme.folder / "acme.yaml")
        assert pipeline("apply", "-f", file).out == "no changes\n"
        acme.write_state(bob="allow")
        for line in ("apply", "apply --dry-run", "check --drift"):
            failing = (*line.split(), "-f", file)
            assert pipeline(*failing).code == acme.here(*failing).code == 1, line
        acme.write_state(connection="paused")
        planned = pipeline("apply", "-f", file, "--dry-run")
        assert (planned.code, "status: active -> paused" in planned.out) == (0, True)
        for line in ("check", "check --drift", "check --drift --json", "check --drift --strict"):
            drift = (*line.split(), "-f", file)
            there, here = pipeline(*drift), acme.here(*drift)
            assert (there.code, there.out, there.err) == (here.code, here.out, here.err), line
            assert there.code == (line != "check"), line
        assert pipeline("ask", *question[1:]).out == acme.here(*question).out

        changed = pipeline("apply", "-f", file)
        assert (changed.code, "applied; policy_seq" in changed.out) == (0, True)
        refused = pipeline(*question)
        assert (refused.code, refused.out) == (1, acme.here(*question).out)
        acme.write_state()
        assert pipeline("apply", "-f", file).code == 0
        acme.exchange(acme.sign_in())

        held = pipeline("hold", "app", "wiki", "--reason", "incident 7", "--until", "2h")
        assert held.code == 0, held.err
        assert pipeline(*question).code == 1
        assert pipeline("release", "app", "wiki", "--reason", "over").code == 0
        assert pipeline("release", "app", "wiki", "--reason", "again").code == 1
        exported = pipeline("export")
        assert exported.out == acme.here("export").out
        assert "RS256" in pipeline("keys", "list").out
        events = [line.split("  ")[1] for line in pipeline("audit", "list").out.splitlines()]
        assert events[-2:] == ["hold.placed", "hold.released"]


def test_a_token_is_its_role_and_no_more_and_what_is_not_there_is_said(
    acme: Acme, pipeline: Pipeline
) -> None:
    acme.apply()
    acme.write_state(connection="paused")
    file = str(acme.folder / "acme.yaml")
    with acme.serve():
        pipeline.has("viewer")
        refused = pipeline("apply", "-f", file)
        assert (refused.code, "may not change: connection" in refused.err) == (1, True)
        assert pipeline("ask", "--user", "nobody", "--from", "wiki", "--to", "chat").code == 2
        for local in HOST_ALONE:
            said = pipeline(*local.split())
            assert (said.code, said.out, "on the host alone" in said.err) == (2, "", True), local
        assert "owners make further" in pipeline("admin", "create", "root").err
        handle = acme.here("admin", "token-list").out.split()[0]
        assert acme.here("admin", "token-revoke", handle).code == 0
        ended = pipeline("export")
        assert (ended.code, "valid API token" in ended.err) == (3, True)
        missing = pipeline("export", IDJAG_API_TOKEN_FILE="/nowhere")
        assert (missing.code, missing.err) == (2, "idjag: /nowhere: no such file or directory\n")
        plain = pipeline("export", IDJAG_SERVER="http://idp.example")
        assert (plain.code, "https" in plain.err) == (2, True)
    gone = pipeline("export")
    assert (gone.code, "connection refused" in gone.err) == (3, True)


def test_what_commands_print_does_not_depend_on_where_they_run(acme: Acme, pipeline: Pipeline) -> None:
    """Contract section 2: byte for byte, with the same exit codes; what is seen once is in no log."""
    acme.apply()
    assert acme.here("admin", "create", "carol").code == 0
    with acme.serve():
        pipeline.has("owner")
        for line in READING:
            there = pipeline(*line.split())
            here = acme.here(*line.split())
            assert (there.code, there.out) == (0, here.out), line
            assert there.err == "", line
        for line, code in REFUSED.items():
            there, here = pipeline(*line.split()), acme.here(*line.split())
            assert (there.code, there.out) == (here.code, here.out), line
            assert here.code == code, line
        for line in CHANGING:
            here = acme.here(*line.format(user="bob", alg="ES256").split())
            if made := re.search(r"its id is (\w+)", here.out):
                assert acme.here("apps", "secret", "retire", "wiki", made[1]).code == 0
            there = pipeline(*line.format(user="alice", alg="RS256").split())
            assert (there.code, alike(there.out)) == (here.code, alike(here.out)), line
            assert alike(there.err) == alike(here.err), line
            for found in SEEN_ONCE.finditer(there.out):
                acme.secrets.add("".join(filter(None, found.groups())))
        assert len(acme.secrets._texts) > 5


def test_the_log_is_the_same_from_there_and_whole(acme: Acme, pipeline: Pipeline, tmp_path: Path) -> None:
    """Rows in their order, a file that ends with its receipt, and what verifying has found."""
    acme.apply()
    with acme.serve():
        pipeline.has("auditor")
        there = pipeline("audit", "list", "--last", "5").out.splitlines()
        assert there == acme.here("audit", "list", "--last", "6").out.splitlines()[:5]
        assert len(there) == 5

        exported = pipeline("audit", "export")
        rows = exported.out.splitlines()[:-1]
        assert rows == acme.here("audit", "export").out.splitlines()[: len(rows)]
        file, keys = tmp_path / "log", tmp_path / "keys"
        file.write_text(exported.out, "utf-8")
        keys.write_bytes(get(f"{acme.idp}/jwks").content)
        offline = ("audit", "verify", "--export", str(file), "--jwks", str(keys))
        checked = pipeline(*offline, IDJAG_API_TOKEN_FILE="")
        assert (checked.code, f"to row {len(rows)}\n" in checked.out) == (0, True)

        receipt = tmp_path / "receipt"
        table = pipeline("audit", "export", "--csv", "--after", "3", "--receipt", str(receipt)).out
        assert acme.here("audit", "export", "--csv", "--after", "3").out.startswith(table)
        assert (receipt.stat().st_mode & 0o777, receipt.read_text()[:3]) == (0o600, "eyJ")

        assert acme.here("audit", "verify").out == "verified\n"
        said = pipeline("audit", "verify")
        assert (said.code, said.out.startswith("verified up to row ")) == (0, True)
