"""Claims that administrators map: which names they may have, and how much they may say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol import custom_claims, id_jag, names
from idjag.protocol.errors import Reason
from idjag.protocol.id_jag import IdJag
from tests.protocol.parts import refusal

GRANT = IdJag("https://idp.example", "alice", "https://ras.example/", "wiki-at-chat", "j", 1, 2)
EVERYTHING = replace(
    GRANT,
    scopes=("a",),
    resources=("https://api.example/",),
    auth_time=1,
    acr="a",
    amr=("pwd",),
    email="a@b.example",
    name="A",
    tenant="t",
    aud_tenant="t",
    aud_sub="u",
    jkt="x" * 43,
)


def test_a_mapped_claim_stands_beside_ours() -> None:
    """JAG-27, JAG-21."""
    mapped = {"department": "sales", "https://chat.example/cost-centre": "4711", "given_name": "Alice"}
    assert id_jag.claims(replace(GRANT, custom=mapped)) == id_jag.claims(GRANT) | mapped


@pytest.mark.parametrize("name", sorted({*id_jag.claims(EVERYTHING), *custom_claims.RESERVED}))
def test_a_claim_that_has_a_meaning_is_never_mapped(name: str) -> None:
    """JAG-27, A-06: whatever the IdP writes itself, and what readers would believe; in any case."""
    for spelling in (name, name.upper(), name.title()):
        assert custom_claims.problem(spelling) is not None
        refused = refusal(lambda spelling=spelling: id_jag.claims(replace(GRANT, custom={spelling: "x"})))  # type: ignore[misc]
        assert (refused.reason, refused.fact) == (Reason.CLAIM_RESERVED, {"claim": spelling})


def test_the_marker_of_id_tokens_is_never_mapped() -> None:
    """JAG-27, A-06: an ID-JAG must not become a subject token."""
    assert names.ID_TOKEN_MARKER in custom_claims.RESERVED


@pytest.mark.parametrize(
    "name", ["", "1st", "_sd", "a b", "a\n", "ä", "a\x00", 'a"', "-a", "a" * 129, "a\u202e"], ids=repr
)
def test_a_name_that_people_cannot_read_is_refused(name: str) -> None:
    assert custom_claims.problem(name) is not None
    assert custom_claims.problem("a" * 128) is None


@pytest.mark.parametrize(
    ("claims", "fits"),
    [
        pytest.param({f"c{number}": "x" for number in range(16)}, True, id="sixteen"),
        pytest.param({f"c{number}": "x" for number in range(17)}, False, id="seventeen"),
        pytest.param({"c": "x" * (2048 - len('{"c":""}'))}, True, id="2048 octets"),
        pytest.param({"c": "x" * (2049 - len('{"c":""}'))}, False, id="2049 octets"),
        pytest.param({"c": "é" * 1020}, True, id="2048 octets of two each"),
        pytest.param({"c": "é" * 1021}, False, id="octets are counted, not letters"),
    ],
)
def test_what_is_mapped_is_bounded(claims: dict[str, Any], fits: bool) -> None:  # noqa: FBT001 - a case
    """JAG-27, JAG-29: nothing is left out in silence; nothing is issued."""
    grant = replace(GRANT, custom=claims)
    if fits:
        assert claims.items() <= id_jag.claims(grant).items()
    else:
        assert refusal(lambda: id_jag.claims(grant)).reason is Reason.CLAIMS_TOO_LARGE


def test_only_what_was_asked_for_is_handed_on() -> None:
    """JAG-27."""
    verified: dict[str, Any] = {"sub": "alice", "department": "sales", "roles": ["admin"]}
    assert custom_claims.of(verified, {"department", "missing"}) == {"department": "sales"}
    assert custom_claims.of(verified, ()) == {}
