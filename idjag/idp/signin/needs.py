"""What a sign-in must have shown before it admits, and by which ways a person can get there; pure.

One law for new sign-ins and for sessions that live: OpenID Connect Core section 5.5.1.1, RFC 9470, OIDC-11.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from idjag.idp.catalog import SignInPolicy
from idjag.idp.factors import acr
from idjag.protocol.errors import Reason, Refused

__all__ = ["Need", "Next", "Wanted", "Ways", "known", "met", "needs", "ways"]

_GIVES: Final[Mapping[str, str]] = {"passkey": acr.PHR, "totp": acr.MFA, "recovery": acr.MFA}
"""What each factor makes of a sign-in that began with the right password."""

_TO_ENROL: Final = ("passkey", "totp")


class Wanted(StrEnum):
    """Who wants it."""

    PERSON = "person"
    TENANT = "tenant"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Need:
    """A sign-in must have one of these acr values; one that is a wish can be declined."""

    any_of: tuple[str, ...]
    by: Wanted
    wish: bool = False

    def met_by(self, given: str) -> bool:
        """Whether a sign-in of this acr is enough."""
        return any(acr.satisfies(given, wanted) for wanted in self.any_of)


class Next(StrEnum):
    """What the next page asks for."""

    FACTOR = "factor"
    ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class Ways:
    """The next page: show one of these factors, or set one of them up.

    ``need`` is why; ``wish``: nothing but a wish is open, so that the person may go on without.
    """

    next: Next
    kinds: tuple[str, ...]
    need: Need
    wish: bool


def needs(
    *,
    policy: SignInPolicy,
    producible: Collection[str],
    has_factor: bool,
    remembered: bool,
    acr_values: tuple[str, ...] = (),
    essential: tuple[str, ...] = (),
    declined: bool = False,
) -> tuple[Need, ...]:
    """Everything that is wanted of a sign-in; raises Refused ACR_UNMET when nobody could ever have it.

    ``producible``: the acr values that our pages can produce.  ``remembered``: this browser has shown a
    second factor of this person before; that is enough for the person's and the tenant's own wish, and adds
    nothing to what apps are told.
    """
    wanted = []
    if has_factor and not remembered:
        wanted.append(Need((acr.MFA,), Wanted.PERSON))
    elif policy.factor_required and not remembered:
        wanted.append(Need((acr.MFA,), Wanted.TENANT))
    if essential:
        demanded = known(essential, producible)
        if not demanded:
            raise Refused(Reason.ACR_UNMET)
        wanted.append(Need(demanded, Wanted.APP))
    # a wish for what we cannot do is passed over, and the token says truly what there was
    wished = known(acr_values, producible)
    if wished and not essential and not declined:
        wanted.append(Need(wished, Wanted.APP, wish=True))
    return tuple(wanted)


def known(acr_values: tuple[str, ...], producible: Collection[str]) -> tuple[str, ...]:
    """Those of the values that our pages can produce."""
    return tuple(one for one in acr_values if one in producible)


def met(wanted: tuple[Need, ...], given: str) -> bool:
    """Whether a sign-in of this acr may go on to the app."""
    return all(need.met_by(given) for need in wanted)


def ways(
    wanted: tuple[Need, ...], given: str, *, kinds: Collection[str], producible: Collection[str]
) -> Ways:
    """The way on from a sign-in of acr ``given`` that is not enough, for a person with these factors.

    Who has a second factor shows it before setting up another: a password alone never adds a factor to an
    account that has one.
    """
    open_ = tuple(need for need in wanted if not need.met_by(given))
    first = next((need for need in open_ if need.by is Wanted.APP), open_[0])
    wish = all(need.wish for need in open_)
    here_at_all = {kind: value for kind, value in _GIVES.items() if value in producible}
    enough = [kind for kind in here_at_all if all(need.met_by(_GIVES[kind]) for need in open_)]
    here = tuple(kind for kind in enough if kind in kinds)
    if here:
        return Ways(Next.FACTOR, here, first, wish)
    # a passkey of before this issuer was an address still keeps strangers from adding a factor
    shown = tuple(kind for kind in here_at_all if kind in kinds) or tuple(sorted(kinds))
    if shown and not acr.satisfies(given, acr.MFA):
        return Ways(Next.FACTOR, shown, first, wish)
    return Ways(Next.ENROL, tuple(kind for kind in _TO_ENROL if kind in enough), first, wish)
