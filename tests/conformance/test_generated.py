"""The generated pages are current, and what they are made of is consistent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from idjag.protocol.errors import ANSWERS
from tests.conformance import conformance_page, errors_page
from tests.conformance.docstrings import Claim, claims, mentioned
from tests.conformance.generate import pages
from tests.conformance.requirements import not_built, requirements

LEVELS = {"MUST", "MUST NOT", "SHOULD", "MAY", "REC"}


@pytest.fixture(scope="module")
def found(root: Path) -> list[Claim]:
    """What all our tests claim."""
    return claims(root)


def test_the_committed_pages_are_current(root: Path) -> None:
    """Run `make docs` after a change of tests, requirements or answers."""
    for path, text in pages(root).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: run `make docs`"


def test_no_docstring_names_a_requirement_that_does_not_exist(root: Path) -> None:
    known = {one.id for one in requirements(root)}
    assert {name: places for name, places in mentioned(root).items() if name not in known} == {}


def test_nothing_is_not_built_that_a_test_claims(root: Path, found: list[Claim]) -> None:
    """A test that shows the refusal says `not built` in its docstring and claims nothing."""
    missing = {name for name, row in not_built(root).items() if row.entire}
    wrong = {str(claim): missing & set(claim.identifiers) for claim in found if not claim.refusal}
    assert {claim: names for claim, names in wrong.items() if names} == {}


def test_what_a_test_shows_to_be_not_built_is_listed(root: Path, found: list[Claim]) -> None:
    listed = not_built(root)
    showing = [claim for claim in found if claim.refusal]
    assert [str(claim) for claim in showing if not set(claim.identifiers) <= listed.keys()] == []


def test_the_requirements_are_numbered_without_gaps(root: Path) -> None:
    """A row that was lost would be a requirement that nobody misses."""
    everything = requirements(root)
    for group, rows in groupby(everything, key=lambda one: one.group):
        ids = [row.id for row in rows]
        assert ids == [f"{group}-{number:02}" for number in range(1, len(ids) + 1)]
    assert len(everything) == 303
    assert {one.level for one in everything} == LEVELS


def test_what_is_not_built_is_a_requirement_and_says_how_much(root: Path) -> None:
    listed = not_built(root)
    order = [one.id for one in requirements(root) if one.id in listed]
    assert list(listed) == order
    assert {row.extent for row in listed.values()} == {"all", "part"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Five requirements, of which each has another verdict."""
    docs, tests = tmp_path / "docs", tmp_path / "tests"
    docs.mkdir()
    tests.mkdir()
    rows = [f"XCH-0{number}\tMUST\tIdP\twhat {number}\tsource" for number in range(1, 6)]
    header = "id\tlevel\trole\trequirement\tsource"
    (docs / "requirements.tsv").write_text("\n".join([header, *rows]), encoding="utf-8")
    (docs / "not_built.tsv").write_text(
        "id\textent\treason\nXCH-02\tpart\tthe rest\nXCH-03\tall\tall of it", encoding="utf-8"
    )
    (tests / "test_a.py").write_text(
        'def test_all():\n    """XCH-01 to XCH-02."""\n'
        'def test_one():\n    """XCH-01."""\n'
        'def test_two():\n    """XCH-01, XCH-02."""\n'
        'def test_zwei():\n    """XCH-01, XCH-02."""\n'
        'def test_refusal():\n    """XCH-03 and XCH-05 are not built."""\n',
        encoding="utf-8",
    )
    return tmp_path


def rows_of(page: str) -> Iterator[list[str]]:
    for line in page.splitlines():
        if line.startswith("| XCH-"):
            yield line.strip("| ").split(" | ")


def test_each_requirement_gets_the_verdict_of_its_tests(tree: Path) -> None:
    page = conformance_page.page(tree)
    verdicts = [row[-1] for row in rows_of(page)]
    assert verdicts == [
        "tested",
        "tested in part; not built: the rest",
        "not built: all of it",
        "no test",
        "no test",
    ]
    assert "| MUST | 1 | 1 | 1 | 2 | 5 |" in page
    assert "| XCH | 1 | 1 | 1 | 2 | 5 |" in page


def test_three_tests_are_shown_the_most_specific_first(tree: Path) -> None:
    first, *_ = rows_of(conformance_page.page(tree))
    assert first[4] == "`test_a.py::test_one`<br>`test_a.py::test_all`<br>`test_a.py::test_two`<br>+1"


@pytest.mark.parametrize(
    "text",
    [
        "id\treason\nXCH-02\tx",
        "id\textent\treason\nXCH-02\tpart",
        "id\textent\treason\nXCH-02\tpart\t",
        "id\textent\treason\nXCH-02\tpart\tx\nXCH-02\tall\ty",
    ],
    ids=["columns", "short row", "empty cell", "twice"],
)
def test_a_table_that_is_not_well_formed_is_refused(tree: Path, text: str) -> None:
    assert set(not_built(tree)) == {"XCH-02", "XCH-03"}
    (tree / "docs" / "not_built.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"not_built\.tsv"):
        not_built(tree)


def test_every_error_has_a_word_for_whoever_writes_a_client() -> None:
    assert errors_page.ADVICE.keys() == {answer.error for answer in ANSWERS.values()}
    assert list(errors_page.ADVICE) == sorted(errors_page.ADVICE)


def test_every_reason_is_on_the_page_of_errors_with_its_text() -> None:
    page = errors_page.page()
    for reason, answer in ANSWERS.items():
        assert page.count(f"| `{reason.value}` | {answer.status} | {answer.text} |") == 1
