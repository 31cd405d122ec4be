"""Group B of the attack cases at every entry of the IdP: who is not the client, however it is put."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import PrivateKey, jws
from tests.attacks.entries import ENTRIES, EVERY, Entry, assert_granted, assert_refused, far_away
from tests.attacks.hostile import Forge, hostile
from tests.attacks.target import BOARD_KEY, Target, Wire, basic, members, target
from tests.idp.grants.acme import CHAT, ISSUER, SECRETS

SECRET = SECRETS["wiki"]
PAIRS = [*itertools.product(ENTRIES, repeat=2)]
WIDE = "\uff57\uff49\uff4b\uff49"  # wiki, in the letters that NFKC folds


@pytest.fixture(scope="module")
def idp() -> Iterator[Target]:
    """Acme in memory; nothing here changes its rules."""
    with target(None) as made:
        yield made


def _raw(pair: bytes) -> bytes:
    return b"Basic " + base64.b64encode(pair)


HEADERS: dict[str, bytes | None] = {
    "no header": None,
    "an empty header": b"",
    "no credentials": b"Basic",
    "nothing encoded": b"Basic ",
    "a wrong secret": basic("wiki", "wrong"),
    "an empty secret": basic("wiki", ""),
    "the secret of another client": basic("wiki", SECRETS["notes"]),
    "the client of another secret": basic("notes", SECRET),
    "the secret and a space": basic("wiki", SECRET + " "),
    "the secret in capitals": basic("wiki", SECRET.upper()),
    "half of the secret": basic("wiki", SECRET[: len(SECRET) // 2]),
    "the hash of the secret": basic("wiki", "0" * 64),
    "an unknown client": basic("nobody", SECRET),
    "a disabled client": basic("old", SECRET),
    "the client in capitals": basic("WIKI", SECRET),
    "the client in wide letters": basic(WIDE, SECRET),
    "the client and NUL": basic("wiki\0", SECRET),
    "the client and a line": basic("wiki\r\nx", SECRET),
    "no client": basic("", SECRET),
    "no colon": _raw(b"wiki"),
    "a colon alone": _raw(b":"),
    "the secret and a colon": _raw(f"wiki:{SECRET}:".encode()),
    "two colons": _raw(f"wiki::{SECRET}".encode()),
    "no base64": b"Basic !!!!",
    "base64 and more": basic("wiki", SECRET) + b"!",
    "base64 in two parts": basic("wiki", SECRET)[:20] + b" " + basic("wiki", SECRET)[20:],
    "base64 without its padding": basic("wiki", f"{SECRET}x")[:-1],
    "base64 of the other alphabet": _raw(b"wiki:\xff\xfe\xfd").replace(b"/", b"_"),
    "octets that are no UTF-8": _raw(b"wiki:\xff"),
    "a bad escape": _raw(b"wiki:%zz"),
    "an escape of NUL": _raw(b"wiki:%00"),
    "Bearer": b"Bearer " + SECRET.encode(),
    "Digest": b'Digest username="wiki"',
    "two in one header": basic("wiki", SECRET) + b", " + basic("notes", SECRETS["notes"]),
    "TAB for the space": basic("wiki", SECRET).replace(b" ", b"\t"),
    "a client without credentials": basic("desk", ""),
    "a client of keys": basic("board", "x"),
}


def _with(wire: Wire, header: bytes | None) -> Wire:
    wire.headers = [pair for pair in wire.headers if pair[0] != b"authorization"]
    if header is not None:
        wire.headers.append((b"authorization", header))
    return wire


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_every_failure_in_the_header_looks_the_same(idp: Target, entry: Entry) -> None:
    """Attack cases 33, 35, 37; CAU-01: one status, one text; a challenge exactly when the header was used."""
    texts = set()
    for name, header in HEADERS.items():
        wire = _with(entry.wire(idp), header)
        assert_refused(idp, wire, 401, "invalid_client")
        answer = _with(wire, header).exchange().through(idp.app)
        texts.add(members(answer)["error_description"].partition(" (ref")[0])
        challenged = answer.header(b"www-authenticate") is not None
        assert challenged is (header is not None), name
    assert len(texts) == 1
    assert_granted(idp, entry.wire(idp))


@pytest.mark.parametrize("entry", EVERY, ids=str)
@pytest.mark.parametrize(
    ("client", "secret"),
    [
        ("wiki", "wrong"), ("wiki", SECRET + " "), ("WIKI", SECRET), (WIDE, SECRET), ("nobody", SECRET),
        ("old", SECRET), ("board", SECRET), ("desk", SECRET), ("notes", SECRETS["notes"]),
        ("w\u0456ki", SECRET),
    ],
)  # fmt: skip
def test_a_secret_in_the_body_is_the_client_s_own_and_allowed_there(
    idp: Target, entry: Entry, client: str, secret: str
) -> None:
    """Attack cases 35 to 37, CAU-09: Notes must use the header; no challenge where none was used."""
    wire = _with(entry.wire(idp), None)
    wire.form += [("client_id", client), ("client_secret", secret)]
    assert_refused(idp, wire, 401, "invalid_client", echo=True)
    assert wire.exchange().through(idp.app).header(b"www-authenticate") is None
    wire.form[-2:] = [("client_id", "wiki"), ("client_secret", SECRET)]
    assert_granted(idp, wire)


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_whoever_must_prove_who_he_is_cannot_leave_it_out(idp: Target, entry: Entry) -> None:
    """Attack cases 32 and 40: naming a client is no authentication."""
    for client in ("wiki", "notes", "board", "old", "nobody"):
        wire = _with(entry.wire(idp), None)
        wire.form.append(("client_id", client))
        assert_refused(idp, wire, 401, "invalid_client", echo=True)


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_a_client_without_credentials_may_do_what_such_clients_may(idp: Target, entry: Entry) -> None:
    """Attack case 40, XCH-51, RFC 7662 section 2.1."""
    wire = entry.wire(idp, "desk")
    if entry.public:
        assert_granted(idp, wire)
    else:
        assert_refused(idp, wire, 400, "unauthorized_client", echo=True)
    wire = entry.wire(idp, "desk")
    wire.form.append(("client_secret", "x"))
    assert_refused(idp, wire, 401, "invalid_client", echo=True)


Sent = Callable[[Target], str]


def _changed(**changes: Any) -> Sent:
    typ = changes.pop("typ", "client-authentication+jwt")
    return lambda idp: idp.assertion(typ=typ, **changes)


def _by(key: PrivateKey, **changes: Any) -> Sent:
    def sent(idp: Target) -> str:
        claims = dict(jws.parse(idp.assertion(**changes), max_bytes=4096).claims)
        return jws.sign(claims, key=key, typ="client-authentication+jwt")

    return sent


def _at(name: str, seconds: int) -> Sent:
    def sent(idp: Target) -> str:
        claims: dict[str, Any] = {name: idp.acme.clock.now + seconds}
        return idp.assertion(**claims)

    return sent


def _id_jag(idp: Target) -> str:
    return str(members(assert_granted(idp, idp.valid("wiki")))["access_token"])


ASSERTIONS: dict[str, Sent] = {
    "for the token endpoint": _changed(aud=f"{ISSUER}/token"),
    "for the revocation endpoint": _changed(aud=f"{ISSUER}/revoke"),
    "for us and another": _changed(aud=[ISSUER, "https://other.example"]),
    "for us twice": _changed(aud=[ISSUER, ISSUER]),
    "for us with a slash": _changed(aud=f"{ISSUER}/"),
    "for us in capitals": _changed(aud=ISSUER.replace("idp", "IDP")),
    "for us with a port": _changed(aud=f"{ISSUER}:443"),
    "for us without TLS": _changed(aud=ISSUER.replace("https", "http")),
    "for a list in a list": _changed(aud=[[ISSUER]]),
    "for an object": _changed(aud={"iss": ISSUER}),
    "for nobody": _changed(aud=None),
    "for the resource app": _changed(aud=CHAT),
    "of another issuer": _changed(iss="wiki"),
    "of us": _changed(iss=ISSUER),
    "of no issuer": _changed(iss=None),
    "about another client": _changed(sub="wiki"),
    "about the client in capitals": _changed(sub="BOARD"),
    "about a list": _changed(sub=["board"]),
    "about nobody": _changed(sub=None),
    "of and about an unknown client": _changed(iss="nobody", sub="nobody"),
    "of and about a client of secrets": _changed(iss="wiki", sub="wiki"),
    "five minutes late": _at("exp", -300),
    "late by the leeway": _at("exp", -60),
    "for two hours": _at("exp", 7200),
    "of the future": _at("iat", 120),
    "valid later": _at("nbf", 120),
    "that never ends": _changed(exp=None),
    "that ends as a text": _changed(exp="2000000000"),
    "that ends as a fraction": _changed(exp=1_800_000_060.5),
    "that ends as true": _changed(exp=True),
    "that ends in Arabic digits": _changed(
        exp="\u0661\u0668\u0660\u0660\u0660\u0660\u0660\u0660\u0666\u0660"
    ),
    "without an id": _changed(jti=None),
    "with an empty id": _changed(jti=""),
    "with a long id": _changed(jti="j" * 300),
    "with a number as id": _changed(jti=5),
    "with NUL in its id": _changed(jti="a\0b"),
    **{
        f"of the type {typ}": _changed(typ=typ)
        for typ in ("at+jwt", "oauth-id-jag+jwt", "dpop+jwt", "logout+jwt", "JWS", "secevent+jwt")
    },
    "signed by another key": _by(PrivateKey.generate("ES256", kid="board-1")),
    "signed by us": lambda idp: _by(idp.acme.snapshot.keys.signing("ES256", now=idp.acme.clock.now))(idp),
    "an ID token of ours": lambda idp: idp.tokens["board"],
    "an ID-JAG of ours": _id_jag,
    "a refresh token": lambda idp: idp.refresh_token("board"),
    "the text null": lambda _idp: "null",
}


def _asserting(wire: Wire, assertion: str) -> Wire:
    wire.form = [(name, assertion if name == "client_assertion" else value) for name, value in wire.form]
    return wire


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_an_assertion_is_of_the_client_for_us_and_alive(idp: Target, entry: Entry) -> None:
    """Attack cases 21 to 27, 31; CAU-02 to CAU-06: everywhere the same."""
    for name, sent in ASSERTIONS.items():
        assertion = sent(idp)
        event = assert_refused(idp, _asserting(entry.wire(idp, "board"), assertion), 401, "invalid_client")
        assert event.get("event", "refused.before_authentication") == "refused.before_authentication", name
    for right in (
        _changed(aud=[ISSUER]),
        _changed(typ="JWT"),
        _at("iat", 8),
        _at("exp", -59),
        _at("exp", 3600),
    ):
        assert_granted(idp, _asserting(entry.wire(idp, "board"), right(idp)))


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_no_assertion_that_is_wrong_in_its_form_gets_in(idp: Target, entry: Entry) -> None:
    """Group G, attack cases 114 to 134, for assertions of clients."""
    now = idp.acme.clock.now
    claims = {"iss": "board", "sub": "board", "aud": ISSUER, "exp": now + 60, "iat": now, "jti": f"g-{entry}"}
    forge = Forge(BOARD_KEY, claims, {"typ": "client-authentication+jwt"})
    for name, text in hostile(forge):
        wire = _asserting(entry.wire(idp, "board"), text)
        event = assert_refused(idp, wire, 401, "invalid_client")
        assert event.get("reason", "client_assertion_invalid") == "client_assertion_invalid", name
    assert_granted(idp, _asserting(entry.wire(idp, "board"), forge.signed()))


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_an_assertion_and_its_type_come_together_and_alone(idp: Target, entry: Entry) -> None:
    """Attack cases 20 and 32."""
    for name, value, status, error in (
        ("client_assertion_type", "", 401, "invalid_client"),
        ("client_assertion_type", names.CLIENT_ASSERTION_TYPE.upper(), 401, "invalid_client"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
            401,
            "invalid_client",
        ),
        ("client_assertion", "", 401, "invalid_client"),
    ):
        wire = entry.wire(idp, "board")
        wire.form = [(each, value if each == name else old) for each, old in wire.form]
        assert_refused(idp, wire, status, error)
    for more in (("client_secret", "x"), ("client_assertion", "x")):
        wire = entry.wire(idp, "board")
        wire.form.append(more)
        assert_refused(idp, wire, 400, "invalid_request")
    for other in ("wiki", "BOARD", "board "):
        wire = entry.wire(idp, "board")
        wire.form.append(("client_id", other))
        assert_refused(idp, wire, 401, "invalid_client", echo=True)


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=str)
def test_an_assertion_is_good_at_one_entry_once(idp: Target, first: Entry, second: Entry) -> None:
    """Attack case 29, CAU-05: what one entry has seen no other takes, and nothing happens there."""
    used = first.wire(idp, "board")
    assert_granted(idp, used)
    again = _asserting(second.wire(idp, "board"), dict(used.form)["client_assertion"])
    event = assert_refused(idp, again, 401, "invalid_client", inside=True)
    assert event["reason"] == "client_assertion_replay"
    assert_granted(idp, _asserting(again, idp.assertion())) if second.about != "code" else None


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=str)
def test_an_assertion_is_used_up_where_it_got_nothing(idp: Target, first: Entry, second: Entry) -> None:
    """CAU-05: by a request about something that nobody gave out."""
    wasted = first.wire(idp, "board", **{first.about: "nothing of ours"})
    wasted.exchange().through(idp.app)
    again = _asserting(second.wire(idp, "board"), dict(wasted.form)["client_assertion"])
    event = assert_refused(idp, again, 401, "invalid_client", inside=True)
    assert event["reason"] == "client_assertion_replay"


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_guessing_is_slowed_down_at_every_entry_and_counts_at_all(idp: Target, entry: Entry) -> None:
    """Attack case 38, XCH-63: failures here stop the client there, at that source alone."""
    source = far_away()
    for number in range(20):
        wire = _with(entry.wire(idp), basic("wiki", f"guess-{number}"))
        wire.source = source
        assert_refused(idp, wire, 401, "invalid_client")
    for other in ENTRIES:
        wire = other.wire(idp)
        elsewhere, wire.source = wire.source, source
        assert_refused(idp, wire, 429, "temporarily_unavailable")
        wire.source = elsewhere
        assert_granted(idp, wire)


@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_who_is_stopped_learns_no_names_and_who_guesses_no_tokens(idp: Target, entry: Entry) -> None:
    """Attack case 35: twenty failures in any name look the same, whether there is such a client or not."""
    source, seen = far_away(), {}
    for client in ("wiki", "nobody", "old", "board", "WIKI"):
        wires = [_with(entry.wire(idp), basic(client, f"guess-{number}")) for number in range(22)]
        for wire in wires:
            wire.source = source
        seen[client] = [wire.exchange().through(idp.app).status for wire in wires]
    assert set(map(tuple, seen.values())) == {(401,) * 20 + (429,) * 2}
