"""The signing keys of a tenant: from their rows to keys that sign and verify, and the first ones made.

What they then do is in ``idjag.signing_keys``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from idjag.idp.facts import optional_integer, string
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, Ledger, Row, Verdict
from idjag.protocol.jose import JwkError, PrivateKey
from idjag.protocol.jose.json import canonical
from idjag.protocol.names import ASYMMETRIC
from idjag.seal import Sealer, context_of
from idjag.signing_keys import KEPT, KeysBroken, KeyStatus, SigningKeys, StoredKey

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
            return _Opened(sealed, PrivateKey.from_pem(pem, alg=alg, kid=place.kid, ours=True))
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

    return ledger.commit(Entry(tenant, holder, now, decide, reads=(all_keys,)))


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
