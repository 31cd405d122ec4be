"""What the host's operator reads and changes in the database of a RAS; every change has its event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from idjag.ledger.entry import Key, Row, Value
from idjag.ras.model import Account, Link
from idjag.ras.ports import AuditEvent, Committed, Record
from idjag.ras.server import new_id
from idjag.ras.standing import Change, IssuedToken, NotBefore, Pause, Resume, Revoke, Thing
from idjag.ras.store_sql.opening import Database
from idjag.ras.store_sql.tables import account_of, link_of
from idjag.ras.store_sql.tokens import thing_key, token_of

__all__ = ["Column", "KeptRow", "Operations", "Said"]

Column = Literal["jti", "account_id", "client_id", "issuer"]

_SOURCES = ("file", "jit")
_LINK_SOURCES = ("file", "learned")
# The names are our own; the value is bound.
_TOKENS = "SELECT * FROM issued_token WHERE exp > %s{where} ORDER BY iat DESC, id LIMIT %s"


@dataclass(frozen=True, slots=True)
class Said:
    """What has been said of an account or an issuer; ``paused`` is since when (NumericDate)."""

    paused: int | None = None
    reason: str | None = None
    by: str | None = None
    not_before: int | None = None


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A token that has not expired."""

    token: IssuedToken
    revoked: int | None


class Operations:
    """One operator (``actor`` as the audit log names them) at one instant."""

    def __init__(self, database: Database, *, actor: Mapping[str, str], now: int) -> None:
        self._database = database
        self._actor = dict(actor)
        self._now = now

    def accounts(self) -> tuple[Account, ...]:
        """Everybody, by their ids."""
        rows = self._rows(*(Key("account", "source", source) for source in _SOURCES))
        return tuple(sorted(map(account_of, rows), key=lambda account: account.id))

    def links(self) -> dict[str, list[Link]]:
        """Who everybody is elsewhere, by account."""
        linked: dict[str, list[Link]] = {}
        for row in self._rows(*(Key("account_link", "source", source) for source in _LINK_SOURCES)):
            linked.setdefault(str(row["account_id"]), []).append(link_of(row))
        return linked

    def said(self, kind: Literal["account", "issuer"]) -> dict[str, Said]:
        """What has been said of things of a kind, by their names."""
        return {str(row["name"]): _said(row) for row in self._rows(Key("standing", "kind", kind))}

    def said_of(self, thing: Thing) -> Said:
        """What has been said of one thing."""
        return next(map(_said, self._rows(thing_key(thing))), Said())

    def tokens(self, by: Column | None = None, value: str = "", *, limit: int = 1_000_000) -> list[KeptRow]:
        """Tokens that have not expired, the latest first."""
        column = "id" if by == "jti" else by
        where, values = ("", ()) if column is None else (f" AND {column} = %s", (value,))
        rows = self._database.look(_TOKENS.format(where=where), (self._now, *values, limit))
        return [KeptRow(token_of(row), _number(row["revoked"])) for row in rows]

    def pause(self, thing: Thing, *, reason: str) -> None:
        """Stop an account or an issuer; every server knows with its next request."""
        after = {"kind": thing.kind, "name": thing.name, "paused": self._now, "reason": reason}
        self._commit(f"{_noun(thing)}.paused", thing, Pause(thing, reason, self._actor["id"]), after=after)

    def resume(self, thing: Thing, *, reason: str) -> None:
        """Take a pause back."""
        after = {"kind": thing.kind, "name": thing.name, "paused": None, "reason": reason}
        self._commit(f"{_noun(thing)}.resumed", thing, Resume(thing), after=after)

    def not_before(self, thing: Thing, *, at: int) -> None:
        """Nothing of it that is older than ``at`` counts from now on."""
        after = {"kind": thing.kind, "name": thing.name, "not_before": at}
        self._commit("token.revoked", thing, NotBefore(thing, at), after=after)

    def revoke(self, by: Column, value: str) -> int:
        """End every token that has this value; says how many were alive."""
        alive = [row.token for row in self.tokens(by, value) if row.revoked is None]
        if not alive:
            return 0
        thing = Thing("account", alive[0].account_id) if by in ("jti", "account_id") else None
        after = {by: value, "tokens": len(alive)}
        jti = value if by == "jti" else None
        self._commit("token.revoked", thing, Revoke(by, value), after=after, jti=jti)
        return len(alive)

    def _commit(self, name: str, thing: Thing | None, change: Change, **fields: object) -> None:
        """Raises Unavailable."""
        decision_id = new_id()
        told: dict[str, object] = {"decision_id": decision_id, "actor": self._actor, **fields}
        if thing is not None and thing.kind == "account":
            told["subject"] = thing.name
        event = AuditEvent(name, {name: value for name, value in told.items() if value is not None})
        record = Record(
            decision_id=decision_id,
            now=self._now,
            event=event,
            lost=lambda _: event,
            changes=(change,),
        )
        outcome = self._database.store.commit(record)
        if outcome is not Committed:
            raise RuntimeError(f"an operator's record came back as {outcome}")

    def _rows(self, *keys: Key) -> list[Row]:
        facts = self._database.ledger.read(keys)
        return [row for key in keys for row in facts(key)]


def _noun(thing: Thing) -> str:
    """A person with an account is a user of the audit log."""
    return "issuer" if thing.kind == "issuer" else "user"


def _said(row: Row) -> Said:
    return Said(
        paused=_number(row["paused"]),
        reason=None if row["reason"] is None else str(row["reason"]),
        by=None if row["paused_by"] is None else str(row["paused_by"]),
        not_before=_number(row["not_before"]),
    )


def _number(value: Value) -> int | None:
    return value if isinstance(value, int) else None
