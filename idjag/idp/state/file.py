"""The shape of the state file: its sections and its tests, as JSON Schema publishes it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from idjag.idp.catalog.app import AppEntry
from idjag.idp.catalog.conditions import Word
from idjag.idp.catalog.connection import ConnectionEntry
from idjag.idp.catalog.durations import Duration
from idjag.idp.catalog.fields import FileEntry, Id, Name, Scopes, Some, Timestamp, refused
from idjag.idp.catalog.group import GroupEntry
from idjag.idp.catalog.guardrail import GuardrailEntry
from idjag.idp.catalog.not_built import not_built
from idjag.idp.catalog.resource_app import ResourceAppEntry
from idjag.idp.catalog.sign_in import SignInEntry
from idjag.idp.catalog.user import UserEntry
from idjag.protocol.errors import Reason

__all__ = ["SECTIONS", "AskEntry", "ExpectEntry", "Section", "StateFile", "TestEntry"]

DEFAULT_TENANT = "default"


class Section(NamedTuple):
    """A section, the noun in it, and the field that is its name."""

    name: str
    noun: str
    key: str


SECTIONS = (
    Section("groups", "group", "name"),
    Section("users", "user", "username"),
    Section("apps", "app", "id"),
    Section("resource_apps", "resource_app", "id"),
    Section("connections", "connection", "id"),
    Section("guardrails", "guardrail", "id"),
)


def _section(value: Any) -> Any:
    # `users:` with nothing after it is what is left when somebody deletes the last entry: it must not
    # quietly mean "not managed".
    if value is None:
        raise refused("write [] for none, or leave the section out if the file does not manage it")
    return value


def _settings(value: Any) -> Any:
    if value is None:
        raise refused("write {} for what holds by default, or leave it out if the file does not manage it")
    return value


def _tenant(value: str) -> str:
    if value != DEFAULT_TENANT and (error := not_built("file", "tenant")):
        raise error
    return value


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise refused("an address is written like 192.0.2.7 or 2001:db8::7") from None


def _reason(value: str) -> str:
    if value not in set(Reason):
        raise refused("no decision has this reason")
    return value


def _never_null(schema: dict[str, Any]) -> None:
    """A section is there or it is not; null is only how this program says the latter."""
    del schema["default"]
    schema.update(schema.pop("anyOf")[0])


_ABSENT: Any = Field(default=None, json_schema_extra=_never_null)
Address: TypeAlias = Annotated[str, AfterValidator(_address)]


class AskEntry(FileEntry):
    """A question, as ``idjag ask`` puts it."""

    user: Name
    """Whose behalf."""
    requesting_app: Id = Field(alias="from")
    """The id of the requesting app."""
    resource_app: Id = Field(alias="to")
    """The id of the resource app."""
    scopes: Scopes | None = None
    """What is asked for; a request without scope when left out."""
    resources: Some[str] | None = None
    """The APIs that are named."""
    acr: Word | None = None
    """The authentication context class of the sign-in."""
    amr: Some[Word] | None = None
    """The authentication methods of the sign-in."""
    auth_age: Duration | None = None
    """How long ago the sign-in was; this very moment when left out."""
    address: Address | None = None
    """Where the requesting app calls from."""
    signin_address: Address | None = None
    """Where the person signed in from."""
    key_bound: bool = False
    """Whether the requesting app proved a key."""
    at: Timestamp | None = None
    """When; now when left out."""


class ExpectEntry(FileEntry):
    """What must come out; what is left out is not looked at."""

    decision: Literal["allow", "deny", "step_up"]
    """deny includes step_up: with this sign-in the answer is no."""
    scopes: list[str] | None = None
    """The scopes that are granted, in any order."""
    resources: list[str] | None = None
    """The APIs that are granted, in any order."""
    lifetime: Duration | None = None
    """How long the ID-JAG would live."""
    reason: Annotated[str, AfterValidator(_reason)] | None = None
    """Why not, in the words of the audit log."""


class TestEntry(FileEntry):
    """A question whose answer the file promises; run before anything is changed."""

    __test__ = False  # the name is the file's, and not pytest's

    name: Name
    """What is promised."""
    ask: AskEntry
    """The question."""
    expect: ExpectEntry
    """The answer."""


class StateFile(FileEntry):
    """What a tenant looks like: an absent section is not managed, an empty one is empty."""

    version: Literal[1]
    """The version of this form."""
    tenant: Annotated[str, AfterValidator(_tenant)] = DEFAULT_TENANT
    """The tenant that the file is about."""
    sign_in: Annotated[SignInEntry | None, BeforeValidator(_settings)] = _ABSENT
    """How people sign in."""
    groups: Annotated[list[GroupEntry] | None, BeforeValidator(_section)] = _ABSENT
    """Local groups."""
    users: Annotated[list[UserEntry] | None, BeforeValidator(_section)] = _ABSENT
    """People."""
    apps: Annotated[list[AppEntry] | None, BeforeValidator(_section)] = _ABSENT
    """Relying parties and requesting apps."""
    resource_apps: Annotated[list[ResourceAppEntry] | None, BeforeValidator(_section)] = _ABSENT
    """Apps whose APIs are called."""
    connections: Annotated[list[ConnectionEntry] | None, BeforeValidator(_section)] = _ABSENT
    """One for each requesting app and resource app that go together."""
    guardrails: Annotated[list[GuardrailEntry] | None, BeforeValidator(_section)] = _ABSENT
    """Deny rules for the whole tenant."""
    tests: list[TestEntry] = Field(default=[])
    """Questions and their answers, asked of the result before it is made."""
