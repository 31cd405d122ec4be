"""What ras.yaml may say: contract section 5, strictly; needs pydantic, so only config.py imports it, late.

A field that is accepted works; what is not built is refused with these words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from idjag.protocol.jose import JoseError, KeySet
from idjag.protocol.resources import is_resource
from idjag.protocol.scopes import is_scope_token

__all__ = ["AccountEntry", "ClientEntry", "IssuerEntry", "RasFile", "is_loopback"]

_DURATION = re.compile(r"([1-9][0-9]{0,7})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PRINTABLE = re.compile(r"[!-~]{1,255}")
_EMAIL = re.compile(r"[!-?A-~]{1,64}@[a-z0-9.-]{1,189}", re.IGNORECASE | re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_SHORTEST_SECRET = 16


def _wrong(text: str) -> PydanticCustomError:
    """What is wrong, in a sentence that never repeats the value."""
    return PydanticCustomError("refused", text)


def _not_built(what: str) -> Callable[[Any], Any]:
    """Accepts what means "off" alone."""

    def check(value: Any) -> Any:
        if value not in (None, False, []):
            raise _wrong(f"not built: {what}")
        return value

    return check


def _without(**missing: str) -> Callable[[Any], Any]:
    """Refuses values of an enumeration that the contract names and we do not carry out yet."""

    def check(value: Any) -> Any:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and each.replace("-", "_") in missing:
                raise _wrong(f"not built: {missing[each.replace('-', '_')]}")
        return value

    return check


def _matching(pattern: re.Pattern[str], text: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise _wrong(text)
        return value

    return AfterValidator(check)


def _seconds(value: Any) -> int:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise _wrong("a duration is a whole number and s, m, h or d, such as 5m")
    return int(found[1]) * _UNITS[found[2]]


def _time(value: Any) -> int:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise _wrong("a time is written like 2027-06-30T00:00:00Z, with its zone")
    try:
        return int(datetime.fromisoformat(value).timestamp())
    except ValueError:
        raise _wrong("there is no such time") from None


def is_loopback(uri: str) -> bool:
    """Whether the host is this machine."""
    return (urlsplit(uri).hostname or "").lower() in _LOOPBACK


def _issuer(value: str) -> str:
    if not is_resource(value) or "?" in value:
        raise _wrong("an issuer is an absolute URL in plain ASCII, without query or fragment")
    if not value.startswith("https://") and not (value.startswith("http://") and is_loopback(value)):
        raise _wrong("an issuer is an https URL (http only on this machine's loopback address)")
    return value


def _uri(value: str) -> str:
    if not is_resource(value):
        raise _wrong("must be an absolute URI in plain ASCII, without a fragment")
    return value


def _scope(value: str) -> str:
    if not is_scope_token(value):
        raise _wrong("a scope is printable ASCII without spaces, quotes and backslashes")
    return value


def _once(values: list[Any]) -> list[Any]:
    if len({str(value) for value in values}) != len(values):
        raise _wrong("something is listed twice")
    return values


def _key_set(value: Any) -> KeySet:
    """A JWK Set, or a list of JWKs; every key must be usable (attack case 128)."""
    try:
        keys, skipped = KeySet.parse({"keys": value} if isinstance(value, list) else value)
    except (JoseError, AttributeError):
        raise _wrong("not a JWK Set") from None
    if skipped or not keys.keys:
        raise _wrong(f"not usable: {skipped[0] if skipped else 'no key'}")
    return keys


Duration: TypeAlias = Annotated[int, BeforeValidator(_seconds)]
Issuer: TypeAlias = Annotated[str, AfterValidator(_issuer)]
Uri: TypeAlias = Annotated[str, AfterValidator(_uri)]
Scopes: TypeAlias = Annotated[list[Annotated[str, AfterValidator(_scope)]], AfterValidator(_once)]
Issuers: TypeAlias = Annotated[list[Issuer], AfterValidator(_once)]
Text: TypeAlias = Annotated[str, _matching(_PRINTABLE, "1 to 255 printable ASCII characters, no spaces")]
Domain: TypeAlias = Annotated[str, _matching(_DOMAIN, "a domain name in lower case")]
Keys: TypeAlias = Annotated[Any, BeforeValidator(_key_set)]
Strategy: TypeAlias = Literal["iss_sub", "aud_sub", "email"]


class Entry(BaseModel):
    """An entry of the file: exact field names, nothing unknown, nothing converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class SubjectEntry(Entry):
    """How persons of an issuer are found here."""

    by: Annotated[list[Strategy], BeforeValidator(_without(sub_id="the strategy sub_id"))] = ["iss_sub"]
    email_domains: list[Domain] = []
    jit: bool = False


class IssuerEntry(Entry):
    """An identity provider that we believe."""

    issuer: Issuer
    profiles: Annotated[
        list[Literal["id-jag"]], BeforeValidator(_without(jwt_bearer="grants other than ID-JAG"))
    ] = ["id-jag"]
    jwks_uri: Issuer | None = None
    keys: Keys | None = None
    algorithms: list[Literal["ES256", "RS256", "Ed25519"]] = ["ES256", "RS256"]
    reuse: Literal["never", "until_expiry"] = "never"
    max_lifetime: Duration = 600
    tenants: list[Text] = []
    scope_ceiling: Scopes | None = None
    default_scopes: Scopes = []
    subject: SubjectEntry = SubjectEntry()
    sub_id_issuers: Annotated[list[str], BeforeValidator(_not_built("sub_id"))] = []
    may_assert_act: Annotated[bool, BeforeValidator(_not_built("actors in tokens"))] = False
    expires: Annotated[int, BeforeValidator(_time)] | None = None
    status: Literal["active", "paused"] = "active"


class AuthEntry(Entry):
    """How a client authenticates."""

    method: Annotated[
        Literal["client_secret", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        BeforeValidator(_without(none="clients without credentials")),
    ] = "client_secret"
    secret: str | None = Field(default=None, repr=False)
    jwks: Keys | None = None
    jwks_uri: Annotated[
        str | None, BeforeValidator(_not_built("fetching a client's keys; put them under jwks"))
    ] = None


class ClientEntry(Entry):
    """A requesting app as it is registered here."""

    client_id: Text
    auth: AuthEntry
    scopes: Scopes
    issuers: Issuers
    tenant: Text | None = None


class ResourceEntry(Entry):
    """A protected API."""

    uri: Uri
    scopes: Scopes
    key_bound: Annotated[bool, BeforeValidator(_not_built("tokens bound to a key (DPoP)"))] = False


class AccessTokenEntry(Entry):
    """What we issue."""

    lifetime: Duration = 900
    alg: Literal["ES256", "RS256", "Ed25519"] = "ES256"


class LinkEntry(Entry):
    """A person at an issuer."""

    issuer: Issuer
    sub: Annotated[str, Field(min_length=1, max_length=255)]
    tenant: str = ""


class AccountEntry(Entry):
    """A person here."""

    id: Text
    email: Annotated[str, _matching(_EMAIL, "an email address in plain ASCII")] | None = Field(
        default=None, repr=False
    )
    tenant: Text | None = None
    links: list[LinkEntry] = []
    status: Literal["active", "disabled"] = "active"


class RasFile(Entry):
    """The whole file."""

    issuer: Issuer
    accepted_audiences: list[Uri] = []
    trusted_issuers: Annotated[list[IssuerEntry], Field(min_length=1)]
    clients: list[ClientEntry] = []
    resources: Annotated[list[ResourceEntry], Field(min_length=1)]
    default_resource: Uri | None = None
    access_token: AccessTokenEntry = AccessTokenEntry()
    accounts: list[AccountEntry] = []
    receipts: Annotated[None, BeforeValidator(_not_built("receipts of redemptions"))] = None
    database_url: str = "sqlite:///ras.db"
    kek_file: str | None = None


def secret_problem(secret: str) -> str | None:
    """Why this cannot be a client secret; never repeats it."""
    if len(secret) < _SHORTEST_SECRET or not all("\x20" <= each <= "\x7e" for each in secret):
        return f"a client secret is printable ASCII of at least {_SHORTEST_SECRET} characters"
    return None
