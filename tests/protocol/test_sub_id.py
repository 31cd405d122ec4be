"""``sub_id`` in the format saml-nameid: draft section 3.2, RFC 9493."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol.claims import ClaimError
from idjag.protocol.sub_id import SamlNameId, claim_of, saml_nameid
from tests.protocol.parts import OUT, changed

WHOLE = SamlNameId(
    "https://saml.acme.example/metadata",
    "alice",
    nameid_format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    name_qualifier="https://saml.acme.example/metadata",
    sp_name_qualifier="https://chat.example/saml",
    sp_provided_id="u-1",
)
BARE = SamlNameId("https://saml.acme.example/metadata", "alice")


@pytest.mark.parametrize("name_id", [WHOLE, BARE], ids=["every member", "required members"])
def test_a_name_id_comes_back_from_its_claim(name_id: SamlNameId) -> None:
    """Draft section 3.2.2: optional members are there exactly when the NameID has them."""
    claim = claim_of(name_id)
    assert saml_nameid({"sub_id": claim}) == name_id
    assert ("sp_name_qualifier" in claim) == (name_id.sp_name_qualifier is not None)


def test_a_name_id_says_its_format() -> None:
    assert claim_of(BARE) == {"format": "saml-nameid", "issuer": BARE.issuer, "nameid": "alice"}


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://saml.globex.example/metadata"},
        {"nameid": "bob"},
        {"nameid": "Alice"},
        {"nameid_format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"},
        {"nameid_format": OUT},
        {"name_qualifier": "x"},
        {"sp_name_qualifier": "https://files.example/saml"},
        {"sp_name_qualifier": OUT},
        {"sp_provided_id": "u-2"},
    ],
    ids="".join,
)
def test_a_name_id_with_another_member_is_another(changes: dict[str, Any]) -> None:
    """SAML-14: every member of the tuple counts; the qualifier of the service provider too."""
    assert saml_nameid({"sub_id": changed(claim_of(WHOLE), changes)}) != WHOLE
    assert saml_nameid({"sub_id": claim_of(WHOLE)}) == WHOLE


@pytest.mark.parametrize("claims", [{}, {"sub_id": {"format": "email", "email": "a@acme.example"}}])
def test_no_claim_and_another_format_are_no_name_id(claims: dict[str, Any]) -> None:
    """SAML-17: a format that we do not know says nothing to us."""
    assert saml_nameid(claims) is None


@pytest.mark.parametrize(
    ("value", "claim", "problem"),
    [
        pytest.param(None, "sub_id", "not_an_object", id="null"),
        pytest.param("alice", "sub_id", "not_an_object", id="a string"),
        pytest.param([claim_of(BARE)], "sub_id", "not_an_object", id="a list"),
        pytest.param(changed(claim_of(BARE), {"format": OUT}), "format", "missing", id="no format"),
        pytest.param(changed(claim_of(BARE), {"format": 1}), "format", "not_a_string", id="format 1"),
        pytest.param(changed(claim_of(BARE), {"issuer": OUT}), "issuer", "missing", id="no issuer"),
        pytest.param(changed(claim_of(BARE), {"nameid": ""}), "nameid", "empty", id="empty"),
        pytest.param(changed(claim_of(BARE), {"nameid": "a\x00"}), "nameid", "control_character", id="NUL"),
        pytest.param(changed(claim_of(BARE), {"nameid": "a" * 1025}), "nameid", "too_long", id="long"),
        pytest.param(
            changed(claim_of(BARE), {"name_qualifier": None}), "name_qualifier", "not_a_string", id="a null"
        ),
    ],
)
def test_a_malformed_name_id_is_refused(value: Any, claim: str, problem: str) -> None:
    """SAML-15."""
    with pytest.raises(ClaimError) as wrong:
        saml_nameid({"sub_id": value})
    assert (wrong.value.claim, wrong.value.problem) == (claim, problem)


def test_a_name_id_for_one_session_is_known_as_such() -> None:
    """Draft section 3.2, and what is said of it for -05: such a name finds nobody again."""
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    assert SamlNameId("https://saml.acme.example", "x", nameid_format=transient).transient
    assert not WHOLE.transient
    assert not BARE.transient


def test_who_a_person_is_does_not_show() -> None:
    assert "alice" not in repr(WHOLE)
