"""Every text that a page can show, found where it is written: in templates, in Problems, in ``text(...)``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import extract_from_ast

_ROOMS = frozenset({"factors", "logout", "me", "passwords", "signin"})
_TAKES_TEXTS = frozenset({"Problem", "text"})


def every_text(root: Path) -> dict[str, str]:
    """English text -> the file that says it."""
    found: dict[str, str] = {}
    for path in sorted((root / "admin_ui" / "templates").rglob("*.html")):
        for said in _of_template(path):
            found.setdefault(said, str(path.relative_to(root)))
    for path in sorted((root / "idjag" / "idp").rglob("*.py")):
        if path.relative_to(root / "idjag" / "idp").parts[0] not in _ROOMS:
            continue
        for said in _of_module(path):
            found.setdefault(said, str(path.relative_to(root)))
    return found


def _of_template(path: Path) -> Iterator[str]:
    tree = Environment(autoescape=True).parse(path.read_text("utf-8"))
    for _line, _function, said in extract_from_ast(tree, gettext_functions=("_",)):
        if isinstance(said, str):
            yield said
        elif said and isinstance(said[0], str):
            yield said[0]


def _of_module(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_bytes())
    named = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TAKES_TEXTS:
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            constants = [value.value for value in values if isinstance(value, ast.Constant)]
            constants += [named.get(value.id) for value in values if isinstance(value, ast.Name)]
            yield from (value for value in constants if isinstance(value, str) and value)
        if isinstance(node, ast.ClassDef) and node.name == "Problem":
            defaults = [one.value for one in node.body if isinstance(one, ast.AnnAssign)]
            yield from (str(one.value) for one in defaults if isinstance(one, ast.Constant) and one.value)
