"""Ports in this process alone: tests, demos, and hosts with one process and nothing to keep.

One-time ids do not survive a restart: a host that must refuse replays across one needs a durable Store.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from idjag.protocol.jose import KeySet
from idjag.protocol.sub_id import SamlNameId
from idjag.ras.memory_tokens import MemoryTokens
from idjag.ras.model import Account, Link
from idjag.ras.ports import AuditEvent, Committed, LinkMoved, Lost, Once, Outcome, Record, Stopped
from idjag.ras.standing import Grounds, Kept, Standing, objection

__all__ = ["MemoryStore", "NoKeys"]

_FIRST_SWEEP = 1024


class MemoryStore:
    """``Store``, ``Tokens`` and ``Accounts`` over dicts and one lock; ``events`` keeps the latest."""

    def __init__(
        self,
        accounts: Iterable[Account] = (),
        links: Iterable[tuple[Link, str]] = (),
        *,
        keep_events: int = 10_000,
    ) -> None:
        self._lock = threading.Lock()
        self._accounts = {account.id: account for account in accounts}
        self._links = dict(links)
        self._used: dict[tuple[str, str, str], int] = {}
        self._sweep_at = _FIRST_SWEEP
        self._tokens = MemoryTokens()
        self.events: deque[AuditEvent] = deque(maxlen=keep_events)

    def by_id(self, account_id: str) -> Account | None:
        """The account, disabled ones included."""
        return self._accounts.get(account_id)

    def by_email(self, email: str, *, tenant: str | None) -> tuple[Account, ...]:
        """Every account of the tenant with this address."""
        with self._lock:
            return tuple(
                account
                for account in self._accounts.values()
                if account.tenant == tenant and _address(account) == email
            )

    def by_sub_id(self, name_id: SamlNameId, *, tenant: str | None) -> tuple[Account, ...]:
        """Every account of the tenant with this NameID of this issuer."""
        with self._lock:
            return tuple(
                account
                for account in self._accounts.values()
                if account.tenant == tenant and _name(name_id) in map(_name, account.sub_ids)
            )

    def put(self, account: Account) -> None:
        """Add an account, or take its place."""
        with self._lock:
            self._accounts[account.id] = account

    def accounts(self) -> tuple[Account, ...]:
        """Everybody."""
        with self._lock:
            return tuple(self._accounts.values())

    def linked(self, link: Link) -> str | None:
        """The id of the account that the link names."""
        return self._links.get(link)

    def links_of(self, account_id: str) -> tuple[Link, ...]:
        """Every link of an account."""
        with self._lock:
            return tuple(link for link, owner in self._links.items() if owner == account_id)

    def commit(self, record: Record) -> Outcome:
        """Write it all, or say what stands against it."""
        with self._lock:
            self._sweep(record.now)
            for once in record.always:
                if not self._claim(once):
                    return self._lose(record, once)
            if (stopped := self._stopped(record)) is not None:
                return stopped
            if self._moved(record):
                return LinkMoved
            for once in record.on_success:
                if not self._claim(once):
                    return self._lose(record, once)
            self._write(record)
            return Committed

    def token(self, jti: str) -> Kept | None:
        """A token of ours as it stands now."""
        with self._lock:
            return self._tokens.token(jti)

    def standing(self, grounds: Grounds) -> Standing:
        """How account, issuer and person stand now."""
        with self._lock:
            return self._tokens.standing(grounds)

    def ready(self) -> bool:
        """Memory is always there."""
        return True

    def _write(self, record: Record) -> None:
        if record.create is not None:
            self._accounts[record.create.id] = record.create
        if record.link is not None and record.account_id is not None:
            self._links[record.link] = record.account_id
        if record.issued is not None:
            self._tokens.remember(record.issued, now=record.now)
        for change in record.changes:
            self._tokens.apply(change)
        if record.event is not None:
            self.events.append(record.event)

    def _claim(self, once: Once) -> bool:
        key = (once.kind, once.scope, once.value)
        if key in self._used:
            return False
        self._used[key] = once.until
        return True

    def _lose(self, record: Record, once: Once) -> Outcome:
        self.events.append(record.lost(once))
        return Lost(once)

    def _stopped(self, record: Record) -> Stopped | None:
        if record.grounds is None:
            return None
        why = objection(self._tokens.standing(record.grounds), since=record.grounds.since)
        return None if why is None else Stopped(why)

    def _moved(self, record: Record) -> bool:
        link, create = record.link, record.create
        if link is None:
            return False
        if create is not None and self._is_somebody(create):
            return True
        theirs = {each for each, owner in self._links.items() if owner == record.account_id and each != link}
        return not theirs <= record.beside or self._links.get(link, record.account_id) != record.account_id

    def _is_somebody(self, account: Account) -> bool:
        """Whether somebody of the tenant has the address, or one of the NameIDs."""
        address, names = _address(account), set(account.sub_ids)
        others = (each for each in self._accounts.values() if each.tenant == account.tenant)
        return any(
            (address is not None and _address(each) == address) or not names.isdisjoint(each.sub_ids)
            for each in others
        )

    def _sweep(self, now: int) -> None:
        """Forget what has expired whenever twice as much is kept as was alive before."""
        if len(self._used) >= self._sweep_at:
            self._used = {key: until for key, until in self._used.items() if until > now}
            self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._used))


class NoKeys:
    """IssuerKeys for hosts whose trusted issuers all have pinned keys: nothing is ever fetched."""

    def keys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        """Always raises LookupError."""
        raise LookupError(f"{issuer}: no keys are pinned (kid {kid}), and {jwks_uri} may not be fetched")

    def forget(self, issuer: str) -> None:
        """Nothing is known."""


def _name(name_id: SamlNameId) -> tuple[str, str]:
    return name_id.issuer, name_id.nameid


def _address(account: Account) -> str | None:
    """In lower case; letters beyond ASCII are left alone, since some of them fold into ASCII."""
    email = account.email
    return email.lower() if email and email.isascii() else email
