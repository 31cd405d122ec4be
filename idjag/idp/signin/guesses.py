"""Guessing at sign-in is slowed down, and whom somebody else guesses at gets in all the same.  Pure.

OIDC-26, NIST SP 800-63B-4 section 3.2.2, attack case 156.  Four counts, in rows that all nodes share: of an
account from one network or browser (strict), of a network whatever the account (spraying), of an account from
everywhere, and of the whole tenant, which only raises the alarm.  A browser that has signed in to the account
before has a count of its own, and nothing that strangers do stops it.  Codes have a fifth: how many were
wrong in a row, after which none is accepted (decision 0039).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

from idjag.idp.audit import Source
from idjag.idp.limits import Count, Limit, account_key, count_of, key_of
from idjag.ledger.entry import Delete, Event, Facts, Key, Write
from idjag.protocol.addresses import network_of

__all__ = ["KNOWN", "NOTHING", "Attempt", "Kind", "Noted", "forgotten"]

KNOWN: Final = 90 * 24 * 3600
"""Seconds for which a browser or network is known to an account after a sign-in there."""

_DAY: Final = 24 * 3600
_YEAR: Final = 365 * _DAY
_WINDOW: Final = 600
# An account at one network, or in one browser: five mistakes are human.
_HERE: Final = Limit(5, memory=_DAY, pause=30, longest=3600)
# Codes of one account, wherever from: only who has the password gets as far as guessing them.
_IN_A_ROW: Final = Limit(100, memory=_YEAR, pause=_YEAR, longest=_YEAR)
# An account wherever it is tried from.  A day of guessing from everywhere is fewer than 50 guesses.
_ACCOUNT: Final = Limit(20, memory=_DAY, pause=60, longest=3600)
# Who gets this far has tried several accounts: each of them is stopped after five.
_NETWORK: Final = Limit(30, memory=_WINDOW, fixed=True)
_FLOOD: Final = Limit(100, memory=_WINDOW, fixed=True)
_TENANT: Final = Limit(100, memory=_WINDOW, fixed=True)


class Kind(StrEnum):
    """What is guessed; each has counts of its own, so that nobody's typing mistakes lock the other."""

    PASSWORD = "password"
    SECOND_FACTOR = "second_factor"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class Noted:
    """What a failure leaves behind in the verdict that refuses it."""

    writes: tuple[Write, ...] = ()
    events: tuple[Event, ...] = ()


NOTHING: Final = Noted()


def forgotten(tenant: str, username: str) -> Delete:
    """All that was failed at this account: it has a new password, or an administrator has seen to it."""
    return Delete("throttle", {"account": account_key(tenant, username).value})


@dataclass(frozen=True)
class Attempt:
    """One try at an account: ``account`` is the name as typed, whether anybody has it or not.

    ``browser`` is the value of the cookie by which accounts know a browser again.  Names that nobody has are
    counted as all others: being stopped tells nobody which names exist (case 154).  Of a passkey that nobody
    has, the name is "".
    """

    tenant: str
    account: str
    source: Source
    browser: str | None = field(default=None, repr=False)
    kind: Kind = Kind.PASSWORD

    @property
    def reads(self) -> tuple[Key, ...]:
        """What every other method needs."""
        return (*self._knowing, *self._counting)

    def stopped(self, found: Facts) -> int | None:
        """Seconds to wait before anything is looked at; None: go on.

        Only what this very network or browser has done counts here, so that the answer tells it nothing new.
        """
        flood = 0 if self._known_browser(found) else self._wait(_FLOOD, self._network, found)
        return max(flood, self._wait(_HERE, self._here(found), found)) or None

    def locked(self, found: Facts) -> bool:
        """Whether this attempt fails even if it is right: too many strangers have tried.

        To be asked after the work, and answered like a wrong password.
        """
        if self.kind is Kind.PASSKEY:  # a signature cannot be guessed
            return False
        if self._known_browser(found) or (self.kind is Kind.PASSWORD and self._known_network(found)):
            return False
        return any(self._wait(limit, key, found) for limit, key in self._strangers)

    def ended(self, found: Facts) -> bool:
        """Whether codes are not looked at any more, until there is a new password or it is unlocked."""
        return self.kind is Kind.SECOND_FACTOR and bool(self._wait(_IN_A_ROW, self._in_a_row, found))

    def failed(self, found: Facts, person_id: str | None) -> Noted:
        """Count a failure, a locked attempt too; ``person_id`` is whose account it is, if anybody's."""
        writes: list[Write] = []
        events: list[Event] = []
        for limit, key, of in self._counted(found):
            before = count_of(found, key)
            after = limit.after(before, now=self.source.now)
            account = account_key(self.tenant, self.account).value if key in self._of_account else ""
            writes.append(after.written(key, tenant=self.tenant, account=account))
            events += self._alarms(limit, after, person_id, of=of)
        return Noted(tuple(writes), tuple(events))

    def succeeded(self, found: Facts) -> tuple[Write, ...]:
        """What this network or browser got wrong before is forgotten; what others have failed at stands."""
        own = (self._here(found), self._in_a_row)
        return tuple(Delete("throttle", {"id": key.value}) for key in own if found(key))

    def admitted(self) -> tuple[Write, ...]:
        """This network and browser are known to the account from now on: the whole sign-in is done.

        Not after the password alone: whoever has stolen one could then try second factors in as many
        browsers as he likes.
        """
        known = Count(0, self.source.now + KNOWN)
        return tuple(known.written(key, tenant=self.tenant) for key in self._knowing)

    def _counted(self, found: Facts) -> Iterator[tuple[Limit, Key, str]]:
        """Which counts a failure adds to; what a known browser does concerns it alone."""
        known_network = self.kind is Kind.PASSWORD and self._known_network(found)
        yield _HERE, self._here(found), "here"
        # of what was refused without a look, nobody has learnt anything
        if self.kind is Kind.SECOND_FACTOR and not self.locked(found):
            yield _IN_A_ROW, self._in_a_row, "in_a_row"
        if self._known_browser(found):
            return
        yield _NETWORK, self._network, "network"
        # a pause must end: what was refused because of it does not prolong it
        paused = self.kind is Kind.PASSKEY or self._wait(_ACCOUNT, self._everywhere, found)
        if not known_network and not paused:
            yield _ACCOUNT, self._everywhere, "account"
        if not known_network:
            yield _TENANT, self._tenant, "tenant"

    def _alarms(self, limit: Limit, count: Count, person_id: str | None, *, of: str) -> Iterator[Event]:
        """An event where a pause begins; one for each window of spraying."""
        wait = limit.wait(count, now=self.source.now)
        if not wait or (limit.fixed and count.failures != limit.borne):
            return
        spraying = of in ("network", "tenant")
        yield Event(
            "login.sprayed" if spraying else "login.locked",
            {
                **self.source.fields(),
                "actor": {"kind": "stranger", "id": self.source.ip},
                "subject": None if spraying else person_id,
                "inputs": {"count": of, "failures": count.failures, "wait": wait, "kind": self.kind.value},
            },
        )

    def _wait(self, limit: Limit, key: Key, found: Facts) -> int:
        return limit.wait(count_of(found, key), now=self.source.now)

    def _here(self, found: Facts) -> Key:
        return self._at_browser if self._known_browser(found) else self._at_network

    def _known_browser(self, found: Facts) -> bool:
        return self.browser is not None and self._alive(found, self._knowing[1])

    def _known_network(self, found: Facts) -> bool:
        return self._alive(found, self._knowing[0])

    def _alive(self, found: Facts, key: Key) -> bool:
        return self.source.now < count_of(found, key).until <= self.source.now + KNOWN

    @property
    def _strangers(self) -> tuple[tuple[Limit, Key], ...]:
        return (_ACCOUNT, self._everywhere), (_NETWORK, self._network)

    @property
    def _of_account(self) -> tuple[Key, ...]:
        return self._at_network, self._at_browser, self._everywhere, self._in_a_row

    @property
    def _counting(self) -> tuple[Key, ...]:
        return (*dict.fromkeys((*self._of_account, self._network, self._tenant)),)

    @cached_property
    def _knowing(self) -> tuple[Key, ...]:
        network = self._key("known", self.account, "network", network_of(self.source.ip))
        if self.browser is None:
            return (network,)
        return network, self._key("known", self.account, "browser", self.browser)

    @cached_property
    def _at_network(self) -> Key:
        return self._key("here", self.kind, self.account, "network", network_of(self.source.ip))

    @cached_property
    def _at_browser(self) -> Key:
        return self._key("here", self.kind, self.account, "browser", self.browser or "")

    @cached_property
    def _everywhere(self) -> Key:
        return self._key("account", self.kind, self.account)

    @cached_property
    def _in_a_row(self) -> Key:
        return self._key("row", self.kind, self.account)

    @cached_property
    def _network(self) -> Key:
        return self._key("network", network_of(self.source.ip))

    @cached_property
    def _tenant(self) -> Key:
        return self._key("tenant")

    def _key(self, *parts: str) -> Key:
        return key_of(self.tenant, "guess", *parts)
