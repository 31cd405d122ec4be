"""API tokens: made once, shown once, stored as a digest; what one may do is looked up anew at every request.

A token never exceeds the current role of the administrator who made it, and ends with them.  Those that the
host's operator made have no such person, and are ended by name.  One that another token made never exceeds
that one, ends with it, and makes none itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeVar

from idjag.idp import facts
from idjag.idp.administration.administrators import By
from idjag.idp.administration.appointments import here
from idjag.idp.administration.roles import MAY, Permission, Role
from idjag.idp.audit import Source
from idjag.idp.facts import integer, optional_integer, string
from idjag.idp.signin import sessions
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, Row, Update, Verdict

__all__ = [
    "LONGEST",
    "PREFIX",
    "ApiToken",
    "Caller",
    "Made",
    "TokenDenied",
    "caller",
    "create",
    "issue",
    "listed",
    "revoke",
]

R = TypeVar("R")

PREFIX: Final = "idjag_"
"""Of every token, so that scanners of repositories and logs know one when they see it."""

LONGEST: Final = 366 * 24 * 3600
"""Seconds that a token may live."""

_VALUE: Final = re.compile(PREFIX + r"[A-Za-z0-9_-]{32,64}")
_SEEN_EVERY: Final = 60
_TABLE: Final = "api_token"


class TokenDenied(Exception):
    """Whoever asks may not make such a token; the message says why."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as people see it; ``handle`` is what it is ended by.  Times are NumericDate."""

    handle: str
    name: str
    role: Role
    by: str
    created: int
    expires: int
    last_used: int | None
    revoked: int | None


@dataclass(frozen=True, slots=True)
class Made:
    """A new token with its value, which nobody sees again."""

    token: ApiToken
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the admin API: how the audit log names them, and what they may do now.

    ``creator`` is the person whose token it is, "" for one of the host's operator; ``made_by_token``: another
    token made it.  ``expires`` is NumericDate, None for somebody who is there in person.
    """

    actor: Mapping[str, str]
    name: str
    role: Role
    permissions: frozenset[Permission]
    creator: str = ""
    made_by_token: bool = False
    expires: int | None = None

    @property
    def by(self) -> By:
        """As operations want to know who makes a change."""
        person = self.actor["id"] if self.actor["kind"] == "person" else self.creator
        return By(self.actor, self.permissions, person)


def issue(
    store: Store, by: Caller, *, name: str, role: Role, lifetime: int, source: Source | None = None
) -> Made:
    """Make a token for somebody who is in the console or calls the API: never more than they are themselves.

    Raises TokenDenied, ValueError for a lifetime that is none or too long, Unavailable.
    """
    if Permission.ADMINISTRATORS not in by.permissions:
        raise TokenDenied("only an owner makes tokens")
    if by.made_by_token:
        raise TokenDenied("a token that another token made makes none")
    if not MAY[role] <= by.permissions:
        raise TokenDenied("nobody gives a token more than they have")
    if by.expires is not None and store.clock() + lifetime > by.expires:
        raise TokenDenied("a token never outlives the one that makes it")
    parent = by.actor["id"] if by.actor["kind"] == "api_token" else ""
    creator = by.by.person_id
    return create(
        store,
        name=name,
        role=role,
        lifetime=lifetime,
        actor=by.actor,
        creator=creator,
        parent=parent,
        source=source,
    )


def create(
    store: Store,
    *,
    name: str,
    role: Role,
    lifetime: int,
    actor: Mapping[str, str],
    creator: str = "",
    parent: str = "",
    source: Source | None = None,
) -> Made:
    """Make a token that lives ``lifetime`` seconds; ``creator``: the id of the administrator whose it is.

    ``parent``: the handle of the token that makes it.
    Raises TokenDenied, ValueError for a lifetime that is none or too long, Unavailable.
    """
    if not 0 < lifetime <= LONGEST:
        raise ValueError(f"an API token lives a second to {LONGEST // 86400} days")
    now, handle = store.clock(), store.new_id()
    value = PREFIX + store.new_id() + store.new_id()
    by = f"{actor['kind']} {actor['id']}"
    token = ApiToken(handle, name, role, by, now, now + lifetime, None, None)
    row: Row = {
        **asdict(token),
        "id": _digest(value),
        "tenant_id": store.tenant,
        "role": role.value,
        "creator": creator,
        "parent": parent,
    }
    source = source or here(store)
    event = _event("api_token.created", token, actor, source)

    theirs = Key("administrator", "person_id", creator)

    def decide(_snapshot: object, found: Facts) -> Verdict[Made | None]:
        # of whoever was ended since they were let in it would come back with a new appointment
        if creator and not any(one["tenant_id"] == store.tenant for one in found(theirs)):
            return Verdict(None, ())
        return Verdict(Made(token, value), (event,), (Insert(_TABLE, row),))

    reads = (theirs,) if creator else ()
    made = store.ledger.commit(_entry(store, source.decision_id, now, decide, reads=reads))
    if made is None:
        raise TokenDenied("whose token it would be is no administrator any more")
    return made


def listed(store: Store) -> list[ApiToken]:
    """Every token of the tenant, ended ones too, newest first; raises Unavailable."""
    key = Key(_TABLE, "tenant_id", store.tenant)
    tokens = [_token(row) for row in store.ledger.read((key,))(key)]
    return sorted(tokens, key=lambda each: (-each.created, each.handle))


def revoke(store: Store, handle: str, *, actor: Mapping[str, str], source: Source | None = None) -> bool:
    """End a token from the next request on; False when no living one has this handle.  Raises Unavailable."""
    key, now, source = Key(_TABLE, "handle", handle), store.clock(), source or here(store)

    def decide(_snapshot: object, found: Facts) -> Verdict[bool]:
        rows = [row for row in found(key) if row["tenant_id"] == store.tenant and row["revoked"] is None]
        if not rows:
            return Verdict(False, (), ())
        event = _event("api_token.revoked", _token(rows[0]), actor, source)
        return Verdict(True, (event,), (Update(_TABLE, {"handle": handle}, {"revoked": now}),))

    return store.ledger.commit(_entry(store, source.decision_id, now, decide, reads=(key,)))


def caller(store: Store, value: str, *, now: int) -> Caller | None:
    """Who brings this token, from facts as they are now; None when it lets nobody in.  Raises Unavailable."""
    if not _VALUE.fullmatch(value):
        return None
    key = Key(_TABLE, "id", _digest(value))
    row = _living(store, key, now=now)
    if row is None:
        return None
    token, creator, parent = _token(row), string(row, "creator"), string(row, "parent")
    permissions = MAY[token.role]
    if parent:
        maker = _living(store, Key(_TABLE, "handle", parent), now=now)
        if maker is None:
            return None
        permissions &= MAY[_token(maker).role]
    if creator:
        theirs = _permissions_of(store, creator, now=now)
        if theirs is None:
            return None
        permissions &= theirs
    _seen(store, key, token, now=now)
    actor = {"kind": "api_token", "id": token.handle}
    return Caller(
        actor,
        token.name,
        token.role,
        permissions,
        creator=creator,
        made_by_token=bool(parent),
        expires=token.expires,
    )


def _living(store: Store, key: Key, *, now: int) -> Row | None:
    """The row of a token that has neither expired nor been revoked."""
    rows = [row for row in store.ledger.read((key,))(key) if row["tenant_id"] == store.tenant]
    return rows[0] if rows and rows[0]["revoked"] is None and integer(rows[0], "expires") > now else None


def _permissions_of(store: Store, person_id: str, *, now: int) -> frozenset[Permission] | None:
    """What the administrator may do now; None when they are none any more, disabled or held."""
    key = Key("administrator", "person_id", person_id)
    found = store.ledger.read((key, *facts.person_keys(person_id), *facts.hold_keys(person_id)))
    person = facts.person(found, person_id)
    rows = [row for row in found(key) if row["tenant_id"] == store.tenant]
    if person is None or sessions.stopped(found, person, now=now) or not rows:
        return None
    return MAY[Role(string(rows[0], "role"))]


def _seen(store: Store, key: Key, token: ApiToken, *, now: int) -> None:
    """Note the use, once a minute at most: it says which tokens nobody misses."""
    if token.last_used is not None and 0 <= now - token.last_used < _SEEN_EVERY:
        return

    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, (), (Update(_TABLE, {"id": key.value}, {"last_used": now}),))

    store.ledger.commit(_entry(store, store.new_id(), now, decide))


def _token(row: Row) -> ApiToken:
    return ApiToken(
        handle=string(row, "handle"),
        name=string(row, "name"),
        role=Role(string(row, "role")),
        by=string(row, "by"),
        created=integer(row, "created"),
        expires=integer(row, "expires"),
        last_used=optional_integer(row, "last_used"),
        revoked=optional_integer(row, "revoked"),
    )


def _event(name: str, token: ApiToken, actor: Mapping[str, str], source: Source) -> Event:
    said = {"handle": token.handle, "name": token.name, "role": token.role.value, "expires": token.expires}
    side = "before" if name.endswith("revoked") else "after"
    return Event(name, {**source.fields(), "actor": dict(actor), side: said})


def _entry(
    store: Store,
    decision_id: str,
    now: int,
    decide: Callable[[Any, Facts], Verdict[R]],
    *,
    reads: tuple[Key, ...] = (),
) -> Entry[Any, R]:
    return Entry(store.tenant, decision_id, now, decide, reads=reads, urgent=True)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
