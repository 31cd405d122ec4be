"""Groups F and G at every entry of the IdP: proofs of possession that are none, and whose they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.attacks.entries import ENTRIES, Entry, assert_granted, assert_refused
from tests.attacks.hostile import Forge, hostile
from tests.attacks.target import Target, Wire, target
from tests.idp.grants.acme import ISSUER
from tests.proofs import KEY, OTHER_KEY, proof

URI = f"{ISSUER}/token"
CODE, REFRESH, ID_TOKEN, OFFLINE, REVOKE, INTROSPECT = ENTRIES


@pytest.fixture(scope="module")
def idp() -> Iterator[Target]:
    """Acme in memory; nothing here changes its rules."""
    with target(None) as made:
        yield made


def _proving(wire: Wire, *proofs: str | bytes) -> Wire:
    kept = [pair for pair in wire.headers if pair[0] != b"dpop"]
    given = [(b"dpop", each if isinstance(each, bytes) else each.encode("utf-8")) for each in proofs]
    wire.headers = [*kept, *given]
    return wire


PROVING = [entry for entry in ENTRIES if entry.proofs]


@pytest.mark.parametrize("entry", PROVING, ids=str)
def test_no_proof_that_is_wrong_in_its_form_is_passed_over(idp: Target, entry: Entry) -> None:
    """Group G, attack cases 107 and 114 to 134, for proofs: refused, never ignored."""
    now = idp.acme.clock.now
    public = {name: value for name, value in KEY.public.to_dict().items() if name in ("kty", "crv", "x", "y")}
    claims = {"htm": "POST", "htu": URI, "iat": now, "jti": f"g-{entry}"}
    forge = Forge(KEY, claims, {"typ": "dpop+jwt", "jwk": public}, proof=True)
    for name, text in hostile(forge):
        wire = _proving(entry.wire(idp), text)
        sizes = sum(len(header) + len(value) for header, value in wire.headers)
        if sizes < 30_000:  # more is refused at the door
            event = assert_refused(idp, wire, 400, "invalid_dpop_proof", inside=True)
            assert event["reason"] == "dpop_proof_invalid", name
    assert_granted(idp, _proving(entry.wire(idp), forge.signed()))


PROOFS: dict[str, Callable[[Target], tuple[str | bytes, ...]]] = {
    "two headers": lambda idp: (proof(URI, now=idp.acme.clock.now), proof(URI, now=idp.acme.clock.now)),
    "two in one header": lambda idp: (", ".join(proof(URI, now=idp.acme.clock.now) for _ in "12"),),
    "one and an empty header": lambda idp: (proof(URI, now=idp.acme.clock.now), ""),
    "an empty header": lambda _idp: ("",),
    "octets": lambda _idp: (b"\xff\xfe",),
    "a bearer token": lambda _idp: ("Bearer x",),
    "another method": lambda idp: (proof(URI, now=idp.acme.clock.now, htm="GET"),),
    "the method in small letters": lambda idp: (proof(URI, now=idp.acme.clock.now, htm="post"),),
    "for revocation": lambda idp: (proof(f"{ISSUER}/revoke", now=idp.acme.clock.now),),
    "for the issuer": lambda idp: (proof(ISSUER, now=idp.acme.clock.now),),
    "without TLS": lambda idp: (proof(URI.replace("https", "http"), now=idp.acme.clock.now),),
    "for another host": lambda idp: (proof("https://evil.example/token", now=idp.acme.clock.now),),
    "for a host that begins like ours": lambda idp: (proof(f"{ISSUER}.evil/token", now=idp.acme.clock.now),),
    "for another port": lambda idp: (proof(f"{ISSUER}:8443/token", now=idp.acme.clock.now),),
    "for a longer path": lambda idp: (proof(f"{URI}/x", now=idp.acme.clock.now),),
    "for a path with a slash": lambda idp: (proof(f"{URI}/", now=idp.acme.clock.now),),
    "for capitals": lambda idp: (proof(f"{ISSUER}/TOKEN", now=idp.acme.clock.now),),
    "for userinfo": lambda idp: (proof(URI.replace("://", "://x@"), now=idp.acme.clock.now),),
    "too old": lambda idp: (proof(URI, now=idp.acme.clock.now - 121),),
    "of the future": lambda idp: (proof(URI, now=idp.acme.clock.now + 61),),
    "over": lambda idp: (proof(URI, now=idp.acme.clock.now, exp=idp.acme.clock.now - 61),),
    "of true": lambda idp: (proof(URI, now=idp.acme.clock.now, iat=True),),
    "of a fraction": lambda idp: (proof(URI, now=idp.acme.clock.now, iat=idp.acme.clock.now + 0.5),),
    "of a text": lambda idp: (proof(URI, now=idp.acme.clock.now, iat=str(idp.acme.clock.now)),),
    "of no time": lambda idp: (proof(URI, now=idp.acme.clock.now, iat=None),),
    "without an id": lambda idp: (proof(URI, now=idp.acme.clock.now, jti=None),),
    "with a long id": lambda idp: (proof(URI, now=idp.acme.clock.now, jti="j" * 300),),
    "with a list as id": lambda idp: (proof(URI, now=idp.acme.clock.now, jti=["x"]),),
    "of another type": lambda idp: (proof(URI, now=idp.acme.clock.now, header={"typ": "JWT"}),),
    "without a key": lambda idp: (proof(URI, now=idp.acme.clock.now, header={"jwk": None}),),
    "with another's key": lambda idp: (
        proof(URI, now=idp.acme.clock.now, header={"jwk": OTHER_KEY.public.to_dict()}),
    ),
    "with a private key": lambda idp: (
        proof(URI, now=idp.acme.clock.now, header={"jwk": KEY.public.to_dict() | {"d": "AAAA"}}),
    ),
    "with a shared key": lambda idp: (
        proof(URI, now=idp.acme.clock.now, header={"jwk": {"kty": "oct", "k": "AAAA"}, "alg": "HS256"}),
    ),
    "with a key for encryption": lambda idp: (
        proof(URI, now=idp.acme.clock.now, header={"jwk": KEY.public.to_dict() | {"use": "enc"}}),
    ),
    "with a key as text": lambda idp: (
        proof(URI, now=idp.acme.clock.now, header={"jwk": json.dumps(KEY.public.to_dict())}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("entry", PROVING, ids=str)
def test_a_proof_is_for_this_request_of_this_moment(idp: Target, entry: Entry) -> None:
    """Attack cases 107 and 108; DPOP-02, DPOP-03: the same whatever the grant."""
    for name, proofs in PROOFS.items():
        event = assert_refused(
            idp, _proving(entry.wire(idp), *proofs(idp)), 400, "invalid_dpop_proof", inside=True
        )
        assert event["reason"] == "dpop_proof_invalid", name
    now = idp.acme.clock.now
    for uri in (
        URI,
        f"{URI}?x=1",
        f"{URI}#x",
        ISSUER.upper().replace("HTTPS", "https") + "/token",
        f"{ISSUER}:443/token",
    ):
        assert_granted(idp, _proving(entry.wire(idp), proof(uri, now=now)))


@pytest.mark.parametrize("second", PROVING, ids=str)
@pytest.mark.parametrize("first", PROVING, ids=str)
def test_a_proof_is_good_for_one_grant_once(idp: Target, first: Entry, second: Entry) -> None:
    """Attack cases 107 and 29, DPOP-16: one address, one proof, whatever is asked for there."""
    text = proof(URI, now=idp.acme.clock.now)
    assert_granted(idp, _proving(first.wire(idp), text))
    event = assert_refused(idp, _proving(second.wire(idp), text), 400, "invalid_dpop_proof", inside=True)
    assert event["inputs"]["fact"] == {"problem": "replayed"}
    wasted = proof(URI, now=idp.acme.clock.now)
    assert_refused(
        idp,
        _proving(first.wire(idp, **{first.about: "nothing of ours"}), wasted),
        400,
        "invalid_grant",
        inside=True,
    )
    assert_refused(idp, _proving(second.wire(idp), wasted), 400, "invalid_dpop_proof", inside=True)


@pytest.mark.parametrize("entry", [REVOKE, INTROSPECT], ids=str)
def test_where_proofs_mean_nothing_they_change_nothing(idp: Target, entry: Entry) -> None:
    """RFC 9449 section 5: not even a wrong one; and what is used there is used up nowhere."""
    text = proof(URI, now=idp.acme.clock.now)
    for proofs in ((text,), ("x",), ("x", "y"), (b"\xff",)):
        assert_granted(idp, _proving(entry.wire(idp), *proofs))
    assert_granted(idp, _proving(REFRESH.wire(idp), text))


@pytest.mark.parametrize("entry", PROVING, ids=str)
def test_a_stranger_uses_up_no_proof_of_others(idp: Target, entry: Entry) -> None:
    """RFC 9449 section 11.1: whoever has seen a proof and is not the client cannot burn it."""
    text = proof(URI, now=idp.acme.clock.now)
    stranger = _proving(entry.wire(idp), text)
    stranger.headers = [pair for pair in stranger.headers if pair[0] != b"authorization"]
    assert_refused(idp, stranger, 401, "invalid_client")
    assert_granted(idp, _proving(entry.wire(idp), text))
