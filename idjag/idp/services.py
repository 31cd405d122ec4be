"""What the IdP's rooms are given: one frozen value, made by the one wiring function (idjag.idp.app)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from idjag.arrivals import Arrivals
from idjag.forwarded import CertificateHeaders
from idjag.idp.mail import Letter
from idjag.idp.passwords.lists import PasswordList
from idjag.idp.signin.passwords import Passwords
from idjag.idp.snapshot import Snapshot
from idjag.idp.verifications import Verifications
from idjag.ledger.entry import Ledger
from idjag.ledger.waiting import DEADLINE
from idjag.seal import NothingSeals, Sealer
from idjag.trust.fetch import Fetcher
from idjag.trust.publications import Publications

__all__ = ["Post", "Services"]


class Post(Protocol):
    """Takes letters and returns at once; somebody else sends them."""

    def post(self, letter: Letter, /) -> None:
        """Take one letter."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that does I/O or differs between a test and production.

    ``issuer`` is emitted byte for byte, ``base`` is it without a final slash.  ``clock`` gives NumericDate;
    it is read once per request and passed down.  ``new_id`` gives 128 random bits in base64url.
    ``ready``: the ledger takes entries.  ``nonce_key``: what nonces for proofs of possession are made with;
    None when none are demanded.  ``publications``: what apps publish about themselves; None when nothing is
    fetched, so that apps which need it are refused.  ``fetcher``: what administrators ask others by; None
    likewise.  ``mail``: where letters go; None when nobody can be written to.  ``reports_to``: the
    address for what people report; None for the administrators' own.  ``sealer``: what seeds of
    authenticator apps are stored under.  ``password_list``: the operator's own list of what nobody may use.
    ``certificate_headers``: in which our proxies tell client certificates; ``mtls_base``: the other base of
    what apps authenticate at, where connections are asked for one.  ``webhook``: the host that gets notices,
    None when nobody does.  ``verifications``: what is known of the audit log; None when nobody verifies it.
    ``arrivals``: how endpoints wait for the ledger.
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
    fetcher: Fetcher | None = None
    mail: Post | None = None
    reports_to: str | None = None
    sealer: Sealer = field(default_factory=NothingSeals, repr=False)
    password_list: PasswordList | None = None
    logo: bytes | None = field(default=None, repr=False)
    certificate_headers: CertificateHeaders = field(default_factory=CertificateHeaders)
    mtls_base: str | None = None
    webhook: str | None = None
    verifications: Verifications | None = None
    arrivals: Arrivals = field(default_factory=lambda: Arrivals(within=DEADLINE), repr=False, compare=False)

    @property
    def secure(self) -> bool:
        """Whether cookies are Secure and __Host-: always on https, never on loopback http."""
        return self.issuer.startswith("https://")

    @property
    def snapshot(self) -> Snapshot:
        """The policy facts this process has; an entry's decision gets the current ones."""
        return self.ledger.snapshot(self.tenant)
