"""apply, export and check as a pipeline calls them: what is printed, and the exit code."""

from __future__ import annotations

import io
import json
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idjag import cli
from tests.idp.state.parts import EXAMPLE, example

PASSWORD = "correct horse battery"
SECRETS = {
    "ALICE_PASSWORD": PASSWORD,
    "WIKI_SECRET": "wiki-secret-0123456789",
    "CHAT_SECRET": "chat-secret-0123456789",
}


@dataclass(frozen=True, slots=True)
class Said:
    """The outcome of one command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with a data folder and a file to apply."""

    folder: Path
    environ: dict[str, str]

    @property
    def file(self) -> Path:
        return self.folder / "state.yaml"

    def write(self, text: str | dict[str, Any]) -> Path:
        self.file.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return self.file

    def run(self, *arguments: str, **environ: str | None) -> Said:
        out, err = io.StringIO(), io.StringIO()
        given = {name: value for name, value in {**self.environ, **environ}.items() if value is not None}
        code = cli.run(list(arguments), environ=given, out=out, err=err)
        return Said(code, out.getvalue(), err.getvalue())

    def apply(self, *options: str, **environ: str | None) -> Said:
        return self.run("apply", "-f", str(self.file), *options, **environ)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    settings_ = {"IDJAG_ISSUER": "https://idp.acme.example", "IDJAG_DATA_DIR": str(data)}
    host = Host(tmp_path, {**settings_, **SECRETS})
    host.write(EXAMPLE)
    return host


def test_apply_prints_the_plan_and_then_has_no_changes(host: Host) -> None:
    first = host.apply()
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("+ group engineering\n")
    assert re.search(
        r"^10 to create, 0 to change, 0 to delete\napplied; policy_seq \d+\n\Z", first.out, re.MULTILINE
    )
    assert host.apply() == Said(0, "no changes\n", "")


def test_a_dry_run_changes_nothing(host: Host) -> None:
    for _ in range(2):
        said = host.apply("--dry-run")
        assert said.code == 0
        assert said.out.endswith("10 to create, 0 to change, 0 to delete\ndry run: nothing was changed\n")


def test_apply_answers_scripts_in_json(host: Host) -> None:
    answer = json.loads(host.apply("--json").out)
    assert answer["applied"] is True
    assert answer["changes"][0] == {
        "action": "create",
        "noun": "group",
        "key": "engineering",
        "before": None,
        "after": {"name": "engineering"},
    }
    assert json.loads(host.apply("--json").out)["changes"] == []


def test_prune_removes_what_the_file_does_not_have(host: Host) -> None:
    host.apply()
    host.write(example() | {"guardrails": []})
    assert host.apply().out == "no changes\n"
    assert "- guardrail contractors-never-finance" in host.apply("--prune").out


def test_a_bad_file_is_exit_2_with_its_place(host: Host) -> None:
    host.write(EXAMPLE.replace("kind: web", "kind: robot"))
    said = host.apply()
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"idjag: {host.file}:20:11: apps[0].kind: must be 'web', ")


def test_a_reference_that_leads_nowhere_is_exit_2_with_its_place(host: Host) -> None:
    host.write(EXAMPLE.replace("who: {groups: [engineering]}", "who: {groups: [sales]}"))
    said = host.apply()
    assert said.code == 2
    assert said.err == f"idjag: {host.file}:63:24: connection wiki-chat: unknown group: sales\n"


def test_a_missing_secret_is_exit_2_with_its_place(host: Host) -> None:
    said = host.apply(WIKI_SECRET=None)
    assert said.code == 2
    assert said.err == f"idjag: {host.file}:23:43: app wiki: env:WIKI_SECRET: this variable is not set\n"


def test_a_literal_secret_is_for_loopback_alone(host: Host) -> None:
    host.write(EXAMPLE.replace('"env:WIKI_SECRET"', '"literal-secret-0123456789"'))
    said = host.apply()
    assert said.code == 2
    assert "for a loopback issuer alone" in said.err
    assert "literal-secret" not in said.err
    assert host.apply(IDJAG_ISSUER="http://127.0.0.1:8700", IDJAG_DATA_DIR=other(host)).code == 0


def other(host: Host) -> str:
    folder = host.folder / "loopback"
    folder.mkdir(mode=0o700)
    return str(folder)


def test_a_secret_file_stands_beside_the_state_file(host: Host) -> None:
    (host.folder / "wiki.secret").write_text("wiki-secret-0123456789\n")
    host.write(EXAMPLE.replace("env:WIKI_SECRET", "file:wiki.secret"))
    assert host.apply().code == 0


def test_a_password_of_a_person_who_exists_need_not_be_there_any_more(host: Host) -> None:
    assert host.apply().code == 0
    assert host.apply(ALICE_PASSWORD=None) == Said(0, "no changes\n", "")


def test_a_password_that_nobody_should_have_is_refused(host: Host) -> None:
    said = host.apply(ALICE_PASSWORD="hunter2")
    assert said.code == 2
    assert f"{host.file}:12:15: user alice: a password has 8 characters or more" in said.err
    assert "hunter2" not in said.err
    assert host.apply().out.startswith("+ group engineering\n")


def test_failed_tests_are_exit_1_and_change_nothing(host: Host) -> None:
    host.write(EXAMPLE.replace("amr: [pwd, mfa]", "amr: [pwd]"))
    said = host.apply()
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"idjag: {host.file}:77:24: test engineers read chat: expected allow, got step_up (step_up)\n"
        "idjag: nothing was changed: tests failed\n"
    )
    host.write(EXAMPLE)
    assert "10 to create" in host.apply("--dry-run").out


@pytest.mark.parametrize("command", ["apply", "check"])
def test_a_file_that_is_not_there_is_exit_2(host: Host, command: str) -> None:
    said = host.run(command, "-f", str(host.folder / "absent.yaml"))
    assert said == Said(2, "", f"idjag: {host.folder}/absent.yaml: no such file or directory\n")


def test_an_environment_that_fails_is_exit_3(host: Host) -> None:
    (host.folder / "data").chmod(0o755)
    said = host.apply()
    assert said.code == 3
    assert said.out == ""


def test_what_is_exported_applies_here_and_elsewhere(host: Host) -> None:
    host.apply()
    said = host.run("export")
    assert said.code == 0
    host.write(said.out)
    assert host.apply().out == "no changes\n"
    elsewhere = {"IDJAG_ISSUER": "https://staging.acme.example", "IDJAG_DATA_DIR": other(host)}
    refused = host.apply(**elsewhere)
    assert refused.code == 2
    assert "app wiki: has no secret yet" in refused.err
    host.write(said.out.replace("secret: null", 'secret: "env:WIKI_SECRET"'))
    assert host.apply(**elsewhere).code == 0
    assert host.run("export", **elsewhere).out == said.out


def test_an_export_is_written_for_its_owner_alone_and_in_one_step(host: Host) -> None:
    host.apply()
    path = host.folder / "out.yaml"
    assert host.run("export", "-o", str(path)) == Said(0, "", "")
    assert path.read_text(encoding="utf-8") == host.run("export").out
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in host.folder.iterdir()) == ["data", "out.yaml", "state.yaml"]


def test_an_export_that_cannot_be_written_is_exit_3(host: Host) -> None:
    host.apply()
    path = host.folder / "absent" / "out.yaml"
    assert host.run("export", "-o", str(path)) == Said(3, "", f"idjag: {path}: no such file or directory\n")


def test_what_no_file_can_say_is_exit_1(host: Host) -> None:
    host.apply()
    with sqlite3.connect(host.folder / "data" / "idjag.db") as connection:
        connection.execute("DELETE FROM person_group WHERE name = 'engineering'")
    connection.close()
    said = host.run("export")
    assert (said.code, said.out) == (1, "")
    assert "connection wiki-chat names a group or person that is gone" in said.err


def test_check_needs_no_database(host: Host) -> None:
    said = host.run("check", "-f", str(host.file), IDJAG_DATA_DIR="/nonexistent", WIKI_SECRET=None)
    assert said.code == 0
    assert said.err == ""
    assert said.out.splitlines()[-1] == f"{host.file}: 1 test passed, 1 warning"
    assert (
        f"{host.file}:70:5: guardrail contractors-never-finance: warning: "
        "nobody is in the group contractors [empty-group]"
    ) in said.out
    assert not (host.folder / "data" / "idjag.db").exists()


def test_check_is_strict_when_asked(host: Host) -> None:
    assert host.run("check", "-f", str(host.file), "--strict").code == 1


def test_check_says_which_tests_failed(host: Host) -> None:
    host.write(EXAMPLE.replace("amr: [pwd, mfa]", "amr: [pwd]"))
    said = host.run("check", "-f", str(host.file))
    assert said.code == 1
    assert "test engineers read chat: expected allow, got step_up" in said.err


def test_check_refuses_our_own_issuer(host: Host) -> None:
    host.write(EXAMPLE.replace("https://finance.example", "https://idp.acme.example"))
    said = host.run("check", "-f", str(host.file))
    assert said.code == 2
    assert "resource app finance: this is our own issuer" in said.err
    assert host.run("check", "-f", str(host.file), IDJAG_ISSUER=None).code == 0


def test_check_says_where_else_a_name_may_be(host: Host) -> None:
    state = example()
    del state["apps"], state["tests"]
    host.write(state)
    said = host.run("check", "-f", str(host.file))
    assert said.code == 2
    assert "unknown app: wiki (the file has no apps; --drift looks at the state too)" in said.err


def test_check_finds_drift(host: Host) -> None:
    check = ("check", "-f", str(host.file), "--drift")
    assert host.run(*check).code == 1
    host.apply()
    assert host.run(*check).code == 0
    host.write(EXAMPLE.replace("name: Wiki\n", "name: Wiki 2\n"))
    said = host.run(*check)
    assert said.code == 1
    assert "~ app wiki\n    name: Wiki -> Wiki 2\n" in said.out
    answer = json.loads(host.run(*check, "--json").out)
    assert answer["drift"][0]["after"] == {"name": "Wiki 2"}
    assert answer["tests"] == 1


def test_check_answers_scripts_in_json(host: Host) -> None:
    answer = json.loads(host.run("check", "-f", str(host.file), "--json").out)
    assert answer["warnings"][0] == {
        "lint": "empty-group",
        "noun": "guardrail",
        "key": "contractors-never-finance",
        "message": "nobody is in the group contractors",
        "line": 70,
        "column": 5,
    }
    assert "drift" not in answer


OCTETS = EXAMPLE.encode()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(OCTETS)), st.integers(0, 40), st.binary(max_size=8))
def test_no_file_makes_check_fall_over(tmp_path: Path, at: int, length: int, new: bytes) -> None:
    """Never a traceback: whatever the file, an exit code of contract section 2."""
    path = tmp_path / "fuzzed.yaml"
    path.write_bytes(OCTETS[:at] + new + OCTETS[at + length :])
    out, err = io.StringIO(), io.StringIO()
    code = cli.run(["check", "-f", str(path)], environ={}, out=out, err=err)
    assert code in (0, 1, 2)
    assert bool(err.getvalue()) is (code != 0)
