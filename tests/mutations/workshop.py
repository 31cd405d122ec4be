"""Runs tests against a broken product: a process that has imported everything but ours, forked for each run.

A program: one JSON object a line comes in, one goes out.  Only the forked child sees the broken module; no
file is changed, and what is imported from others costs nothing a second time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import IO

import pytest

__all__ = ["Run", "Workshop", "opened"]

_FOREIGN = (
    "alembic.command", "argon2", "cryptography.x509", "fido2.server", "httpx", "hypothesis", "jinja2",
    "joserfc.jwk", "joserfc.jws", "litestar", "pydantic", "segno", "smtplib", "sqlalchemy.dialects.sqlite",
    "sqlmodel", "uvicorn", "yaml",
)  # fmt: skip
_OPTIONS = (
    "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=60", "--tb=line",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # plugins that are imported before pytest begins
)  # fmt: skip
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Run:
    """How the tests went: pytest's exit code, and the end of what it said."""

    code: int
    output: str


class Workshop:
    """The process, as the tests of this folder use it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, tests: Sequence[str], *, path: Path | None = None, source: str | None = None) -> Run:
        """The tests, until the first failure, with ``source`` in place of the module at ``path``."""
        job = {"tests": [*tests], "path": str(path), "source": source}
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write(json.dumps(job) + "\n")
        to.flush()
        return Run(**json.loads(back.readline()))


@contextmanager
def opened(tree: Path) -> Iterator[Workshop]:
    """A workshop for the product in that tree."""
    command = [sys.executable, str(tree / "tests/mutations/workshop.py")]
    environ = os.environ | {"PYTHONPATH": str(tree)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tree, env=environ, stdin=pipe, stdout=pipe, text=True) as process:
        yield Workshop(process)
        assert process.stdin is not None
        process.stdin.close()


class _Broken(SourceFileLoader):
    """Loads one module from another text; nothing is compiled to disk."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader is for this one module
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder:
    """Finds the broken module before anybody finds the real one."""

    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._source = source

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin != self._path:
            return None
        where = spec.submodule_search_locations
        loader = _Broken(name, self._path, self._source)
        return spec_from_file_location(name, self._path, loader=loader, submodule_search_locations=where)


def _child(tests: Sequence[str], path: str, source: str | None, output: IO[bytes]) -> int:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    if source is not None:
        sys.meta_path.insert(0, _Finder(path, source))
    code = pytest.main([*_OPTIONS, *tests])
    sys.stdout.flush()
    return int(code)


def _run(tests: Sequence[str], path: str, source: str | None) -> Run:
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            code = 70  # if not even pytest survives
            try:
                code = _child(tests, path, source, output)
            except BaseException:  # noqa: BLE001 - the child must end here whatever happens
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        output.seek(max(0, output.seek(0, os.SEEK_END) - _SHOWN))
        return Run(os.waitstatus_to_exitcode(status), output.read().decode("utf-8", "replace"))


def _serve() -> None:
    sys.path.remove(str(Path(__file__).parent))
    for name in _FOREIGN:
        import_module(name)
    for line in sys.stdin:
        done = _run(**json.loads(line))
        print(json.dumps({"code": done.code, "output": done.output}), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    _serve()
