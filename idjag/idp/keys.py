"""The signing keys of a tenant: from their rows to keys that sign and verify, and the first ones made.

A key is ``next`` (published before its first use), ``active`` (signs), ``retiring`` (published until its last
token has expired) or ``revoked`` (verifies nothing any more).  A next key that has a time to begin takes over
at that second, on every node at once and without a write; key_rotation.py writes it down later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from idjag.idp.facts import optional_integer, string
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, Ledger, OneTime, Row, Verdict
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import JwkError, KeySet, PrivateKey, PublicKey
from idjag.protocol.jose.json import JsonValue, canonical
from idjag.protocol.names import ASYMMETRIC
from idjag.seal import Sealer, context_of

__all__ = [
    "KEPT",
    "TABLE",
    "KeyLoader",
    "KeyStatus",
    "KeysBroken",
    "SigningKeys",
    "StoredKey",
    "ensure_keys",
    "load",
    "new_row",
    "status_of",
]

S = TypeVar("S")
TABLE = "signing_key"

KEPT = 24 * 3600
"""Seconds that a key is published after it signed for the last time: longer than any token of ours lives."""


class KeyStatus(StrEnum):
    """The life of a key; it only ever moves down this list."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    REVOKED = "revoked"


class KeysBroken(Exception):
    """The rows of signing keys contradict themselves; the message names the kid."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key that is not revoked.

    ``begins``: when it signs for the first time; None for a next key without a plan.
    ``retires`` is set for a retiring key: nobody needs it from then on.
    """

    private: PrivateKey = field(repr=False)
    status: KeyStatus
    begins: int | None
    retires: int | None

    @property
    def public(self) -> PublicKey:
        """What others may know of it."""
        return self.private.public


class SigningKeys:
    """A tenant's keys at one moment of its policy; revoked ones are not in here at all."""

    __slots__ = ("_active", "_ends", "_in_turn", "_keys", "_verifying")

    def __init__(self, keys: Iterable[StoredKey]) -> None:
        self._keys = tuple(keys)
        self._in_turn = {alg: _in_turn(self._keys, alg) for alg in {key.private.alg for key in self._keys}}
        self._active = {key.private.alg: key.private for key in self._keys if key.status is KeyStatus.ACTIVE}
        self._ends = tuple((self._end(key), key.public) for key in self._keys)
        try:
            self._verifying = KeySet(key.public for key in self._keys)
        except JwkError:
            raise KeysBroken("two signing keys of one kid") from None

    def __repr__(self) -> str:
        return f"SigningKeys({', '.join(f'{key.public.kid}: {key.status}' for key in self._keys)})"

    def signing(self, alg: str, *, now: int) -> PrivateKey:
        """The key of an algorithm that signs at that second; raises Refused UNAVAILABLE."""
        for begins, key in self._in_turn.get(alg, ()):
            if begins <= now:
                return key
        # Whoever made it active had a clock ahead of ours: in force it is, and nothing else would sign.
        if alg in self._active:
            return self._active[alg]
        raise Refused(Reason.UNAVAILABLE, no_signing_key=alg)

    def verifying(self, *, now: int) -> KeySet:
        """What our own tokens may be signed by: what is published, and nothing else; never revoked.

        Whoever finds an old key somewhere must not make tokens of ours with it.
        """
        living = self._living(now)
        return self._verifying if len(living) == len(self._keys) else KeySet(living)

    def published(self, now: int) -> list[dict[str, JsonValue]]:
        """The members of our JWK Set (MET-09): public, only kid, kty, alg, use and the key itself.

        No ``key_ops``: beside ``use`` it breaks some clients (interop fact 9).
        """
        return [key.to_dict() for key in self._living(now)]

    def _living(self, now: int) -> list[PublicKey]:
        return [key for end, key in self._ends if end is None or now < end]

    def _end(self, key: StoredKey) -> int | None:
        """When its last token has expired; an active key whose successor has begun retires by itself."""
        if key.retires is not None or key.status is not KeyStatus.ACTIVE:
            return key.retires
        later = [begins for begins, _ in self._in_turn[key.private.alg] if begins > (key.begins or 0)]
        return min(later) + KEPT if later else None


class KeyLoader:
    """Makes SigningKeys from rows, and unseals each key once: a policy change need not wait for RSA."""

    __slots__ = ("_opened", "_sealer")

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._opened: dict[_Place, _Opened] = {}

    def load(self, rows: Iterable[Row]) -> SigningKeys:
        """The keys of one tenant's rows; raises SealBroken, KeysBroken."""
        rows = list(rows)
        alive = [row for row in rows if status_of(row) is not KeyStatus.REVOKED]
        opened = [self._open(row) for row in alive]
        # Replaced as a whole, since two threads may load; what is gone or revoked is forgotten.
        here = {_place(row).tenant for row in rows}
        others = {place: each for place, each in self._opened.items() if place.tenant not in here}
        self._opened = others | dict(zip(map(_place, alive), opened, strict=True))
        return SigningKeys(_stored(row, each.private) for row, each in zip(alive, opened, strict=True))

    def _open(self, row: Row) -> _Opened:
        place, sealed, alg = _place(row), row["sealed"], string(row, "alg")
        if not isinstance(sealed, bytes):
            raise KeysBroken(f"signing key {place.kid}: nothing is sealed there")
        known = self._opened.get(place)
        if known and (known.sealed, known.private.alg) == (sealed, alg):
            return known
        pem = self._sealer.open(sealed, context=place.context)
        try:
            return _Opened(sealed, PrivateKey.from_pem(pem, alg=alg, kid=place.kid))
        except JwkError as error:
            raise KeysBroken(f"signing key {place.kid}: {error.code}") from None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a key is stored; its ciphertext opens nowhere else."""

    tenant: str
    kid: str

    @property
    def context(self) -> str:
        return context_of(self.tenant, TABLE, "sealed", self.kid)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A key and the ciphertext that it came from."""

    sealed: bytes = field(repr=False)
    private: PrivateKey = field(repr=False)


def _in_turn(keys: Sequence[StoredKey], alg: str) -> tuple[tuple[int, PrivateKey], ...]:
    """The keys of an algorithm that sign at some time, each from its first second on, the latest first."""
    mine = [key for key in keys if key.private.alg == alg]
    for status in (KeyStatus.ACTIVE, KeyStatus.NEXT):
        if sum(key.status is status for key in mine) > 1:
            raise KeysBroken(f"two {status} signing keys of one algorithm")
    signing = [key for key in mine if key.status is not KeyStatus.RETIRING and key.begins is not None]
    turns = [(key.begins or 0, key.private) for key in signing]
    return tuple(sorted(turns, key=lambda turn: turn[0], reverse=True))


def load(rows: Iterable[Row], sealer: Sealer) -> SigningKeys:
    """The keys of one tenant's rows; raises SealBroken, KeysBroken."""
    return KeyLoader(sealer).load(rows)


def ensure_keys(
    ledger: Ledger[S], sealer: Sealer, *, tenant: str, now: int, new_kid: Callable[[], str]
) -> tuple[str, ...]:
    """Make the active key of every algorithm that has none, and record it; the kids that were made.

    ``new_kid`` gives random ids in base64url.  Existing keys are opened first: under a wrong KEK this raises
    SealBroken and makes nothing.  Two processes that both come here make one key (attack case 206).
    """
    all_keys = Key(TABLE, "tenant_id", tenant)
    rows = ledger.read((all_keys,))(all_keys)
    load(rows, sealer)
    # Made outside the transaction: an RSA key takes longer than anything that a neighbour should wait for.
    made = [new_row(alg, sealer, tenant=tenant, now=now, kid=new_kid()) for alg in _lacking(rows)]
    if not made:
        return ()
    holder = new_kid()

    def decide(_snapshot: S, facts: Facts) -> Verdict[tuple[str, ...]]:
        lacking = _lacking(facts(all_keys))
        added = [row for row in made if row["alg"] in lacking]
        return Verdict(
            reply=tuple(string(row, "id") for row in added),
            events=[event for row in added for event in _events(row, decision_id=holder)],
            writes=[Insert(TABLE, row) for row in added],
            policy_changed=bool(added),
        )

    return ledger.commit(Entry(tenant, holder, now, decide, _never_lost, reads=(all_keys,)))


def _lacking(rows: Sequence[Row]) -> list[str]:
    active = {row["alg"] for row in rows if status_of(row) is KeyStatus.ACTIVE}
    return [alg for alg in ASYMMETRIC if alg not in active]


def new_row(alg: str, sealer: Sealer, *, tenant: str, now: int, kid: str) -> Row:
    """The row of a new key that signs from now on."""
    private = PrivateKey.generate(alg, kid=kid)
    return {
        "id": kid,
        "tenant_id": tenant,
        "alg": alg,
        "status": KeyStatus.ACTIVE.value,
        "public": _public_text(private),
        "sealed": sealer.seal(private.to_pem(), context=_Place(tenant, kid).context),
        "created": now,
        # Nothing was ever signed before the first key, so nobody has a JWK Set without it.
        "activated": now,
        "retires": None,
    }


def _events(row: Row, *, decision_id: str) -> list[Event]:
    fields: dict[str, object] = {
        "decision_id": decision_id,
        "actor": {"kind": "system", "id": "idjag"},
        "after": {"kid": row["id"], "alg": row["alg"], "status": row["status"]},
    }
    return [Event("key.created", fields), Event("key.activated", fields)]


def _never_lost(one_time: OneTime) -> Verdict[tuple[str, ...]]:
    raise AssertionError(f"no one-time id was named, {one_time.kind} was lost")


def _public_text(private: PrivateKey) -> str:
    return canonical(private.public.to_dict()).decode()


def _stored(row: Row, private: PrivateKey) -> StoredKey:
    status, retires = status_of(row), optional_integer(row, "retires")
    if (status is KeyStatus.RETIRING) != (retires is not None):
        raise KeysBroken(f"signing key {private.kid}: a retiring key has a time to go, and no other has")
    # The column is not sealed. Whoever could write there must not make us trust or publish a key.
    if row["public"] != _public_text(private):
        raise KeysBroken(f"signing key {private.kid}: its public part is not its own")
    begins = optional_integer(row, "activated")
    if status is KeyStatus.ACTIVE and begins is None:
        raise KeysBroken(f"signing key {private.kid}: an active key has begun at some time")
    return StoredKey(private, status, begins, retires)


def status_of(row: Row) -> KeyStatus:
    """The state that a row is in; raises KeysBroken."""
    try:
        return KeyStatus(string(row, "status"))
    except ValueError:
        raise KeysBroken(f"signing key {_place(row).kid}: its status is unknown") from None


def _place(row: Row) -> _Place:
    return _Place(string(row, "tenant_id"), string(row, "id"))
