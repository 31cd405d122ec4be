"""A signer whose keys are kept elsewhere: looked at again in time, once for all who ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from idjag.protocol import names
from idjag.protocol.access_token import AccessToken
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import PrivateKey, jws
from idjag.ras.access_token import RotatingSigner
from idjag.signing_keys import KEPT, KeyStatus, SigningKeys, StoredKey
from tests.ras.world import API, NOW, RAS, key

OLD, NEW = key("old"), key("new")


def stored(private: PrivateKey, begins: int | None, status: KeyStatus = KeyStatus.ACTIVE) -> StoredKey:
    """A key that signs from then on."""
    return StoredKey(private, status, begins, None)


@dataclass
class Kept:
    """The source, counting who asks; ``down`` raises."""

    keys: list[StoredKey] = field(default_factory=lambda: [stored(OLD, 0)])
    asked: int = 0
    down: bool = False
    monotonic: float = 0.0

    def __call__(self) -> SigningKeys:
        self.asked += 1
        if self.down:
            raise OSError("disk")
        return SigningKeys(self.keys)


def made(kept: Kept, now: int = NOW) -> RotatingSigner:
    """The signer at that time."""
    return RotatingSigner(kept, alg="ES256", clock=lambda: now, monotonic=lambda: kept.monotonic)


def token(iat: int = NOW) -> AccessToken:
    """An access token of that second."""
    return AccessToken(
        iss=RAS, sub="u", audiences=(API,), client_id="c", jti="j", iat=iat, exp=iat + 900, scopes=()
    )


def kid(text: str) -> str | None:
    """Which key signed it."""
    return jws.parse(text, max_bytes=names.MAX_ID_JAG).kid


def test_the_key_whose_turn_it_is_signs() -> None:
    """RAS-48, decision 0027: by the second that the token says, without a look."""
    kept = Kept([stored(OLD, 0), stored(NEW, NOW + 10, KeyStatus.NEXT)])
    signer = made(kept)
    assert [kid(signer.issue(token(NOW + at))) for at in (0, 9, 10)] == ["old", "old", "new"]
    assert kept.asked == 1


def test_the_old_key_is_published_for_a_day_more() -> None:
    kept = Kept([stored(OLD, 0), stored(NEW, NOW, KeyStatus.NEXT)])
    for now, kids in [(NOW - 1, {"old", "new"}), (NOW + KEPT - 1, {"old", "new"}), (NOW + KEPT, {"new"})]:
        assert {each.kid for each in made(kept, now).public().keys} == kids


def test_what_changed_elsewhere_is_known_some_seconds_later_or_at_once_when_told() -> None:
    kept = Kept()
    signer = made(kept)
    kept.keys = [stored(NEW, 0)]
    kept.monotonic = 4.9
    assert (signer.at_once(), kid(signer.issue(token()))) == (True, "old")
    kept.monotonic = 5.0
    assert not signer.at_once()
    assert (kid(signer.issue(token())), signer.at_once()) == ("new", True)
    kept.keys = [stored(OLD, 0)]
    signer.look()
    assert [each.kid for each in signer.public().keys] == ["old"]
    assert kept.asked == 3


def test_a_store_that_is_down_leaves_the_keys_in_use(caplog: pytest.LogCaptureFixture) -> None:
    """No token leaves without the commit that needs the same store."""
    kept = Kept()
    signer = made(kept)
    kept.down, kept.monotonic = True, 6.0
    assert kid(signer.issue(token())) == "old"
    assert "signing keys not read again error=OSError" in caplog.text
    assert signer.at_once()  # it is not asked by every request
    with pytest.raises(OSError, match="disk"):
        signer.look()


def test_without_a_key_there_is_no_token() -> None:
    signer = made(Kept([]))
    with pytest.raises(Refused) as refused:
        signer.issue(token())
    assert refused.value.reason is Reason.UNAVAILABLE


def test_a_store_without_keys_at_the_start_stops_it() -> None:
    with pytest.raises(OSError, match="disk"):
        made(Kept(down=True))


def test_many_who_ask_at_once_cost_one_look() -> None:
    """Whoever comes while one looks waits for that look."""
    kept, asking = Kept(), threading.Semaphore(0)
    all_here = threading.Event()

    def monotonic() -> float:
        asking.release()
        return kept.monotonic

    def source() -> SigningKeys:
        if kept.asked:
            assert all_here.wait(60)
        return kept()

    signer = RotatingSigner(source, alg="ES256", clock=lambda: NOW, monotonic=monotonic)
    assert asking.acquire(timeout=60)
    kept.monotonic = 60.0
    with ThreadPoolExecutor(8) as pool:
        issued = [pool.submit(signer.issue, token()) for _ in range(8)]
        for _ in range(8):  # each has seen that a look is due
            assert asking.acquire(timeout=60)
        all_here.set()
        assert {kid(each.result(60)) for each in issued} == {"old"}
    assert kept.asked == 2
