"""One right DPoP proof in parts, and its acceptance with any of them changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idjag.protocol import dpop
from idjag.protocol.dpop import Proof
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.jose import PrivateKey
from tests.protocol.parts import KEY, NOW, OUT, changed, refusal, signed

URI = "https://acme.chat.example/token"
CLAIMS: dict[str, Any] = {"htm": "POST", "htu": URI, "iat": NOW, "jti": "proof-1"}


def jwk_of(key: PrivateKey = KEY, **changes: Any) -> dict[str, Any]:
    """The public JWK as clients send it, without our kid, alg and use; members added, replaced or ``OUT``."""
    return changed(dict(key.public.members), changes)


def shown(value: object) -> str:
    """A name for a value in a list of cases, the same in every run."""
    return "absent" if value is OUT else repr(value)


def proof(claims: Mapping[str, Any] | str = CLAIMS, *, key: PrivateKey = KEY, **header: Any) -> str:
    """A proof that is signed as it should be, whatever it says."""
    return signed(claims, key=key, **({"typ": "dpop+jwt", "kid": OUT, "jwk": jwk_of(key)} | header))


def with_claims(**changes: Any) -> str:
    """A proof whose claims differ from the right ones."""
    return proof(changed(CLAIMS, changes))


def accepted(text: str, *, method: str = "POST", uri: str = URI, now: int = NOW, **more: Any) -> Proof:
    """What becomes of a proof that came with a request to ``URI``."""
    return dpop.accept(text, method=method, uri=uri, now=now, **more)


def refused_for(text: str, **sight: Any) -> dict[str, str]:
    """Why it is refused, for the log; the client reads the same words whatever it is."""
    refused = refusal(lambda: accepted(text, **sight))
    assert refused.reason is Reason.DPOP_PROOF_INVALID
    assert (ANSWERS[refused.reason].error, ANSWERS[refused.reason].status) == ("invalid_dpop_proof", 400)
    return refused.fact
