"""What the routes of the admin API are given, and who calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from idjag.idp.administration.tokens import Caller
from idjag.idp.api.problem import Problem
from idjag.idp.audit import Source
from idjag.idp.key_rotation import Keys
from idjag.idp.lookups import Lookups
from idjag.idp.services import Services
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Ledger

__all__ = ["Lookups", "Office", "Visit"]

_PATIENCE: Final = 2.0  # seconds; whoever waits has a thread meanwhile


@dataclass(frozen=True, slots=True)
class Office:
    """Everything that a route needs; it is a Store as holds, questions and applying want one."""

    services: Services
    lookups: Lookups
    # any: Litestar looks at the kinds of these fields, and in Python 3.11 Lock is none
    _whole: Any = field(default_factory=Lock, repr=False, compare=False)

    @contextmanager
    def one_at_a_time(self, *, seconds: float = _PATIENCE) -> Iterator[None]:
        """For a whole state, of which one may take a gigabyte; raises Problem 429 when others take long."""
        if not self._whole.acquire(timeout=seconds):
            raise Problem(429, "Another whole state is being read: try again.", headers={"Retry-After": "5"})
        try:
            yield
        finally:
            self._whole.release()

    def keys(self, source: Source) -> Keys:
        """The signing keys, to be changed by this request; raises Problem 503."""
        sealer = self.services.sealer
        if sealer is None:
            raise Problem(503, "The keys of this server are not its own to change.")
        where = {"ip": source.ip, "user_agent": source.user_agent}
        return Keys(self.ledger, sealer, self.tenant, self.new_id, where)

    @property
    def ledger(self) -> Ledger[Snapshot]:
        """The ledger."""
        return self.services.ledger

    @property
    def tenant(self) -> str:
        """The tenant's id."""
        return self.services.tenant

    @property
    def issuer(self) -> str:
        """The tenant's issuer, byte for byte."""
        return self.services.issuer

    @property
    def clock(self) -> Callable[[], int]:
        """NumericDate."""
        return self.services.clock

    @property
    def new_id(self) -> Callable[[], str]:
        """128 random bits in base64url."""
        return self.services.new_id


@dataclass(frozen=True, slots=True)
class Visit:
    """One request by somebody who was let in."""

    caller: Caller
    decision_id: str
    ip: str
    user_agent: str

    @property
    def actor(self) -> Mapping[str, str]:
        """As the audit log names whoever calls."""
        return self.caller.actor

    def source(self, now: int) -> Source:
        """Where the request came from, as audit events say it."""
        return Source(self.decision_id, now, self.ip, self.user_agent)
