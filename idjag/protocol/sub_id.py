"""The ``sub_id`` claim: who a person is for a resource app that knows people by SAML (RFC 9493).

Draft section 3.2: the format ``saml-nameid``.  Whether the issuer of a grant may name people of that SAML
issuer is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from idjag.protocol.claims import ClaimError, optional_text, text
from idjag.protocol.jose.json import JsonValue

__all__ = ["SAML_NAMEID", "SamlNameId", "claim_of", "saml_nameid"]

SAML_NAMEID = "saml-nameid"

_MAX_TEXT = 1024  # SAML core section 8.3.6 limits an entity id to this; nothing limits a NameID
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_OPTIONAL = ("nameid_format", "name_qualifier", "sp_name_qualifier", "sp_provided_id")


@dataclass(frozen=True, slots=True)
class SamlNameId:
    """One NameID as an assertion would say it; two are the same person if every member is equal (SAML-14).

    A member that is None was not there, and equals only another that was not.
    """

    issuer: str
    nameid: str = field(repr=False)
    nameid_format: str | None = None
    name_qualifier: str | None = None
    sp_name_qualifier: str | None = None
    sp_provided_id: str | None = field(default=None, repr=False)

    @property
    def transient(self) -> bool:
        """Whether it names a person for one session alone, so that it finds nobody again (SAML-13)."""
        return self.nameid_format == _TRANSIENT


def claim_of(name_id: SamlNameId) -> dict[str, JsonValue]:
    """The claim; an optional member is there exactly when the NameID has it (SAML-11)."""
    claim: dict[str, JsonValue] = {
        "format": SAML_NAMEID,
        "issuer": name_id.issuer,
        "nameid": name_id.nameid,
    }
    optional = {name: getattr(name_id, name) for name in _OPTIONAL}
    return claim | {name: value for name, value in optional.items() if value is not None}


def saml_nameid(claims: Mapping[str, JsonValue]) -> SamlNameId | None:
    """The NameID in ``sub_id`` of a verified claims set; None without the claim or in another format.

    Raises ClaimError, of ``sub_id`` or of the member that is wrong (SAML-15).
    """
    if "sub_id" not in claims:
        return None
    value = claims["sub_id"]
    if not isinstance(value, dict):
        raise ClaimError("sub_id", "not_an_object")
    if text(value, "format", max_length=_MAX_TEXT) != SAML_NAMEID:
        return None
    optional = {name: optional_text(value, name, max_length=_MAX_TEXT) for name in _OPTIONAL}
    return SamlNameId(
        issuer=text(value, "issuer", max_length=_MAX_TEXT),
        nameid=text(value, "nameid", max_length=_MAX_TEXT),
        **optional,
    )
