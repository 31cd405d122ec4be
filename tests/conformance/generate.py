"""Writes the generated pages of docs/: ``python -m tests.conformance.generate``."""

from __future__ import annotations

from pathlib import Path

from tests.conformance import conformance_page, errors_page

__all__ = ["pages"]


def pages(root: Path) -> dict[Path, str]:
    """Each generated file and its text."""
    docs = root / "docs"
    return {docs / "conformance.md": conformance_page.page(root), docs / "errors.md": errors_page.page()}


def _write(root: Path) -> None:
    for path, text in pages(root).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write(Path(__file__).resolve().parents[2])
