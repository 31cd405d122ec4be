"""A log as a file that leaves: in order, up to its last row, and with a receipt of the whole alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from idjag.ledger.chain import FIELDS
from idjag.ledger.entry import Event
from idjag.ledger.exports import Export, Log, begun
from idjag.protocol.jose import PrivateKey, jws

KEY = PrivateKey.generate("ES256", kid="k")


def export(
    *, rows: int, last: int, after: int = 0, key: PrivateKey | None = KEY
) -> tuple[Export, list[Event]]:
    """One of a log that has ``rows``, and goes on growing behind ``last``."""
    told: list[Event] = []

    def page(after_no: int, limit: int) -> Sequence[dict[str, Any]]:
        numbers = range(after_no + 1, min(after_no + limit, rows) + 1)
        return [dict.fromkeys(FIELDS) | {"id": number} for number in numbers]

    log = Log(page, last, "t", "https://idp.example", 5, key, lambda event, _now: told.append(event))
    return begun(log, after=after, kind="ndjson", decision_id="d", said={"actor": {"kind": "x"}}), told


def test_it_is_told_before_a_line_leaves_and_ends_at_the_row_that_was_the_last() -> None:
    made, told = export(rows=2600, last=2500, after=10)
    assert told[0].fields["after"] == {"after": 10, "last": 2500, "format": "ndjson"}
    lines = list(made.lines())
    assert [int(line.split()[1].rstrip(",")) for line in lines] == list(range(11, 2501))
    claims = jws.parse(str(made.receipt()), max_bytes=10_000).claims
    assert (claims["lines"], claims["after"], claims["last"]) == (2490, 10, 2500)


def test_a_part_has_no_receipt() -> None:
    made, _ = export(rows=3, last=3)
    lines = made.lines()
    next(lines)
    with pytest.raises(RuntimeError, match="whole file"):
        made.receipt()
    assert len(list(lines)) == 2
    assert made.receipt() is not None


def test_where_nothing_signs_there_is_no_receipt() -> None:
    made, _ = export(rows=1, last=1, key=None)
    assert len(list(made.lines())) == 1
    assert made.receipt() is None
    assert '"receipt": null' in made.last_line(None)
