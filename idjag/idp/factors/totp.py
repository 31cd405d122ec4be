"""One-time codes of authenticator apps (RFC 6238): 30 seconds, 6 digits, SHA-1, which is what the apps do.

A code is good one step before and after its own.  Once used, neither it nor an older one is good again: the
row keeps the last step, and a one-time id stands between two nodes that read the row at the same moment.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from idjag.idp.factors.enrolled import TABLE, Enrolment, NewFactor, rows, spec, used, written
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.facts import string
from idjag.ledger.entry import Facts, OneTime, Row
from idjag.protocol.errors import Reason
from idjag.protocol.jose import JoseError, base64url
from idjag.seal import SealBroken, Sealer, context_of

__all__ = ["Pending", "begin", "check", "code_at", "enrolment", "once", "reopen"]

STEP: Final = 30  # seconds
DIGITS: Final = 6
WINDOW: Final = 1  # steps either side: clocks of telephones, and the time that typing takes
SEED_BYTES: Final = 20  # RFC 4226 section 4: as long as a SHA-1
PENDING: Final = 600  # seconds from showing a seed to its first code

_CODE: Final = re.compile(rf"[0-9]{{{DIGITS}}}")
# The first code that a person types may be from before the seed was shown again: never from long before.
_REMEMBERED: Final = (2 * WINDOW + 2) * STEP


@dataclass(frozen=True, slots=True)
class Pending:
    """A seed that is shown and not stored yet.

    ``secret`` is for typing (base32), ``uri`` for scanning; ``token`` brings it back, sealed for the person.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    token: str = field(repr=False)


def begin(
    sealer: Sealer, *, tenant: str, person_id: str, organisation: str, username: str, now: int
) -> Pending:
    """A new seed for a person; nothing is stored before its first code (``enrolment``)."""
    seed = os.urandom(SEED_BYTES)
    plain = (now + PENDING).to_bytes(8, "big") + seed
    token = base64url.encode(sealer.seal(plain, context=_pending_context(tenant, person_id)))
    return _pending(seed, token, organisation=organisation, username=username)


def reopen(
    sealer: Sealer, token: str, *, tenant: str, person_id: str, organisation: str, username: str, now: int
) -> Pending | None:
    """The same seed, to be shown once more after a wrong code; None when it has expired or is not theirs."""
    seed = _opened(sealer, token, tenant=tenant, person_id=person_id, now=now)
    return None if seed is None else _pending(seed, token, organisation=organisation, username=username)


def once(person_id: str, code: str, *, now: int) -> tuple[OneTime, ...]:
    """What to name in ``consume_on_success`` beside ``check``; lost, the code was used a moment ago."""
    digits = _digits(code)
    return (OneTime("totp", person_id, digits, now + _REMEMBERED),) if digits else ()


def check(found: Facts, person_id: str, code: str, *, sealer: Sealer, now: int) -> Proof | Wrong:
    """Whether the code is one of this person's apps', now, and for the first time."""
    digits, replayed = _digits(code), None
    for row in rows(found, person_id, "totp") if digits else ():
        step = _step(_seed(sealer, row), digits, now=now)
        if step is None:
            continue
        if step > int(spec(row)["step"]):
            return Proof("totp", string(row, "id"), (used(row, {"step": step}, now=now),))
        replayed = string(row, "id")
    return Wrong(Reason.FACTOR_REPLAYED if replayed else Reason.FACTOR_WRONG, replayed)


def enrolment(sealer: Sealer, token: str, code: str, *, new: NewFactor) -> Enrolment | Wrong:
    """The app whose seed was shown, proven by its first code; FACTOR_EXPIRED, FACTOR_WRONG.

    Made before the decision that adds it: sealing is not for inside.
    """
    now = new.source.now
    seed = _opened(sealer, token, tenant=new.tenant, person_id=new.person_id, now=now)
    if seed is None:
        return Wrong(Reason.FACTOR_EXPIRED)
    step = _step(seed, _digits(code), now=now)
    if step is None:
        return Wrong(Reason.FACTOR_WRONG)
    sealed = sealer.seal(seed, context=context_of(new.tenant, TABLE, "sealed", new.id))
    row = new.row("totp", sealed=sealed, spec=written({"step": step}))
    # one seed is never stored twice: of two copies, one would take the codes that the other has seen
    same_seed = OneTime("totp_seed", new.person_id, token, now + PENDING)
    return Enrolment(new, "totp", row, (*once(new.person_id, code, now=now), same_seed))


def code_at(seed: bytes, step: int) -> str:
    """The code of a step (RFC 4226 section 5.3)."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def _step(seed: bytes, digits: str, *, now: int) -> int | None:
    """The newest step around now that has this code; always the same work."""
    here = now // STEP
    fits = [
        step
        for step in range(max(0, here - WINDOW), here + WINDOW + 1)
        if hmac.compare_digest(code_at(seed, step), digits)
    ]
    return fits[-1] if fits else None


def _digits(code: str) -> str:
    """The code without the spaces that apps show and people type; "" for what is none."""
    text = re.sub(r"[\s\-]", "", code[:32])
    return text if _CODE.fullmatch(text) else ""


def _seed(sealer: Sealer, row: Row) -> bytes:
    sealed = row["sealed"]
    if not isinstance(sealed, bytes):
        raise SealBroken("no seed is sealed there")
    place = context_of(string(row, "tenant_id"), TABLE, "sealed", string(row, "id"))
    return sealer.open(sealed, context=place)


def _opened(sealer: Sealer, token: str, *, tenant: str, person_id: str, now: int) -> bytes | None:
    try:
        plain = sealer.open(base64url.decode(token), context=_pending_context(tenant, person_id))
    except (SealBroken, JoseError):
        return None
    return plain[8:] if now < int.from_bytes(plain[:8], "big") else None


def _pending(seed: bytes, token: str, *, organisation: str, username: str) -> Pending:
    secret = base64.b32encode(seed).decode().rstrip("=")
    # a colon would end the organisation's part of the label
    name = organisation.replace(":", " ").strip()
    label = ":".join(quote(part, safe="") for part in (name, username) if part)
    known = {"secret": secret, "issuer": name, "algorithm": "SHA1", "digits": DIGITS, "period": STEP}
    return Pending(secret, f"otpauth://totp/{label}?{urlencode(known, quote_via=quote)}", token)


def _pending_context(tenant: str, person_id: str) -> str:
    return context_of(tenant, TABLE, "pending", person_id)
