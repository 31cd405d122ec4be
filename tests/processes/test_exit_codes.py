"""Exit codes, contract section 2: 0 done, 1 the answer is no, 2 wrong use or bad file, 3 the environment."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.processes.acme import Acme
from tests.processes.program import Finished, free_port, run

WRONG_USE = [
    pytest.param([], id="no command"),
    pytest.param(["unheard-of"], id="an unknown command"),
    pytest.param(["apply"], id="a file is missing"),
    pytest.param(["apply", "-f", "nowhere.yaml"], id="no such file"),
    pytest.param(["apply", "-f", "bob.password"], id="not a state file"),
    pytest.param(["ras", "serve", "-f", "nowhere.yaml"], id="no such RAS file"),
    pytest.param(["ras", "serve", "-f", "acme.yaml"], id="not a RAS file"),
    pytest.param(["tenants", "list"], id="not built"),
    pytest.param(["ras", "reload"], id="not built, below another"),
]


def assert_code(done: Finished, code: int) -> None:
    assert done.code == code, (done.out, done.err)


@pytest.mark.parametrize("arguments", WRONG_USE)
def test_wrong_use_and_bad_files_are_2(acme: Acme, arguments: list[str]) -> None:
    done = acme.command(*arguments)
    assert_code(done, 2)
    assert done.err or "usage: idjag" in done.out
    assert not (acme.folder / "idp").exists()


def test_what_cannot_be_read_is_said_with_its_place_and_without_its_text(acme: Acme) -> None:
    """Contract section 4: unknown keys are refused with line and column; a value may be a secret."""
    path = acme.folder / "acme.yaml"
    state = path.read_text(encoding="utf-8")
    path.write_text(state.replace("    name: Wiki\n", "    pass-phrase: hunter22\n"), encoding="utf-8")
    done = acme.command("apply", "-f", "acme.yaml")
    assert_code(done, 2)
    line = state[: state.index("    name: Wiki\n")].count("\n") + 1
    assert f"acme.yaml:{line}:5" in done.err
    assert "hunter22" not in done.err
    path.write_text(state, encoding="utf-8")
    assert_code(acme.here("apply", "-f", str(path)), 0)


def test_a_secret_that_is_not_there_is_2_and_names_where_it_was_looked_for(acme: Acme) -> None:
    serve = ("ras", "serve", "-f", "ras.yaml")
    done = run(*serve, environ={}, folder=acme.folder, secrets=acme.secrets)
    assert_code(done, 2)
    assert "env:WIKI_CHAT_SECRET" in done.err


def test_a_folder_that_cannot_be_is_3(acme: Acme) -> None:
    done = acme.command("apply", "-f", "acme.yaml", IDJAG_DATA_DIR=str(acme.folder / "acme.yaml" / "in"))
    assert_code(done, 3)
    assert done.err.startswith("idjag: ")


def test_a_database_that_is_none_is_3(acme: Acme) -> None:
    path = acme.folder / "idp" / "idjag.db"
    path.parent.mkdir(mode=0o700)
    path.write_text("not a database, by any means, whatever its name may say")
    assert_code(acme.command("apply", "-f", "acme.yaml"), 3)


def test_a_database_of_a_later_version_is_3(acme: Acme) -> None:
    acme.apply()
    with closing(sqlite3.connect(acme.folder / "idp" / "idjag.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'v9999'")
        database.commit()
    assert_code(acme.command("serve"), 3)


@pytest.mark.soak
def test_a_port_that_is_taken_is_3(acme: Acme) -> None:
    """And so is a file that another server has, on whatever port: it is one process's."""
    with acme.serve():
        done = acme.command("serve", IDJAG_DATA_DIR=str(acme.folder / "another"))
        assert_code(done, 3)
        assert "address already in use" in done.err
        done = acme.command("serve", IDJAG_PORT=str(free_port()))
        assert_code(done, 3)
        assert "another idjag serve has it" in done.err


def test_a_token_that_is_none_is_1(acme: Acme) -> None:
    done = acme.command("inspect", "-", stdin="not.a.token")
    assert_code(done, 1)
    assert (done.out, "not.a.token" in done.err) == ("", False)


def test_help_is_0(acme: Acme) -> None:
    done = acme.command("--help")
    assert_code(done, 0)
    assert "check-ras" in done.out
