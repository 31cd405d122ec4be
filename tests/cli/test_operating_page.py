"""docs/operating.md is true: its file is applied from nothing, its commands print what it shows."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

from idjag import cli
from idjag.idp.app import serving
from idjag.idp.settings import Settings
from idjag.idp.state.read import read
from idjag.yaml_file import read as document

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
    (state, *_), session = blocks(page(root), "yaml"), "".join(blocks(page(root), "console"))
    file = tmp_path / "acme.yaml"
    file.write_text(state, encoding="utf-8")
    environ = {**ENVIRON, "IDJAG_DATA_DIR": str(tmp_path / "data")}
    environ["IDJAG_AUDIT_CHECKPOINT"] = str(tmp_path / "heads")
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        program, *arguments = shlex.split(_here(command, tmp_path).replace("acme.yaml", str(file)))
        if arguments == ["serve"]:
            with serving(Settings.load(environ)):
                continue
        out, err = io.StringIO(), io.StringIO()
        code = cli.run(arguments, environ=environ, out=out, err=err)
        printed = out.getvalue().replace(str(file), "acme.yaml")
        assert (program, err.getvalue(), code) == ("idjag", "", int(shown.startswith("Denied"))), command
        assert re.fullmatch(_pattern(shown), _there(printed, tmp_path), re.DOTALL), (command, printed)


def test_its_other_pieces_of_state_are_read_as_they_stand(root: Path) -> None:
    _, *further = blocks(page(root), "yaml")
    files = [read(document(f"version: 1\n{piece}", source="page")).state for piece in further]

    assert [sorted(file.model_fields_set) for file in files] == [["apps", "version"], ["sign_in", "version"]]


def _pattern(shown: str) -> str:
    """Three dots stand for what is another one each time: a part of a line, or alone whole lines."""
    whole = re.sub(r"(?m)^\.\.\.\n", "\0", shown)
    return re.escape(whole).replace("\0", "(.*\n)?").replace(re.escape("..."), r"[^\n]*")


def _here(command: str, folder: Path) -> str:
    """The page's folders, below one of ours."""
    return command.replace("/backup/", f"{folder}/").replace("/var/log/idjag/", f"{folder}/")


def _there(printed: str, folder: Path) -> str:
    data = printed.replace(f"{folder}/data/kek", "/etc/idjag/kek")
    return data.replace(f"{folder}/idjag-", "/backup/idjag-").replace(f"{folder}/", "/var/log/idjag/")


def test_its_table_has_every_setting(root: Path) -> None:
    """Contract section 3; those that are not built are refused by their names, and not in the table."""
    listed = set(
        re.findall(r"`(IDJAG_[A-Z_]+)`", "".join(re.findall(r"^\| `.*? \|", page(root), re.MULTILINE)))
    )
    fields = {f"IDJAG_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert listed == fields
