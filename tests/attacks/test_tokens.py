"""Groups C and G at every entry of the IdP: each thing of ours in every place, and none by another name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import base64url, jws
from tests.attacks.entries import ENTRIES, Entry, assert_granted, assert_refused
from tests.attacks.hostile import Forge, hostile
from tests.attacks.target import Target, Wire, members, target
from tests.idp.grants.acme import ISSUER, SECRETS
from tests.proofs import jkt, proof

URI = f"{ISSUER}/token"
CODE, REFRESH, ID_TOKEN, OFFLINE, REVOKE, INTROSPECT = ENTRIES


@pytest.fixture(scope="module")
def idp() -> Iterator[Target]:
    """Acme in memory; nothing here changes its rules."""
    with target(None) as made:
        yield made


def _used_code(idp: Target) -> str:
    wire = CODE.wire(idp)
    assert_granted(idp, wire)
    return dict(wire.form)["code"]


def _rotated(idp: Target) -> str:
    wire = REFRESH.wire(idp)
    assert_granted(idp, wire)
    return dict(wire.form)["refresh_token"]


def _revoked(idp: Target) -> str:
    wire = REVOKE.wire(idp)
    assert_granted(idp, wire)
    return dict(wire.form)["token"]


def _of_sign_in(name: str) -> Callable[[Target], str]:
    return lambda idp: str(members(assert_granted(idp, CODE.wire(idp)))[name])


def _id_jag(idp: Target) -> str:
    return str(members(assert_granted(idp, ID_TOKEN.wire(idp)))["access_token"])


def _signed(typ: str, **changes: Any) -> Callable[[Target], str]:
    """What we sign, under another type or with other claims; None removes one."""

    def made(idp: Target) -> str:
        claims = dict(jws.parse(idp.tokens["wiki"], max_bytes=names.MAX_SUBJECT_TOKEN).claims) | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jws.sign(kept, key=idp.acme.snapshot.keys.signing("RS256", now=idp.acme.clock.now), typ=typ)

    return made


def _fresh(idp: Target) -> str:
    return idp.acme.sign_in()


THINGS: dict[str, Callable[[Target], str]] = {
    "a code": lambda idp: idp.code("wiki"),
    "a used code": _used_code,
    "a code of another client": lambda idp: idp.code("notes"),
    "a refresh token": lambda idp: idp.refresh_token("wiki"),
    "a rotated refresh token": _rotated,
    "a revoked refresh token": _revoked,
    "a refresh token of another client": lambda idp: idp.refresh_token("notes"),
    "a refresh token of a public client": lambda idp: idp.refresh_token("desk"),
    "an ID token": _fresh,
    "an ID token of another client": lambda idp: idp.tokens["notes"],
    "an access token": _of_sign_in("access_token"),
    "an ID-JAG": _id_jag,
    "an assertion of a client": lambda idp: idp.assertion(),
    "a proof": lambda idp: proof(URI, now=idp.acme.clock.now),
    "a logout token": _signed(
        "logout+jwt", events={"http://schemas.openid.net/event/backchannel-logout": {}}
    ),
    "a userinfo answer": _signed("JWT", idjag_use=None),
    "an authorization response": _signed("JWT", idjag_use=None, code="x", state="y"),
    "a JWT access token": _signed("at+jwt", scope="openid", client_id="wiki"),
    "an ID token that says a scope": _signed("JWT", scope="openid"),
    "an ID token that says a client": _signed("JWT", client_id="wiki"),
    "an ID token that says a key": _signed("JWT", cnf={"jkt": jkt()}),
    "an ID token for two": _signed("JWT", aud=["wiki", "notes"]),
    "an ID token for itself": _signed("JWT", aud=ISSUER),
    "an ID token of another issuer": _signed("JWT", iss=f"{ISSUER}/"),
    "an ID token of nobody": _signed("JWT", sub=None),
    "an ID token of a number": _signed("JWT", sub=5),
    "an ID token of somebody long": _signed("JWT", sub="s" * 300),
    "an ID token of no session": _signed("JWT", sid=None),
    "an ID token of another session": _signed("JWT", sid="somebody's"),
    "an ID token that is over": _signed("JWT", exp=1_700_000_000),
    "an ID token of the future": _signed("JWT", iat=1_900_000_000),
    "an ID token of an unknown way": _signed("JWT", amr="pwd"),
    "a secret": lambda _idp: SECRETS["wiki"],
    "an assertion of SAML": lambda _idp: base64url.encode(b"<saml:Assertion/>"),
    "the text null": lambda _idp: "null",
    "an array": lambda _idp: "[]",
    "NUL that was escaped twice": lambda _idp: "%00",
    "digits of another script": lambda _idp: "\u0661\u0662\u0663",
    "a text of 60 kB": lambda _idp: "A" * 60_000,
}
# What each entry takes, and what it can say about a token that nobody can give back.
GOOD = {
    ("a code", CODE),
    ("a refresh token", REFRESH),
    ("an ID token", ID_TOKEN),
    ("a refresh token", OFFLINE),
    ("a refresh token", INTROSPECT),
    ("an access token", INTROSPECT),
}
_OURS = ("an ID-JAG", "an ID token", "a logout token", "a userinfo", "an authorization resp", "a JWT access")


def _about(idp: Target, entry: Entry, value: str) -> Wire:
    wire = entry.wire(idp)
    wire.form = [(name, value if name == entry.about else old) for name, old in wire.form]
    return wire


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("thing", THINGS)
def test_each_thing_is_good_in_its_own_place_alone(idp: Target, entry: Entry, thing: str) -> None:
    """Attack cases 18, 45 to 56; XCH-36 to XCH-49: a token of one kind is never taken for another."""
    wire = _about(idp, entry, THINGS[thing](idp))
    if (thing, entry) in GOOD:
        assert_granted(idp, wire)
    elif entry is INTROSPECT:
        answer = wire.exchange().through(idp.app)
        assert (answer.status, members(answer)) == (200, {"active": False})
    elif entry is not REVOKE:
        assert_refused(idp, wire, 400, "invalid_grant", inside=True)
    elif thing.startswith(_OURS):
        assert_refused(idp, wire, 400, "unsupported_token_type", inside=True)
    else:
        answer = wire.exchange().through(idp.app)
        assert (answer.status, members(answer)) == (200, {})


@pytest.mark.parametrize(("thing", "entry"), sorted(GOOD, key=str), ids=str)
def test_what_is_given_to_the_wrong_place_is_still_good_in_its_own(
    idp: Target, thing: str, entry: Entry
) -> None:
    """Nothing is used up, revoked or bound where it means nothing; a revoked token of ours is what ends."""
    for other in ENTRIES:
        if (thing, other) in GOOD or (other is REVOKE and thing in ("a refresh token", "an access token")):
            continue
        value = THINGS[thing](idp)
        _about(idp, other, value).exchange().through(idp.app)
        assert_granted(idp, _about(idp, entry, value))


@pytest.mark.parametrize(
    "said",
    [
        names.SAML2_TOKEN,
        names.ID_TOKEN.replace("id_token", "access_token"),
        names.ID_TOKEN.replace("id_token", "jwt"),
        names.ID_JAG_TOKEN,
        names.ID_TOKEN.upper(),
        "id_token",
        "null",
    ],
)
@pytest.mark.parametrize("entry", [ID_TOKEN, OFFLINE], ids=str)
def test_a_subject_token_is_of_a_type_that_says_who_somebody_is(idp: Target, entry: Entry, said: str) -> None:
    """Attack cases 17, 18, 52; XCH-10."""
    wire = entry.wire(idp, subject_token_type=said)
    assert_refused(idp, wire, 400, "invalid_request", inside=True, echo=True)


@pytest.mark.parametrize("entry", [ID_TOKEN, OFFLINE], ids=str)
def test_a_subject_token_under_the_other_type_is_refused(idp: Target, entry: Entry) -> None:
    """Attack case 18."""
    types = {ID_TOKEN: names.REFRESH_TOKEN_TYPE, OFFLINE: names.ID_TOKEN}
    wire = entry.wire(idp, subject_token_type=types[entry])
    assert_refused(idp, wire, 400, "invalid_grant", inside=True)


@pytest.mark.parametrize("entry", [ID_TOKEN, OFFLINE], ids=str)
@pytest.mark.parametrize(
    "more",
    [
        {"actor_token": "x"},
        {"actor_token_type": names.ID_TOKEN},
        {"actor_token": "x", "actor_token_type": names.ID_TOKEN},
    ],
    ids=" and ".join,
)
def test_nobody_acts_for_anybody(idp: Target, entry: Entry, more: dict[str, str]) -> None:
    """Attack cases 43, 44, 172: refused, never dropped."""
    assert_refused(idp, entry.wire(idp, **more), 400, "invalid_request", inside=True, echo=True)


def test_no_subject_token_that_is_wrong_in_its_form_gets_in(idp: Target) -> None:
    """Group G, attack cases 114 to 134, for subject tokens."""
    key = idp.acme.snapshot.keys.signing("RS256", now=idp.acme.clock.now)
    claims = jws.parse(idp.tokens["wiki"], max_bytes=names.MAX_SUBJECT_TOKEN).claims
    forge = Forge(key, claims, {"typ": "JWT"})
    for name, text in hostile(forge):
        event = assert_refused(idp, _about(idp, ID_TOKEN, text), 400, "invalid_grant", inside=True)
        assert event["reason"] in ("subject_token_invalid", "subject_token_type"), name
    assert_granted(idp, _about(idp, ID_TOKEN, forge.signed()))


def test_whatever_is_sent_to_be_revoked_or_looked_at_is_no_fault(idp: Target) -> None:
    """Group G at the endpoints that take any token: 200 and nothing said, or a type that we cannot revoke."""
    key = idp.acme.snapshot.keys.signing("RS256", now=idp.acme.clock.now)
    forge = Forge(key, {"iss": ISSUER, "sub": "x", "aud": "wiki"}, {"typ": "JWT"})
    for name, text in hostile(forge):
        looked_at = _about(idp, INTROSPECT, text).exchange().through(idp.app)
        assert (looked_at.status, members(looked_at)) == (200, {"active": False}), name
        revoked = _about(idp, REVOKE, text).exchange().through(idp.app)
        assert (revoked.status, members(revoked)) == (200, {}), name
    assert_refused(idp, _about(idp, REVOKE, forge.signed()), 400, "unsupported_token_type", inside=True)
