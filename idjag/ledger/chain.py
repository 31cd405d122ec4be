"""The audit chain: how an event becomes a row, and how a tampered row shows; pure, the salts are passed in.

A row's hash is keyed and covers ``prev_hash``.  The first row of a batch follows the tenant's link, every
further one the row before it; the batch's digest is the hash of its last row, and the link after the
batch is sha256(link || digest).  So batches need no marks of their own, and the hashes of a batch are
known before its number in the log is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from idjag.ledger.covered import ERASED, covered, members, same, written
from idjag.ledger.entry import Event, Head, Row, Value
from idjag.protocol.jose import JsonError
from idjag.protocol.jose.json import JsonValue, canonical, canonical_part, canonical_text, canonical_value

__all__ = [
    "FIELDS",
    "PERSONAL",
    "Break",
    "ReadyEvent",
    "Walk",
    "erased",
    "fault",
    "genesis",
    "link_after",
    "personal_fields",
    "ready",
    "row",
]

FIELDS: Final = (
    *(
        "id",
        "time",
        "event",
        "tenant",
        "decision_id",
        "actor",
        "subject",
        "subject_token_type",
        "profile",
    ),
    *("requesting_app", "client_id_at_resource", "resource_app", "audience", "resources"),
    *("scopes_requested", "scopes_granted", "authorization_details", "rule_ids", "rule_versions"),
    *("guardrail_ids", "policy_seq", "reason", "inputs", "jti", "acr", "amr", "auth_time", "cnf_jkt"),
    *("actor_chain", "ip", "user_agent", "before", "after", "prev_hash", "hash"),
)
"""Contract section 9, in its order."""

PERSONAL: Final = frozenset({"actor", "subject", "inputs", "ip", "user_agent", "before", "after"})
"""They enter the hash as salted digests, so that their values can be erased."""

_NUMBERED: Final = frozenset({"id", "time", "event", "tenant", "prev_hash", "hash"})
_GIVEN: Final = frozenset(FIELDS) - _NUMBERED
_TEXT_COLUMNS: Final = ("decision_id", "subject", "requesting_app", "resource_app", "jti", "reason")
_COLUMNS: Final = ("tenant", "time", "event", *_TEXT_COLUMNS)
_ROW: Final = b"idjag audit row 1\0"
_GENESIS: Final = b"idjag audit chain 1\0"

Fields: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where a log is not what was written: the number of the row, and what is wrong there."""

    no: int
    why: str


def genesis(tenant: str) -> bytes:
    """The link of a tenant that has no audit row yet."""
    return hashlib.sha256(_GENESIS + tenant.encode()).digest()


def link_after(link: bytes, digest: bytes) -> bytes:
    """The head's link after a batch whose last row has the hash ``digest``."""
    return hashlib.sha256(link + digest).digest()


def personal_fields(event: Event) -> tuple[str, ...]:
    """The fields of this event that need a salt each."""
    return tuple(name for name in event.fields if name in PERSONAL and event.fields[name] is not None)


@dataclass(frozen=True, slots=True)
class ReadyEvent(Event):
    """An event with everything of its row that does not depend on the rows before it.

    ``tenant`` and ``time`` are those of the entry that it is for.
    """

    tenant: str
    time: int
    body: str
    salts: str
    covered: bytes


def ready(event: Event, *, tenant: str, time: int, salts: Mapping[str, bytes]) -> ReadyEvent:
    """Everything that can be worked out before the log's end is known: most of the time that a row takes.

    ``salts`` holds 16 random octets for every name in ``personal_fields(event)``.
    Raises ValueError for a field that the contract does not know, TypeError or JsonError for a value that
    is not text where a column holds it, or not JSON.
    """
    texts = _texts(event, tenant=tenant, time=time)
    kept = {name: salts[name].hex() for name in personal_fields(event)}
    try:
        hashed = covered(texts, kept, personal=PERSONAL)
    except UnicodeEncodeError:
        raise JsonError("lone_surrogate") from None
    return ReadyEvent(
        event.name,
        event.fields,
        tenant=tenant,
        time=time,
        body=written(texts),
        salts=written({name: f'"{salt}"' for name, salt in kept.items()}),
        covered=hashed,
    )


def row(event: ReadyEvent, *, no: int, prev: bytes, key: bytes) -> dict[str, Value]:
    """The audit row of an event, hashed.

    ``no`` counts the tenant's rows from 1 and is the contract's ``id``; its place in the chain proves it,
    so that it need not be known when the row is hashed.  ``prev`` is the link, or the hash of the row
    before in the same batch.
    """
    columns = {name: cast("Value", event.fields.get(name)) for name in _TEXT_COLUMNS}
    return {
        "tenant": event.tenant,
        "time": event.time,
        "event": event.name,
        **columns,
        "no": no,
        "body": event.body,
        "salts": event.salts,
        "prev_hash": prev.hex(),
        "hash": _hash(event.covered, prev=prev, key=key),
    }


def erased(before: Row, names: Iterable[str]) -> dict[str, Value]:
    """The row without the values of these personal fields; it verifies as before.

    Their salts go too: a digest whose salt is known gives a person's address away to whoever tries all.
    """
    fields, kept = _parsed(before)
    fields = cast("Fields", canonical_value(fields))
    for name in names:
        if name not in PERSONAL:
            raise ValueError(f"{name} is not a personal field")
        if name in fields:
            kept[name] = ERASED + _digest(fields.pop(name), salt=kept[name])
    return {
        **before,
        "subject": cast("Value", fields.get("subject")),
        "body": canonical(fields).decode(),
        "salts": canonical(cast("Fields", kept)).decode(),
    }


class Walk:
    """The numbers and links of a log, followed row by row; what stands in a row is for ``fault``.

    ``start`` is a head from before the first row; ``heads`` are places that the log must go through.
    """

    def __init__(self, tenant: str, *, start: Head | None = None, heads: Iterable[Head] = ()) -> None:
        self.no, self._link = (start.audit_no, start.link) if start else (0, genesis(tenant))
        self._running = ""  # the hash that the next row of the same batch would follow
        self._links: dict[int, set[bytes]] = {}
        for head in heads:
            self._links.setdefault(head.audit_no, set()).add(head.link)

    @property
    def link(self) -> bytes:
        """The link after the last row, were it the last of its batch."""
        return link_after(self._link, bytes.fromhex(self._running)) if self._running else self._link

    def begins_batch(self, each: Row) -> bool:
        """Whether the row is not of the same batch as the one before it."""
        return not self._running or each["prev_hash"] != self._running

    def follow(self, each: Row) -> Break | None:
        """Take the next row, or say why it is not the next."""
        if each["no"] != self.no + 1:
            return Break(self.no + 1, "this number is missing, or stands elsewhere")
        if found := self._head_fault():
            return found
        if self.begins_batch(each):
            self._link = self.link
            if each["prev_hash"] != self._link.hex():
                return Break(self.no + 1, "it does not follow the row before it")
        self.no, self._running = self.no + 1, str(each["hash"])
        return None

    def end(self) -> Break | None:
        """What is wrong with a log that ends here, if anything."""
        if self._links and self.no < max(self._links):
            return Break(self.no + 1, "rows are missing at the end")
        return self._head_fault()

    def _head_fault(self) -> Break | None:
        expected = self._links.get(self.no)
        return Break(self.no, "the head has another link") if expected and expected != {self.link} else None


def fault(each: Row, *, tenant: str, key: bytes) -> str | None:
    """What is wrong with one row by itself, if anything; its place in the log is for ``Walk``."""
    try:
        texts, kept = members(str(each["body"])), json.loads(str(each["salts"]))
        prev = bytes.fromhex(str(each["prev_hash"]))
        expected = _hash(covered(texts, kept, personal=PERSONAL), prev=prev, key=key)
        if not same(tenant, texts.get("tenant")):
            return "it belongs to another tenant"
        if expected != each["hash"]:
            return "its fields are not those that were hashed"
        if not all(same(each[name], texts.get(name)) for name in _COLUMNS):
            return "its columns do not agree with its body"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "it cannot be read"
    return None


def _texts(event: Event, *, tenant: str, time: int) -> dict[str, str]:
    """The fields of the body as canonical texts, each written once for body, digest and hash.

    Null is left out, so that a field that the contract gains changes no old row.
    """
    if unknown := event.fields.keys() - _GIVEN:
        raise ValueError(f"an event has no field {', '.join(sorted(unknown))}")
    for name in _TEXT_COLUMNS:
        if not isinstance(event.fields.get(name), str | None):
            raise TypeError(f"{name} of an event is text")
    fields: dict[str, object] = {**event.fields, "tenant": tenant, "time": time, "event": event.name}
    return {
        name: canonical_part(cast("JsonValue", value)) for name, value in fields.items() if value is not None
    }


def _parsed(each: Row) -> tuple[Fields, dict[str, str]]:
    """Body and salts.  Not the strict parser of tokens: it limits numbers that ``canonical`` may write."""
    fields, kept = json.loads(str(each["body"])), json.loads(str(each["salts"]))
    if not isinstance(fields, dict) or not isinstance(kept, dict):
        raise TypeError("body and salts are objects")
    return fields, kept


def _hash(covered: bytes, *, prev: bytes, key: bytes) -> str:
    """HMAC-SHA256 over the hash before and what the row covers."""
    return hmac.digest(key, _ROW + prev + covered, "sha256").hex()


def _digest(value: JsonValue, *, salt: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + canonical_text(value)).hexdigest()
