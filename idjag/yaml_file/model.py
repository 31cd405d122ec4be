"""Holds a document against a pydantic model and says in the file's own terms what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pydantic

from idjag.yaml_file import FileError, FileErrors

if TYPE_CHECKING:
    from idjag.yaml_file import Document

__all__ = ["validated"]

Model = TypeVar("Model", bound=pydantic.BaseModel)

MAX_ERRORS = 50
_MAX_SHOWN = 60
_SUBJECT = re.compile(r"^[A-Z][a-z]* should ")

_SENTENCES = {
    "extra_forbidden": "unknown field: correct its spelling or remove it",
    "missing": "this required field is missing: add it",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "none_required": "must be left out",
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "must be a list"),
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type"),
        "must have fields: key: value",
    ),
}


def validated(document: Document, model: type[Model]) -> Model:
    """The document as the model; raises FileErrors."""
    text = json.dumps(document.value, ensure_ascii=False)
    try:
        # JSON has neither times nor tuples, so strict means: nothing is converted but those.
        return model.model_validate_json(text, strict=True)
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False)
    raise _file_errors(document, problems) from None  # the cause would show values, secrets among them


def _file_errors(document: Document, problems: list[Any]) -> FileErrors:
    """One error per place; the branches of a union become alternatives of one sentence."""
    places: dict[tuple[tuple[str | int, ...], bool], dict[str, None]] = {}
    for problem in problems:
        kind = problem["type"]
        path = _path(document, problem["loc"], missing=kind == "missing")
        places.setdefault((path, kind == "extra_forbidden"), {})[_sentence(problem)] = None
    errors = [
        document.error(path, f"{_shown(path)}: {', or '.join(sentences)}", key=key)
        for (path, key), sentences in places.items()
    ]
    errors.sort(key=_in_file)
    return FileErrors(errors[:MAX_ERRORS], omitted=max(0, len(errors) - MAX_ERRORS))


def _in_file(error: FileError) -> tuple[int, int]:
    return error.line, error.column


def _path(document: Document, location: tuple[str | int, ...], *, missing: bool) -> tuple[str | int, ...]:
    """The keys and indexes of a pydantic location, without the names of union branches between them."""
    path: list[str | int] = []
    value: Any = document.value
    for number, step in enumerate(location, start=1):
        if isinstance(value, dict) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            value = value[step]
        elif not (missing and number == len(location)):
            continue
        path.append(step)
    return tuple(path)


def _shown(path: tuple[str | int, ...]) -> str:
    """``connections[3].rules[0].scopes``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if step.isidentifier() else repr(step[:_MAX_SHOWN])
            text += f".{name[:_MAX_SHOWN]}" if text else name[:_MAX_SHOWN]
    return text or "the file"


def _sentence(problem: Mapping[str, Any]) -> str:
    """What to change; never the value, which may be a secret.

    A ValueError of the model's own validators is shown as it is.
    """
    kind, context = problem["type"], problem.get("ctx", {})
    match kind:
        case "string_type":
            is_scalar = isinstance(problem["input"], bool | int)
            return "must be text: put it in quotes" if is_scalar else "must be text"
        case "literal_error" | "enum":
            return f"must be {context['expected']}"
        case "union_tag_invalid":
            return f"{context['discriminator']} must be {context['expected_tags']}"
        case "union_tag_not_found":
            return f"{context['discriminator']} is missing: add it"
        case "value_error" | "assertion_error":
            return str(context["error"])
    return _SENTENCES.get(kind) or _SUBJECT.sub("must ", problem["msg"])
