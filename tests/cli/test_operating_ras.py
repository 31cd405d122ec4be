"""The RAS part of docs/operating.md is true: its commands print what it shows, its settings are settings."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import Any

from idjag import cli
from idjag.ras.config import build, load
from idjag.ras.control import Control
from idjag.ras.places import control_base
from idjag.ras.reloading import Reloading
from tests.cli.ras_deployment import ENVIRON, FILE, Beside
from tests.cli.test_operating_page import blocks, page


def test_its_commands_print_what_it_shows(root: Path, tmp_path: Path) -> None:
    """RAS-47: beside a server that runs; a line of dots stands for what is never the same."""
    [session] = blocks(page(root), "shell-session")
    file = tmp_path / "ras.yaml"
    file.write_text(FILE.replace("u-alice", "u-1"), encoding="utf-8")
    loaded = load(file, ENVIRON)
    with build(loaded) as built:
        reloading = Reloading(file, ENVIRON, loaded=loaded, built=built)
        with Control(control_base(loaded.database, file), reloading):
            Beside(built).token()
            for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
                command, _, shown = part.partition("\n")
                program, *arguments = shlex.split(command.replace("ras.yaml", str(file)))
                out, err = io.StringIO(), io.StringIO()
                code = cli.run(arguments, environ={}, out=out, err=err)
                printed = out.getvalue().replace(str(file), "ras.yaml")
                assert (program, err.getvalue(), code) == ("idjag", "", 0), command
                assert printed == shown if shown != "...\n" else printed, command


def test_its_settings_are_settings(root: Path, tmp_path: Path) -> None:
    """What the page shows loads in a file; with other issuers or resources it would not."""
    [shown] = blocks(page(root), "yml")
    file = tmp_path / "ras.yaml"
    text: Any = FILE[: FILE.index("introspection:")] + FILE[FILE.index("resources:\n") :]
    file.write_text(text + shown, encoding="utf-8")
    secrets = {"CHAT_API_SECRET": "a-secret-of-the-api", "ACME_SOC_SECRET": "a-secret-of-the-soc"}
    callers = load(file, ENVIRON | secrets).config.callers
    [server], [revoker] = callers.resource_servers, callers.revokers
    assert (server.registration.client_id, revoker.by_email) == ("chat-api", True)
