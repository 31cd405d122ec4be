"""idjag.idp.keys: which key signs, verifies and is published in each state, and what is refused."""

from __future__ import annotations

import json
from typing import cast

import pytest

from idjag.idp.keys import KeyLoader, KeysBroken, SigningKeys, load
from idjag.ledger.entry import Row
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import KeyUnknown, PrivateKey, jws
from idjag.protocol.jose.json import canonical
from idjag.seal import KekSealer, SealBroken, context_of

NOW = 1_800_000_000
TENANT = "t1"
SEALER = KekSealer(bytes.fromhex("8f3b6c0de2a95714f0c17b92d46e38a5176de90b42fc8563aa1e70d93c5b28f4"))
OTHER_SEALER = KekSealer(bytes(reversed(range(7, 231, 7))))


def row(kid: str, status: str = "active", *, alg: str = "ES256", tenant: str = TENANT) -> dict[str, object]:
    """A valid row, with a new key."""
    private = PrivateKey.generate(alg, kid=kid)
    return {
        "id": kid,
        "tenant_id": tenant,
        "alg": alg,
        "status": status,
        "public": canonical(private.public.to_dict()).decode(),
        "sealed": SEALER.seal(private.to_pem(), context=context_of(tenant, "signing_key", "sealed", kid)),
        "created": NOW,
        "activated": None if status == "next" else NOW,
        "retires": NOW + 600 if status == "retiring" else None,
    }


def loaded(*rows: dict[str, object]) -> SigningKeys:
    return load(cast("list[Row]", rows), SEALER)


def kids(keys: SigningKeys, now: int = NOW) -> list[object]:
    return [key["kid"] for key in keys.published(now)]


# --- what each state means


def test_each_state_signs_verifies_and_is_published_as_it_must() -> None:
    """MET-09: the next key is published before use, the old one until its tokens have expired."""
    keys = loaded(row("n", "next"), row("a"), row("old", "retiring"), row("bad", "revoked"))
    assert keys.signing("ES256", now=NOW).kid == "a"
    assert [key.kid for key in keys.verifying(now=NOW).keys] == ["n", "a", "old"]
    assert kids(keys) == ["n", "a", "old"]


def test_a_retiring_key_is_published_until_its_time_and_not_in_that_second() -> None:
    """MET-09, attack case 204."""
    keys = loaded(row("a"), row("old", "retiring"))
    assert kids(keys, NOW + 599) == ["a", "old"]
    assert kids(keys, NOW + 600) == ["a"]


def test_what_is_published_no_more_verifies_no_more() -> None:
    """MET-09, attack case 50: an old key that somebody finds makes no tokens of ours."""
    keys = loaded(row("a"), row("old", "retiring"))
    assert [key.kid for key in keys.verifying(now=NOW + 599).keys] == ["a", "old"]
    assert [key.kid for key in keys.verifying(now=NOW + 600).keys] == ["a"]


@pytest.mark.parametrize("status", ["next", "active", "retiring"])
def test_a_token_verifies_until_its_key_is_revoked(status: str) -> None:
    """Attack case 205; XCH-40: our own ID token of a revoked kid is no subject token."""
    mine = row("k", status)
    token = jws.sign({"iss": "x"}, key=_private(mine), typ="jwt")
    assert jws.verify(token, keys=loaded(mine).verifying(now=NOW), algorithms=["ES256"]) == {"iss": "x"}
    revoked = loaded({**mine, "status": "revoked", "retires": None})
    with pytest.raises(KeyUnknown):
        jws.verify(token, keys=revoked.verifying(now=NOW), algorithms=["ES256"])
    assert kids(revoked) == []


def _private(stored: dict[str, object]) -> PrivateKey:
    context = context_of(TENANT, "signing_key", "sealed", str(stored["id"]))
    pem = SEALER.open(cast("bytes", stored["sealed"]), context=context)
    return PrivateKey.from_pem(pem, alg=str(stored["alg"]), kid=str(stored["id"]))


@pytest.mark.parametrize("status", ["next", "retiring", "revoked"])
def test_only_an_active_key_signs(status: str) -> None:
    assert loaded(row("k")).signing("ES256", now=NOW).kid == "k"
    with pytest.raises(Refused) as refused:
        loaded(row("k", status)).signing("ES256", now=NOW)
    assert refused.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("ahead", [-1, 0, 60, 3600])
def test_an_active_key_signs_though_it_was_made_by_a_clock_that_is_ahead(ahead: int) -> None:
    """P14: else one fast clock takes all other nodes out of service until theirs have come so far."""
    keys = loaded({**row("a"), "activated": NOW + ahead}, {**row("n", "next"), "activated": NOW + 7200})
    assert keys.signing("ES256", now=NOW).kid == "a"
    assert keys.signing("ES256", now=NOW + 7200).kid == "n"


def test_each_algorithm_has_its_own_active_key() -> None:
    keys = loaded(row("e"), row("r", alg="RS256"), row("d", alg="Ed25519"))
    assert [keys.signing(alg, now=NOW).kid for alg in ("ES256", "RS256", "Ed25519")] == ["e", "r", "d"]
    assert [keys.signing(alg, now=NOW).alg for alg in ("ES256", "RS256", "Ed25519")] == [
        "ES256",
        "RS256",
        "Ed25519",
    ]
    with pytest.raises(Refused):
        keys.signing("ES384", now=NOW)


def test_a_tenant_without_keys_has_none() -> None:
    keys = load([], SEALER)
    assert keys.published(NOW) == []
    assert len(keys.verifying(now=NOW)) == 0
    with pytest.raises(Refused):
        keys.signing("ES256", now=NOW)


@pytest.mark.parametrize(
    ("alg", "members"),
    [
        ("ES256", {"kid", "kty", "alg", "use", "crv", "x", "y"}),
        ("RS256", {"kid", "kty", "alg", "use", "n", "e"}),
        ("Ed25519", {"kid", "kty", "alg", "use", "crv", "x"}),
    ],
)
def test_what_is_published_is_public_and_nothing_more(alg: str, members: set[str]) -> None:
    """MET-09; interop fact 9: no key_ops beside use."""
    (jwk,) = loaded(row("k", alg=alg)).published(NOW)
    assert set(jwk) == members
    assert (jwk["kid"], jwk["alg"], jwk["use"]) == ("k", alg, "sig")


def test_no_private_key_shows() -> None:
    mine = row("k")
    keys = loaded(mine)
    secret = _private(mine).to_pem().splitlines()[1].decode()
    for shown in (
        repr(keys),
        str(keys),
        repr(keys._keys),
        json.dumps(keys.published(NOW)),
        repr(keys.signing("ES256", now=NOW)),
    ):
        assert secret[:20] not in shown
    assert repr(keys) == "SigningKeys(k: active)"


# --- what is wrong in the table stops us


def test_the_ciphertexts_of_two_rows_cannot_change_places() -> None:
    one, two = row("one"), row("two", "next")
    assert len(loaded(one, two).verifying(now=NOW)) == 2
    with pytest.raises(SealBroken):
        loaded({**one, "sealed": two["sealed"]}, two)
    with pytest.raises(SealBroken):
        loaded({**one, "sealed": two["sealed"], "public": two["public"]}, two)


@pytest.mark.parametrize("change", [{"tenant_id": "t2"}, {"id": "other"}])
def test_a_row_opens_in_its_own_tenant_under_its_own_kid(change: dict[str, object]) -> None:
    with pytest.raises(SealBroken):
        loaded({**row("k"), **change})


def test_another_key_encryption_key_opens_no_row() -> None:
    mine = cast("Row", row("k"))
    assert load([mine], SEALER).signing("ES256", now=NOW).kid == "k"
    with pytest.raises(SealBroken):
        load([mine], OTHER_SEALER)


def test_a_public_key_that_was_put_in_is_never_trusted() -> None:
    """The column is not sealed; what is published and verifies comes from the sealed half."""
    stranger = row("k")
    with pytest.raises(KeysBroken, match="public part"):
        loaded({**row("k"), "public": stranger["public"]})
    with pytest.raises(KeysBroken, match="public part"):
        loaded({**row("old", "retiring"), "public": row("old")["public"]})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "paused"}, "status"),
        ({"status": "Active"}, "status"),
        ({"status": "retiring"}, "time to go"),
        ({"retires": NOW}, "time to go"),
        ({"sealed": None}, "nothing is sealed"),
        ({"sealed": "text"}, "nothing is sealed"),
        ({"alg": "RS256"}, "signing key k: key_"),
        ({"alg": "HS256"}, "signing key k: key_"),
        ({"public": "{}"}, "public part"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(KeysBroken, match=why):
        loaded({**row("k"), **change})


def test_two_active_keys_of_one_algorithm_are_refused() -> None:
    """Attack case 206: which of them signs must never be a matter of order."""
    with pytest.raises(KeysBroken, match="two active"):
        loaded(row("one"), row("two"))
    assert loaded(row("one"), row("two", alg="Ed25519")).signing("ES256", now=NOW).kid == "one"


def test_one_kid_twice_is_refused() -> None:
    with pytest.raises(KeysBroken, match="one kid"):
        loaded(row("k"), {**row("k"), "status": "next"} | {"alg": "Ed25519"} | _ed25519("k"))


def _ed25519(kid: str) -> dict[str, object]:
    return row(kid, "next", alg="Ed25519")


def test_a_revoked_key_is_not_even_opened() -> None:
    """A damaged revoked row must not stop the rest."""
    assert kids(loaded(row("a"), {**row("bad", "revoked"), "sealed": b"", "public": "?"})) == ["a"]


# --- unsealed once


class CountingSealer(KekSealer):
    """Counts what is opened."""

    opened = 0

    def open(self, sealed: bytes, *, context: str) -> bytes:
        self.opened += 1
        return SEALER.open(sealed, context=context)


def test_a_key_is_unsealed_once_however_often_the_policy_changes() -> None:
    sealer = CountingSealer(b"\1" * 32)
    loader, rows = KeyLoader(sealer), cast("list[Row]", [row("a"), row("n", "next"), row("bad", "revoked")])
    first, second = loader.load(rows), loader.load(rows)
    assert sealer.opened == 2
    assert first.signing("ES256", now=NOW) is second.signing("ES256", now=NOW)
    loader.load(cast("list[Row]", [row("x", tenant="t2")]))
    assert loader.load(rows).signing("ES256", now=NOW) is first.signing("ES256", now=NOW)
    assert sealer.opened == 3


def test_a_row_that_changed_is_opened_again_and_a_revoked_key_forgotten() -> None:
    loader, mine = KeyLoader(SEALER), cast("Row", row("a"))
    before = loader.load([mine]).signing("ES256", now=NOW)
    again = {
        **mine,
        "sealed": SEALER.seal(before.to_pem(), context=context_of(TENANT, "signing_key", "sealed", "a")),
    }
    assert loader.load([again]).signing("ES256", now=NOW) is not before
    loader.load([{**again, "status": "revoked"}])
    assert loader._opened == {}
    with pytest.raises(SealBroken):
        loader.load([{**mine, "sealed": b"\1" * 200}])
