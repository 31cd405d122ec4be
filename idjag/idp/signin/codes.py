"""Authorization codes: what is stored of one, by whom it was asked for, and what a redeemer must show."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from idjag.idp.facts import integer, string
from idjag.ledger.entry import Insert, Key, OneTime, Row, Value
from idjag.protocol.jose import base64url

__all__ = ["LIFETIME", "Code", "challenge_of", "code_key", "named_claims", "one_time"]

LIFETIME = 60  # seconds (OIDC-06)

# How much longer than its life a used code is remembered, so that clocks that differ do not bring it back.
_REMEMBERED = 600


@dataclass(frozen=True, slots=True)
class Code:
    """One authorization code; ``id`` is the SHA-256 of its value, which is stored nowhere.

    ``sid``: the session's name at the app when it was made; None in rows of an older idjag.  ``jkt``: the key
    that its redeemer must prove.  ``claims``: those asked for by name, in the ID token and from UserInfo.
    ``acr_values``: the kinds of sign-in that the app has asked for, the one it likes best first.
    """

    id: str
    app_id: str
    session_id: str
    person_id: str
    epoch: int
    expires: int
    redirect_uri: str
    code_challenge: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    nonce: str | None = None
    sid: str | None = None
    jkt: str | None = None
    claims: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    acr_values: tuple[str, ...] = ()

    def insert(self, tenant: str) -> Insert:
        """The row to write."""
        spec = {
            "redirect_uri": self.redirect_uri,
            "code_challenge": self.code_challenge,
            "scopes": list(self.scopes),
            "nonce": self.nonce,
            "sid": self.sid,
            "jkt": self.jkt,
            "claims": [list(names) for names in self.claims],
            "acr_values": list(self.acr_values),
        }
        row: dict[str, Value] = {
            "id": self.id,
            "tenant_id": tenant,
            "app_id": self.app_id,
            "session_id": self.session_id,
            "person_id": self.person_id,
            "epoch": self.epoch,
            "spec": json.dumps(spec, separators=(",", ":"), sort_keys=True),
            "expires": self.expires,
        }
        return Insert("code", row)

    @classmethod
    def of(cls, row: Row) -> Code:
        """The code that a row holds."""
        spec: Mapping[str, object] = json.loads(string(row, "spec"))
        scopes, nonce, sid, jkt = spec["scopes"], spec["nonce"], spec.get("sid"), spec.get("jkt")
        acr_values = spec.get("acr_values")
        return cls(
            id=string(row, "id"),
            app_id=string(row, "app_id"),
            session_id=string(row, "session_id"),
            person_id=string(row, "person_id"),
            epoch=integer(row, "epoch"),
            expires=integer(row, "expires"),
            redirect_uri=str(spec["redirect_uri"]),
            code_challenge=str(spec["code_challenge"]),
            scopes=tuple(map(str, scopes)) if isinstance(scopes, list) else (),
            nonce=None if nonce is None else str(nonce),
            sid=None if sid is None else str(sid),
            jkt=None if jkt is None else str(jkt),
            claims=named_claims(spec.get("claims")),
            acr_values=tuple(map(str, acr_values)) if isinstance(acr_values, list) else (),
        )


def named_claims(stored: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names in the ID token and from UserInfo, as a row keeps them; none in rows of an older idjag."""
    id_token, userinfo = stored if isinstance(stored, list) else ([], [])
    return tuple(map(str, id_token)), tuple(map(str, userinfo))


def code_key(value: str) -> Key:
    """What to read for the code that a client presents."""
    return Key("code", "id", hashlib.sha256(value.encode()).hexdigest())


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64url.encode(hashlib.sha256(verifier.encode()).digest())


def one_time(code: Code) -> OneTime:
    """Claimed at every use, right or wrong: a stolen code that meets a wrong client is burned (case 144)."""
    return OneTime("code", "", code.id, code.expires + _REMEMBERED)
