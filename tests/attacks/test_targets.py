"""Group D of the attack cases for every subject token and client: what is asked for, and what may be had."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.attacks.entries import ENTRIES, Entry, assert_granted, assert_refused
from tests.attacks.target import Target, Wire, members, target
from tests.idp.grants.acme import API, CHAT, FILES, ISSUER

EXCHANGES = [entry for entry in ENTRIES if entry.name.startswith("exchange")]
WAYS = [*itertools.product(EXCHANGES, ("wiki", "board"))]

Pairs = list[tuple[str, str]]


@pytest.fixture(scope="module")
def idp() -> Iterator[Target]:
    """Acme in memory; nothing here changes its rules."""
    with target(None) as made:
        yield made


def asking(idp: Target, entry: Entry, client: str, asked: Pairs) -> Wire:
    """An exchange that asks for this instead; a name alone, with an empty value, takes the parameter away."""
    wire = entry.wire(idp, client)
    said = {name for name, _ in asked}
    wire.form = [pair for pair in wire.form if pair[0] not in said] + [pair for pair in asked if pair[1]]
    return wire


def _each(name: str, *values: str) -> list[Pairs]:
    return [[(name, value)] for value in values]


AUDIENCES = _each(
    "audience", ISSUER, f"{ISSUER}/", f"{ISSUER}/token", CHAT.upper(), CHAT.replace("https", "http"),
    f"{CHAT}/", f"{CHAT}x", "https://acme.chat.example:443/", "https://acme.chat.example.evil/",
    "https://acme.chat.example/?", "https://x@acme.chat.example/", "acme.chat.example",
    "urn:acme:chat ", "https://evil.example/https://acme.chat.example/", "URN:acme:chat", "urn:acme:cha",
    "wiki-at-chat", "chat", "*", "https://*.chat.example/", "https://acme.chat.exampl\u0435/", "https://acme.chat.example\\",
    "https://acme.chat.example/%2e/", API, "null",
)  # fmt: skip
RESOURCES = _each(
    "resource", "https://api.chat.example.evil/", f"{API}files", f"{API}../x", "https://api.chat.example:8443/",
    "http://api.chat.example/", f"{FILES}/", FILES.upper(), "https://other.example/", CHAT, ISSUER, "urn:x",
    f"{API}#x", "api.chat.example", "//api.chat.example/", "https://x@api.chat.example/", "https://[",
    f"{API}%zz", f"{API}\\", "https:///", "x" * 3000, f"{API}\u0435", f"{API}?x=1", "*",
    "javascript:alert(1)",
)  # fmt: skip
SCOPES = _each(
    "scope", "chat", "Chat.read", "chat.readwrite", "chat.rea", "*", "openid", "offline_access", "admin",
    "any", "chat.read,chat.history", "chat.%72ead", "files.read2",
)  # fmt: skip
MALFORMED = _each(
    "scope", "chat.read  chat.history", " chat.read", "chat.read ", "chat.read\u00a0", "chat.read\u200b",
    '"chat.read"', "chat\\read", "ch\u0430t.read", " ".join(f"s{n}" for n in range(257)), "s" * 257,
)  # fmt: skip
DETAILS = _each(
    "authorization_details", "[]", "{}", "null", "x", "[" * 50 + "]" * 50, '[{"type":5}]',
    '[{"type":"x","type":"y"}]', '[{"type":"payment"}]', "[" + ",".join(["{}"] * 5_000) + "]",
)  # fmt: skip
REQUESTED = _each(
    "requested_token_type", "", names.ID_TOKEN, names.REFRESH_TOKEN_TYPE, names.SAML2_TOKEN,
    names.ID_JAG_TOKEN.replace("id-jag", "access_token"), names.ID_JAG_TOKEN.replace("id-jag", "jwt"),
    names.ID_JAG_TOKEN.upper(), f"{names.ID_JAG_TOKEN} ", "id-jag", "null",
)  # fmt: skip
TWO = [[("audience", CHAT), ("audience", other)] for other in (CHAT, "urn:acme:chat", ISSUER, "x")]
CASES: dict[str, tuple[list[Pairs], str]] = {
    "audience": (AUDIENCES, "invalid_target"),
    "several audiences": (TWO, "invalid_target"),
    "no audience": ([[("audience", "")]], "invalid_request"),
    "resource": (RESOURCES, "invalid_target"),
    "a foreign resource among ours": ([[("resource", API), *other] for other in RESOURCES], "invalid_target"),
    "40 resources": ([[("resource", f"{API}{number}") for number in range(40)]], "invalid_target"),
    "scope": (SCOPES, "invalid_scope"),
    "malformed scope": (MALFORMED, "invalid_scope"),
    "scope of another resource": ([[("scope", "files.read"), ("resource", API)]], "invalid_scope"),
    "authorization details": (DETAILS, "invalid_authorization_details"),
    "another token": (REQUESTED, "invalid_request"),
    "an audience without a connection": (
        [[("audience", "https://vault.example"), ("resource", "")]],
        "access_denied",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("entry", "client"), WAYS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_what_may_not_be_had_is_refused_for_every_subject_and_client(
    idp: Target, entry: Entry, client: str, name: str
) -> None:
    """Attack cases 4, 17, 58 to 63, 70, 71, 73 and 66: no sibling is less strict."""
    cases, error = CASES[name]
    for asked in cases:
        wire = asking(idp, entry, client, asked)
        event = assert_refused(idp, wire, 400, error, inside=True, echo=True)
        assert event["event"] == "id_jag.denied"
    assert_granted(idp, entry.wire(idp, client))


# What is asked, and what comes: the scopes in any order, resources in registered spelling or none.
GRANTED: list[tuple[Pairs, str, Any]] = [
    ([], "chat.read", API),
    ([("scope", "chat.read chat.write")], "chat.read", API),
    ([("scope", "chat.read chat.read chat.readwrite")], "chat.read", API),
    ([("scope", "chat.history chat.read")], "chat.history chat.read", API),
    ([("scope", "")], "chat.read", API),
    ([("resource", "")], "chat.read", None),
    ([("resource", API), ("resource", API)], "chat.read", API),
    ([("resource", FILES), ("resource", API)], "chat.read", [FILES, API]),
    ([("resource", "https://API.chat.example"), ("audience", "urn:acme:chat")], "chat.read", API),
    ([("resource", "https://api.chat.example:443/./")], "chat.read", API),
    ([("resource", "https://api.chat.example/x/..")], "chat.read", API),
    ([("audience", CHAT.removesuffix("/"))], "chat.read", API),
    ([("scope", "chat.history"), ("resource", API)], "chat.history", API),
]


@pytest.mark.parametrize(("entry", "client"), WAYS, ids=str)
def test_what_is_had_is_what_a_rule_allows_of_what_was_asked(idp: Target, entry: Entry, client: str) -> None:
    """Attack cases 58 to 63, 66, 71: the answer says what the grant says."""
    for asked, scope, resource in GRANTED:
        body = members(assert_granted(idp, asking(idp, entry, client, asked)))
        grant = jws.parse(body["access_token"], max_bytes=names.MAX_ID_JAG).claims
        assert (body["scope"], body.get("resource")) == (grant["scope"], grant.get("resource"))
        assert (grant["aud"], grant["client_id"]) == (CHAT, f"{client}-at-chat")
        assert set(str(grant["scope"]).split()) == set(scope.split()), asked
        assert grant.get("resource") == resource, asked
        assert (body["token_type"], "refresh_token" in body) == ("N_A", False)
        assert not {"act", "authorization_details", "cnf"} & grant.keys()


@pytest.mark.parametrize("entry", EXCHANGES, ids=str)
def test_an_app_without_a_connection_is_denied_for_every_subject(idp: Target, entry: Entry) -> None:
    """Attack case 59; the positive control: the wiki, which has one."""
    event = assert_refused(idp, entry.wire(idp, "notes"), 400, "access_denied", inside=True)
    assert event["reason"] == "no_connection"
    assert_granted(idp, entry.wire(idp, "wiki"))
