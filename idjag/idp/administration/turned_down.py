"""What an administrator or an API token was refused, in the audit log; nobody waits for the record."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from idjag.idp.audit import Source
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Entry, Event, Facts, Verdict

__all__ = ["Why", "turned_down"]


class Why(StrEnum):
    """The reason in the log."""

    ROLE = "role_insufficient"
    """The role may not do that."""
    FORM = "form_not_ours"
    """The form came without the token of its page: forged, or open for too long."""
    FACTOR = "second_factor_missing"
    """No second factor was shown at the sign-in."""


def turned_down(
    store: Store, why: Why, *, actor: Mapping[str, str], source: Source, method: str, path: str
) -> None:
    """One event ``admin.refused``; ``path`` without its query, which may hold what people typed."""
    # it was decoded: what nobody sees could end a line, or move the cursor of whoever reads the log
    asked = {"method": method, "path": "".join(c if c.isprintable() else "?" for c in path[:_LONGEST])}
    said = {**source.fields(), "actor": dict(actor), "reason": why.value, "inputs": asked}

    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, (Event("admin.refused", said),))

    entry: Entry[Any, None] = Entry(store.tenant, source.decision_id, source.now, decide)
    store.ledger.submit(entry)


_LONGEST = 200
