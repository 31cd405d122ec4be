"""docs/policy.md is true: its file is applied, its commands are run, what they print is what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from idjag.protocol.errors import ANSWERS, Reason
from tests.cli.deployment import Deployment, deployed

# Who asks and when differ from machine to machine; everything else is compared to the letter.
_WHO = re.compile(r"operator \S+ since \S+ \S+ UTC")
_ROW = re.compile(r"^\| \d+ \|.*\| (?P<reasons>`.*) \| (?P<errors>`.*) \|$", re.MULTILINE)


def page(root: Path) -> str:
    """The page."""
    return (root / "docs" / "policy.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def sessions(text: str) -> list[tuple[str, str]]:
    """Every command of the page in its order, with the output that the page shows."""
    found = []
    for block in blocks(text, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append((command, shown))
    return found


def ran(acme: Deployment, command: str) -> tuple[str, int]:
    """What a command of the page prints, and its exit code."""
    program, *arguments = shlex.split(command)
    assert program == "idjag"
    said = acme.run(*arguments)
    assert said.err == ""
    return _WHO.sub("operator 0@host since 2027-01-15 08:00 UTC", said.out), said.code


def test_every_command_of_the_page_prints_what_the_page_shows(root: Path, tmp_path: Path) -> None:
    """Issue 3: a reader can predict every answer of `idjag ask` from that page."""
    text = page(root)
    (state,) = blocks(text, "yaml")
    acme = deployed(tmp_path, state)
    shown = sessions(text)
    assert len(shown) > 10
    for command, expected in shown:
        out, code = ran(acme, command)
        assert out == expected, command
        assert code == (1 if expected.startswith("Denied") else 0), command


def test_the_table_of_refusals_is_the_table_of_answers(root: Path) -> None:
    """Contract section 7: every reason that decide() can give is in the table, with what the client reads."""
    rows = [
        (re.findall(r"`(\w+)`", part), *re.findall(r"`(\w+)`", error))
        for match in _ROW.finditer(page(root))
        for part, error in zip(match["reasons"].split(";"), match["errors"].split(";"), strict=True)
    ]
    listed = {Reason(reason): error for reasons, error in rows for reason in reasons}
    assert listed == {reason: ANSWERS[reason].error for reason in listed}
    assert ANSWERS[Reason.STEP_UP].error in page(root)
    by_decide = set(re.findall(r"Reason\.([A-Z_]+)", _sources(root))) - {"STEP_UP"}
    by_audience = {"AUDIENCE_SELF", "AUDIENCE_UNKNOWN", "AUDIENCE_AMBIGUOUS"}
    assert {reason.name for reason in listed} == by_decide - by_audience


def _sources(root: Path) -> str:
    folder = root / "idjag" / "policy"
    return "".join((folder / name).read_text(encoding="utf-8") for name in ("decide.py", "narrow.py"))


@pytest.mark.parametrize(
    ("shown", "other"),
    [
        ("lifetime: 2m", "lifetime: 1m"),
        ("except: {users: [bob]}", "except: {users: [carl]}"),
        ("scopes: [chat.write]", "scopes: [chat.write, files.read]"),
    ],
)
def test_the_page_would_notice_another_file(root: Path, tmp_path: Path, shown: str, other: str) -> None:
    """Positive control: what is printed depends on the file that is shown."""
    text = page(root)
    (state,) = blocks(text, "yaml")
    assert shown in state
    acme = deployed(tmp_path, state.replace(shown, other))
    assert any(ran(acme, command)[0] != expected for command, expected in sessions(text))
