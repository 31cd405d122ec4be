"""Issued tokens and what has been said of things, as rows; what a record writes of both."""

from __future__ import annotations

from idjag.ledger.entry import Expire, Facts, Insert, Key, Row, Update, Upsert, Value, Write
from idjag.ledger.expiry import one_time_ids
from idjag.protocol import names
from idjag.ras.ports import Record
from idjag.ras.standing import (
    Change,
    Grounds,
    IssuedToken,
    Kept,
    NotBefore,
    Pause,
    Resume,
    Revoke,
    Standing,
    Thing,
    things_of,
)

__all__ = [
    "STATEMENTS",
    "kept",
    "reads",
    "standing_keys",
    "standing_of",
    "thing_key",
    "token_key",
    "token_of",
    "writes",
]

STATEMENTS = (
    """\
CREATE TABLE IF NOT EXISTS issued_token (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    our_tenant TEXT,
    issuer TEXT NOT NULL,
    tenant TEXT NOT NULL,
    sub TEXT NOT NULL,
    iat BIGINT NOT NULL,
    exp BIGINT NOT NULL,
    since BIGINT NOT NULL,
    revoked BIGINT,
    dies BIGINT NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS issued_token_account_id ON issued_token (account_id)",
    "CREATE INDEX IF NOT EXISTS issued_token_client_id ON issued_token (client_id)",
    "CREATE INDEX IF NOT EXISTS issued_token_issuer ON issued_token (issuer)",
    "CREATE INDEX IF NOT EXISTS issued_token_dies ON issued_token (dies)",
    """\
CREATE TABLE IF NOT EXISTS standing (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    paused BIGINT,
    reason TEXT,
    paused_by TEXT,
    not_before BIGINT
)""",
    "CREATE INDEX IF NOT EXISTS standing_kind ON standing (kind)",
)

# More than the one that an entry adds, so that the table never grows for long; few, so that no entry waits.
_DEAD_AT_ONCE = 8


def token_key(jti: str) -> Key:
    """Where the row of a token is."""
    return Key("issued_token", "id", jti)


def thing_key(thing: Thing) -> Key:
    """Where is what has been said of a thing."""
    return Key("standing", "id", _thing_id(thing))


def standing_keys(grounds: Grounds) -> tuple[Key, Key, Key]:
    """Account, issuer, person."""
    account, issuer, person = map(thing_key, things_of(grounds))
    return account, issuer, person


def reads(record: Record) -> tuple[Key, ...]:
    """The facts by which a record is judged, and changed, in its transaction."""
    grounds = () if record.grounds is None else standing_keys(record.grounds)
    later = (thing_key(change.thing) for change in record.changes if isinstance(change, NotBefore))
    return (*grounds, *later)


def standing_of(grounds: Grounds, facts: Facts) -> Standing:
    """How the account, the issuer and the person stand in these facts."""
    account, issuer, person = ((facts(key) or ({},))[0] for key in standing_keys(grounds))
    return Standing(
        account_paused=account.get("paused") is not None,
        issuer_paused=issuer.get("paused") is not None,
        not_before=max(_not_before(row) for row in (account, issuer, person)),
    )


def kept(row: Row, standing: Standing) -> Kept:
    """A token as it stands."""
    return Kept(token_of(row), row["revoked"] is not None, standing)


def token_of(row: Row) -> IssuedToken:
    """The token of a row."""
    return IssuedToken(
        jti=str(row["id"]),
        account_id=str(row["account_id"]),
        client_id=str(row["client_id"]),
        issuer=str(row["issuer"]),
        tenant=str(row["tenant"]),
        sub=str(row["sub"]),
        iat=_number(row["iat"]),
        exp=_number(row["exp"]),
        since=_number(row["since"]),
        our_tenant=None if row["our_tenant"] is None else str(row["our_tenant"]),
    )


def writes(record: Record, facts: Facts) -> list[Write]:
    """What a record leaves behind: its token, and its changes."""
    made: list[Write] = [] if record.issued is None else _remembered(record.issued, now=record.now)
    return made + [_change(change, facts, now=record.now) for change in record.changes]


def _remembered(token: IssuedToken, *, now: int) -> list[Write]:
    dies = token.exp + names.SKEW
    row: Row = {
        "id": token.jti,
        "account_id": token.account_id,
        "client_id": token.client_id,
        "our_tenant": token.our_tenant,
        "issuer": token.issuer,
        "tenant": token.tenant,
        "sub": token.sub,
        "iat": token.iat,
        "exp": token.exp,
        "since": token.since,
        "revoked": None,
        "dies": dies,
    }
    return [
        Expire("issued_token", "dies", now, _DEAD_AT_ONCE),
        one_time_ids(now=now, limit=_DEAD_AT_ONCE),
        Insert("issued_token", row),
    ]


def _change(change: Change, facts: Facts, *, now: int) -> Write:
    match change:
        case Pause(thing, reason, by):
            return _said(thing, paused=now, reason=reason, paused_by=by)
        case Resume(thing):
            return _said(thing, paused=None, reason=None, paused_by=None)
        case NotBefore(thing, at):
            return _said(thing, not_before=max(at, *map(_not_before, facts(thing_key(thing))), 0))
        case Revoke(by, value):
            column = "id" if by == "jti" else by
            return Update("issued_token", {column: value, "revoked": None}, {"revoked": now})


def _said(thing: Thing, **columns: Value) -> Upsert:
    """A column not named keeps its value."""
    return Upsert("standing", {"id": _thing_id(thing), "kind": thing.kind, "name": thing.name, **columns})


def _thing_id(thing: Thing) -> str:
    return f"{thing.kind}:{thing.name}"


def _not_before(row: Row) -> int:
    value = row.get("not_before")
    return value if isinstance(value, int) else 0


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError("a time is a whole number")
    return value
