"""The ``spec`` column: canonical JSON, so that equal things are equal texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from idjag.ledger.entry import Row
from idjag.protocol.jose.json import canonical

__all__ = ["GROUP_LISTS", "PEOPLE_LISTS", "document", "ids_in", "spec_of"]

GROUP_LISTS = frozenset({"groups", "except_groups"})
PEOPLE_LISTS = frozenset({"people", "except_people"})


def document(value: Mapping[str, Any]) -> str:
    """The canonical text of a JSON object."""
    return canonical(dict(value)).decode()


def spec_of(row: Row) -> dict[str, Any]:
    """The document in a row's ``spec`` column."""
    spec = json.loads(str(row["spec"]))
    if not isinstance(spec, dict):
        raise TypeError("spec is not an object")
    return spec


def ids_in(spec: object, lists: frozenset[str]) -> Iterator[str]:
    """The surrogate ids in every list of these names, at any depth of a stored document."""
    match spec:
        case dict():
            for name, value in spec.items():
                yield from value if name in lists else ids_in(value, lists)
        case list():
            for value in spec:
                yield from ids_in(value, lists)
