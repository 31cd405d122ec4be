"""The signing keys in a RAS's database: sealed rows, the one that signs now, and their rotation.

Only one algorithm signs at a time, that of the file: keys of another retire when it changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from idjag.key_rotation import Change, Rotation
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, Ledger, Row, Update, Verdict, Write
from idjag.protocol.jose import PrivateKey
from idjag.ras.server import new_id
from idjag.ras.store_sql.tables import TENANT
from idjag.seal import SealBroken, Sealer, context_of
from idjag.signing_keys import KEPT, KeyStatus, SigningKeys, StoredKey

__all__ = ["KeyRow", "Keys", "OpenDatabase"]

_TABLE: Final = "ras_key"
_EVERY: Final = tuple(Key(_TABLE, "status", status.value) for status in KeyStatus)
_ACTIVE: Final = Key(_TABLE, "status", KeyStatus.ACTIVE.value)


class OpenDatabase(Protocol):
    """What keys are kept in."""

    @property
    def ledger(self) -> Ledger[None]:
        """Where the rows are."""
        ...

    @property
    def sealer(self) -> Sealer:
        """What opens them."""
        ...


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as it is stored; times are NumericDate."""

    kid: str
    alg: str
    status: str
    created: int
    activated: int | None
    retires: int | None


@dataclass(slots=True)
class Keys:
    """The keys of one open database; what was unsealed once is kept."""

    database: OpenDatabase = field(repr=False)
    _opened: dict[str, tuple[bytes, PrivateKey]] = field(default_factory=dict, repr=False)

    def now(self) -> SigningKeys:
        """As they are stored at this moment; revoked ones are not among them.

        Raises SealBroken, Unavailable, sqlite3.Error, psycopg.Error.
        """
        alive = [row for row in self._rows() if row["status"] != KeyStatus.REVOKED.value]
        opened = {str(row["id"]): self._open(row) for row in alive}
        self._opened = opened  # as a whole: two threads may look, and what is gone is forgotten
        return SigningKeys(_stored(row, opened[str(row["id"])][1]) for row in alive)

    def listed(self) -> list[KeyRow]:
        """Every key, the oldest first."""
        rows = [
            KeyRow(
                kid=str(row["id"]),
                alg=str(row["alg"]),
                status=str(row["status"]),
                created=_time(row, "created") or 0,
                activated=_time(row, "activated"),
                retires=_time(row, "retires"),
            )
            for row in self._rows()
        ]
        return sorted(rows, key=lambda row: (row.created, row.kid))

    def signing(self, *, now: int) -> PrivateKey | None:
        """The key that signs at that second; None when nothing was ever signed here."""
        algs = self._algs()
        return self.now().signing(algs[0], now=now) if algs else None

    def rotate(self, *, ahead: int, now: int, actor: Mapping[str, str]) -> tuple[Change, ...]:
        """``Rotation.rotate`` for the algorithm that signs; nothing when none does yet."""
        return self._rotation.rotate(self._algs(), ahead=ahead, now=now, actor=actor)

    def revoke(self, kid: str, *, reason: str, now: int, actor: Mapping[str, str]) -> tuple[Change, ...]:
        """``Rotation.revoke``; raises KeyUnknown, Unavailable."""
        return self._rotation.revoke(kid, reason=reason, now=now, actor=actor)

    def ensure(self, alg: str, *, now: int) -> None:
        """Make the active key of the algorithm if there is none, and retire those of others; once for all."""
        if self._algs() == [alg] and not any(map(_endless, self._rows())):
            return
        made, holder = self._new(alg, now), new_id()

        def decide(_: None, facts: Facts) -> Verdict[None]:
            rows = [row for key in _EVERY for row in facts(key)]
            writes: list[Write] = [
                Update(_TABLE, {"id": row["id"]}, {"status": KeyStatus.RETIRING.value, "retires": now + KEPT})
                for row in rows
                if _endless(row) or (row["alg"] != alg and row["status"] in ("active", "next"))
            ]
            if any(row["alg"] == alg and row["status"] == "active" for row in rows):
                return Verdict(None, events=(), writes=writes)
            fields: dict[str, object] = {
                "decision_id": holder,
                "actor": {"kind": "system", "id": "ras"},
                "after": {"kid": made["id"], "alg": alg, "status": made["status"]},
            }
            events = (Event("key.created", fields), Event("key.activated", fields))
            return Verdict(None, events=events, writes=(*writes, Insert(_TABLE, made)))

        self.database.ledger.commit(Entry(TENANT, holder, now, decide, reads=_EVERY))

    @property
    def _rotation(self) -> Rotation[None]:
        return Rotation(self.database.ledger, TENANT, _TABLE, _EVERY, self._new, new_id)

    def _rows(self) -> list[Row]:
        facts = self.database.ledger.read(_EVERY)
        return [row for key in _EVERY for row in facts(key)]

    def _algs(self) -> list[str]:
        rows: Sequence[Row] = self.database.ledger.read((_ACTIVE,))(_ACTIVE)
        return sorted(str(row["alg"]) for row in rows)

    def _new(self, alg: str, now: int) -> Row:
        kid = new_id()
        private = PrivateKey.generate(alg, kid=kid)
        sealed = self.database.sealer.seal(private.to_pem(), context=_context(kid))
        return {
            "id": kid,
            "alg": alg,
            "status": KeyStatus.ACTIVE.value,
            "sealed": sealed,
            "created": now,
            "activated": now,
            "retires": None,
        }

    def _open(self, row: Row) -> tuple[bytes, PrivateKey]:
        kid, sealed = str(row["id"]), row["sealed"]
        if not isinstance(sealed, bytes):
            raise SealBroken(f"signing key {kid} is not there")
        known = self._opened.get(kid)
        if known is not None and (known[0], known[1].alg) == (sealed, row["alg"]):
            return known
        pem = self.database.sealer.open(sealed, context=_context(kid))
        return sealed, PrivateKey.from_pem(pem, alg=str(row["alg"]), kid=kid, ours=True)


def _stored(row: Row, private: PrivateKey) -> StoredKey:
    return StoredKey(private, KeyStatus(str(row["status"])), _time(row, "activated"), _time(row, "retires"))


def _endless(row: Row) -> bool:
    """Retired by an older version, which kept it published until it was taken out by hand."""
    return row["status"] == KeyStatus.RETIRING.value and row["retires"] is None


def _time(row: Row, column: str) -> int | None:
    value = row[column]
    return value if isinstance(value, int) else None


def _context(kid: str) -> str:
    return context_of(TENANT, _TABLE, "sealed", kid)
