"""Policy as code from a pipeline: `idjag --server` against a running identity provider, and no database."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from idjag import cli
from tests.processes.acme import Acme
from tests.processes.program import Finished


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
        assert self.acme.secrets.found_in(done.out + done.err) == []
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
        acme.write_state(connection="paused")
        planned = pipeline("apply", "-f", file, "--dry-run")
        assert (planned.code, "status: active -> paused" in planned.out) == (0, True)
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
        events = [json.loads(line)["event"] for line in pipeline("audit", "list").out.splitlines()]
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
        local = pipeline("db", "current")
        assert (local.code, "on the host alone" in local.err) == (2, True)
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
