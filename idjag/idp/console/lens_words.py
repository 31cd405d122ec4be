"""What the claims of an ID-JAG and of an ID token mean, as the token lens explains them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from idjag.idp.lens import Kind, Signature
from idjag.protocol import names

__all__ = ["MEANING", "RECEIVER", "SIGNATURES", "TITLES"]

TITLES: Final[Mapping[Kind, str]] = {Kind.ID_JAG: "An ID-JAG", Kind.ID_TOKEN: "An ID token"}

RECEIVER: Final[Mapping[Kind, str]] = {
    Kind.ID_JAG: "Its resource authorization server",
    Kind.ID_TOKEN: "The token exchange",
}
"""Who is asked whether they would take it."""

SIGNATURES: Final[Mapping[Signature, tuple[str, str]]] = {
    Signature.OURS: ("Signed here", "One of our published keys has signed exactly this."),
    Signature.WRONG: (
        "Not what was signed",
        "It names us and one of our keys, and the signature does not fit: somebody has changed or made it.",
    ),
    Signature.KEY_UNKNOWN: (
        "No such key",
        "It names us, and a key that we do not publish: it never was ours, was revoked, or has retired.",
    ),
    Signature.FOREIGN: (
        "Not from here",
        "It names another issuer. Nothing is fetched for what is pasted: its signature was not looked at.",
    ),
}
"""The badge, and what it means."""

_BOTH: Final[Mapping[str, str]] = {
    "iss": "Who says all this: the identity provider, byte for byte its issuer URL.",
    "iat": "When it was issued.",
    "nbf": "Not to be taken before this.",
    "auth_time": "When the person signed in; renewing tokens does not move it.",
    "acr": "How strong that sign-in was.",
    "amr": "What the person showed (RFC 8176).",
    "email": "The address of the person.",
    "email_verified": "Whether that address was verified; only then may it find an account.",
    "name": "What the person is called.",
}
MEANING: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.ID_JAG: {
        **_BOTH,
        "sub": "The person, as the resource app's own sign-in knows them (section 3.1).",
        "aud": "The one resource authorization server that may redeem it, by its issuer URL (section 3.1).",
        "client_id": "The requesting app, as the resource app knows it: its client ID there (section 3.1).",
        "jti": "Its number: by it a resource authorization server knows one that comes again.",
        "exp": "Not to be redeemed from then on.",
        "scope": "What was granted at most; the resource app may give less (section 3.1).",
        "resource": "The APIs that it is for (RFC 8707).",
        "authorization_details": "Finer permissions (RFC 9396); we never issue them.",
        "tenant": "Which of our tenants the person is of.",
        "aud_tenant": "Which tenant of the resource app it is for.",
        "aud_sub": "The person as that tenant of the resource app knows them.",
        "sub_id": "The person by a SAML name.",
        "cnf": "The key that the app must prove to redeem it (DPoP); stolen, it is worth nothing.",
        "act": "Who acts for the person.",
    },
    Kind.ID_TOKEN: {
        **_BOTH,
        "sub": "The person, as this app knows them.",
        "aud": "The app that it was issued to; several where others may present it too.",
        "azp": "Of several in aud, the one that it was issued to.",
        "sid": "The sign-in at this app, which a sign-out names.",
        "nonce": "What the app sent along, so that no other sign-in's token fits.",
        "exp": "Not to be taken from then on, as proof of a sign-in or in an exchange.",
        "session_expiry": "When the app must ask for a new sign-in.",
        "preferred_username": "The user name; it may change.",
        "at_hash": "The access token that came with it, as a hash.",
        names.ID_TOKEN_MARKER: "Says that it is an ID token, since other tokens look alike.",
    },
}
"""By the name of the claim; sections are those of the ID-JAG draft."""
