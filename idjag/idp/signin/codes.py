"""Authorization codes: what is stored of one, by whom it was asked for, and what a redeemer must show."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from idjag.idp.facts import integer, string
from idjag.ledger.entry import Insert, Key, OneTime, Row, Value
from idjag.protocol.jose import base64url

__all__ = ["LIFETIME", "Code", "challenge_of", "code_key", "one_time"]

LIFETIME = 60  # seconds (OIDC-06)

# How much longer than its life a used code is remembered, so that clocks that differ do not bring it back.
_REMEMBERED = 600


@dataclass(frozen=True, slots=True)
class Code:
    """One authorization code; ``id`` is the SHA-256 of its value, which is stored nowhere.

    ``sid``: the session's name at the app when it was made; None in rows of an older idjag.
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

    def insert(self, tenant: str) -> Insert:
        """The row to write."""
        spec = {
            "redirect_uri": self.redirect_uri,
            "code_challenge": self.code_challenge,
            "scopes": list(self.scopes),
            "nonce": self.nonce,
            "sid": self.sid,
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
        scopes, nonce, sid = spec["scopes"], spec["nonce"], spec.get("sid")
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
        )


def code_key(value: str) -> Key:
    """What to read for the code that a client presents."""
    return Key("code", "id", hashlib.sha256(value.encode()).hexdigest())


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64url.encode(hashlib.sha256(verifier.encode()).digest())


def one_time(code: Code) -> OneTime:
    """Claimed at every use, right or wrong: a stolen code that meets a wrong client is burned (case 144)."""
    return OneTime("code", "", code.id, code.expires + _REMEMBERED)
