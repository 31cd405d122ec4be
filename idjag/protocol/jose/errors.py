"""What the strict JOSE layer refuses with; never a byte of the token, so that it may be logged."""

from __future__ import annotations


class JoseError(Exception):
    """Something that came in is not acceptable; ``code`` is stable, lower case and safe to log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class JsonError(JoseError):
    """The text is not strict JSON, or is beyond our limits."""


class JwkError(JoseError):
    """A key, or a set of keys, is malformed, too weak or not meant for this."""


class KeyUnknown(JwkError):
    """No key of the set is meant; fetching the set again may help (callers throttle that)."""

    def __init__(self) -> None:
        super().__init__("key_unknown")


class JwsError(JoseError):
    """The token is not a compact JWS of the shape that we accept."""


class SignatureWrong(JwsError):
    """The signature does not fit the key that the header and the key set agree on."""

    def __init__(self) -> None:
        super().__init__("signature_wrong")
