"""How an app authenticates at the token endpoint: method, secret by reference, keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from idjag.idp.catalog.fields import FileEntry, SecretReference, refused
from idjag.protocol.addresses import is_secure
from idjag.protocol.client_certificate import SUBJECTS, Subject, SubjectWrong
from idjag.protocol.jose import JoseError, KeySet
from idjag.protocol.jose.json import canonical
from idjag.protocol.names import (
    CLIENT_ID_METADATA_DOCUMENT,
    CLIENT_SECRET,
    CLIENT_SECRET_BASIC,
    CLIENT_SECRET_POST,
    NO_AUTHENTICATION,
    PRIVATE_KEY_JWT,
    SELF_SIGNED_TLS_CLIENT_AUTH,
    TLS_CLIENT_AUTH,
)
from idjag.trust.outbound import FetchFailed, parse_url

__all__ = [
    "SECRET_METHODS",
    "AuthEntry",
    "auth_entry",
    "basic_problem",
    "certificate_subject",
    "secret_hash",
    "secret_problem",
    "secrets_text",
]

SECRET_METHODS = frozenset({CLIENT_SECRET, CLIENT_SECRET_BASIC, CLIENT_SECRET_POST})
_WITH_KEYS = (PRIVATE_KEY_JWT, SELF_SIGNED_TLS_CLIENT_AUTH)
_SHORTEST_SECRET = 16
_LONGEST_SECRET = 512


def secret_problem(secret: str) -> str | None:
    """Why this cannot be a client secret; never repeats it.

    VSCHAR alone (RFC 6749 appendix A.2): anything else has several spellings on the wire.
    """
    if len(secret) < _SHORTEST_SECRET:
        return f"a client secret has at least {_SHORTEST_SECRET} characters"
    if len(secret) > _LONGEST_SECRET:
        return f"a client secret has at most {_LONGEST_SECRET} characters"
    if not all("\x20" <= c <= "\x7e" for c in secret):
        return "a client secret is printable ASCII"
    return None


def secret_hash(secret: str) -> str:
    """SHA-256 in hex: enough for what is random and long, and quick enough for every request."""
    return hashlib.sha256(secret.encode("utf-8")).hexdigest()


def secrets_text(stored: Iterable[Mapping[str, Any]]) -> str:
    """The column of an app's secrets: the canonical text of a JSON array of objects."""
    return f"[{','.join(canonical(dict(each)).decode() for each in stored)}]"


def basic_problem(text: str, *, what: str) -> str | None:
    """What clients do with this in a Basic header that forget to form-encode it (RFC 6749 section 2.3.1).

    Never repeats it.  ``what``: a client_id, in which a colon is wrong too, or a secret.
    """
    found = [sign for sign in ("%", "+", *((":",) if what == "client_id" else ())) if sign in text]
    if not found:
        return None
    return f"the {what} has {' and '.join(found)}, which many clients send unencoded: others are safer"


def _jwks(value: Any) -> Any:
    """A JWK Set of public keys, every one of them usable (attack cases 36, 128)."""
    if not isinstance(value, dict) or set(value) != {"keys"}:
        raise refused("write a JWK Set: an object with keys alone")
    try:
        # What YAML can say and JSON cannot (dates, numbers as names) ends here.
        text = canonical(value)
        keys, skipped = KeySet.parse(text)
    except JoseError as error:
        raise refused(f"not a usable JWK Set ({error})") from None
    if skipped:
        raise refused(f"not usable: {skipped[0]}")
    if not keys.keys:
        raise refused("the JWK Set has no key")
    return json.loads(text)


Jwks: TypeAlias = Annotated[
    dict[str, Any],
    BeforeValidator(_jwks),
    WithJsonSchema(
        {"type": "object", "required": ["keys"], "properties": {"keys": {"type": "array", "minItems": 1}}}
    ),
]


def _jwks_uri(value: str) -> str:
    """An address that may be fetched as far as its text tells; it is fetched when the app first comes."""
    try:
        parse_url(value)
    except FetchFailed as failed:
        raise refused(failed.problem) from None
    if not is_secure(value):
        raise refused("keys are fetched over https (http only on this machine's loopback address)")
    return value


JwksUri: TypeAlias = Annotated[
    str, AfterValidator(_jwks_uri), WithJsonSchema({"type": "string", "format": "uri"})
]


def _subject(value: str, info: ValidationInfo) -> str:
    """Whose certificate the app shows, such that one can be compared with it."""
    try:
        Subject(str(info.field_name), value)
    except SubjectWrong as wrong:
        raise refused(str(wrong)) from None
    return value


CertificateSubject: TypeAlias = Annotated[str, AfterValidator(_subject), Field(min_length=1)]


class AuthEntry(FileEntry):
    """How the app authenticates."""

    method: Literal[
        "client_secret",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
        "none",
        "client_id_metadata_document",
    ] = "client_secret"
    """client_secret takes both the header and the body; none is for apps that cannot keep a secret;
    client_id_metadata_document is for apps whose client_id is the address of the document that says it."""
    secret: SecretReference | None = Field(default=None, repr=False)
    """env:NAME or file:PATH; null keeps the secret that the app has."""
    jwks: Jwks | None = None
    """The app's public keys, for private_key_jwt and self_signed_tls_client_auth."""
    jwks_uri: JwksUri | None = None
    """Where the app publishes them, in place of jwks."""
    tls_client_auth_subject_dn: CertificateSubject | None = None
    """The subject of the app's certificate, for tls_client_auth: a name as RFC 4514 writes it."""
    tls_client_auth_san_dns: CertificateSubject | None = None
    """Instead of the subject: a DNS name among the certificate's alternative names."""
    tls_client_auth_san_uri: CertificateSubject | None = None
    """Instead of the subject: a URI among them, compared exactly."""
    tls_client_auth_san_ip: CertificateSubject | None = None
    """Instead of the subject: an IP address among them."""
    tls_client_auth_san_email: CertificateSubject | None = None
    """Instead of the subject: an email address among them."""

    @model_validator(mode="after")
    def _fits_the_method(self) -> AuthEntry:
        if self.secret is not None and self.method not in SECRET_METHODS:
            raise refused(f"{self.method} takes no secret")
        given = [name for name in ("jwks", "jwks_uri") if getattr(self, name) is not None]
        if given and self.method not in _WITH_KEYS:
            raise refused(f"{given[0]} is for {' and '.join(_WITH_KEYS)}, not for {self.method}")
        if self.method in _WITH_KEYS and len(given) != 1:
            raise refused(f"{self.method} needs jwks or jwks_uri, and not both")
        if self.method == TLS_CLIENT_AUTH and len(self._subjects) != 1:
            raise refused(f"tls_client_auth needs one of {', '.join(SUBJECTS)}, and not several")
        if self._subjects and self.method != TLS_CLIENT_AUTH:
            raise refused(f"{next(iter(self._subjects))} is for tls_client_auth, not for {self.method}")
        return self

    @property
    def _subjects(self) -> dict[str, str]:
        every = {name: getattr(self, name) for name in SUBJECTS}
        return {name: text for name, text in every.items() if text is not None}

    @property
    def public(self) -> bool:
        """Whether the app cannot prove who it is."""
        return self.method == NO_AUTHENTICATION

    @property
    def by_document(self) -> bool:
        """Whether the document at its client_id says how it authenticates."""
        return self.method == CLIENT_ID_METADATA_DOCUMENT

    @property
    def takes_secret(self) -> bool:
        """Whether a client secret is part of it."""
        return self.method in SECRET_METHODS

    def spec(self) -> dict[str, Any]:
        """The stored form; secrets are hashes in a column of their own."""
        keys = {"jwks": self.jwks, "jwks_uri": self.jwks_uri}
        given = {name: value for name, value in keys.items() if value}
        return {"method": self.method, **given, **self._subjects}


def certificate_subject(spec: Mapping[str, Any]) -> Subject | None:
    """Whose certificate the app shows, of the stored form."""
    return next((Subject(name, spec[name]) for name in SUBJECTS if name in spec), None)


def auth_entry(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The file's form of the stored one; ``secret: null`` says that there is one and that it stays."""
    entry = dict(spec)
    return entry | {"secret": None} if spec["method"] in SECRET_METHODS else entry
