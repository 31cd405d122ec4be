"""What somebody wants entries of the state file to be, held to what they have seen of them; many at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from idjag.idp.api.changes import BY_HAND
from idjag.idp.api.entries import as_seen, entry_now, entry_of, etag, rows_of
from idjag.idp.api.problem import Problem
from idjag.idp.catalog.sign_in import sign_in_entry
from idjag.idp.console.asked import LONGEST, Asked
from idjag.idp.console.visit import Desk, inside
from idjag.idp.state.apply import How
from idjag.idp.state.current import Current, load
from idjag.idp.state.draft import FILE
from idjag.idp.state.export import as_yaml
from idjag.idp.state.file import SECTIONS, Section
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import JsonError
from idjag.protocol.jose import json as strict

__all__ = [
    "LAID",
    "MOST",
    "SECTION",
    "TENANT",
    "Opened",
    "Proposal",
    "Wanted",
    "opened",
    "opened_all",
    "sent",
]

SECTION: Final[Mapping[str, Section]] = MappingProxyType({each.noun: each for each in SECTIONS})
"""The section of the state file by the noun in it."""

TENANT: Final = "tenant"
"""The noun of how people sign in, which is one and has no key."""

MOST: Final = 500
"""Entries that are changed at once: a review that nobody reads is none."""

_FEW: Final = 10
_DEEPEST: Final = 32

_SOMEBODY: Final = "somebody else has changed it"
_GONE: Final = "it is not there any more"

LAID: Final[Mapping[str, Mapping[str, frozenset[str] | None]]] = MappingProxyType(
    {
        "connection": {"status": frozenset({"active", "paused"}), "owner": None},
        "user": {"status": frozenset({"active", "disabled"})},
    }
)
"""What may be said of many entries alike: by noun the fields, and their values; None is any text."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants one entry to be.

    ``entry`` is as the state file says it, None to remove it.  ``seen``: the ETag of what their form was
    filled with, "" for something new.  ``managed``: a file says what it is.
    """

    noun: str
    key: str
    entry: Mapping[str, Any] | None = field(repr=False)
    seen: str
    managed: bool = False

    def as_seen(self, current: Current) -> None:
        """Raises Problem 404, 412, 428 unless the entry is the one that the form was filled with."""
        if self.noun != TENANT:
            gone = self.entry is None
            as_seen(SECTION[self.noun], self.key, self.seen or None, gone=gone)(current)
        elif etag(sign_in_entry(current.settings)) != self.seen:
            raise Problem(412, "Somebody else has changed it: read it again.")

    @property
    def secret(self) -> str:
        """The client secret that it brings along, "" for none."""
        auth = (self.entry or {}).get("auth")
        return str(auth.get("secret") or "") if isinstance(auth, dict) else ""

    @property
    def plain(self) -> dict[str, Any]:
        """The entry for people to put into their file; never a secret."""
        entry = dict(self.entry or {})
        if self.secret:
            entry["auth"] = {**entry["auth"], "secret": None}
        return entry


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody wants, all of it or nothing; ``back``: the path that shows it afterwards.

    ``laid``: the fields that many entries of one noun are to say alike; everything else of them stays.
    """

    wanted: tuple[Wanted, ...]
    back: str
    laid: Mapping[str, str] | None = None

    @classmethod
    def of(
        cls,
        noun: str,
        key: str,
        entry: Mapping[str, Any] | None,
        seen: str,
        back: str,
        *,
        managed: bool = False,
    ) -> Proposal:
        """Of one entry."""
        return cls((Wanted(noun, key, entry, seen, managed),), back)

    @property
    def octets(self) -> bytes:
        """As a state file that says these things and no others."""
        document: dict[str, Any] = {"version": 1}
        for one in self.wanted:
            if one.entry is None:
                continue
            if one.noun == TENANT:
                document["sign_in"] = dict(one.entry)
            else:
                document.setdefault(SECTION[one.noun].name, []).append(dict(one.entry))
        return _json(document).encode()

    def as_seen(self, current: Current) -> None:
        """Raises Problem 404, 412, 428 unless every entry is the one that the form was filled with."""
        changed = []
        for one in self.wanted:
            try:
                one.as_seen(current)
            except Problem:
                if len(self.wanted) == 1:
                    raise
                changed.append((one.key, f"{one.key}: {_why(one, current)}"))
        if changed:
            raise _changed(changed)

    @property
    def managed(self) -> bool:
        """Whether a file says what one of them is."""
        return any(one.managed for one in self.wanted)

    @property
    def yaml(self) -> str:
        """What people put into their file, too; "" for nothing.  Never a secret."""
        said: dict[str, Any] = {}
        for one in self.wanted:
            if one.entry is None or (self.laid is not None and not one.managed):
                continue
            if one.noun == TENANT:
                said["sign_in"] = one.plain
                continue
            entry = one.plain if self.laid is None else {SECTION[one.noun].key: one.key, **self.laid}
            said.setdefault(SECTION[one.noun].name, []).append(entry)
        return as_yaml(said) if said else ""

    @property
    def secrets(self) -> list[tuple[str, str]]:
        """The client secrets that it brings along, by the names of their apps."""
        return [(one.key, one.secret) for one in self.wanted if one.secret]

    @property
    def how(self) -> How:
        """How that file is applied."""
        unwanted: dict[str, set[str]] = {}
        for one in self.wanted:
            if one.entry is None:
                unwanted.setdefault(one.noun, set()).add(one.key)
        return How(unwanted=unwanted, managed_by=BY_HAND)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What the page that asks carries, for ``sent``."""
        wanted = [
            {"noun": one.noun, "key": one.key, "seen": one.seen, "managed": one.managed}
            | ({"entry": one.entry} if self.laid is None else {})
            for one in self.wanted
        ]
        laid = [] if self.laid is None else [("laid", _json(dict(self.laid)))]
        return [("wanted", _json(wanted)), *laid, ("back", self.back)]


@dataclass(frozen=True, slots=True)
class Opened:
    """One entry as a form begins with it; ``seen`` goes into the form, and from there into the Proposal."""

    entry: Mapping[str, Any]
    seen: str
    managed: bool


def opened(desk: Desk, noun: str, key: str) -> Opened:
    """The entry as it is now; raises Problem 404."""
    return _opened(entry_now(desk.office, SECTION[noun], key))


def opened_all(desk: Desk, noun: str, keys: Collection[str]) -> dict[str, Opened]:
    """Many entries as they are now, connections or people; what is not there is left out."""
    section = SECTION[noun]
    if len(keys) <= _FEW:
        return _opened_few(desk, noun, keys)
    usernames = keys if noun == "user" else ()
    named = [(key, "") for key in keys] if noun == "connection" else []
    office = desk.office
    current = load(office.ledger, office.tenant, everyone=False, usernames=usernames, connections=named)
    rows = rows_of(section, current)
    return {key: _opened(entry_of(section, current, key)) for key in keys if key in rows}


def _opened_few(desk: Desk, noun: str, keys: Collection[str]) -> dict[str, Opened]:
    """One by one: sooner than to read what all of them could refer to."""
    found = {}
    for key in keys:
        with suppress(Problem):
            found[key] = opened(desk, noun, key)
    return found


def sent(desk: Desk, asked: Asked) -> Proposal:
    """What a reviewed form carried; raises Refused PARAMETER_WRONG for what we did not write there.

    Raises Problem 412 when one of many is not as it was.
    """
    back = asked.one("back")
    if not inside(back):
        raise Refused(Reason.PARAMETER_WRONG, parameter="back")
    laid = _value(asked, "laid") if asked.has("laid") else None
    wanted = _value(asked, "wanted")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MOST:
        raise Refused(Reason.PARAMETER_WRONG, parameter="wanted")
    if laid is None:
        return Proposal(tuple(_wanted(one, ("entry",)) for one in wanted), back)
    return _alike(desk, [_wanted(one) for one in wanted], laid, back)


def _alike(desk: Desk, wanted: Sequence[Wanted], laid: Any, back: str) -> Proposal:
    """Raises Problem 412 unless all are as they were seen: what is laid over them is laid over that."""
    nouns = {one.noun for one in wanted}
    fields = LAID.get(next(iter(nouns)), {}) if len(nouns) == 1 else {}
    if not isinstance(laid, dict) or not laid or not all(_fits(fields, *each) for each in laid.items()):
        raise Refused(Reason.PARAMETER_WRONG, parameter="laid")
    there = opened_all(desk, wanted[0].noun, [one.key for one in wanted])
    changed = [
        (one.key, f"{one.key}: {_SOMEBODY if one.key in there else _GONE}")
        for one in wanted
        if one.key not in there or there[one.key].seen != one.seen
    ]
    if changed:
        raise _changed(changed)
    entries = (replace(one, entry={**there[one.key].entry, **laid}) for one in wanted)
    return Proposal(tuple(entries), back, laid)


def _fits(fields: Mapping[str, frozenset[str] | None], name: str, value: object) -> bool:
    values = fields.get(name, frozenset())
    return isinstance(value, str) and (values is None or value in values)


def _wanted(said: Any, also: tuple[str, ...] = ()) -> Wanted:
    match said:
        case {"noun": str(noun), "key": str(key), "seen": str(seen), "managed": bool(managed), **rest}:
            entry = rest.get("entry")
            if (
                noun in (*SECTION, TENANT)
                and tuple(rest) == also
                and (entry is None or (isinstance(entry, dict) and _is_about(noun, key, entry)))
            ):
                return Wanted(noun, key, entry, seen, managed)
    raise Refused(Reason.PARAMETER_WRONG, parameter="wanted")


def _is_about(noun: str, key: str, entry: Mapping[str, Any]) -> bool:
    """Whether the entry is the one that was seen: another one's would be changed unseen."""
    return noun == TENANT or entry.get(SECTION[noun].key) == key


def _value(asked: Asked, name: str) -> Any:
    try:
        return strict.parse(asked.one(name), max_depth=_DEEPEST, max_bytes=LONGEST)
    except JsonError:
        raise Refused(Reason.PARAMETER_WRONG, parameter=name) from None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _opened(entry: Mapping[str, Any]) -> Opened:
    said = {name: value for name, value in entry.items() if name != "managed_by"}
    return Opened(said, etag(entry), entry["managed_by"] == FILE)


def _why(one: Wanted, current: Current) -> str:
    if one.noun != TENANT and one.key not in rows_of(SECTION[one.noun], current):
        return _GONE
    return _SOMEBODY if one.seen else "it is there already"


def _changed(errors: Sequence[tuple[str, str]]) -> Problem:
    count = f"{len(errors)} of these entries" if len(errors) > 1 else "one of these entries"
    return Problem(412, f"Somebody else was quicker with {count}: nothing was changed.", errors)
