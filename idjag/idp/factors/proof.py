"""What a check of one factor gives: a proof, with what must be written for it to count, or what was wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from idjag.ledger.entry import Event, Write
from idjag.protocol.errors import Reason

__all__ = ["AMR", "Kind", "Proof", "Wrong"]

Kind: TypeAlias = Literal["password", "totp", "recovery", "passkey", "device"]

AMR: Final[Mapping[Kind, frozenset[str]]] = {
    "password": frozenset({"pwd"}),
    "totp": frozenset({"otp"}),
    # a one-time password that was written down instead of computed
    "recovery": frozenset({"otp"}),
    # Without attestation nobody has shown that the key is in hardware (hwk), nor that it is not (swk).
    "passkey": frozenset({"pop", "user", "mfa"}),
    # Nobody showed anything today: decision 0030.
    "device": frozenset(),
}
"""What each kind says of itself in registered words (RFC 8176; ``pop`` is OpenID EAP's)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A factor that was shown; it counts only together with its ``writes``, in the same transaction."""

    kind: Kind
    credential_id: str
    writes: tuple[Write, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def amr(self) -> frozenset[str]:
        """Its part in the sign-in's ``amr``."""
        return AMR[self.kind]

    def said(self) -> dict[str, str]:
        """What the audit log knows it by."""
        return {"kind": self.kind, "row": self.credential_id}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A factor that was not shown; why is for the audit log alone.  ``credential_id``: if one was meant."""

    reason: Reason
    credential_id: str | None = None
