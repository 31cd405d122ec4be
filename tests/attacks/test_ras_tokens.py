"""Groups E to G of the attack cases at every entry of the RAS: grants, tokens and proofs that are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.attacks.entries import assert_granted, assert_refused
from tests.attacks.hostile import Forge, hostile
from tests.attacks.ras_entries import ENTRIES, TOKEN, Gate, RasEntry, gate
from tests.attacks.target import Wire, members
from tests.proofs import KEY, OTHER_KEY, jkt
from tests.ras.world import CLIENT, IDP, RAS, SECRET, key

ID_JAG, BOUND, GENERIC, INTROSPECT, REVOKE = ENTRIES
GRANTS = ENTRIES[:3]
WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in CLIENT)


@pytest.fixture(scope="module")
def ras() -> Gate:
    """A RAS in memory; nothing here changes its configuration."""
    return gate()


def _about(ras: Gate, entry: RasEntry, value: str, name: str = CLIENT) -> Wire:
    wire = entry.wire(ras, name)
    wire.form = [(each, value if each == entry.about else old) for each, old in wire.form]
    return wire


def _forge(ras: Gate, entry: RasEntry, number: str) -> Forge:
    grant = jws.parse(entry.form(ras, CLIENT)["assertion"], max_bytes=names.MAX_ID_JAG)
    return Forge(key("idp"), dict(grant.claims) | {"jti": number}, {"typ": grant.header["typ"]})


@pytest.mark.parametrize("entry", GRANTS, ids=str)
def test_no_grant_that_is_wrong_in_its_form_gets_in(ras: Gate, entry: RasEntry) -> None:
    """Group G, attack cases 114 to 134, for grants of each profile; nothing of it uses up the right one."""
    forge = _forge(ras, entry, f"g-{entry}")
    for name, text in hostile(forge):
        event = assert_refused(ras, _about(ras, entry, text), 400, "invalid_grant", inside=True)
        reasons = ("assertion_invalid", "signature_invalid", "assertion_type", "issuer_not_trusted")
        assert event["reason"] in reasons, name
    assert_granted(ras, _about(ras, entry, forge.signed()))


@pytest.mark.parametrize("entry", [INTROSPECT, REVOKE], ids=str)
def test_a_token_that_is_wrong_in_its_form_is_none(ras: Gate, entry: RasEntry) -> None:
    """Group G at the endpoints that take any token: inactive, or nothing left to end; and no fault."""
    token = ras.access_token(CLIENT)
    forge = Forge(key("ras"), jws.parse(token, max_bytes=9999).claims, {"typ": "at+jwt"})
    for name, text in hostile(forge):
        answer = _about(ras, entry, text).exchange().through(ras.app)
        expected: dict[str, Any] = {"active": False} if entry is INTROSPECT else {}
        assert (answer.status, members(answer)) == (200, expected), name
    assert_granted(ras, _about(ras, INTROSPECT, token))


THINGS: dict[str, Callable[[Gate], str]] = {
    "an ID-JAG": lambda ras: ras.grant(CLIENT),
    "an ID-JAG of another client": lambda ras: ras.grant("other"),
    "an ID-JAG of the client in capitals": lambda ras: ras.grant(CLIENT.upper()),
    "an ID-JAG of the client in wide letters": lambda ras: ras.grant(WIDE),
    "an ID-JAG of a list of clients": lambda ras: ras.grant(CLIENT, client_id=[CLIENT]),
    "an ID-JAG for another server": lambda ras: ras.grant(CLIENT, aud="https://other.example/"),
    "an ID-JAG for the token endpoint": lambda ras: ras.grant(CLIENT, aud=TOKEN),
    "an ID-JAG for two": lambda ras: ras.grant(CLIENT, aud=[RAS, "https://other.example/"]),
    "an ID-JAG for us twice": lambda ras: ras.grant(CLIENT, aud=[RAS, RAS]),
    "an ID-JAG of us": lambda ras: ras.grant(CLIENT, iss=RAS),
    "an ID-JAG of nobody": lambda ras: ras.grant(CLIENT, sub=None),
    "an ID-JAG that is over": lambda ras: ras.grant(CLIENT, exp=ras.now - 60),
    "an ID-JAG of the future": lambda ras: ras.grant(CLIENT, iat=ras.now + 61),
    "an ID-JAG for a day": lambda ras: ras.grant(CLIENT, exp=ras.now + 86_400),
    "an ID-JAG with a key": lambda ras: ras.grant(CLIENT, cnf={"jkt": jkt()}),
    "an ID-JAG with another key": lambda ras: ras.grant(CLIENT, cnf={"jkt": jkt(OTHER_KEY)}),
    "a generic grant": lambda ras: ras.grant(CLIENT, typ="JWT"),
    "a generic grant of a client about itself": lambda ras: ras.grant(
        CLIENT, typ="JWT", iss=CLIENT, sub=CLIENT
    ),
    "an ID token": lambda ras: ras.grant(CLIENT, typ="JWT", nonce="n"),
    "an ID token with our mark": lambda ras: ras.grant(CLIENT, typ="JWT", idjag_use="id_token"),
    "a logout token": lambda ras: ras.grant(CLIENT, typ="logout+jwt", events={"urn:logout": {}}),
    "a logout token without its type": lambda ras: ras.grant(CLIENT, typ="JWT", events={"urn:logout": {}}),
    "an access token": lambda ras: ras.access_token(CLIENT),
    "an access token of another client": lambda ras: ras.access_token("other"),
    "an assertion of a client": lambda ras: ras.assertion(),
    "a proof": lambda ras: ras.proof(),
    "a secret": lambda _ras: SECRET,
    "the text null": lambda _ras: "null",
    "an array": lambda _ras: "[]",
    "a text of 60 kB": lambda _ras: "A" * 60_000,
}
GOOD = {
    ("an ID-JAG", ID_JAG),
    ("a generic grant", ID_JAG),
    ("an ID-JAG", GENERIC),
    ("a generic grant", GENERIC),
    ("an ID-JAG with a key", BOUND),
    ("an access token", INTROSPECT),
}


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("thing", THINGS)
def test_each_thing_is_good_in_its_own_place_alone(ras: Gate, entry: RasEntry, thing: str) -> None:
    """Attack cases 79 to 99, 106; RAS-07 to RAS-18: a token of one kind is never taken for another."""
    wire = _about(ras, entry, THINGS[thing](ras))
    if (thing, entry) in GOOD:
        assert_granted(ras, wire)
    elif entry is INTROSPECT:
        answer = wire.exchange().through(ras.app)
        assert (answer.status, members(answer)) == (200, {"active": False})
    elif entry is not REVOKE:
        assert_refused(ras, wire, 400, "invalid_grant", inside=True)
    elif thing == "an access token of another client":
        assert_refused(ras, wire, 400, "unauthorized_client", inside=True)
    elif thing.startswith("an ID-JAG"):
        assert_refused(ras, wire, 400, "unsupported_token_type", inside=True)
    else:
        answer = wire.exchange().through(ras.app)
        assert (answer.status, members(answer)) == (200, {})


@pytest.mark.parametrize(("thing", "entry"), sorted(GOOD, key=str), ids=str)
def test_what_is_given_to_the_wrong_place_is_still_good_in_its_own(
    ras: Gate, thing: str, entry: RasEntry
) -> None:
    """RAS-20: nothing is used up where it means nothing."""
    for other in ENTRIES:
        if (thing, other) in GOOD or (other is REVOKE and thing == "an access token"):
            continue
        value = THINGS[thing](ras)
        _about(ras, other, value).exchange().through(ras.app)
        assert_granted(ras, _about(ras, entry, value))


def _proving(wire: Wire, *proofs: str | bytes) -> Wire:
    kept = [pair for pair in wire.headers if pair[0] != b"dpop"]
    given = [(b"dpop", each if isinstance(each, bytes) else each.encode("utf-8")) for each in proofs]
    wire.headers = [*kept, *given]
    return wire


@pytest.mark.parametrize("entry", GRANTS, ids=str)
def test_no_proof_that_is_wrong_in_its_form_is_passed_over(ras: Gate, entry: RasEntry) -> None:
    """Group G, attack cases 107 and 114 to 134, for proofs: refused, never ignored."""
    public = {name: value for name, value in KEY.public.to_dict().items() if name in ("kty", "crv", "x", "y")}
    claims = {"htm": "POST", "htu": TOKEN, "iat": ras.now, "jti": f"g-{entry}"}
    forge = Forge(KEY, claims, {"typ": "dpop+jwt", "jwk": public}, proof=True)
    for name, text in hostile(forge):
        wire = _proving(entry.wire(ras), text)
        if sum(len(header) + len(value) for header, value in wire.headers) < 30_000:
            event = assert_refused(ras, wire, 400, "invalid_dpop_proof", inside=True)
            assert event["reason"] == "dpop_proof_invalid", name
    assert_granted(ras, _proving(entry.wire(ras), forge.signed()))


PROOFS: dict[str, Callable[[Gate], tuple[str | bytes, ...]]] = {
    "two headers": lambda ras: (ras.proof(), ras.proof()),
    "two in one header": lambda ras: (f"{ras.proof()},{ras.proof()}",),
    "an empty header": lambda _ras: ("",),
    "octets": lambda _ras: (b"\xff\xfe",),
    "another method": lambda ras: (ras.proof(htm="GET"),),
    "for introspection": lambda ras: (ras.proof(f"{RAS}introspect"),),
    "for the identity provider": lambda ras: (ras.proof(f"{IDP}/token"),),
    "without TLS": lambda ras: (ras.proof(TOKEN.replace("https", "http")),),
    "for a host that begins like ours": lambda ras: (ras.proof("https://acme.chat.example.evil/token"),),
    "for another path": lambda ras: (ras.proof(f"{TOKEN}/"),),
    "too old": lambda ras: (ras.proof(iat=ras.now - 121),),
    "of the future": lambda ras: (ras.proof(iat=ras.now + 61),),
    "of true": lambda ras: (ras.proof(iat=True),),
    "without an id": lambda ras: (ras.proof(jti=None),),
    "of another type": lambda ras: (ras.proof(header={"typ": "JWT"}),),
    "with a private key": lambda ras: (ras.proof(header={"jwk": KEY.public.to_dict() | {"d": "AAAA"}}),),
    "with another's key": lambda ras: (ras.proof(header={"jwk": OTHER_KEY.public.to_dict()}),),
}


@pytest.mark.parametrize("entry", GRANTS, ids=str)
def test_a_proof_is_for_this_request_of_this_moment(ras: Gate, entry: RasEntry) -> None:
    """Attack cases 107 and 108, DPOP-03; nobody's grant is used up by a wrong proof."""
    for name, proofs in PROOFS.items():
        wire = _proving(entry.wire(ras), *proofs(ras))
        event = assert_refused(ras, wire, 400, "invalid_dpop_proof", inside=True)
        assert event["reason"] == "dpop_proof_invalid", name
        assert_granted(ras, _proving(wire, ras.proof()))


@pytest.mark.parametrize("second", GRANTS, ids=str)
@pytest.mark.parametrize("first", GRANTS, ids=str)
def test_a_proof_is_good_for_one_grant_once(ras: Gate, first: RasEntry, second: RasEntry) -> None:
    """Attack case 107, DPOP-16."""
    text = ras.proof()
    assert_granted(ras, _proving(first.wire(ras), text))
    assert_refused(ras, _proving(second.wire(ras), text), 400, "invalid_dpop_proof", inside=True)
    wasted = ras.proof()
    refused = _proving(_about(ras, first, "nothing of ours"), wasted)
    assert_refused(ras, refused, 400, "invalid_grant", inside=True)
    assert_refused(ras, _proving(second.wire(ras), wasted), 400, "invalid_dpop_proof", inside=True)


@pytest.mark.parametrize("entry", GRANTS, ids=str)
@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "client_credentials",
        names.AUTHORIZATION_CODE,
        names.TOKEN_EXCHANGE,
        names.JWT_BEARER.upper(),
        f"{names.JWT_BEARER} ",
        names.JWT_BEARER.replace("jwt", "saml2"),
        "jwt-bearer",
    ],
)
def test_an_unknown_grant_type_is_refused_and_uses_nothing_up(
    ras: Gate, entry: RasEntry, grant_type: str
) -> None:
    """Attack case 15."""
    wire = entry.wire(ras)
    right, wire.form[0] = wire.form[0], ("grant_type", grant_type)
    assert_refused(ras, wire, 400, "unsupported_grant_type", inside=True, echo=True)
    wire.form[0] = right
    assert_granted(ras, _proving(wire, ras.proof()))


@pytest.mark.parametrize("entry", GRANTS, ids=str)
def test_a_grant_is_good_once_whatever_it_is_called(ras: Gate, entry: RasEntry) -> None:
    """Attack case 93: by its own name and by the other one, with a proof and without."""
    value = entry.form(ras, CLIENT)["assertion"]
    assert_granted(ras, _proving(_about(ras, entry, value), ras.proof()))
    for other in GRANTS:
        again = _proving(_about(ras, other, value), ras.proof())
        assert_refused(ras, again, 400, "invalid_grant", inside=True)
        assert_refused(ras, _proving(_about(ras, other, value)), 400, "invalid_grant", inside=True)
