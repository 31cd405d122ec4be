"""What the linters cannot say about the tree: lengths, docstrings, purity, locks in step."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import idjag

LONGEST_FILE = 350
BANNED_NAMES = {"utils", "common", "core", "base", "manager", "helpers"}
PURE = {"cryptography", "joserfc", "idjag"} | set(sys.stdlib_module_names)
IMPURE = {
    "asyncio", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select",
    "shutil", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip
REGISTRY_HOST = re.compile(r"https?://|--(extra-)?index-url|--find-links", re.IGNORECASE)
PIN = re.compile(r"^([a-z0-9.-]+)==(\S+?)(?: ;.*)? \\$", re.MULTILINE)
# What is in the lock because pyproject.toml names it, and not because another package needs it.
NAMED = re.compile(r"^([a-z0-9.-]+)==(?:(?!^\S).*\n)*?.*\bidjag \(pyproject\.toml", re.MULTILINE)


def _modules(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    """The full names of all modules that the file imports absolutely, at any depth."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def _top_levels(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in _imports(path)}


def _everything(root: Path) -> list[Path]:
    return [*_modules(root, "idjag", "admin_ui", "tests", "docs", "benchmarks"), root / "setup.py"]


def test_the_imports_of_a_file_are_seen_at_any_depth(tmp_path: Path) -> None:
    """Positive control of the tests below: they would notice."""
    source = tmp_path / "late.py"
    source.write_text("def f():\n    from joserfc.jws import sign\n    import os.path\n", encoding="utf-8")
    assert _top_levels(source) == {"joserfc", "os"}


def test_no_file_is_longer_than_a_reader_holds(root: Path) -> None:
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _everything(root)}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_every_module_begins_by_saying_what_it_owns(root: Path) -> None:
    silent = [path for path in _everything(root) if not ast.get_docstring(ast.parse(path.read_bytes()))]
    assert silent == []


def test_no_module_is_named_after_nothing(root: Path) -> None:
    names = {
        path.relative_to(root): {*path.relative_to(root).parts, path.stem} for path in _modules(root, "idjag")
    }
    assert [path for path, parts in names.items() if parts & BANNED_NAMES] == []


def test_every_folder_of_modules_is_a_package_so_that_the_wheel_has_it(root: Path) -> None:
    folders = {path.parent for path in _modules(root, "idjag")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_joserfc_is_imported_by_the_strict_layer_alone(root: Path) -> None:
    strict = root / "idjag" / "protocol" / "jose"
    importers = [path for path in _modules(root, "idjag") if "joserfc" in _top_levels(path)]
    assert [path for path in importers if strict not in path.parents] == []


def test_protocol_and_policy_are_pure(root: Path) -> None:
    """No I/O, no clock, no logger, no environment; only the standard library and cryptography."""
    impure = {
        str(path): names
        for path in _modules(root, "idjag/protocol", "idjag/policy")
        if (names := (_top_levels(path) & IMPURE) | (_top_levels(path) - PURE))
    }
    assert impure == {}


def _entries(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Entry":
            yield node


def _says_what_follows(entry: ast.Call) -> bool:
    """Whether ``lost`` is given, its fifth value or by name, if anything is consumed."""
    named = {keyword.arg for keyword in entry.keywords}
    consumes = named & {"consume_always", "consume_on_success"}
    return not consumes or "lost" in named or len(entry.args) > 4


def test_an_entry_that_consumes_says_what_follows_when_that_had_been_used(root: Path) -> None:
    """The default of ``lost`` is for entries that consume nothing."""
    silent = [
        f"{path}:{entry.lineno}"
        for path in _modules(root, "idjag")
        for entry in _entries(path)
        if not _says_what_follows(entry)
    ]
    assert silent == []


def test_the_version_is_said_once(root: Path) -> None:
    assert _pyproject(root)["project"]["version"] == idjag.__version__


def _pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def _declared(root: Path, *, extras: set[str] | None, groups: set[str]) -> list[Requirement]:
    """What pyproject.toml asks for: the base, the extras (None: all) and the groups."""
    tables = _pyproject(root)
    lines = list(tables["project"]["dependencies"])
    for name, extra in tables["project"]["optional-dependencies"].items():
        lines += extra if extras is None or name in extras else []
    for name in groups:
        lines += [line for line in tables["dependency-groups"][name] if isinstance(line, str)]
    return [Requirement(line) for line in lines]


LOCKS = [
    pytest.param("dev.txt", None, {"build", "dev"}, id="dev"),
    pytest.param("demo.txt", {"idp", "standalone"}, {"build"}, id="demo"),
]


@pytest.mark.parametrize(("lock", "extras", "groups"), LOCKS)
def test_the_lock_is_in_step_with_pyproject(
    root: Path, lock: str, extras: set[str] | None, groups: set[str]
) -> None:
    """`make lock` was run after the last change: same names, and every pin within its range."""
    text = (root / "requirements" / lock).read_text(encoding="utf-8")
    pins = {name: Version(version) for name, version in PIN.findall(text)}
    declared = _declared(root, extras=extras, groups=groups)
    assert {canonicalize_name(requirement.name) for requirement in declared} == set(NAMED.findall(text))
    outside = [str(r) for r in declared if pins[canonicalize_name(r.name)] not in r.specifier]
    assert outside == []


@pytest.mark.parametrize("lock", ["dev.txt", "demo.txt"])
def test_every_pin_has_hashes_and_no_lock_names_a_host(root: Path, lock: str) -> None:
    """Attack case 233: pinned, with hashes, wherever the packages come from."""
    text = (root / "requirements" / lock).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(PIN.findall(text))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert REGISTRY_HOST.findall(text) == []


def test_the_demo_runs_on_the_versions_that_the_tests_saw(root: Path) -> None:
    dev, demo = (
        dict(PIN.findall((root / "requirements" / name).read_text("utf-8")))
        for name in ("dev.txt", "demo.txt")
    )
    assert {name: version for name, version in demo.items() if dev.get(name) != version} == {}


def test_every_locked_package_has_its_row_with_a_licence_and_no_row_is_stale(root: Path) -> None:
    """Attack case 233: the licence list."""
    page = (root / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z0-9, -]+) \| .*$", page, flags=re.MULTILINE)
    listed = {name for row in rows for name in row.split(", ")} - {"package"}
    locked = {
        name for name, _ in PIN.findall((root / "requirements" / "dev.txt").read_text(encoding="utf-8"))
    }
    assert listed == locked
