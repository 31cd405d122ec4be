"""Group A of the attack cases at every entry of the IdP: what is no request, and what is one all the same."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from idjag.protocol import names
from tests.attacks.entries import ENTRIES, EVERY, Entry, assert_granted, assert_refused, far_away
from tests.attacks.forms import RIGHT, WRONG
from tests.attacks.target import Target, target


@pytest.fixture(scope="module")
def idp() -> Iterator[Target]:
    """Acme in memory; nothing here changes its rules."""
    with target(None) as made:
        yield made


@pytest.mark.parametrize("entry", EVERY, ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_request_is_refused_at_every_entry(idp: Target, entry: Entry, name: str) -> None:
    """Attack cases 1, 6, 7, 9 to 11, 19, 20; XCH-01 to XCH-04."""
    bend, status, error = WRONG[name]
    wire = entry.wire(idp)
    bend(wire, entry)
    about_it = "is missing" in name or "is empty" in name
    event = assert_refused(idp, wire, status, error, inside=about_it)
    assert event.get("event", "refused.before_authentication") != "id_jag.issued"


@pytest.mark.parametrize("entry", EVERY, ids=str)
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_none_of_our_business_changes_nothing(idp: Target, entry: Entry, name: str) -> None:
    """Attack cases 11, 12, 211; the positive control of the refusals above."""
    wire = entry.wire(idp)
    RIGHT[name](wire, entry)
    assert_granted(idp, wire)


@pytest.mark.parametrize(
    "path",
    [
        "//token",
        "/%74oken",
        "/token/",
        "/token;x",
        "/TOKEN",
        "/./token",
        "/token%20",
        "/x/../token",
        "/token%00",
    ],
)
@pytest.mark.parametrize("entry", EVERY, ids=str)
def test_an_entry_has_one_address(idp: Target, entry: Entry, path: str) -> None:
    """Attack case 215: no second door, and nothing is used up where there is none."""
    wire = entry.wire(idp)
    wire.path = path.replace("token", entry.path[1:]).replace("TOKEN", entry.path[1:].upper())
    answer = wire.exchange().through(idp.app)
    assert answer.status in (404, 405)
    wire.path = entry.path
    assert_granted(idp, wire)


@pytest.mark.parametrize("entry", ENTRIES[:4], ids=str)
@pytest.mark.parametrize(
    "grant_type",
    [
        "password", "implicit", "client_credentials", names.JWT_BEARER, names.JWT_DPOP, "Authorization_Code",
        "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba", "refresh_token ",
        "refresh\u200b_token", quote(names.TOKEN_EXCHANGE, safe=""), names.TOKEN_EXCHANGE.upper(), "null",
    ],
)  # fmt: skip
def test_an_unknown_grant_type_is_refused_whatever_comes_with_it(
    idp: Target, entry: Entry, grant_type: str
) -> None:
    """Attack case 15; nothing is used up."""
    wire = entry.wire(idp)
    right = wire.form[0]
    wire.form[0] = ("grant_type", grant_type)
    assert_refused(idp, wire, 400, "unsupported_grant_type", inside=True, echo=True)
    wire.form[0] = right
    assert_granted(idp, wire)


@pytest.mark.parametrize(
    "scope",
    [
        "openid  email", " openid", "openid ", "openid\u00a0email", "openid\u2003email", 'open"id',
        "open\\id", "openidé", " ".join(f"s{number}" for number in range(300)), "x" * 300,
    ],
)  # fmt: skip
@pytest.mark.parametrize("entry", ENTRIES[1:4], ids=str)
def test_a_scope_is_never_guessed_at(idp: Target, entry: Entry, scope: str) -> None:
    """Attack case 13: the grammar, never Unicode white space; only for those grants that read it."""
    wire = entry.wire(idp)
    kept = [pair for pair in wire.form if pair[0] != "scope"]
    wire.form = [*kept, ("scope", scope)]
    assert_refused(idp, wire, 400, "invalid_scope", inside=True)
    wire.form, wire.source = kept, far_away()
    assert_granted(idp, wire)
