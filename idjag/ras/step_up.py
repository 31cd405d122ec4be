"""How people must have signed in before they get a token here (RAS-45, RFC 9470)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.protocol.names import SKEW

__all__ = ["NO_REQUIREMENT", "Requirement", "check"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a resource or a client demands: one of ``acr``, all of ``amr``, seconds since the sign-in.

    ``amr`` needs ``acr``: it is by ``acr_values`` that a client asks for a better sign-in.
    """

    acr: tuple[str, ...] = ()
    amr: frozenset[str] = frozenset()
    max_auth_age: int | None = None

    def __post_init__(self) -> None:
        if self.amr and not self.acr:
            raise ValueError("require.amr needs require.acr: clients ask for a level, not for a method")
        if self.max_auth_age is not None and self.max_auth_age < 1:
            raise ValueError("require.max_auth_age must be a second or more")

    def met(self, grant: IdJag, *, now: int) -> bool:
        """Whether the sign-in behind the grant will do; what the grant does not say fails."""
        if self.acr and grant.acr not in self.acr:
            return False
        if not self.amr <= set(grant.amr):
            return False
        return self.max_auth_age is None or _fresh(grant.auth_time, self.max_auth_age, now)


NO_REQUIREMENT = Requirement()


def check(requirements: Iterable[Requirement], grant: IdJag, *, now: int) -> None:
    """Raises Refused STEP_UP that says what sign-in would do for all of them together.

    CONDITION_UNMET when none would: two demands that no level meets must not send people to a login
    that cannot help.  To be asked last, when nothing else stands against a token.
    """
    demanded = [each for each in requirements if each != NO_REQUIREMENT]
    if all(each.met(grant, now=now) for each in demanded):
        return
    extra: dict[str, str | int] = {}
    levels = [each.acr for each in demanded if each.acr]
    if levels:
        common = [acr for acr in levels[0] if all(acr in others for others in levels)]
        if not common:
            raise Refused(Reason.CONDITION_UNMET, problem="no acr meets every requirement")
        extra["acr_values"] = " ".join(common)
    ages = [each.max_auth_age for each in demanded if each.max_auth_age is not None]
    if ages:
        extra["max_age"] = min(ages)
    amr = " ".join(grant.amr) or "absent"
    raise Refused(Reason.STEP_UP, extra=extra, acr=grant.acr or "absent", amr=amr, auth_time=grant.auth_time)


def _fresh(auth_time: int | None, max_age: int, now: int) -> bool:
    # a sign-in in the future is a clock that lies: it must not count as fresh for ever
    return auth_time is not None and -SKEW <= now - auth_time <= max_age
