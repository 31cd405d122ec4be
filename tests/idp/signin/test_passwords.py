"""idjag.idp.signin.passwords: the right one, the same work for nobody, a bounded number at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from argon2 import PasswordHasher, extract_parameters

from idjag.idp.signin.passwords import Busy, PasswordRefused, Passwords, check_importable

PASSWORD = "correct horse battery"
SALT_AND_TAG = "$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG"


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(parallel=2)


@pytest.fixture(scope="module")
def stored(passwords: Passwords) -> str:
    return passwords.hash(PASSWORD)


def test_the_password_that_was_set_is_right_and_another_is_not(passwords: Passwords, stored: str) -> None:
    assert passwords.verify(stored, PASSWORD)
    for wrong in (PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], "x"):
        assert not passwords.verify(stored, wrong)


def test_a_hash_has_our_parameters_and_a_salt_of_its_own(passwords: Passwords, stored: str) -> None:
    """19 MiB, two passes, one lane."""
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.hash(PASSWORD) != stored
    assert PASSWORD not in stored


@pytest.mark.parametrize(
    ("set_as", "typed_as"),
    [
        pytest.param("Grüße an alle", "Gru\u0308ße an alle", id="combining mark"),
        pytest.param("pass\ufb01le-word", "passfile-word", id="ligature"),
        pytest.param("".join(chr(0xFF10 + digit) for digit in range(8)), "01234567", id="full width"),
        pytest.param("Å" * 8, "\u212b" * 8, id="angstrom"),
    ],
)
def test_one_text_has_one_spelling(passwords: Passwords, set_as: str, typed_as: str) -> None:
    """NIST SP 800-63B: normalised before hashing (NFKC)."""
    assert set_as != typed_as
    assert passwords.verify(passwords.hash(set_as), typed_as)
    assert passwords.verify(passwords.hash(typed_as), set_as)


@pytest.mark.parametrize(
    "new",
    [
        pytest.param("", id="empty"),
        pytest.param("7 chars", id="seven characters"),
        pytest.param("ü" * 7, id="seven characters, fourteen bytes"),
        pytest.param("u\u0308" * 7, id="seven characters, once composed"),
        pytest.param("x" * 1025, id="1025 bytes"),
        pytest.param("ü" * 513, id="1026 bytes"),
        pytest.param("\ufdfa" * 32, id="96 bytes, over 1024 once decomposed"),
        pytest.param("eight ch\ud800", id="lone surrogate"),
    ],
)
def test_a_new_password_that_is_too_short_or_too_long_is_refused(passwords: Passwords, new: str) -> None:
    with pytest.raises(PasswordRefused) as refused:
        passwords.hash(new)
    assert not new or new not in str(refused.value)


@pytest.mark.parametrize("new", ["8 chars!", "ü" * 8, "x" * 1024, "ü" * 512, "\0" * 8])
def test_the_limits_themselves_are_good(passwords: Passwords, new: str) -> None:
    assert passwords.verify(passwords.hash(new), new)


def test_a_short_password_from_elsewhere_can_still_be_verified(passwords: Passwords) -> None:
    ours = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    assert passwords.verify(ours.hash("x"), "x")


# --- the same work for everybody


@dataclass
class Recorder:
    """The real hasher, and what it was asked."""

    real: PasswordHasher = field(
        default_factory=lambda: PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    )
    verified: list[tuple[str, bytes]] = field(default_factory=list)

    def hash(self, password: bytes, /) -> str:
        return self.real.hash(password)

    def verify(self, encoded: str, password: bytes, /) -> bool:
        self.verified.append((encoded, password))
        return self.real.verify(encoded, password)

    def check_needs_rehash(self, encoded: str, /) -> bool:
        return self.real.check_needs_rehash(encoded)


def test_a_person_who_does_not_exist_takes_the_same_work(stored: str) -> None:
    """Attack case 154, counted instead of timed: one Argon2id run with the same parameters each."""
    recorder = Recorder()
    passwords = Passwords(parallel=1, hasher=recorder)
    answers = [
        passwords.verify(each, PASSWORD)
        for each in (
            stored,
            None,
            "",
            "$2b$12$unusable",
            stored[:-1] + "!",
            stored.replace("19456", "99999999"),
        )
    ]
    assert answers == [True, False, False, False, False, False]
    assert len(recorder.verified) == len(answers)
    assert all(extract_parameters(encoded) == extract_parameters(stored) for encoded, _ in recorder.verified)
    assert {password for _, password in recorder.verified} == {PASSWORD.encode()}


def test_nobody_has_no_password() -> None:
    """Not even whoever found out what the stand-in was made of."""

    class Guessable(Recorder):
        def hash(self, _password: bytes, /) -> str:
            return self.real.hash(b"known to everybody")

    recorder = Guessable()
    assert not Passwords(parallel=1, hasher=recorder).verify(None, "known to everybody")
    assert len(recorder.verified) == 1


@pytest.mark.parametrize("text", ["", "x" * 1025, "ü" * 513, "\ufdfa" * 1024, "lone \ud800"])
def test_a_text_that_is_nobodys_password_takes_no_work_whoever_it_is_for(stored: str, text: str) -> None:
    recorder = Recorder()
    passwords = Passwords(parallel=1, hasher=recorder)
    assert [passwords.verify(each, text) for each in (stored, None)] == [False, False]
    assert recorder.verified == []


# --- a bounded number at a time


class Slow(Recorder):
    """Every verification lasts until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.running = 0
        self.most = 0
        self.changed = threading.Condition()
        self.free = threading.Event()

    def verify(self, _encoded: str, password: bytes, /) -> bool:
        with self.changed:
            self.running += 1
            self.most = max(self.most, self.running)
            self.changed.notify_all()
        self.free.wait(30)
        with self.changed:
            self.running -= 1
        return password == PASSWORD.encode()

    def until(self, fact: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(fact, timeout=30)


def test_at_most_one_a_core_is_hashed_and_the_rest_wait_their_turn(stored: str) -> None:
    slow = Slow()
    passwords = Passwords(parallel=2, queue=4, hasher=slow)
    with ThreadPoolExecutor(6) as threads:
        futures = [threads.submit(passwords.verify, stored, PASSWORD) for _ in range(6)]
        slow.until(lambda: slow.running == 2)
        with slow.changed:
            assert not slow.changed.wait_for(lambda: slow.running > 2, timeout=0.2)
        slow.free.set()
        assert [future.result(30) for future in futures] == [True] * 6
    assert slow.most == 2


def test_beyond_the_queue_it_is_busy_at_once_and_recovers(stored: str) -> None:
    """stack-facts: at most one hash per core at a time, a queue, then 429."""
    slow = Slow()
    passwords = Passwords(parallel=1, queue=2, hasher=slow)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(passwords.verify, stored, PASSWORD)
        slow.until(lambda: slow.running == 1)
        for _ in range(2):
            passwords._places.acquire()  # two wait
        for ask in (lambda: passwords.verify(stored, PASSWORD), lambda: passwords.hash(PASSWORD)):
            with pytest.raises(Busy):
                ask()
        slow.free.set()
        assert running.result(30)
    assert passwords.verify(stored, PASSWORD)


def test_a_failure_gives_the_turn_back(stored: str) -> None:
    class Failing(Recorder):
        def verify(self, _encoded: str, _password: bytes, /) -> bool:
            raise MemoryError

    passwords = Passwords(parallel=1, queue=0, hasher=Failing())
    for _ in range(3):
        with pytest.raises(MemoryError):
            passwords.verify(stored, PASSWORD)


def test_thirty_two_wait_by_default() -> None:
    passwords = Passwords(parallel=2, hasher=Recorder())
    for _ in range(34):
        assert passwords._places.acquire(blocking=False)
    assert not passwords._places.acquire(blocking=False)


@pytest.mark.parametrize(("parallel", "queue"), [(0, 1), (-1, 1), (1, -1)])
def test_limits_that_cannot_be_are_refused_at_start(parallel: int, queue: int) -> None:
    with pytest.raises(ValueError, match="parallel must be"):
        Passwords(parallel, queue)


# --- hashes from elsewhere


@pytest.mark.parametrize(
    "parameters",
    [
        "$argon2id$v=19$m=19456,t=2,p=1",
        "$argon2id$v=19$m=65536,t=3,p=4",
        "$argon2id$v=19$m=47104,t=1,p=1",
        "$argon2id$v=19$m=7168,t=5,p=1",
        "$argon2id$v=19$m=262144,t=10,p=8",
    ],
)
def test_a_bearable_hash_can_be_imported(parameters: str) -> None:
    encoded = parameters + SALT_AND_TAG
    assert check_importable(encoded) == encoded


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param("$argon2i$v=19$m=19456,t=2,p=1" + SALT_AND_TAG, id="argon2i"),
        pytest.param("$argon2d$v=19$m=19456,t=2,p=1" + SALT_AND_TAG, id="argon2d"),
        pytest.param("$argon2id$v=16$m=19456,t=2,p=1" + SALT_AND_TAG, id="old version"),
        pytest.param("$argon2id$m=19456,t=2,p=1" + SALT_AND_TAG, id="no version"),
        pytest.param("$argon2id$v=19$m=262145,t=2,p=1" + SALT_AND_TAG, id="too much memory"),
        pytest.param("$argon2id$v=19$m=4294967295,t=2,p=1" + SALT_AND_TAG, id="4 TiB"),
        pytest.param("$argon2id$v=19$m=19456,t=11,p=1" + SALT_AND_TAG, id="too many passes"),
        pytest.param("$argon2id$v=19$m=19456,t=4294967295,p=1" + SALT_AND_TAG, id="a week"),
        pytest.param("$argon2id$v=19$m=19456,t=2,p=9" + SALT_AND_TAG, id="too many lanes"),
        pytest.param("$argon2id$v=19$m=7167,t=9,p=1" + SALT_AND_TAG, id="too little memory"),
        pytest.param("$argon2id$v=19$m=7168,t=4,p=1" + SALT_AND_TAG, id="too little work"),
        pytest.param("$argon2id$v=19$m=8,t=1,p=1" + SALT_AND_TAG, id="none at all"),
        pytest.param("$argon2id$v=19$m=019456,t=2,p=1" + SALT_AND_TAG, id="leading zero"),
        pytest.param("$argon2id$v=19$m=19456,t=2,p=1,data=x" + SALT_AND_TAG, id="more parameters"),
        pytest.param("$argon2id$v=19$m=19456,t=2,p=1$c29t$RdescudvJCsgt3ub+b4dWRWJTmaaJObG", id="short salt"),
        pytest.param("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$Rdes", id="short tag"),
        pytest.param("$argon2id$v=19$m=19456,t=2,p=1" + SALT_AND_TAG + "\n", id="line feed"),
        pytest.param("$2b$12$C6UzMDM.H6dfI/f/IKcEeO7ZQ1b5l5h0wWb1GZy1x5bYbGzTWzqGq", id="bcrypt"),
        pytest.param("correct horse battery", id="a password"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_hash_that_is_weak_or_unbearable_is_refused_and_matches_nobody(
    passwords: Passwords, encoded: str
) -> None:
    with pytest.raises(PasswordRefused) as refused:
        check_importable(encoded)
    assert not encoded or encoded not in str(refused.value)
    assert not passwords.verify(encoded, PASSWORD)


def test_a_weak_hash_does_not_let_its_own_password_in(passwords: Passwords) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    assert not passwords.verify(weak, PASSWORD)


def test_an_imported_hash_is_verified(passwords: Passwords) -> None:
    imported = PasswordHasher(time_cost=3, memory_cost=16384, parallelism=2).hash(PASSWORD)
    assert passwords.verify(check_importable(imported), PASSWORD)
