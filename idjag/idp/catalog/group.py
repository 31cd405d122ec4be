"""Groups of people that this IdP keeps itself (source "local")."""

from __future__ import annotations

from typing import Any

from idjag.idp.catalog.fields import FileEntry, Name
from idjag.ledger.entry import Row

__all__ = ["LOCAL", "GroupEntry", "group_columns", "group_entry"]

LOCAL = "local"


class GroupEntry(FileEntry):
    """A local group; people join it by their own ``groups``."""

    name: Name
    """The name that people, rules and guardrails refer to."""


def group_columns(entry: GroupEntry) -> dict[str, Any]:
    """What the row says of it."""
    return {"source": LOCAL, "external_id": "", "name": entry.name}


def group_entry(row: Row) -> dict[str, Any]:
    """The file's form of a row."""
    return {"name": row["name"]}
