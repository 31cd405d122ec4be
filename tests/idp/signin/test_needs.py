"""What is wanted of a sign-in, and the way there: every combination, in memory."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.idp.catalog import SignInPolicy
from idjag.idp.factors import acr
from idjag.idp.signin import needs
from idjag.idp.signin.needs import Need, Next, Wanted
from idjag.protocol.errors import Reason, Refused
from tests.idp.signin.factors import MFA, PHR, PWD

ALL = (PWD, MFA, PHR)
UNKNOWN = "urn:example:gold"
KINDS = [frozenset(some) for some in chain(*(combinations(("totp", "passkey"), n) for n in range(3)))]
WITH_RECOVERY = [*KINDS, *(kinds | {"recovery"} for kinds in KINDS if kinds)]
wishes = st.lists(st.sampled_from([*ALL, UNKNOWN]), max_size=3).map(tuple)


def wanted(
    *,
    required: bool = False,
    kinds: frozenset[str] = frozenset(),
    remembered: bool = False,
    values: tuple[str, ...] = (),
    essential: tuple[str, ...] = (),
    declined: bool = False,
) -> tuple[Need, ...]:
    return needs.needs(
        policy=SignInPolicy("required" if required else "optional"),
        producible=ALL,
        has_factor=bool(kinds),
        remembered=remembered,
        acr_values=values,
        essential=essential,
        declined=declined,
    )


@pytest.mark.parametrize(
    ("asked", "least"),
    [
        (wanted(), PWD),
        (wanted(required=True), MFA),
        (wanted(kinds=frozenset({"totp"})), MFA),
        (wanted(required=True, remembered=True), PWD),
        (wanted(values=(UNKNOWN,)), PWD),
        (wanted(values=(UNKNOWN, PHR)), PHR),
        (wanted(values=(PHR, MFA)), MFA),
        (wanted(values=(PHR,), declined=True), PWD),
        (wanted(essential=(PHR,), declined=True), PHR),
        (wanted(essential=(MFA,), remembered=True), MFA),
    ],
)
def test_the_least_that_is_enough(asked: tuple[Need, ...], least: str) -> None:
    """OIDC-11."""
    assert [value for value in ALL if needs.met(asked, value)] == list(ALL[ALL.index(least) :])


def test_a_demand_for_what_nobody_can_show_is_refused() -> None:
    """OIDC-11."""
    with pytest.raises(Refused) as caught:
        wanted(essential=(UNKNOWN,))
    assert caught.value.reason is Reason.ACR_UNMET
    assert wanted(essential=(UNKNOWN, PWD))[0].by is Wanted.APP


@given(
    required=st.booleans(),
    kinds=st.sampled_from(WITH_RECOVERY),
    values=wishes,
    given_acr=st.sampled_from(ALL),
)
def test_there_is_a_way_on_and_none_around_a_factor(
    required: bool,  # noqa: FBT001
    kinds: frozenset[str],
    values: tuple[str, ...],
    given_acr: str,
) -> None:
    """Whatever is missing can be shown or set up, and who has a factor is never let around it."""
    asked = wanted(required=required, kinds=kinds, values=values)
    if needs.met(asked, given_acr):
        return
    way = needs.ways(asked, given_acr, kinds=kinds, producible=ALL)
    assert way.kinds
    assert way.wish == all(need.wish for need in asked if not need.met_by(given_acr))
    if way.next is Next.FACTOR:
        assert set(way.kinds) <= kinds
    else:
        assert not kinds or acr.satisfies(given_acr, MFA)
        assert "recovery" not in way.kinds


@given(kinds=st.sampled_from(WITH_RECOVERY[1:]), required=st.booleans(), values=wishes)
def test_a_password_alone_is_never_enough_for_who_has_a_factor(
    kinds: frozenset[str],
    required: bool,  # noqa: FBT001
    values: tuple[str, ...],
) -> None:
    """Whatever the app wishes, and whether the person declines it."""
    for declined in (False, True):
        asked = wanted(required=required, kinds=kinds, values=values, declined=declined)
        assert not needs.met(asked, PWD)


def test_a_passkey_of_a_host_with_a_name_still_keeps_strangers_out_at_an_address() -> None:
    asked = needs.needs(
        policy=SignInPolicy("optional"), producible=(PWD, MFA), has_factor=True, remembered=False
    )
    way = needs.ways(asked, PWD, kinds={"passkey"}, producible=(PWD, MFA))
    assert (way.next, way.kinds) == (Next.FACTOR, ("passkey",))
