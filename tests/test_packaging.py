"""The built wheel and sdist, installed outside the tree: what is in them and what an import costs."""

from __future__ import annotations

import email.message
import email.parser
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

SOURCES = (
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "SECURITY.md",
)
FOLDERS = ("idjag", "admin_ui", "tests")
PAGE = "templates/console/probe/page.html"
STYLE = "static/probe/style.css"
BASE = ("joserfc", "cryptography", "cffi", "pycparser")
HEAVY = ("litestar", "sqlmodel", "sqlalchemy", "uvicorn", "jinja2", "yaml", "pydantic")
LOADED = "import sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}} & {names!r}))"


@dataclass(frozen=True, slots=True)
class Built:
    """What `python -m build` left."""

    sdist: Path
    wheel: Path


def _run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed; it sees neither the tree nor our PYTHONPATH."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.parser.BytesParser().parsebytes(archive.read(name))


@pytest.fixture(scope="session")
def source(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with two more files in admin_ui, in a folder with a space in its name."""
    copy = tmp_path_factory.mktemp("source with space") / "idjag"
    copy.mkdir()
    for name in SOURCES:
        shutil.copy(root / name, copy)
    for name in FOLDERS:
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (PAGE, STYLE):
        probe = copy / "admin_ui" / name
        probe.parent.mkdir(parents=True)
        probe.write_text("probe\n", encoding="utf-8")
    return copy


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, and the wheel made from that sdist alone."""
    out = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source, cwd=out)
    return Built(sdist=next(out.glob("*.tar.gz")), wheel=next(out.glob("*.whl")))


def _install(wheel: Path, folder: Path, *, dependencies: str) -> Path:
    """A new environment with our wheel and, as one path line, the folder of its dependencies."""
    _run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    _run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder.parent)
    packages = Path(
        _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    )
    (packages / "dependencies.pth").write_text(dependencies + "\n", encoding="utf-8")
    return python


@pytest.fixture(scope="session")
def full(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with all extras."""
    folder = tmp_path_factory.mktemp("full") / "with space"
    return _install(built.wheel, folder, dependencies=sysconfig.get_path("purelib"))


@pytest.fixture(scope="session")
def base(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the base dependencies and nothing else."""
    top = tmp_path_factory.mktemp("base")
    packages = top / "packages"
    packages.mkdir()
    for name in BASE:
        found = distribution(name)
        for first in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            if first != "__pycache__":
                (packages / first).symlink_to(str(found.locate_file(first)))
    return _install(built.wheel, top / "venv", dependencies=str(packages))


def _needs(root: Path, package: str) -> None:
    if not (root / "idjag" / package / "__init__.py").is_file():
        pytest.skip(f"idjag.{package} is not built yet")


def test_the_sdist_has_all_sources_and_no_tests(built: Built, source: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    modules = {str(path.relative_to(source)) for path in (source / "idjag").rglob("*.py")}
    assert modules | set(SOURCES) <= names
    assert [name for name in names if name.startswith("tests")] == []


def test_the_wheel_has_every_module_and_every_file_of_the_console(built: Built, source: Path) -> None:
    modules = {str(path.relative_to(source)) for path in (source / "idjag").rglob("*.py")}
    console = {
        f"idjag/{path.relative_to(source)}" for path in (source / "admin_ui").rglob("*") if path.is_file()
    }
    names = _names(built.wheel)
    assert {f"idjag/admin_ui/{PAGE}", f"idjag/admin_ui/{STYLE}", "idjag/py.typed"} <= names
    assert modules | console <= names
    assert {name.partition("/")[0] for name in names} == {"idjag", "idjag-0.1.0.dist-info"}


def test_the_base_install_needs_the_jose_library_alone(built: Built) -> None:
    requires = map(Requirement, _metadata(built.wheel).get_all("Requires-Dist") or [])
    assert {line.name for line in requires if line.marker is None} == {"cryptography", "joserfc"}


def test_the_metadata_says_licence_python_and_extras(built: Built) -> None:
    metadata = _metadata(built.wheel)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra") or []) == {
        "httpx",
        "standalone",
        "idp",
        "postgres",
        "otel",
    }


@pytest.mark.soak
def test_two_builds_of_one_source_give_the_same_wheel(built: Built, source: Path, tmp_path: Path) -> None:
    """Attack case 233: reproducible wheel."""
    command = (sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, source)
    _run("env", "SOURCE_DATE_EPOCH=1767225600", *command, cwd=tmp_path)
    first = next(tmp_path.glob("*.whl"))
    kept = first.rename(tmp_path / "first")
    _run("env", "SOURCE_DATE_EPOCH=1767225600", *command, cwd=tmp_path)
    assert kept.read_bytes() == first.read_bytes()
    assert _names(kept) == _names(built.wheel)


def test_the_console_files_are_found_outside_the_tree(full: Path, tmp_path: Path) -> None:
    code = (
        "from importlib.resources import files; import idjag; print(idjag.__file__)\n"
        f"print((files('idjag.admin_ui') / {PAGE!r}).read_text().strip())"
    )
    where, content = _run(full, "-c", code, cwd=tmp_path).splitlines()
    assert Path(where).is_relative_to(full.parent.parent)
    assert content == "probe"


def test_the_console_files_are_found_in_the_developers_tree(root: Path) -> None:
    code = "from importlib.resources import files; print(files('idjag.admin_ui') / '__init__.py')"
    assert Path(_run(sys.executable, "-c", code, cwd=Path("/")).strip()) == root / "admin_ui" / "__init__.py"


def test_the_command_runs_outside_the_tree(root: Path, full: Path, tmp_path: Path) -> None:
    _needs(root, "cli")
    assert _run(full.parent / "idjag", "--help", cwd=tmp_path).startswith("usage: idjag")


def test_the_command_and_the_module_are_one_program(root: Path, full: Path, tmp_path: Path) -> None:
    _needs(root, "cli")
    command = _run(full.parent / "idjag", "--help", cwd=tmp_path)
    assert _run(full, "-m", "idjag.cli", "--help", cwd=tmp_path) == command


def test_the_probe_for_loaded_modules_sees_a_heavy_import(full: Path, tmp_path: Path) -> None:
    """Positive control of the two tests below."""
    code = "import litestar; " + LOADED.format(names=set(HEAVY))
    assert "litestar" in _run(full, "-c", code, cwd=tmp_path).split()


def test_importing_the_ras_loads_nothing_heavy_even_where_it_is_installed(
    root: Path, full: Path, tmp_path: Path
) -> None:
    _needs(root, "ras")
    assert (
        _run(full, "-c", "import idjag.ras; " + LOADED.format(names=set(HEAVY)), cwd=tmp_path).split() == []
    )


@pytest.mark.parametrize("package", ["protocol", "policy", "trust", "ledger", "ras", "client"])
def test_the_base_install_imports_what_a_saas_embeds(
    root: Path, base: Path, tmp_path: Path, package: str
) -> None:
    _needs(root, package)
    assert (
        _run(base, "-W", "error", "-c", f"import idjag.{package}; print('loaded')", cwd=tmp_path)
        == "loaded\n"
    )


def test_the_base_environment_has_no_web_framework(base: Path, tmp_path: Path) -> None:
    """Positive control of the test above: what it must do without is really absent."""
    code = f"from importlib.util import find_spec; print(*[n for n in {HEAVY!r} if find_spec(n)])"
    assert _run(base, "-c", code, cwd=tmp_path).split() == []
