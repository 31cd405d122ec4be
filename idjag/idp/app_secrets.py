"""Client secrets that we make: shown once, two at a time with an overlap, over at a second (CAU-15).

Stored as hashes in the row of the app, so that a change is a change of policy, and counts with the next
request everywhere.  Those that are over stay for a while, so that no file brings them back.
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from idjag.idp.administration.appointments import here
from idjag.idp.audit import Source
from idjag.idp.catalog.client_auth import SECRET_METHODS, secret_hash, secrets_text
from idjag.idp.catalog.documents import spec_of
from idjag.idp.questions import find_app
from idjag.idp.snapshot import Snapshot
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Entry, Event, Facts, Key, Row, Update, Verdict
from idjag.policy.model import App

__all__ = [
    "AppSecret",
    "Made",
    "SecretRefused",
    "listed",
    "made_members",
    "make",
    "members",
    "new_secret",
    "retire",
]

T = TypeVar("T")

# Letters and digits alone: every client sends them as they are, whether it encodes or not.
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 43  # 256 bits
_AT_ONCE = 2
_MOST_OVER = 8


class SecretRefused(Exception):
    """Why nothing was changed, for whoever asked."""


@dataclass(frozen=True, slots=True)
class AppSecret:
    """What may be known of a secret; ``expires`` is NumericDate, None for never."""

    id: str
    created: int
    expires: int | None

    def over(self, now: int) -> bool:
        """Whether it counts no more at that second."""
        return self.expires is not None and self.expires <= now


@dataclass(frozen=True, slots=True)
class Made:
    """A new secret, and those that still count beside it."""

    text: str = field(repr=False)
    secret: AppSecret
    beside: tuple[AppSecret, ...]


def members(secret: AppSecret, *, now: int) -> dict[str, Any]:
    """As scripts read it; times are NumericDate."""
    return {**asdict(secret), "over": secret.over(now)}


def made_members(made: Made) -> dict[str, Any]:
    """The same of a new one, with its value."""
    return {"secret": made.text, **asdict(made.secret), "beside": [asdict(each) for each in made.beside]}


def new_secret() -> str:
    """256 random bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def listed(store: Store, key: str) -> tuple[AppSecret, ...]:
    """The secrets of an app, those that are over too, the oldest first; raises UnknownName, SecretRefused."""
    app = _found(store, key)
    row_key = Key("app", "id", app.id)
    return tuple(map(_told, _stored(store.ledger.read((row_key,))(row_key), app)))


def make(
    store: Store,
    key: str,
    *,
    actor: Mapping[str, str],
    overlap: int,
    expires: int | None = None,
    source: Source | None = None,
) -> Made:
    """A further secret; the one that was there is over in ``overlap`` seconds, if not sooner.

    Raises UnknownName, SecretRefused, Unavailable.
    """
    text, now = new_secret(), store.clock()
    made = {"id": secrets.token_hex(4), "hash": secret_hash(text), "created": now, "expires": expires}

    def changed(stored: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, object], Made]:
        alive = [one for one in stored if not _told(one).over(now)]
        if len(alive) >= _AT_ONCE:
            raise SecretRefused(f"{key} has two secrets already: retire one of them first")
        kept = [
            one if one not in alive else {**one, "expires": _sooner(one, now + overlap)} for one in stored
        ]
        about = {"secret": "added", "secret_id": made["id"], "expires": expires}
        beside = tuple(_told(one) for one in kept if not _told(one).over(now))
        return [*kept, made], about, Made(text, _told(made), beside)

    return _commit(store, key, changed, actor=actor, now=now, source=source)


def retire(
    store: Store, key: str, secret_id: str, *, actor: Mapping[str, str], source: Source | None = None
) -> AppSecret:
    """End a secret with the next request.  Raises UnknownName, SecretRefused, Unavailable."""
    now = store.clock()

    def changed(stored: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, object], AppSecret]:
        meant = [one for one in stored if _told(one).id == secret_id and not _told(one).over(now)]
        if not meant:
            raise SecretRefused(f"{key} has no secret {secret_id} that could be retired")
        ended = [{**one, "expires": now} if one in meant else one for one in stored]
        return ended, {"secret": "retired", "secret_id": secret_id}, _told({**meant[0], "expires": now})

    return _commit(store, key, changed, actor=actor, now=now, source=source)


def _commit(
    store: Store,
    key: str,
    changed: Callable[[list[dict[str, Any]]], tuple[list[dict[str, Any]], dict[str, object], T]],
    *,
    actor: Mapping[str, str],
    now: int,
    source: Source | None,
) -> T:
    """One audited entry, decided on the row as it is then."""
    app, source = _found(store, key), source or here(store)
    decision_id = source.decision_id
    row_key = Key("app", "id", app.id)

    def decide(_snapshot: Snapshot, found: Facts) -> Verdict[T | SecretRefused]:
        try:
            after, about, reply = changed(_stored(found(row_key), app))
        except SecretRefused as refused:
            return Verdict(refused, events=())
        fields = {**source.fields(), "actor": dict(actor), "requesting_app": app.id}
        event = Event("app.updated", {**fields, "after": {"row": app.id, "key": app.key, **about}})
        values: Row = {"secrets": secrets_text(_few(after, now)), "updated": now}
        return Verdict(reply, (event,), (Update("app", {"id": app.id}, values),), policy_changed=True)

    entry: Entry[Snapshot, T | SecretRefused] = Entry(
        store.tenant, decision_id, now, decide, reads=(row_key,), urgent=True
    )
    reply = store.ledger.commit(entry)
    if isinstance(reply, SecretRefused):
        raise reply
    return reply


def _found(store: Store, key: str) -> App:
    return find_app(store.ledger.fresh(store.tenant).policy, key)


def _stored(rows: tuple[Row, ...], app: App) -> list[dict[str, Any]]:
    """What the row has; raises SecretRefused for an app that authenticates otherwise, or is gone."""
    if not rows:
        raise SecretRefused(f"{app.key} was removed meanwhile")
    method = spec_of(rows[0])["auth"]["method"]
    if method not in SECRET_METHODS:
        raise SecretRefused(f"{app.key} has no secret: it authenticates with {method}")
    stored: list[dict[str, Any]] = json.loads(str(rows[0]["secrets"]))
    return stored


def _told(stored: Mapping[str, Any]) -> AppSecret:
    """One that a file brought has no id of its own: it is called by when it came."""
    return AppSecret(stored.get("id") or f"t{stored['created']}", stored["created"], stored["expires"])


def _sooner(stored: Mapping[str, Any], until: int) -> int:
    return until if stored["expires"] is None else min(stored["expires"], until)


def _few(stored: list[dict[str, Any]], now: int) -> list[dict[str, Any]]:
    """All that count, and the latest of those that are over."""
    over = [one for one in stored if _told(one).over(now)]
    return [one for one in stored if one not in over[:-_MOST_OVER]]
