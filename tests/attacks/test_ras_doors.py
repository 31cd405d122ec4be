"""Groups A and B of the attack cases at every entry of the RAS: forms, and who is not the client."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import PrivateKey, jws
from tests.attacks.entries import assert_granted, assert_refused, far_away
from tests.attacks.forms import RIGHT, WRONG
from tests.attacks.hostile import Forge, hostile
from tests.attacks.ras_entries import ENTRIES, PUBLIC, TOKEN, Gate, RasEntry, gate
from tests.attacks.target import Wire, members
from tests.ras.inquiries import API_CLIENT, raw_basic
from tests.ras.world import CLIENT, IDP, KEY_CLIENT, RAS, SECRET, basic, key

ID_JAG, BOUND, GENERIC, INTROSPECT, REVOKE = ENTRIES
GRANTS = ENTRIES[:3]
PAIRS = [*itertools.product(ENTRIES, repeat=2)]
WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in CLIENT)


@pytest.fixture(scope="module")
def ras() -> Gate:
    """A RAS in memory; nothing here changes its configuration."""
    return gate()


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_request_is_refused_at_every_entry(ras: Gate, entry: RasEntry, name: str) -> None:
    """Attack cases 1, 6, 7, 9 to 11, 19, 20; RAS-02, RAS-06."""
    bend, status, error = WRONG[name]
    wire = entry.wire(ras)
    bend(wire, entry)
    assert_refused(ras, wire, status, error, inside="is missing" in name or "is empty" in name)


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_none_of_our_business_changes_nothing(ras: Gate, entry: RasEntry, name: str) -> None:
    """Attack cases 11, 12, 211; the positive control of the refusals above."""
    wire = entry.wire(ras)
    RIGHT[name](wire, entry)
    assert_granted(ras, wire)


def _with(wire: Wire, header: bytes | None) -> Wire:
    wire.headers = [pair for pair in wire.headers if pair[0] != b"authorization"]
    if header is not None:
        wire.headers.append((b"authorization", header))
    return wire


HEADERS: dict[str, bytes | None] = {
    "no header": None,
    "an empty header": b"",
    "no credentials": b"Basic",
    "a wrong secret": basic(secret="wrong"),
    "an empty secret": basic(secret=""),
    "the secret and a space": basic(secret=f"{SECRET} "),
    "an unknown client": basic("nobody"),
    "a paused client": basic("old"),
    "the client in capitals": basic(CLIENT.upper()),
    "the client in wide letters": basic(WIDE),
    "the client and NUL": basic(f"{CLIENT}\0"),
    "no client": basic(""),
    "no colon": raw_basic(CLIENT),
    "two colons": raw_basic(f"{CLIENT}::{SECRET}"),
    "no base64": b"Basic !!!!",
    "base64 and more": basic() + b"!",
    "a bad escape": raw_basic(f"{CLIENT}:%zz"),
    "Bearer": b"Bearer " + SECRET.encode(),
    "two in one header": basic() + b", " + basic(),
    "a client without credentials": basic(PUBLIC, ""),
    "a client of keys": basic(KEY_CLIENT, "x"),
}


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_every_failure_in_the_header_looks_the_same(ras: Gate, entry: RasEntry) -> None:
    """Attack cases 33, 35, 37, 90: one status, one text; a challenge exactly when the header was used."""
    texts = set()
    for name, header in HEADERS.items():
        wire = _with(entry.wire(ras), header)
        assert_refused(ras, wire, 401, "invalid_client")
        answer = wire.exchange().through(ras.app)
        texts.add(members(answer)["error_description"].partition(" (ref")[0])
        assert (answer.header(b"www-authenticate") is not None) is (header is not None), name
    assert len(texts) == 1
    assert_granted(ras, entry.wire(ras))


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_whoever_must_prove_who_he_is_cannot_leave_it_out(ras: Gate, entry: RasEntry) -> None:
    """Attack cases 32, 36 and 40."""
    for name in (CLIENT, KEY_CLIENT, "old", "nobody", API_CLIENT, WIDE):
        wire = _with(entry.wire(ras), None)
        wire.form.append(("client_id", name))
        assert_refused(ras, wire, 401, "invalid_client", echo=True)
        wire.form.append(("client_secret", "wrong"))
        assert_refused(ras, wire, 401, "invalid_client", echo=True)


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_a_client_without_credentials_gets_what_is_bound_to_its_key_and_nothing_else(
    ras: Gate, entry: RasEntry
) -> None:
    """Attack case 40, RAS-04."""
    if entry is BOUND:
        assert_granted(ras, entry.wire(ras, PUBLIC))
    else:
        assert_refused(ras, entry.wire(ras, PUBLIC), 400, "unauthorized_client", echo=True)
    wire = entry.wire(ras, PUBLIC)
    wire.form.append(("client_secret", "x"))
    assert_refused(ras, wire, 401, "invalid_client", echo=True)


Sent = Callable[[Gate], str]


def _changed(**changes: Any) -> Sent:
    return lambda ras: ras.assertion(**changes)


def _at(name: str, seconds: int) -> Sent:
    def sent(ras: Gate) -> str:
        changes: dict[str, Any] = {name: ras.now + seconds}
        return ras.assertion(**changes)

    return sent


def _stolen_name(ras: Gate) -> str:
    claims = dict(jws.parse(ras.assertion(), max_bytes=4096).claims)
    return jws.sign(claims, key=PrivateKey.generate("ES256", kid=key("key-client").kid), typ="JWT")


ASSERTIONS: dict[str, Sent] = {
    "for the token endpoint": _changed(aud=TOKEN),
    "for introspection": _changed(aud=f"{RAS}introspect"),
    "for us and another": _changed(aud=[RAS, IDP]),
    "for us without a slash": _changed(aud=RAS.rstrip("/")),
    "for the identity provider": _changed(aud=IDP),
    "for nobody": _changed(aud=None),
    "of another issuer": _changed(iss=CLIENT),
    "about another client": _changed(sub=CLIENT),
    "of and about a client of secrets": _changed(iss=CLIENT, sub=CLIENT),
    "of and about an API": _changed(iss=API_CLIENT, sub=API_CLIENT),
    "five minutes late": _at("exp", -300),
    "for two hours": _at("exp", 7200),
    "of the future": _at("iat", 120),
    "valid later": _at("nbf", 120),
    "that never ends": _changed(exp=None),
    "that ends as a text": _changed(exp="2000000000"),
    "without an id": _changed(jti=None),
    "with NUL in its id": _changed(jti="a\0b"),
    "of the type of a grant": _changed(typ=names.ID_JAG_TYP),
    "of the type of an access token": _changed(typ="at+jwt"),
    "of the type of a proof": _changed(typ="dpop+jwt"),
    "signed by another key of that name": _stolen_name,
    "a grant for the client": lambda ras: ras.grant(KEY_CLIENT),
    "a grant about the client": lambda ras: ras.grant(KEY_CLIENT, iss=KEY_CLIENT, sub=KEY_CLIENT, typ="JWT"),
    "an access token": lambda ras: ras.access_token(KEY_CLIENT),
    "a proof": lambda ras: ras.proof(),
}


def _asserting(wire: Wire, assertion: str) -> Wire:
    wire.form = [(name, assertion if name == "client_assertion" else value) for name, value in wire.form]
    return wire


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_an_assertion_is_of_the_client_for_us_and_alive(ras: Gate, entry: RasEntry) -> None:
    """Attack cases 21 to 27, 31, 81; CAU-02 to CAU-06: everywhere the same."""
    for sent in ASSERTIONS.values():
        assertion = sent(ras)
        assert_refused(ras, _asserting(entry.wire(ras, KEY_CLIENT), assertion), 401, "invalid_client")
    for right in (_changed(aud=[RAS]), _changed(typ="JWT"), _at("iat", 8), _at("exp", -59), _at("exp", 3600)):
        assert_granted(ras, _asserting(entry.wire(ras, KEY_CLIENT), right(ras)))


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_no_assertion_of_a_client_that_is_wrong_in_its_form_gets_in(ras: Gate, entry: RasEntry) -> None:
    """Group G, attack cases 114 to 134, for assertions of clients."""
    claims = {"iss": KEY_CLIENT, "sub": KEY_CLIENT, "aud": RAS, "exp": ras.now + 60, "jti": f"g-{entry}"}
    forge = Forge(key("key-client"), claims, {"typ": "client-authentication+jwt"})
    for _, text in hostile(forge):
        assert_refused(ras, _asserting(entry.wire(ras, KEY_CLIENT), text), 401, "invalid_client")
    assert_granted(ras, _asserting(entry.wire(ras, KEY_CLIENT), forge.signed()))


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=str)
def test_an_assertion_of_a_client_is_good_at_one_entry_once(
    ras: Gate, first: RasEntry, second: RasEntry
) -> None:
    """Attack case 29, CAU-05: granted or not, what one entry has seen no other takes."""
    for about in ({}, {first.about: "nothing of ours"}):
        used = first.wire(ras, KEY_CLIENT, **about)
        used.exchange().through(ras.app)
        again = _asserting(second.wire(ras, KEY_CLIENT), dict(used.form)["client_assertion"])
        event = assert_refused(ras, again, 401, "invalid_client", inside=True)
        assert event["reason"] == "client_assertion_replay"
        assert_granted(ras, _asserting(again, ras.assertion()))


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_guessing_is_slowed_down_at_every_entry_and_counts_at_all(ras: Gate, entry: RasEntry) -> None:
    """Attack cases 35 and 38: failures here stop the client there, and nobody learns names by it."""
    for name in (CLIENT, "nobody", "old", KEY_CLIENT):
        source = far_away()
        seen = []
        for number in range(22):
            wire = _with(entry.wire(ras), basic(name, f"guess-{number}"))
            wire.source = source
            seen.append(wire.exchange().through(ras.app).status)
        assert seen == [401] * 20 + [429] * 2, name
        if name == CLIENT:
            for other in ENTRIES:
                wire = other.wire(ras)
                elsewhere, wire.source = wire.source, source
                assert_refused(ras, wire, 429, "temporarily_unavailable")
                wire.source = elsewhere
                assert_granted(ras, wire)
