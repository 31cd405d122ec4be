"""The key of receipts, from the file that the operator gives: made elsewhere, so that all servers have it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from idjag.protocol.jose import JwkError, PrivateKey, thumbprint
from idjag.protocol.names import ASYMMETRIC

__all__ = ["receipt_key"]

_LONGEST: Final = 16 * 1024


def receipt_key(path: Path) -> PrivateKey:
    """The key of a PKCS #8 PEM file: P-256, RSA or Ed25519; its kid is made from it.

    Raises OSError; ValueError with what to do, and never with what stands in the file.
    """
    with path.open("rb") as file:
        pem = file.read(_LONGEST + 1)
    for alg in ASYMMETRIC if len(pem) <= _LONGEST else ():
        try:
            public = PrivateKey.from_pem(pem, alg=alg, kid="new").public
            return PrivateKey.from_pem(pem, alg=alg, kid=thumbprint(public)[:22])
        except JwkError:
            continue
    raise ValueError("holds no key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 makes one")
