"""Every guard that is broken is noticed: the list is right (`make test`), and none survives (`make soak`)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutations.guards import RARE, TREE, Guard, guards
from tests.mutations.workshop import Workshop, opened

LEAST = 120


def test_the_list_is_long_enough() -> None:
    names = [guard.name for guard in guards()]

    assert len(names) >= LEAST
    assert len(set(names)) == len(names)
    assert {guard.list for guard in guards()} >= RARE


@pytest.mark.parametrize("guard", guards(), ids=lambda guard: guard.name)
def test_a_guard_stands_where_the_list_says(guard: Guard) -> None:
    source = (TREE / guard.file).read_text("utf-8")
    broken = guard.broken(source)

    compile(broken, guard.file, "exec")
    assert broken != source
    assert guard.tests
    assert [test for test in guard.tests if not guard.exists(test)] == []


@pytest.mark.rare
def test_no_break_names_what_nobody_knows(tmp_path: Path) -> None:
    """Any test would notice that, whatever it looks at."""
    for number, guard in enumerate(guards()):
        source = (TREE / guard.file).read_text("utf-8")
        (tmp_path / f"{number}.py").write_text(guard.broken(source), "utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--output-format", "concise"]
    done = subprocess.run(
        [*ruff, "--select", "F821", str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """Where guards are broken."""
    with opened(TREE) as workshop:
        yield workshop


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param({guard.list for guard in guards()} - RARE, id="in make soak", marks=pytest.mark.soak),
        *(pytest.param({each}, id=each, marks=pytest.mark.rare) for each in sorted(RARE)),
    ],
)
def test_unbroken_the_tests_pass(lists: set[str], workshop: Workshop) -> None:
    """The control: what fails below fails because of the break alone."""
    done = workshop.run(sorted({test for guard in guards() if guard.list in lists for test in guard.tests}))

    assert done.code == 0, done.output


@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(guard, id=guard.name, marks=pytest.mark.rare if guard.rare else pytest.mark.soak)
        for guard in guards()
    ],
)
def test_no_guard_can_be_broken_unnoticed(guard: Guard, workshop: Workshop) -> None:
    path = TREE / guard.file
    done = workshop.run(guard.tests, path=path, source=guard.broken(path.read_text("utf-8")))

    # 1: tests ran and one failed; anything else is a break that does not even load
    assert done.code == 1, f"it survived: {done.output}" if done.code == 0 else done.output
