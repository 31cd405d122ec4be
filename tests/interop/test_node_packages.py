"""The Node packages of tests/interop/node: pinned with hashes, inert at install time, welcome licences."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

EXACT = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z.]+)?")
# MPL-2.0: axe-core, unmodified and never shipped
WELCOME = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}


def read(root: Path, name: str) -> Any:
    return json.loads((root / "tests" / "interop" / "node" / name).read_text(encoding="utf-8"))


def test_what_we_ask_for_is_what_is_locked(root: Path) -> None:
    """Attack case 233: one version each, and the lock is in step with it."""
    asked, locked = read(root, "package.json"), read(root, "package-lock.json")
    assert locked["packages"][""]["dependencies"] == asked["dependencies"]
    for name, version in asked["dependencies"].items():
        assert EXACT.fullmatch(version)
        assert locked["packages"][f"node_modules/{name}"]["version"] == version


def test_every_package_has_its_hash_and_none_names_a_host_or_runs_at_install_time(root: Path) -> None:
    """Attack case 233: wherever the packages come from."""
    packages = {name: known for name, known in read(root, "package-lock.json")["packages"].items() if name}
    wrong = {
        name
        for name, known in packages.items()
        if not known.get("integrity", "").startswith("sha512-")
        or {"resolved", "hasInstallScript"} & known.keys()
    }
    assert (len(packages) > 100, wrong) == (True, set())
    settings = (root / "tests" / "interop" / "node" / ".npmrc").read_text(encoding="utf-8").splitlines()
    assert {"ignore-scripts=true", "omit-lockfile-registry-resolved=true"} <= set(settings)
    assert [line for line in settings if "registry=" in line or "://" in line] == []


def test_every_package_has_a_licence_that_is_welcome_and_those_we_chose_have_their_row(root: Path) -> None:
    """Attack case 233: the licence list."""
    locked = read(root, "package-lock.json")["packages"]
    licences = {known.get("license") for name, known in locked.items() if name}
    assert licences <= WELCOME
    page = (root / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\S+)` \| (\S+) \|", page, flags=re.MULTILINE))
    chosen = read(root, "package.json")["dependencies"]
    assert rows == {name: locked[f"node_modules/{name}"]["license"] for name in chosen}
