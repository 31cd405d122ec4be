"""idjag.seal: sealed values open in their own place under their own key, and the KEK's file is ours alone."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from idjag import seal
from idjag.kek_ring import load_keks
from idjag.seal import KekRefused, KekSealer, SealBroken, context_of, parse_kek

KEK = bytes.fromhex("8f3b6c0de2a95714f0c17b92d46e38a5176de90b42fc8563aa1e70d93c5b28f4")
OTHER_KEK = KEK[::-1]
PLACE = context_of("t1", "signing_key", "sealed", "kid-1")
PLAIN = b"-----BEGIN PRIVATE KEY-----"


def load_kek(path: Path, *, create: bool) -> bytes:
    """The one key in a file."""
    [kek] = load_keks(path, create=create)
    return kek.key


@pytest.fixture
def sealer() -> KekSealer:
    return KekSealer(KEK)


@pytest.mark.parametrize("plain", [b"", b"x", PLAIN, b"\0" * 5000])
def test_what_was_sealed_opens_in_its_place(sealer: KekSealer, plain: bytes) -> None:
    assert sealer.open(sealer.seal(plain, context=PLACE), context=PLACE) == plain


def test_a_sealed_value_shows_nothing_and_is_never_the_same_twice(sealer: KekSealer) -> None:
    first, second = (sealer.seal(PLAIN, context=PLACE) for _ in range(2))
    assert PLAIN not in first
    assert KEK not in first
    # Not even the wrapped data keys or the nonces are equal.
    assert not {first[9:21], first[21:69], first[69:81]} & {second[9:21], second[21:69], second[69:81]}


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(("t2", "signing_key", "sealed", "kid-1"), id="another tenant"),
        pytest.param(("", "signing_key", "sealed", "kid-1"), id="no tenant"),
        pytest.param(("t1", "kek_check", "sealed", "kid-1"), id="another table"),
        pytest.param(("t1", "signing_key", "public", "kid-1"), id="another column"),
        pytest.param(("t1", "signing_key", "sealed", "kid-2"), id="another row"),
    ],
)
def test_a_sealed_value_opens_in_no_other_place(sealer: KekSealer, place: tuple[str, str, str, str]) -> None:
    sealed = sealer.seal(PLAIN, context=PLACE)
    with pytest.raises(SealBroken, match="another place"):
        sealer.open(sealed, context=context_of(*place))
    assert sealer.open(sealed, context=PLACE) == PLAIN


def test_two_rows_cannot_change_their_ciphertexts(sealer: KekSealer) -> None:
    places = [context_of("t1", "signing_key", "sealed", kid) for kid in ("a", "b")]
    one, two = (sealer.seal(place.encode(), context=place) for place in places)
    for sealed, place in ((one, places[1]), (two, places[0])):
        with pytest.raises(SealBroken):
            sealer.open(sealed, context=place)
    assert sealer.open(one, context=places[0]) == places[0].encode()


def test_the_halves_of_two_rows_cannot_be_joined(sealer: KekSealer) -> None:
    """The wrapped data key of one value with the ciphertext of another, in either one's place."""
    other = context_of("t1", "signing_key", "sealed", "kid-2")
    one, two = sealer.seal(PLAIN, context=PLACE), sealer.seal(PLAIN, context=other)
    for place in (PLACE, other):
        with pytest.raises(SealBroken):
            sealer.open(one[:69] + two[69:], context=place)


def test_another_key_opens_nothing(sealer: KekSealer) -> None:
    sealed = sealer.seal(PLAIN, context=PLACE)
    with pytest.raises(SealBroken, match="another key-encryption key"):
        KekSealer(OTHER_KEK).open(sealed, context=PLACE)
    assert KekSealer(KEK).open(sealed, context=PLACE) == PLAIN


def test_another_key_opens_nothing_even_if_the_value_claims_to_be_its_own(sealer: KekSealer) -> None:
    sealed = sealer.seal(PLAIN, context=PLACE)
    other = KekSealer(OTHER_KEK)
    with pytest.raises(SealBroken):
        other.open(sealed[:1] + other.key_id + sealed[9:], context=PLACE)


def test_no_byte_can_be_changed(sealer: KekSealer) -> None:
    sealed = sealer.seal(b"short", context=PLACE)
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises(SealBroken):
            sealer.open(bytes(altered), context=PLACE)


def test_nothing_can_be_cut_off_or_added(sealer: KekSealer) -> None:
    sealed = sealer.seal(b"short", context=PLACE)
    for wrong in (*(sealed[:length] for length in range(len(sealed))), sealed + b"\0", b"\0" + sealed):
        with pytest.raises(SealBroken):
            sealer.open(wrong, context=PLACE)


def test_a_new_key_needs_to_wrap_the_data_key_alone(sealer: KekSealer) -> None:
    """What `idjag kek rotate` will do: the ciphertext proper stays as it is."""
    sealed, new = sealer.seal(PLAIN, context=PLACE), KekSealer(OTHER_KEK)
    header, nonce = b"\x01" + new.key_id, os.urandom(12)
    data_key = AESGCM(KEK).decrypt(sealed[9:21], sealed[21:69], seal._bound(b"key", sealed[:9], PLACE))
    wrapped = AESGCM(OTHER_KEK).encrypt(nonce, data_key, seal._bound(b"key", header, PLACE))
    assert new.open(header + nonce + wrapped + sealed[69:], context=PLACE) == PLAIN


def test_a_place_has_one_name() -> None:
    assert context_of("", "kek_check", "sealed", "kek") == "/kek_check/sealed/kek"
    for parts in [
        ("a/b", "c", "d", "e"),
        ("a", "b/c", "d", "e"),
        ("a", "b", "c", "d/e"),
        ("a", "b", "", "d"),
    ]:
        with pytest.raises(ValueError, match="slash"):
            context_of(*parts)


def test_the_key_does_not_show(sealer: KekSealer) -> None:
    assert repr(sealer) == f"KekSealer(key_id={sealer.key_id.hex()!r})"
    assert sealer.key_id not in KEK


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(KekRefused, match="32 bytes"):
        KekSealer(os.urandom(length))


BASE64 = base64.b64encode(KEK).decode()


@pytest.mark.parametrize(
    "text",
    [
        KEK.hex(),
        KEK.hex().upper(),
        f"  {KEK.hex()}\n",
        BASE64,
        BASE64.rstrip("="),
        base64.urlsafe_b64encode(KEK).decode(),
    ],
)
def test_the_key_is_read_from_hex_and_base64(text: str) -> None:
    assert parse_kek(text) == KEK


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "32 random bytes", id="empty"),
        pytest.param(KEK.hex()[:-1], "32 random bytes", id="a digit short"),
        pytest.param(KEK.hex() + "00", "32 random bytes", id="33 bytes"),
        pytest.param("g" + KEK.hex()[1:], "32 random bytes", id="no hex digit"),
        pytest.param(BASE64[:-2], "32 random bytes", id="a sign short"),
        pytest.param("!" + BASE64[1:], "32 random bytes", id="no base64 sign"),
        pytest.param("ключ" * 11, "32 random bytes", id="not ASCII"),
        pytest.param("00" * 32, "not random", id="zeros"),
        pytest.param(bytes(range(32)).hex(), "not random", id="counting"),
        pytest.param(bytes(range(200, 168, -1)).hex(), "not random", id="counting down"),
        pytest.param("deadbeef" * 8, "not random", id="repeated"),
        pytest.param(b"0123456789abcdef0123456789ABCDEF".hex(), "not random", id="text"),
        pytest.param(
            base64.b64encode(b"change-me-in-production-please!!").decode(), "not random", id="sample"
        ),
    ],
)
def test_what_is_no_random_key_is_refused(text: str, why: str) -> None:
    """Attack case 209: a key that stands in somebody's example is everybody's key."""
    with pytest.raises(KekRefused, match=why) as refused:
        parse_kek(text)
    assert not text or text not in str(refused.value)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_made_key_is_random_and_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "kek"
    kek = load_kek(path, create=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert parse_kek(path.read_text("ascii")) == kek
    assert load_kek(path, create=True) == kek == load_kek(path, create=False)
    assert load_kek(tmp_path / "second", create=True) != kek
    assert _names(path.parent) == ["kek"]


def test_a_missing_key_is_made_only_when_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "kek"
    with pytest.raises(KekRefused, match="does not exist"):
        load_kek(path, create=False)
    assert _names(tmp_path) == []


def test_all_who_make_a_key_at_the_same_time_get_the_same(tmp_path: Path) -> None:
    path, keys = tmp_path / "kek", []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        keys.append(load_kek(path, create=True))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keys == [load_kek(path, create=False)] * 8
    assert _names(tmp_path) == ["kek"]


def _key_file(path: Path, *, mode: int = 0o600, content: str = KEK.hex()) -> Path:
    path.write_text(content, "ascii")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_key_file_is_read(tmp_path: Path, mode: int) -> None:
    assert load_kek(_key_file(tmp_path / "kek", mode=mode), create=False) == KEK


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o644, 0o666])
@pytest.mark.parametrize("create", [True, False])
def test_a_key_file_that_others_can_use_is_refused(tmp_path: Path, mode: int, *, create: bool) -> None:
    """Attack case 209."""
    path = _key_file(tmp_path / "kek", mode=mode)
    with pytest.raises(KekRefused, match="chmod 600"):
        load_kek(path, create=create)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_key_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Attack case 209."""
    path = _key_file(tmp_path / "kek")
    status = path.stat()
    seal._check_private(path, status, uid=status.st_uid)
    with pytest.raises(KekRefused, match=f"belongs to uid {status.st_uid}"):
        seal._check_private(path, status, uid=status.st_uid + 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_key_file_that_was_given_away_is_refused(tmp_path: Path) -> None:
    """Attack case 209, with a real owner."""
    path = _key_file(tmp_path / "kek")
    os.chown(path, 65534, 65534)
    with pytest.raises(KekRefused, match="belongs to uid 65534"):
        load_kek(path, create=False)


@pytest.mark.parametrize("folder", ["", "deploy/secrets"])
@pytest.mark.parametrize("create", [True, False])
def test_a_key_file_in_a_git_work_tree_is_refused(tmp_path: Path, folder: str, *, create: bool) -> None:
    """Attack case 209: what is in a work tree will be committed one day."""
    path = tmp_path / folder / "kek"
    path.parent.mkdir(parents=True, exist_ok=True)
    _key_file(path)
    assert load_kek(path, create=create) == KEK
    (tmp_path / ".git").mkdir()
    with pytest.raises(KekRefused, match="git work tree"):
        load_kek(path, create=create)


def test_a_link_into_a_git_work_tree_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree" / ".git").mkdir(parents=True)
    _key_file(tmp_path / "tree" / "kek")
    (tmp_path / "kek").symlink_to(tmp_path / "tree" / "kek")
    with pytest.raises(KekRefused, match="git work tree"):
        load_kek(tmp_path / "kek", create=False)


def test_a_link_to_a_private_file_is_followed(tmp_path: Path) -> None:
    """Orchestrators mount secrets as links."""
    (tmp_path / "kek").symlink_to(_key_file(tmp_path / "real"))
    assert load_kek(tmp_path / "kek", create=False) == KEK


def test_what_is_no_file_is_refused_and_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path, why in (
        (tmp_path / "fifo", "regular file"),
        (tmp_path, "regular file"),
        (tmp_path / "f/x", "exist"),
    ):
        with pytest.raises(KekRefused, match=why):
            load_kek(path, create=False)


@pytest.mark.parametrize("content", ["", "hunter2", "00" * 32, KEK.hex() + " " * 2000])
def test_a_file_without_a_key_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = _key_file(tmp_path / "kek", content=content)
    with pytest.raises(KekRefused) as refused:
        load_kek(path, create=True)
    assert str(refused.value).startswith(f"{path}: the key-encryption key ")
    assert not content or content not in str(refused.value)
