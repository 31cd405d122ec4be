"""Apps: relying parties that sign people in here, and requesting apps that want to reach another app."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from idjag.idp.catalog.addresses import Issuer, LogoutUri, RedirectUri
from idjag.idp.catalog.client_auth import AuthEntry, auth_entry
from idjag.idp.catalog.documents import document, spec_of
from idjag.idp.catalog.fields import ClientId, FileEntry, Id, Name, refused, unique
from idjag.idp.catalog.not_built import not_built
from idjag.idp.catalog.references import Path, References, unknown
from idjag.idp.catalog.who import WhoEntry, who_entry, who_model, who_problems, who_spec
from idjag.ledger.entry import Row
from idjag.policy.model import App, AppStatus
from idjag.protocol.addresses import host_of, is_loopback, is_private_use
from idjag.protocol.client_metadata import looks_like_one, url_problem
from idjag.protocol.names import CLIENT_ID_METADATA_DOCUMENT
from idjag.trust.outbound import FetchFailed, parse_url

__all__ = ["AppEntry", "app_columns", "app_entry", "app_model", "app_problems", "app_row_problems"]

_GRANTS = ("authorization_code", "refresh_token", "token_exchange")
_SCOPES = ("openid", "profile", "email", "offline_access")
_MOST_REDIRECT_URIS = 50
_MOST_BROKERS = 32
_WHEN_SAID = (
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "require_pushed_authorization_requests",
)
_LOOPBACK = "is on a loopback address, which is for an issuer on loopback alone"


def _one_of(field: str, known: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if error := not_built("app", field, value):
            raise error
        if value not in known:
            raise refused(f"write one of {', '.join(known)}")
        return value

    return AfterValidator(check)


def _few_redirect_uris(values: list[str]) -> list[str]:
    if len(values) > _MOST_REDIRECT_URIS:
        raise refused(f"at most {_MOST_REDIRECT_URIS} redirect URIs")
    return unique(values)


def _few_brokers(values: list[str]) -> list[str]:
    if len(values) > _MOST_BROKERS:
        raise refused(f"at most {_MOST_BROKERS} apps")
    return unique(values)


Grant: TypeAlias = Annotated[str, _one_of("grants", _GRANTS)]
LoginScope: TypeAlias = Annotated[str, _one_of("scopes", _SCOPES)]


class AppEntry(FileEntry):
    """An app: relying party, requesting app, or both."""

    id: Id
    """What connections and guardrails call it."""
    client_id: ClientId | None = None
    """Its client_id here; the id when left out.  An address is that of its metadata document."""
    name: Name | None = None
    """The name that people read; the id when left out."""
    kind: Literal["web", "spa", "native", "service", "ai_agent"] = "web"
    """What it is."""
    redirect_uris: Annotated[list[RedirectUri], AfterValidator(_few_redirect_uris)] = Field(default=[])
    """Where people come back to after signing in, compared exactly.  For an app with a metadata document:
    which of the document's are allowed; when left out, those on the document's own origin."""
    post_logout_redirect_uris: Annotated[list[RedirectUri], AfterValidator(_few_redirect_uris)] = Field(
        default=[]
    )
    """Where people may come back to after signing out, compared exactly."""
    backchannel_logout_uri: LogoutUri | None = None
    """Where we tell the app that a session of a person there has ended (Back-Channel Logout)."""
    backchannel_logout_session_required: bool = False
    """Whether its logout tokens must name the session (sid); ours always do."""
    require_pushed_authorization_requests: bool = False
    """Whether it must leave its authorization requests here before it sends people (RFC 9126)."""
    auth: AuthEntry
    """How it authenticates."""
    grants: Annotated[list[Grant], AfterValidator(unique)] = Field(default=["authorization_code"])
    """What it may ask the token endpoint for."""
    scopes: Annotated[list[LoginScope], AfterValidator(unique)] = Field(default=["openid"])
    """What it may ask for when people sign in."""
    subject_type: Literal["public", "pairwise"] = "public"
    """Whether it knows people by the same sub as others do, or by one of its own."""
    sector_identifier_uri: Issuer | None = None
    """Apps whose sector host is the same share pairwise subs."""
    id_token_alg: Literal["RS256", "ES256", "Ed25519"] = "RS256"
    """How its ID tokens are signed."""
    assigned: WhoEntry | None = None
    """Who may sign in to it, and be acted for; nobody when left out."""
    subject_tokens_from: Annotated[list[Id], AfterValidator(_few_brokers)] = Field(default=[])
    """Apps through which people sign in for it: it may exchange their ID tokens, which then name it too."""
    status: Literal["active", "disabled"] = "active"
    """A disabled app gets nothing."""

    @model_validator(mode="after")
    def _fits_together(self) -> AppEntry:
        if self.auth.public and "token_exchange" in self.grants:
            raise refused("token_exchange is for apps that authenticate: auth.method must not be none")
        if "authorization_code" in self.grants and not (self.redirect_uris or self.auth.by_document):
            raise refused("authorization_code needs redirect_uris")
        if "authorization_code" in self.grants and "openid" not in self.scopes:
            raise refused("authorization_code needs the scope openid")
        if ("refresh_token" in self.grants) != ("offline_access" in self.scopes):
            raise refused("the grant refresh_token and the scope offline_access come together")
        if "refresh_token" in self.grants and "authorization_code" not in self.grants:
            raise refused("refresh_token needs authorization_code: a refresh token comes with a sign-in")
        if self.kind != "native" and any(map(is_private_use, self.redirect_uris)):
            raise refused("a redirect URI with a scheme of its own is for kind native")
        if self.backchannel_logout_session_required and self.backchannel_logout_uri is None:
            raise refused("backchannel_logout_session_required needs backchannel_logout_uri")
        if self.require_pushed_authorization_requests and self.auth.public:
            raise refused("pushed authorization requests are for apps that authenticate")
        return self

    @model_validator(mode="after")
    def _is_linked_to_others(self) -> AppEntry:
        if self.subject_tokens_from and "token_exchange" not in self.grants:
            raise refused("subject_tokens_from is for apps with the grant token_exchange")
        if self.id in self.subject_tokens_from:
            raise refused("subject_tokens_from names the app itself, which may exchange its own ID tokens")
        return self

    @model_validator(mode="after")
    def _is_named_as_it_authenticates(self) -> AppEntry:
        """Addresses are the name space of metadata documents: no local name may sit in it."""
        client_id = self.client_id or self.id
        if not self.auth.by_document:
            if looks_like_one(client_id):
                raise refused(
                    "a client_id that is an address is that of a metadata document: "
                    "write auth: {method: client_id_metadata_document}, or another client_id"
                )
            return self
        # whether our own issuer is on loopback, a single entry cannot know (app_row_problems)
        if problem := url_problem(client_id, loopback=True) or _unfetchable(client_id):
            raise refused(f"the client_id of an app with a metadata document {problem}")
        return self

    @model_validator(mode="after")
    def _has_a_sector(self) -> AppEntry:
        if self.subject_type == "public" and self.sector_identifier_uri is not None:
            raise refused("sector_identifier_uri is for subject_type pairwise")
        if self.subject_type == "pairwise" and not self.sector:
            raise refused("pairwise needs sector_identifier_uri, or redirect_uris that share one host")
        return self

    @property
    def sector(self) -> str:
        """The namespace of its subs, "" for public (OIDC Core section 8.1); also "" when there is none."""
        if self.subject_type == "public":
            return ""
        if self.sector_identifier_uri is not None:
            return host_of(self.sector_identifier_uri)
        # without a list of its own, a document may name redirect URIs on its own origin alone
        named = self.redirect_uris or ([self.client_id or ""] if self.auth.by_document else [])
        hosts = {host_of(uri) for uri in named}
        return hosts.pop() if len(hosts) == 1 else ""


def app_problems(entry: AppEntry, refs: References) -> Iterator[tuple[Path, str]]:
    """Where it names groups, people or apps that are not there."""
    yield from who_problems(entry.assigned, refs, ("assigned",))
    yield from unknown(entry.subject_tokens_from, refs.apps, kind="app", path=("subject_tokens_from",))


def app_row_problems(row: Row, *, issuers: Collection[str]) -> Iterator[tuple[Path, str]]:
    """What is wrong with a row under our own ``issuers``: loopback is for an issuer on loopback."""
    if not issuers or any(map(is_loopback, issuers)):
        return
    auth = spec_of(row)["auth"]
    if auth["method"] == CLIENT_ID_METADATA_DOCUMENT and is_loopback(str(row["client_id"])):
        yield ("client_id",), f"its client_id {_LOOPBACK}"
    if is_loopback(auth.get("jwks_uri", "")):
        yield ("auth", "jwks_uri"), f"its jwks_uri {_LOOPBACK}"
    if is_loopback(spec_of(row).get("backchannel_logout_uri") or ""):
        yield ("backchannel_logout_uri",), f"its backchannel_logout_uri {_LOOPBACK}"


def _unfetchable(client_id: str) -> str | None:
    try:
        parse_url(client_id)
    except FetchFailed as failed:
        return f"cannot be fetched: {failed.problem}"
    return None


def app_columns(entry: AppEntry, refs: References) -> dict[str, Any]:
    """What the row says of it; ``secrets`` is a column of its own."""
    spec = {
        "name": entry.name or "",
        "kind": entry.kind,
        "redirect_uris": entry.redirect_uris,
        "post_logout_redirect_uris": entry.post_logout_redirect_uris,
        "backchannel_logout_uri": entry.backchannel_logout_uri,
        "backchannel_logout_session_required": entry.backchannel_logout_session_required,
        "require_pushed_authorization_requests": entry.require_pushed_authorization_requests,
        "auth": entry.auth.spec(),
        "grants": sorted(entry.grants),
        "scopes": sorted(entry.scopes),
        "subject_type": entry.subject_type,
        "sector_identifier_uri": entry.sector_identifier_uri,
        "sector": entry.sector,
        "id_token_alg": entry.id_token_alg,
        "assigned": who_spec(entry.assigned, refs),
        "subject_tokens_from": sorted(refs.apps[key] for key in entry.subject_tokens_from),
    }
    return {
        "key": entry.id,
        "client_id": entry.client_id or entry.id,
        "status": entry.status,
        "spec": document(spec),
    }


def app_entry(row: Row, refs: References) -> dict[str, Any]:
    """The file's form of a row."""
    spec = spec_of(row)
    entry: dict[str, Any] = {"id": row["key"], "client_id": row["client_id"]}
    if spec["name"]:
        entry["name"] = spec["name"]
    entry |= {"kind": spec["kind"], "redirect_uris": spec["redirect_uris"]}
    # a row of an older idjag has none of the last three
    entry |= {name: spec[name] for name in _WHEN_SAID if spec.get(name)}
    entry |= {"auth": auth_entry(spec["auth"]), "grants": spec["grants"], "scopes": spec["scopes"]}
    entry["subject_type"] = spec["subject_type"]
    if spec["sector_identifier_uri"]:
        entry["sector_identifier_uri"] = spec["sector_identifier_uri"]
    entry["id_token_alg"] = spec["id_token_alg"]
    if assigned := who_entry(spec["assigned"], refs):
        entry["assigned"] = assigned
    if brokers := spec.get("subject_tokens_from"):
        entry["subject_tokens_from"] = sorted(map(refs.name, brokers))
    return entry | {"status": row["status"]}


def app_model(row: Row) -> App:
    """The policy's value of a row."""
    spec = spec_of(row)
    key = str(row["key"])
    return App(
        id=str(row["id"]),
        key=key,
        name=spec["name"] or key,
        client_id=str(row["client_id"]),
        assigned=who_model(spec["assigned"]),
        status=AppStatus(str(row["status"])),
        kind=spec["kind"],
        sector=spec["sector"],
        by_document=spec["auth"]["method"] == CLIENT_ID_METADATA_DOCUMENT,
    )
