"""What an exit code must never say by accident."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from idjag import cli


@pytest.mark.parametrize("command", [["audit", "verify"], ["audit", "list"], ["export"]])
def test_a_mistyped_folder_is_no_empty_database(tmp_path: Path, command: list[str]) -> None:
    """`audit verify` would say that it verified."""
    out, err = io.StringIO(), io.StringIO()
    folder = tmp_path / "mistyped"
    environ = {"IDJAG_ISSUER": "http://127.0.0.1:8700", "IDJAG_DATA_DIR": str(folder)}

    assert cli.run(command, environ=environ, out=out, err=err) == 3
    assert "no such database" in err.getvalue()
    assert (out.getvalue(), folder.exists()) == ("", False)


def test_an_option_is_not_guessed_from_its_beginning(tmp_path: Path) -> None:
    """`--prun` is a typing error, not a deletion."""
    out, err = io.StringIO(), io.StringIO()
    arguments = ["apply", "-f", str(tmp_path / "state.yaml"), "--prun"]

    assert cli.run(arguments, environ={}, out=out, err=err) == 2
