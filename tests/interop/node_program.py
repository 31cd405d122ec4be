"""Runs the scripts of tests/interop/node: a process for each test file, a line of JSON for each call."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

__all__ = ["NODE", "NodeError", "Script", "need_node", "node", "script"]

NODE = Path(__file__).parent / "node"
_OLDEST = 20
_ANSWER_SECONDS = 60
_STOP_SECONDS = 60


class NodeError(Exception):
    """What the library threw, as it says it; ``told`` has its code and its causes."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['name']}: {told['message']}")
        self.told = told


def node(*arguments: str) -> list[str]:
    """The command line of a script."""
    return [str(shutil.which("node")), *arguments]


def need_node() -> None:
    """At the head of a test file: skip all of it, once and with the reason, where Node's packages are not."""
    if missing := _missing():
        pytest.skip(missing, allow_module_level=True)


@cache
def _missing() -> str | None:
    program = shutil.which("node")
    if program is None:
        return "needs Node 20 or newer, and there is none: install it, then `make setup`"
    version = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < _OLDEST:
        return f"needs Node 20 or newer, and this is {version}"
    if not (NODE / "node_modules" / "stamp").exists():
        return (
            "the packages of tests/interop/node are not installed: `make setup`, where npm reaches a registry"
        )
    return None


@dataclass(frozen=True, slots=True)
class Script:
    """A script that waits for calls."""

    process: subprocess.Popen[str]

    def __call__(self, call: str, **given: Any) -> Any:
        """Its answer; raises NodeError."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": call, **given}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the script ended during {call}"
        answer = json.loads(line)
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer["value"]


@contextmanager
def script(name: str) -> Iterator[Script]:
    """The script while the ``with`` lasts; what it writes on standard error is shown when it fails."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            node(name),
            cwd=NODE,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield Script(process)
        finally:
            process.communicate(timeout=_STOP_SECONDS)
            errors.seek(0)
            assert process.returncode == 0, errors.read()
