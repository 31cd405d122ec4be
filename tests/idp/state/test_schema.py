"""The published JSON Schema: current, valid, and of one mind with the parser about the example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from idjag.idp.state.schema import schema
from tests.idp.state.parts import example


def test_the_published_schema_is_current(root: Path) -> None:
    """Run `python -m idjag.idp.state.schema > docs/state-file.schema.json` after a change."""
    assert (root / "docs" / "state-file.schema.json").read_text(encoding="utf-8") == schema()


def test_the_schema_takes_the_example() -> None:
    document = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(document)
    jsonschema.Draft202012Validator(document).validate(example())


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"apps": [{"id": "wiki"}]},
        {"apps": [{"id": "wiki", "auth": {}, "colour": "red"}]},
        {"groups": [{"name": ""}]},
        {"groups": None},
        {"guardrails": [{"id": "g", "who": {"everyone": True}, "authorization_details": []}]},
    ],
)
def test_the_schema_refuses_what_the_parser_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json.loads(schema())).validate(example() | change)


def test_every_field_is_explained() -> None:
    """In the administrator's words, for editors that show them."""
    document = json.loads(schema())
    for name, shape in document["$defs"].items():
        for field, described in shape.get("properties", {}).items():
            if field != "except" or name == "WhoEntry":
                assert described.get("description"), f"{name}.{field}"
