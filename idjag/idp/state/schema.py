"""The JSON Schema of the state file: ``python -m idjag.idp.state.schema > docs/state-file.schema.json``."""

from __future__ import annotations

import json
import sys

from idjag.idp.state.file import StateFile

__all__ = ["schema"]


def schema() -> str:
    """The text of docs/state-file.schema.json; a test keeps the two the same."""
    document = StateFile.model_json_schema(by_alias=True)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **document,
        "title": "idjag state file",
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
