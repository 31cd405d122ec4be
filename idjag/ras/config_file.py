"""What ras.yaml may say: contract section 5, strictly; needs pydantic, so only config.py imports it, late.

A field that is accepted works; what is not built is refused with these words.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from idjag.protocol.client_certificate import SUBJECTS
from idjag.ras.config_fields import (
    Domain,
    Duration,
    Email,
    EntityId,
    Issuer,
    Keys,
    Scopes,
    Text,
    Time,
    Uri,
    once,
)

__all__ = [
    "AccountEntry",
    "AuthEntry",
    "ClientEntry",
    "IssuerEntry",
    "IssuerRefEntry",
    "NameIdEntry",
    "RasFile",
    "RequireEntry",
    "ResourceEntry",
    "ResourceServerEntry",
    "RevokerEntry",
    "SubjectEntry",
]


class Entry(BaseModel):
    """An entry of the file: exact field names, nothing unknown, nothing converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


Strategy: TypeAlias = Literal["iss_sub", "aud_sub", "email", "sub_id"]


def _as(name: str) -> BeforeValidator:
    """A text alone stands for an entry that says nothing but its name."""

    def check(value: Any) -> Any:
        return {name: value} if isinstance(value, str) else value

    return BeforeValidator(check)


class IssuerRefEntry(Entry):
    """An issuer, or one tenant of it."""

    issuer: Issuer
    tenant: Text | None = None


IssuerRefs: TypeAlias = Annotated[list[Annotated[IssuerRefEntry, _as("issuer")]], AfterValidator(once)]


class SubjectEntry(Entry):
    """How persons of an issuer, or of one tenant of it, are found here."""

    by: list[Strategy] = ["iss_sub"]
    email_domains: list[Domain] = []
    jit: bool = False
    sub_id_match: Literal["tuple", "nameid"] = "tuple"
    joins: IssuerRefs = []


class TenantEntry(Entry):
    """A tenant of an issuer that has several; by default its people are found as those of the issuer."""

    tenant: Text
    subject: SubjectEntry | None = None
    sub_id_issuers: list[EntityId] = []


class IssuerEntry(Entry):
    """An identity provider that we believe."""

    issuer: Issuer
    profiles: Annotated[list[Literal["id-jag", "jwt-bearer"]], Field(min_length=1), AfterValidator(once)] = [
        "id-jag"
    ]
    jwks_uri: Issuer | None = None
    keys: Keys | None = None
    algorithms: list[Literal["ES256", "RS256", "Ed25519"]] = ["ES256", "RS256"]
    reuse: Literal["never", "until_expiry"] = "never"
    max_lifetime: Duration = 600
    tenants: list[Annotated[TenantEntry, _as("tenant")]] = []
    scope_ceiling: Scopes | None = None
    default_scopes: Scopes = []
    subject: SubjectEntry = SubjectEntry()
    sub_id_issuers: list[EntityId] = []
    may_assert_act: bool = False
    expires: Time | None = None
    status: Literal["active", "paused"] = "active"


class SecretEntry(Entry):
    """One of two secrets, while a client changes over."""

    secret: str = Field(repr=False)
    expires: Time | None = None


class AuthEntry(Entry):
    """How a client authenticates; ``none``: not at all, so that its grants must be bound to a key."""

    method: Literal[
        "client_secret",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
        "client_id_metadata_document",
        "none",
    ] = "client_secret"
    secret: str | None = Field(default=None, repr=False)
    secrets: Annotated[list[SecretEntry], Field(min_length=1, max_length=2)] | None = None
    jwks: Keys | None = None
    jwks_uri: Issuer | None = None
    tls_client_auth_subject_dn: str | None = None
    tls_client_auth_san_dns: str | None = None
    tls_client_auth_san_uri: str | None = None
    tls_client_auth_san_ip: str | None = None
    tls_client_auth_san_email: str | None = None

    @property
    def subjects(self) -> dict[str, str]:
        """Whose certificate the client shows, by the fields that say it."""
        every = {name: getattr(self, name) for name in SUBJECTS}
        return {name: text for name, text in every.items() if text is not None}


class RequireEntry(Entry):
    """How people must have signed in (RAS-45)."""

    acr: Annotated[list[Text], Field(min_length=1), AfterValidator(once)] | None = None
    amr: Annotated[list[Text], Field(min_length=1), AfterValidator(once)] | None = None
    max_auth_age: Duration | None = None


class ClientEntry(Entry):
    """A requesting app as it is registered here."""

    client_id: Text
    auth: AuthEntry
    scopes: Scopes
    issuers: IssuerRefs
    tenant: Text | None = None
    require: RequireEntry | None = None
    origins: Annotated[list[Text], AfterValidator(once)] = []


class ResourceEntry(Entry):
    """A protected API."""

    uri: Uri
    scopes: Scopes
    key_bound: bool = False
    require: RequireEntry | None = None


class AccessTokenEntry(Entry):
    """What we issue."""

    lifetime: Duration = 900
    alg: Literal["ES256", "RS256", "Ed25519"] = "ES256"
    one_resource: bool = False


class DpopEntry(Entry):
    """What proofs must have beside what RFC 9449 wants."""

    nonce: Literal["required"] | None = None


class LinkEntry(Entry):
    """A person at an issuer."""

    issuer: Issuer
    sub: Annotated[str, Field(min_length=1, max_length=255)]
    tenant: str = ""


class NameIdEntry(Entry):
    """A person at a SAML identity provider, as its assertions say it."""

    format: Literal["saml-nameid"]
    issuer: EntityId
    nameid: Annotated[str, Field(min_length=1, max_length=1024)] = Field(repr=False)
    nameid_format: EntityId | None = None
    name_qualifier: EntityId | None = None
    sp_name_qualifier: EntityId | None = None
    sp_provided_id: Annotated[str, Field(min_length=1, max_length=1024)] | None = Field(
        default=None, repr=False
    )


class AccountEntry(Entry):
    """A person here."""

    id: Text
    email: Email | None = Field(default=None, repr=False)
    tenant: Text | None = None
    scopes: Scopes | None = None
    links: list[LinkEntry] = []
    sub_ids: list[NameIdEntry] = []
    status: Literal["active", "disabled"] = "active"


class ResourceServerEntry(Entry):
    """An API that may introspect the tokens for its resources."""

    client_id: Text
    auth: AuthEntry
    resources: Annotated[list[Uri], Field(min_length=1)]


class IntrospectionEntry(Entry):
    """Who may introspect beside the clients, which may ask about their own tokens."""

    clients: list[ResourceServerEntry] = []


class RevokerEntry(Entry):
    """Who may end everything of the people of these issuers."""

    client_id: Text
    auth: AuthEntry
    issuers: Annotated[list[Issuer], Field(min_length=1), AfterValidator(once)]
    formats: Annotated[list[Literal["iss_sub", "email"]], Field(min_length=1), AfterValidator(once)] = [
        "iss_sub"
    ]
    tenant: Text | None = None


class GlobalTokenRevocationEntry(Entry):
    """The endpoint is served when somebody may call it."""

    clients: list[RevokerEntry] = []


class ReceiptsEntry(Entry):
    """Issuers that ask for it are told what became of their grants; the key is a PEM file."""

    key_file: Annotated[str, Field(min_length=1)]


class RasFile(Entry):
    """The whole file."""

    issuer: Issuer
    accepted_audiences: list[Uri] = []
    trusted_issuers: Annotated[list[IssuerEntry], Field(min_length=1)]
    clients: list[ClientEntry] = []
    resources: Annotated[list[ResourceEntry], Field(min_length=1)]
    default_resource: Uri | None = None
    access_token: AccessTokenEntry = AccessTokenEntry()
    dpop: DpopEntry = DpopEntry()
    accounts: list[AccountEntry] = []
    introspection: IntrospectionEntry = IntrospectionEntry()
    global_token_revocation: GlobalTokenRevocationEntry = GlobalTokenRevocationEntry()
    issuer_lookup: bool = False
    receipts: ReceiptsEntry | None = None
    database_url: str = "sqlite:///ras.db"
    kek_file: str | None = None
