"""What the IdP's rooms are given: one frozen value, made by the one wiring function (idjag.idp.app)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from idjag.arrivals import Arrivals
from idjag.idp.signin.passwords import Passwords
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Ledger
from idjag.ledger.waiting import DEADLINE
from idjag.trust.publications import Publications

__all__ = ["Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that does I/O or differs between a test and production.

    ``issuer`` is emitted byte for byte, ``base`` is it without a final slash.  ``clock`` gives NumericDate;
    it is read once per request and passed down.  ``new_id`` gives 128 random bits in base64url.
    ``ready``: the ledger takes entries.  ``nonce_key``: what nonces for proofs of possession are made with;
    None when none are demanded.  ``publications``: what apps publish about themselves; None when nothing is
    fetched, so that apps which need it are refused.  ``arrivals``: how endpoints wait for the ledger.
    """

    issuer: str
    base: str
    tenant: str
    ledger: Ledger[Snapshot]
    clock: Callable[[], int]
    new_id: Callable[[], str]
    passwords: Passwords
    ready: Callable[[], bool] = lambda: True
    nonce_key: bytes | None = field(default=None, repr=False)
    publications: Publications | None = None
    arrivals: Arrivals = field(default_factory=lambda: Arrivals(within=DEADLINE), repr=False, compare=False)

    @property
    def secure(self) -> bool:
        """Whether cookies are Secure and __Host-: always on https, never on loopback http."""
        return self.issuer.startswith("https://")

    @property
    def snapshot(self) -> Snapshot:
        """The policy facts this process has; an entry's decision gets the current ones."""
        return self.ledger.snapshot(self.tenant)
