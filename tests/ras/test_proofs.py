"""The memory of used proofs: once, for as long as it must, and never more than it may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from idjag.ras.proofs import MemoryProofs
from tests.ras.world import NOW


def test_a_pair_is_new_once() -> None:
    """RFC 9449 section 11.1."""
    proofs = MemoryProofs()
    assert proofs.first_time("s", "j", until=NOW + 180, now=NOW)
    assert not proofs.first_time("s", "j", until=NOW + 180, now=NOW + 179)
    assert not proofs.first_time("s", "j", until=NOW + 900, now=NOW + 1)
    assert proofs.first_time("s", "k", until=NOW + 180, now=NOW)
    assert proofs.first_time("t", "j", until=NOW + 180, now=NOW)
    assert proofs.first_time("s", "j\u00e9", until=NOW + 180, now=NOW)


def test_of_many_at_once_one_is_the_first() -> None:
    proofs = MemoryProofs()
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: proofs.first_time("s", "j", until=NOW + 180, now=NOW), range(64))
    assert sorted(answers) == [False] * 63 + [True]


def test_what_has_expired_makes_room() -> None:
    """Never more than twice what is alive, however long the process runs."""
    proofs = MemoryProofs()
    for second in range(2000):
        for number in range(10):
            assert proofs.first_time("s", f"{second}.{number}", until=NOW + second + 100, now=NOW + second)
    assert 1000 <= len(proofs) <= 2100


def test_a_full_memory_refuses_rather_than_forgets() -> None:
    proofs = MemoryProofs(most=3)
    for number in range(3):
        assert proofs.first_time("s", str(number), until=NOW + 180, now=NOW)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no room"):
            proofs.first_time("s", "3", until=NOW + 180, now=NOW)
    assert not proofs.first_time("s", "0", until=NOW + 180, now=NOW)
    assert proofs.first_time("s", "3", until=NOW + 400, now=NOW + 180)
    assert len(proofs) == 1


def test_a_pair_that_expired_may_come_again() -> None:
    """The proof itself is too old by then; another with its jti is another proof."""
    proofs = MemoryProofs()
    assert proofs.first_time("s", "j", until=NOW + 180, now=NOW)
    assert proofs.first_time("s", "j", until=NOW + 400, now=NOW + 180)
