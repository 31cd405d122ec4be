"""docs/operating.md is true: its file is applied from nothing, its commands print what it shows."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

from idjag import cli
from idjag.idp.settings import Settings

# Every setting that needs a value to be tried at all.
ENVIRON = {
    "IDJAG_ISSUER": "http://127.0.0.1:8700",
    "ALICE_PASSWORD": "alice-first-password",
    "BOB_PASSWORD": "bob-first-password",
    "WIKI_SECRET": "wiki-secret-0123456789",
}


def page(root: Path) -> str:
    """The page."""
    return (root / "docs" / "operating.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_its_commands_print_what_it_shows(root: Path, tmp_path: Path) -> None:
    """Contract section 4: check, dry run, apply, `no changes`; a line of dots stands for the plan."""
    [state], [session] = blocks(page(root), "yaml"), blocks(page(root), "console")
    file = tmp_path / "acme.yaml"
    file.write_text(state, encoding="utf-8")
    environ = {**ENVIRON, "IDJAG_DATA_DIR": str(tmp_path / "data")}
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        program, *arguments = shlex.split(command.replace("acme.yaml", str(file)))
        out, err = io.StringIO(), io.StringIO()
        code = cli.run(arguments, environ=environ, out=out, err=err)
        printed = out.getvalue().replace(str(file), "acme.yaml")
        dots, _, tail = shown.partition("...\n")
        assert (program, err.getvalue(), code) == ("idjag", "", int(shown.startswith("Denied")))
        assert printed.endswith(tail) if dots == "" and tail else printed == shown, command


def test_its_table_has_every_setting(root: Path) -> None:
    """Contract section 3; those that are not built are refused by their names, and not in the table."""
    listed = set(
        re.findall(r"`(IDJAG_[A-Z_]+)`", "".join(re.findall(r"^\| `.*? \|", page(root), re.MULTILINE)))
    )
    fields = {f"IDJAG_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert listed == fields
