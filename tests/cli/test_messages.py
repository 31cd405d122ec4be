"""What people read who make a mistake: one line, what to change, and never as if it were carried out."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from idjag import cli
from tests.cli.deployment import Deployment, deployed

NOT_BUILT = ["tenants", "check-ras", "doctor"]


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def said(*arguments: str) -> tuple[int, str, str]:
    """A command in an empty environment: its exit code and what it prints."""
    out, err = io.StringIO(), io.StringIO()
    code = cli.run(list(arguments), environ={}, out=out, err=err)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("aply",), "argument COMMAND: invalid choice: 'aply'"),
        (("apply", "acme.yaml"), "the following arguments are required: -f/--file; see idjag apply --help"),
        (("audit", "list", "--last", "-3"), "argument --last: "),
        (("ras", "serve", "-f", "ras.yaml", "--port", "99999"), "argument --port: must be 1 to 65535"),
    ],
)
def test_wrong_use_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """Contract section 2: errors on standard error, one line, saying what to change."""
    code, out, _ = said(*arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert (code, out) == (2, "")
    assert line.startswith(f"idjag: {message}")
    assert line.endswith(" --help")


@pytest.mark.parametrize(("arguments", "name"), [((name, "list"), name) for name in NOT_BUILT])
def test_what_is_not_built_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], name: str
) -> None:
    """README: a command or parameter that is not carried out ends with the words `not built`."""
    assert said(*arguments)[0] == 2
    assert capsys.readouterr().err == f"idjag: {name}: not built\n"


def test_the_list_of_commands_says_which_are_not_built() -> None:
    lines = [line.split() for line in said()[1].splitlines()]
    marked = {line[0] for line in lines if line[-2:] == ["(not", "built)"]}
    assert marked == set(NOT_BUILT)


def test_every_line_of_several_problems_begins_the_same(acme: Deployment) -> None:
    done = acme.apply("version: 1\nusrs: []\ngrups: []\n")
    assert done.code == 2
    assert [line.startswith("idjag: ") for line in done.err.splitlines()] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "extra"), [(("serve",), "idp"), (("ras", "serve", "-f", "x"), "standalone")]
)
def test_without_the_extras_a_command_names_the_one_to_install(
    arguments: tuple[str, ...], extra: str, tmp_path: Path
) -> None:
    """`pip install idjag` has no server: exit 3 and one line, no traceback."""
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError(name='uvicorn')\n", encoding="utf-8")
    done = run_without(tmp_path, *arguments)
    assert done == (3, f"idjag: uvicorn is not installed: pip install 'idjag[{extra}]'\n")


def run_without(folder: Path, *arguments: str) -> tuple[int, str]:
    """A process of its own, in which modules of the folder come first."""
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); from idjag.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={"IDJAG_ISSUER": "http://127.0.0.1:8700", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_the_audit_list_names_people_apps_and_who_did_it(acme: Deployment) -> None:
    acme.run("hold", "user", "alice", "--app", "wiki", "--reason", "stolen laptop")
    (line,) = acme.run("audit", "list", "--last", "1").out.splitlines()
    when, event, user, app, by, ref = line.split("  ")
    assert (when[4], when[-1], event) == ("-", "Z", "hold.placed")
    assert (user, app, by[:12]) == ("user=alice", "app=wiki", "by=operator:")
    assert ref == f"ref={acme.events()[-1]['decision_id']}"


def test_a_token_or_key_file_that_cannot_be_read_is_said(acme: Deployment, tmp_path: Path) -> None:
    cut = acme.run("inspect", "eyJhbGciOiJFUzI1NiJ9.e30")
    assert (cut.code, cut.out) == (1, "")
    assert cut.err.startswith("idjag: not a token: a signed token is three parts")
    absent = acme.run("inspect", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln", "--jwks", str(tmp_path / "absent.json"))
    assert (absent.code, absent.out) == (2, "")
    assert absent.err == f"idjag: {tmp_path}/absent.json: no such file or directory\n"
