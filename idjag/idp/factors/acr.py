"""Authentication contexts: what a sign-in has proven, as ``acr`` and ``amr`` of its tokens; the one table.

====================  ==========================================  =======================================
acr                   how                                         amr
====================  ==========================================  =======================================
urn:idjag:acr:pwd     a password, on a remembered device or not   pwd
urn:idjag:acr:mfa     a password and a one-time code              pwd, otp, mfa
urn:idjag:acr:phr     a passkey, which has verified its user      pop, user, mfa; pwd too if it was given
====================  ==========================================  =======================================

Codes of an app (RFC 6238) and recovery codes are both ``otp``.  ``phr`` is resistant to phishing: the browser
binds the answer to our origin.  A stronger context satisfies the wish for a weaker one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from idjag.idp.factors.proof import AMR, Proof
from idjag.idp.factors.relying_party import relying_party

__all__ = ["MFA", "PHR", "PWD", "SIGN_INS", "Context", "context", "reported", "satisfies", "sign_ins"]

PWD: Final = "urn:idjag:acr:pwd"
MFA: Final = "urn:idjag:acr:mfa"
PHR: Final = "urn:idjag:acr:phr"

SIGN_INS: Final[Mapping[str, frozenset[str]]] = {
    PWD: AMR["password"],
    MFA: AMR["password"] | AMR["totp"] | {"mfa"},
    PHR: AMR["passkey"],
}
"""What every sign-in of a context has in its ``amr``, weakest first.

A rule may ask for more (a password and a passkey), and a sign-in may have it, but no ``acr_values`` leads
there for certain, so that it is never offered as a way out (XCH-60).
"""

_STRENGTH: Final = {acr: strength for strength, acr in enumerate(SIGN_INS)}
_ORDER: Final = ("pwd", "otp", "pop", "user", "mfa")
_CODES: Final = frozenset({"totp", "recovery"})


@dataclass(frozen=True, slots=True)
class Context:
    """What a sign-in has proven (OpenID Connect Core section 2)."""

    acr: str
    amr: tuple[str, ...]


def context(proofs: Iterable[Proof]) -> Context:
    """The context of everything that was shown in one sign-in.

    Raises ValueError for what is no sign-in: nothing, a code or a remembered device without the password.
    """
    shown = tuple(proofs)
    kinds = {proof.kind for proof in shown}
    amr = frozenset().union(*(proof.amr for proof in shown))
    if "passkey" in kinds:
        return _context(PHR, amr)
    if "password" not in kinds:
        raise ValueError(f"no sign-in: {' '.join(sorted(kinds)) or 'nothing was shown'}")
    return _context(MFA, amr | {"mfa"}) if kinds & _CODES else _context(PWD, amr)


def satisfies(acr: str, wanted: str) -> bool:
    """Whether a sign-in of one context is as good as the wanted one; never for a context that is not ours."""
    if acr not in _STRENGTH or wanted not in _STRENGTH:
        return False
    return _STRENGTH[acr] >= _STRENGTH[wanted]


def reported(acr: str, wanted: Sequence[str]) -> str:
    """What tokens say to an app that asked for certain contexts, the one it likes best first.

    ``acr`` names a context that the sign-in satisfies (OpenID Connect Core section 2), and rules compare it
    exactly: whoever asked for one and got a stronger one is told the one that was asked for.
    """
    return next((one for one in wanted if satisfies(acr, one)), acr)


def sign_ins(issuer: str) -> Mapping[str, frozenset[str]]:
    """What the pages of this issuer can produce: passkeys need a host with a name."""
    if relying_party(issuer, "") is not None:
        return SIGN_INS
    return {acr: amr for acr, amr in SIGN_INS.items() if acr != PHR}


def _context(acr: str, amr: frozenset[str]) -> Context:
    return Context(acr, tuple(one for one in _ORDER if one in amr))
