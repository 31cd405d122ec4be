"""Remembered browsers at sign-in: as long as the tenant wants them, as it wants them now; pure."""

from __future__ import annotations

from idjag.idp.audit import Source
from idjag.idp.factors import devices
from idjag.idp.factors.proof import Proof
from idjag.idp.facts import PersonFacts
from idjag.idp.signin.shown import Shown
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Event, Facts, Write

__all__ = ["known", "remember"]


def known(
    snapshot: Snapshot, found: Facts, person: PersonFacts, cookie: str | None, *, now: int
) -> Proof | None:
    """The browser's proof, if browsers are remembered here, and for as long as they are now."""
    longest = snapshot.sign_in.remember_device
    proof = devices.check(found, person, cookie, now=now)
    listed = {one.id: one.created for one in devices.listed(found, person, now=now)} if proof else {}
    return proof if proof and now < listed[proof.credential_id] + longest else None


def remember(
    snapshot: Snapshot, person: PersonFacts, shown: Shown, *, cookie: str, source: Source
) -> tuple[tuple[Write, ...], tuple[Event, ...]]:
    """Remember the browser, if that was asked for; recovery codes and passwords never ask for it."""
    longest = snapshot.sign_in.remember_device
    if not (shown.remember and longest):
        return (), ()
    row = devices.remember(person, cookie, tenant=snapshot.tenant, source=source, lifetime=longest)
    return (row,), (devices.remembered(row, source=source),)
