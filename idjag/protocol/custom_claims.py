"""Claims of an ID-JAG that administrators map from what they know of people: their names and their size.

Draft section 3.1 lets an ID-JAG carry further claims of an ID token; none of them may speak for another.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose.json import JsonValue, canonical
from idjag.protocol.names import ID_TOKEN_MARKER

__all__ = ["MAX_CUSTOM_CLAIMS", "RESERVED", "check", "of", "problem"]

MAX_CUSTOM_CLAIMS = 16
_MAX_OCTETS = 2048
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._:/#~-]{0,127}")

# What the registry of JWT claims knows, and the draft; but for the texts of OpenID Connect Core section 5.1
# that say nothing but how a person is called and lives (given_name, locale, ...).
RESERVED = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", ID_TOKEN_MARKER),
        *("azp", "nonce", "auth_time", "acr", "amr", "at_hash", "c_hash", "s_hash", "sid", "session_expiry"),
        *("sub_jwk", "sub_id", "sub_ids", "aud_sub", "aud_tenant", "tenant", "client_id", "scope", "scopes"),
        *("resource", "resources", "authorization_details", "act", "may_act", "actor", "cnf", "jkt", "x5t"),
        *("htm", "htu", "ath", "events", "toe", "txn", "status", "token_introspection", "active"),
        *("grant_type", "token_type", "typ", "alg", "kid", "jwk", "jku", "x5c", "x5u", "crit", "enc", "zip"),
        *("email", "email_verified", "phone_number", "phone_number_verified", "msisdn", "name"),
        *("preferred_username", "username", "upn", "address", "updated_at", "also_known_as"),
        *("roles", "role", "groups", "group", "entitlements", "permissions", "verified_claims"),
        *("vot", "vtm", "vc", "vp", "vct", "attest", "origid", "orig", "dest", "rph", "sph", "mky", "jcard"),
        *("at_use_nbr", "ace_profile", "cnonce", "exi", "div", "opt", "rcd", "rcdi", "crn", "atc"),
        *("cdniv", "cdnicrit", "cdniip", "cdniuc", "cdniets", "cdnistt", "cdnistd", "sig_val_claims"),
        *("eat_nonce", "ueid", "sueids", "oemid", "hwmodel", "hwversion", "eat_profile", "submods"),
        *("tid", "oid", "org", "org_id", "organization", "iss_sub", "idp", "amr_values", "acr_values"),
    }
)


def problem(name: str) -> str | None:
    """Why a claim cannot have this name; case is no difference, since some readers see none (JAG-27)."""
    if not _NAME.fullmatch(name):
        return "a claim name is a letter and then up to 127 of A-Z a-z 0-9 . _ : / # ~ -"
    if name.lower() in RESERVED:
        return "this claim has a meaning of its own and is not for mapping"
    return None


def check(claims: Mapping[str, JsonValue]) -> None:
    """Before signing; raises Refused CLAIM_RESERVED, CLAIMS_TOO_LARGE.

    What is left out would be missed, and what is wrong here was never meant: nothing is issued.
    """
    if not claims:
        return
    for name in claims:
        if problem(name):
            raise Refused(Reason.CLAIM_RESERVED, claim=name[:128])
    if len(claims) > MAX_CUSTOM_CLAIMS or len(canonical(dict(claims))) > _MAX_OCTETS:
        raise Refused(Reason.CLAIMS_TOO_LARGE)


def of(claims: Mapping[str, JsonValue], wanted: Collection[str]) -> dict[str, JsonValue]:
    """Those of a verified claims set that somebody has asked for by name."""
    return {name: claims[name] for name in sorted(wanted) if name in claims}
