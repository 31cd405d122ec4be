"""Resource apps: the apps whose APIs are called, and the authorization servers that speak for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from idjag.durations import format_duration
from idjag.idp.catalog.addresses import Alias, Issuer, ResourceUri
from idjag.idp.catalog.client_auth import Jwks, JwksUri
from idjag.idp.catalog.documents import document, spec_of
from idjag.idp.catalog.durations import Lifetime
from idjag.idp.catalog.fields import FileEntry, Id, Name, Scopes, refused, unique
from idjag.idp.catalog.not_built import not_built, reserved
from idjag.idp.catalog.references import Path, References
from idjag.ledger.entry import Row
from idjag.policy.model import AppStatus, ReceiptKeys, Resource, ResourceApp
from idjag.protocol.custom_claims import MAX_CUSTOM_CLAIMS, problem
from idjag.protocol.jose.json import canonical
from idjag.protocol.names import MAX_RESOURCES
from idjag.protocol.resources import comparable, same_issuer_lookup

__all__ = [
    "ResourceAppEntry",
    "resource_app_columns",
    "resource_app_entry",
    "resource_app_model",
    "resource_app_problems",
]

_RELEASABLE = ("email", "name")
_DEFAULT_LIFETIME = 300  # JAG-12
_MOST_ALIASES = 32


def _releasable(value: str) -> str:
    if error := not_built("resource_app", "release", value):
        raise error
    if value not in _RELEASABLE:
        raise refused(f"write one of {', '.join(_RELEASABLE)}")
    return value


def _single(value: bool) -> bool:  # noqa: FBT001 - a validator is called by position
    if value and (error := not_built("resource_app", "multi_tenant", True)):
        raise error
    return value


def _few_aliases(values: list[str]) -> list[str]:
    if len(values) > _MOST_ALIASES:
        raise refused(f"at most {_MOST_ALIASES} aliases")
    return unique(values)


def _claim_name(value: str) -> str:
    if why := problem(value):
        raise refused(why)
    return value


def _few_claims(values: dict[str, AttributeEntry]) -> dict[str, AttributeEntry]:
    if len(values) > MAX_CUSTOM_CLAIMS:
        raise refused(f"at most {MAX_CUSTOM_CLAIMS} claims")
    return values


Claim: TypeAlias = Annotated[str, AfterValidator(_releasable)]
ClaimName: TypeAlias = Annotated[
    str, AfterValidator(_claim_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128})
]


class ResourceEntry(FileEntry):
    """An API, by the address that tokens are restricted to."""

    uri: ResourceUri
    """The resource indicator, in the spelling that tokens carry."""
    scopes: Scopes | None = None
    """The scopes that this API knows; an API without scopes is granted whole."""
    prefix: reserved("resource", "prefix") = None  # type: ignore[valid-type]


def _few_resources(values: list[ResourceEntry]) -> list[ResourceEntry]:
    if len(values) > MAX_RESOURCES:
        raise refused(f"at most {MAX_RESOURCES} resources")
    counts = Counter(comparable(resource.uri) for resource in values)
    twice = [resource.uri for resource in values if counts[comparable(resource.uri)] > 1]
    if twice:
        raise refused(f"one resource in two spellings or twice: {' and '.join(twice[:2])}")
    return values


class AudSubEntry(FileEntry):
    """Where the resource app's own id of a person comes from."""

    attribute: Id
    """The attribute that holds it; no two people may have the same value."""


class AttributeEntry(FileEntry):
    """Where the value of a claim comes from."""

    attribute: Id
    """The attribute that holds it; who has none has no such claim."""


class ReceiptsEntry(FileEntry):
    """What its authorization server signs receipts with."""

    jwks: Jwks | None = None
    """The public keys."""
    jwks_uri: JwksUri | None = None
    """Where it publishes them, in place of jwks."""

    @model_validator(mode="after")
    def _one_of_them(self) -> ReceiptsEntry:
        if (self.jwks is None) == (self.jwks_uri is None):
            raise refused("receipts need jwks or jwks_uri, and not both")
        return self

    def spec(self) -> dict[str, Any]:
        """The stored form."""
        return {"jwks": self.jwks} if self.jwks else {"jwks_uri": self.jwks_uri}


class ResourceAppEntry(FileEntry):
    """An app whose API is called on people's behalf."""

    id: Id
    """What connections and guardrails call it."""
    name: Name | None = None
    """The name that people read; the id when left out."""
    issuer: Issuer
    """Issuer URL of its authorization server, byte for byte what ID-JAGs say as audience."""
    aliases: Annotated[list[Alias], AfterValidator(_few_aliases)] = Field(default=[])
    """Other names by which requesting apps may mean it."""
    sso_app: Id | None = None
    """The app that it is for sign-in here: decides the sub, and its assignment applies too."""
    resources: Annotated[list[ResourceEntry], AfterValidator(_few_resources)] = Field(default=[])
    """Its APIs."""
    scopes: Scopes | None = None
    """Its scopes, if it has no resource indicators."""
    resource_required: bool = False
    """Whether a requesting app must name the API."""
    id_jag_alg: Literal["ES256", "RS256", "Ed25519"] = "ES256"
    """How ID-JAGs for it are signed."""
    lifetime: Lifetime = _DEFAULT_LIFETIME
    """How long ID-JAGs live: default and ceiling."""
    release: Annotated[list[Claim], AfterValidator(unique)] = Field(default=[])
    """What it is told about people beyond what it must know."""
    claims: Annotated[dict[ClaimName, AttributeEntry], AfterValidator(_few_claims)] = Field(default={})
    """Further claims of its ID-JAGs, from attributes of the person; never one that has a meaning already."""
    aud_sub: AudSubEntry | None = None
    """Its own id of a person."""
    aud_tenant: Name | None = None
    """Which of its tenants this is."""
    multi_tenant: Annotated[bool, AfterValidator(_single)] = False
    """Whether several of its tenants share one issuer."""
    status: Literal["active", "disabled"] = "active"
    """Nobody reaches a disabled one."""
    receipts: ReceiptsEntry | None = None
    """Whose reports of redemptions are taken, if its authorization server sends them."""
    redeem_as: reserved("resource_app", "redeem_as") = None  # type: ignore[valid-type]
    authorization_details: reserved("resource_app", "authorization_details") = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _fits_together(self) -> ResourceAppEntry:
        if self.resources and self.scopes is not None:
            raise refused("scopes are said for each resource; scopes of its own are for no resources")
        if self.resource_required and not self.resources:
            raise refused("resource_required needs resources")
        if same_issuer_lookup(self.issuer) in map(same_issuer_lookup, self.aliases):
            raise refused("an alias repeats the issuer")
        return self


def resource_app_problems(entry: ResourceAppEntry, refs: References) -> Iterator[tuple[Path, str]]:
    """Where it names an app that is not there."""
    if entry.sso_app is not None and entry.sso_app not in refs.apps:
        yield ("sso_app",), f"unknown app: {entry.sso_app}"


def resource_app_columns(entry: ResourceAppEntry, refs: References) -> dict[str, Any]:
    """What the row says of it."""
    spec = {
        "name": entry.name or "",
        "aliases": sorted(entry.aliases),
        "sso_app": entry.sso_app and refs.apps[entry.sso_app],
        "resources": [{"uri": one.uri, "scopes": sorted(one.scopes or ())} for one in entry.resources],
        "scopes": sorted(entry.scopes or ()),
        "resource_required": entry.resource_required,
        "id_jag_alg": entry.id_jag_alg,
        "lifetime": entry.lifetime,
        "release": sorted(entry.release),
        "aud_sub": entry.aud_sub and entry.aud_sub.attribute,
        "multi_tenant": entry.multi_tenant,
        "claims": {name: entry.claims[name].attribute for name in sorted(entry.claims)},
        # left out when there is none, as in rows of an older idjag
        **({"receipts": entry.receipts.spec()} if entry.receipts else {}),
    }
    return {
        "key": entry.id,
        "issuer": entry.issuer,
        "aud_tenant": entry.aud_tenant or "",
        "status": entry.status,
        "spec": document(spec),
    }


def resource_app_entry(row: Row, refs: References) -> dict[str, Any]:
    """The file's form of a row."""
    spec = spec_of(row)
    entry: dict[str, Any] = {
        "id": row["key"],
        "name": spec["name"],
        "issuer": row["issuer"],
        "aliases": spec["aliases"],
        "sso_app": spec["sso_app"] and refs.name(spec["sso_app"]),
        "resources": [_resource_entry(one) for one in spec["resources"]],
        "scopes": spec["scopes"],
        "resource_required": spec["resource_required"],
        "id_jag_alg": spec["id_jag_alg"],
        "lifetime": format_duration(spec["lifetime"]),
        "release": spec["release"],
        "claims": {name: {"attribute": one} for name, one in spec.get("claims", {}).items()},
        "aud_sub": spec["aud_sub"] and {"attribute": spec["aud_sub"]},
        "aud_tenant": row["aud_tenant"],
        "multi_tenant": spec["multi_tenant"],
        "receipts": spec.get("receipts"),
        "status": row["status"],
    }
    return {name: value for name, value in entry.items() if value}


def _resource_entry(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if value}


def resource_app_model(row: Row) -> ResourceApp:
    """The policy's value of a row."""
    spec = spec_of(row)
    key = str(row["key"])
    return ResourceApp(
        id=str(row["id"]),
        key=key,
        name=spec["name"] or key,
        issuer=str(row["issuer"]),
        resources=tuple(Resource(one["uri"], frozenset(one["scopes"])) for one in spec["resources"]),
        scopes=frozenset(spec["scopes"]),
        aliases=tuple(spec["aliases"]),
        sso_app=spec["sso_app"],
        resource_required=spec["resource_required"],
        id_jag_alg=spec["id_jag_alg"],
        lifetime=spec["lifetime"],
        release=tuple(spec["release"]),
        aud_sub=spec["aud_sub"],
        aud_tenant=str(row["aud_tenant"]) or None,
        multi_tenant=spec["multi_tenant"],
        status=AppStatus(str(row["status"])),
        claims=tuple(spec.get("claims", {}).items()),
        receipts=_receipt_keys(spec["receipts"]) if "receipts" in spec else None,
    )


def _receipt_keys(spec: Mapping[str, Any]) -> ReceiptKeys:
    keys = spec.get("jwks")
    return ReceiptKeys(keys and canonical(keys).decode(), spec.get("jwks_uri"))
