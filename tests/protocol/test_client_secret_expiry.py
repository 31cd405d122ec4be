"""A client secret that ends: it counts before its second, and not from then on (CAU-15)."""

from __future__ import annotations

import pytest

from idjag.protocol import client_auth, names
from idjag.protocol.client_auth import Presented, Registration, hash_secret
from idjag.protocol.errors import Reason, Refused
from tests.protocol.parts import IDP, NOW, reason_of

OLD, NEW = "the-old-secret-of-the-wiki", "the-new-secret-of-the-wiki"
BOTH = Registration(
    "wiki",
    names.CLIENT_SECRET,
    secret_hashes=(hash_secret(NEW),),
    expiring=((hash_secret(OLD), NOW + 60),),
)


def verify(secret: str, now: int, registration: Registration = BOTH) -> None:
    presented = Presented("wiki", names.CLIENT_SECRET_BASIC, secret)
    client_auth.verify(presented, registration, issuer=IDP, now=now)


@pytest.mark.parametrize("now", [NOW, NOW + 59])
def test_both_count_while_they_overlap(now: int) -> None:
    """CAU-15, attack case 39."""
    verify(OLD, now)
    verify(NEW, now)


@pytest.mark.parametrize("now", [NOW + 60, NOW + 10**6])
def test_the_old_one_is_over_from_its_second_on(now: int) -> None:
    """CAU-15, attack case 39: without leeway, nobody's clock but ours counts."""
    verify(NEW, now)
    assert reason_of(lambda: verify(OLD, now)) is Reason.CLIENT_SECRET_WRONG


def test_a_client_whose_only_secret_is_over_is_nobody() -> None:
    """Attack case 36: no stored secret, no match."""
    alone = Registration("wiki", names.CLIENT_SECRET, expiring=((hash_secret(OLD), NOW),))
    with pytest.raises(Refused):
        verify(OLD, NOW, alone)
    with pytest.raises(Refused):
        verify("", NOW, alone)
    verify(OLD, NOW - 1, alone)


def test_no_hash_is_in_the_repr() -> None:
    assert "expiring" not in repr(BOTH)
