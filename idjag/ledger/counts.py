"""How many events there were, by hour, by day and by pair of apps: counted in the transaction of their rows.

``audit_counted`` says up to which row of a tenant's log everything is counted.  A batch counts its own rows
if they follow that very row, and moves it on; behind a gap (an older idjag beside this one does not count, a
database from before counted nothing) it leaves them to whoever fills the gap in the order of the log.  So
each row is counted once, whoever wrote it.  Nothing in here is about a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from idjag.protocol.jose.json import canonical_text

__all__ = ["COUNT_COLUMNS", "DAY", "HOUR", "Counted", "Tally", "Told", "added", "tallied"]

HOUR: Final = 3600
DAY: Final = 24 * HOUR
_ISSUED: Final = "id_jag.issued"
_PAIRED: Final = frozenset({_ISSUED, "id_jag.denied", "id_jag.redeemed", "id_jag.refused"})
_EVER: Final = frozenset({_ISSUED, "id_jag.redeemed"})
_NOTHING: Final = ("", "{}")

COUNT_COLUMNS: Final = (
    *("span", "event", "since", "requesting_app", "resource_app", "about"),
    *("told", "n", "first", "last"),
)
"""Of ``audit_count``, after the tenant; the first six are its key."""


class Counted(NamedTuple):
    """What is counted together.

    ``span`` is hour (all events, by ``about``, the reason), day or ever (ID-JAGs by pair of apps; ``about``
    is the reason, or stands for the rules and scopes in ``told``).  ``since`` is when it begins, 0 for ever.
    """

    span: str
    event: str
    since: int
    requesting_app: str
    resource_app: str
    about: str


class Tally(NamedTuple):
    """``n`` of them, when the first and the last; ``told``: a JSON object, what ``about`` stands for."""

    told: str
    n: int
    first: int
    last: int


Told: TypeAlias = tuple[str, int, Mapping[str, object]]
"""Name, time (NumericDate) and fields of an event."""


def tallied(events: Iterable[Told]) -> dict[Counted, Tally]:
    """What these events add to the counts, in one order for all who add."""
    found: dict[Counted, Tally] = {}
    for name, time, fields in events:
        for key, told in _keys(name, time, fields):
            _, n, first, last = found.get(key, (told, 0, time, time))
            found[key] = Tally(told, n + 1, min(first, time), max(last, time))
    return dict(sorted(found.items()))


def _keys(name: str, time: int, fields: Mapping[str, object]) -> Iterator[tuple[Counted, str]]:
    reason = _text(fields, "reason")
    yield Counted("hour", name, time - time % HOUR, "", "", reason), "{}"
    if name not in _PAIRED:
        return
    pair = _text(fields, "requesting_app"), _text(fields, "resource_app")
    about, told = _granted(fields) if name == _ISSUED else (reason, "{}")
    yield Counted("day", name, time - time % DAY, *pair, about), told
    if name in _EVER:
        yield Counted("ever", name, 0, *pair, about), told


def _granted(fields: Mapping[str, object]) -> tuple[str, str]:
    rules, scopes = _texts(fields, "rule_ids"), _texts(fields, "scopes_granted")
    return _combination(rules, scopes) if rules or scopes else _NOTHING


@lru_cache(maxsize=4096)
def _combination(rules: tuple[str, ...], scopes: tuple[str, ...]) -> tuple[str, str]:
    """A short name for it, since a key has little room, and what it stands for."""
    told = canonical_text({"rules": [*sorted(rules)], "scopes": [*sorted(scopes)]})
    return hashlib.sha256(told).hexdigest()[:16], told.decode()


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _texts(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    values = fields.get(name)
    return tuple(map(str, values)) if isinstance(values, list | tuple) else ()


def added(source: str) -> str:
    """The statement that adds the rows of a source, all columns, the tenant first, to what is counted."""
    columns = ", ".join(("tenant", *COUNT_COLUMNS))
    return (
        f"INSERT INTO audit_count AS c ({columns}) {source} "
        f"ON CONFLICT (tenant, {', '.join(COUNT_COLUMNS[:6])}) DO UPDATE SET n = c.n + excluded.n, "
        "first = CASE WHEN excluded.first < c.first THEN excluded.first ELSE c.first END, "
        "last = CASE WHEN excluded.last > c.last THEN excluded.last ELSE c.last END"
    )
