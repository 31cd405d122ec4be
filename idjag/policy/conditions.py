"""Whether a rule's conditions are met; a missing fact fails a condition."""

from __future__ import annotations

from datetime import datetime

from idjag.policy.model import NO_CONDITIONS, Address, Conditions, Hours, Network
from idjag.policy.question import Question

__all__ = ["unmet"]


def unmet(conditions: Conditions, question: Question) -> str | None:
    """The name of the first condition that is not met; None when all are."""
    if conditions is NO_CONDITIONS:
        return None
    sign_in = question.sign_in
    if conditions.acr and sign_in.acr not in conditions.acr:
        return "acr"
    if conditions.amr and not conditions.amr <= (sign_in.amr or frozenset()):
        return "amr"
    if conditions.max_auth_age is not None and not _fresh(
        sign_in.auth_time, conditions.max_auth_age, question.now
    ):
        return "max_auth_age"
    if conditions.networks and not _inside(question.address, conditions.networks):
        return "networks"
    if conditions.signin_networks and not _inside(sign_in.address, conditions.signin_networks):
        return "signin_networks"
    if conditions.hours is not None and not _open(conditions.hours, question.now):
        return "hours"
    if conditions.key_bound and not question.key_bound:
        return "key_bound"
    return None


def _fresh(auth_time: int | None, max_age: int, now: int) -> bool:
    # a sign-in in the future is a clock that lies: it must not count as fresh for ever
    return auth_time is not None and -60 <= now - auth_time <= max_age


def _inside(address: Address | None, networks: tuple[Network, ...]) -> bool:
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:192.0.2.1 is 192.0.2.1
    return any((mapped or address) in network for network in networks)


def _open(hours: Hours, now: int) -> bool:
    local = datetime.fromtimestamp(now, hours.tz)
    minute, day = local.hour * 60 + local.minute, local.weekday()
    if hours.start < hours.end:
        return day in hours.days and hours.start <= minute < hours.end
    # over midnight: the night belongs to the day on which it began
    return (day in hours.days and minute >= hours.start) or (
        (day - 1) % 7 in hours.days and minute < hours.end
    )
