"""What administrators say, as frozen values: apps, resource apps, connections, rules, guardrails, holds.

Everything refers to surrogate ids; names ride along for people to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal, TypeAlias

__all__ = [
    "ANY",
    "NO_CONDITIONS",
    "NO_RESOURCE",
    "NO_SCOPE",
    "Address",
    "App",
    "AppStatus",
    "Conditions",
    "Connection",
    "ConnectionStatus",
    "Guardrail",
    "Hold",
    "HoldKind",
    "Hours",
    "Narrowing",
    "Network",
    "Pair",
    "Person",
    "Resource",
    "ResourceApp",
    "Rule",
    "Who",
]

Pair: TypeAlias = tuple[str, str]
"""(scope, resource)."""

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# The resource of a scope when the resource app declares no resource indicators at all.
NO_RESOURCE = ""
# The scope of a resource that has none; no scope token is empty, so nobody can ask for it by name.
NO_SCOPE = ""


class AppStatus(StrEnum):
    """Of an app or a resource app; anything but active denies."""

    ACTIVE = "active"
    DISABLED = "disabled"


class ConnectionStatus(StrEnum):
    """Of a connection; anything but active denies."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"


class HoldKind(StrEnum):
    """What a hold stops."""

    USER = "user"
    APP = "app"
    CONNECTION = "connection"
    RESOURCE_APP = "resource-app"
    USER_IN_APP = "user-in-app"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Any, only these, or all except these (scopes or resources).

    Resources are held in their comparable form, scopes as they are.
    """

    kind: Literal["any", "only", "except"]
    values: frozenset[str] = frozenset()

    def admits(self, value: str) -> bool:
        """Whether the value is inside."""
        if self.kind == "any":
            return True
        return (value in self.values) is (self.kind == "only")


ANY = Narrowing("any")


@dataclass(frozen=True, slots=True)
class Who:
    """People by id, and groups by id; exceptions win.  Empty means nobody."""

    everyone: bool = False
    groups: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    except_groups: frozenset[str] = frozenset()
    except_people: frozenset[str] = frozenset()

    def includes(self, person: Person) -> bool:
        """Whether this person is meant."""
        if person.id in self.except_people or not self.except_groups.isdisjoint(person.groups):
            return False
        return self.everyone or person.id in self.people or not self.groups.isdisjoint(person.groups)


@dataclass(frozen=True, slots=True)
class Hours:
    """A weekly window in a time zone; ``end`` before ``start`` runs over midnight.

    ``days`` are 0 (Monday) to 6; ``start`` and ``end`` are minutes of the day, end exclusive.
    ``zone`` is the IANA name that ``tz`` was made from.
    """

    zone: str
    tz: tzinfo
    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a rule asks of the sign-in and of the moment; None or empty is no condition.

    ``acr``: any of, exact; ``amr``: all of; ``max_auth_age``: seconds.
    """

    acr: tuple[str, ...] = ()
    amr: frozenset[str] = frozenset()
    max_auth_age: int | None = None
    networks: tuple[Network, ...] = ()
    signin_networks: tuple[Network, ...] = ()
    hours: Hours | None = None
    key_bound: bool = False


NO_CONDITIONS = Conditions()


@dataclass(frozen=True, slots=True)
class Rule:
    """One allow rule inside a connection; ``lifetime`` in seconds, None takes the resource app's."""

    id: str
    key: str
    who: Who
    scopes: Narrowing
    resources: Narrowing = ANY
    default_scopes: frozenset[str] = frozenset()
    conditions: Conditions = NO_CONDITIONS
    lifetime: int | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class App:
    """A relying party and requesting app.

    ``sector`` is the namespace of its subject identifiers: "" for public, else the pairwise sector.
    ``by_document``: its client_id is the address of its metadata document, the same at every server.
    """

    id: str
    key: str
    name: str
    client_id: str
    assigned: Who
    status: AppStatus = AppStatus.ACTIVE
    kind: str = "web"
    sector: str = ""
    by_document: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource indicator in its registered spelling, and the scopes it knows."""

    uri: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReceiptKeys:
    """What a resource app's authorization server signs receipts with: a JWK Set (text) or its address."""

    jwks: str | None = None
    jwks_uri: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceApp:
    """The app whose API is called; (issuer, aud_tenant) is unique in a tenant.

    ``scopes`` are those of a resource app without resource indicators.  ``lifetime`` in seconds is default
    and ceiling.  ``aud_sub`` names the attribute that holds this resource app's own id of a person,
    ``claims`` for each further claim the attribute that it tells.  ``receipts`` decide nothing: None when
    its authorization server may not report.
    """

    id: str
    key: str
    name: str
    issuer: str
    resources: tuple[Resource, ...] = ()
    scopes: frozenset[str] = frozenset()
    aliases: tuple[str, ...] = ()
    sso_app: str | None = None
    resource_required: bool = False
    id_jag_alg: str = "ES256"
    lifetime: int = 300
    release: tuple[str, ...] = ()
    aud_sub: str | None = None
    aud_tenant: str | None = None
    multi_tenant: bool = False
    status: AppStatus = AppStatus.ACTIVE
    claims: tuple[tuple[str, str], ...] = ()
    receipts: ReceiptKeys | None = None

    def mapped(self, person: Person) -> dict[str, str]:
        """What of ``claims`` this person has (JAG-27)."""
        return {name: person.attributes[one] for name, one in self.claims if one in person.attributes}


@dataclass(frozen=True, slots=True)
class Connection:
    """One requesting app to one resource app, with its rules; ``expires`` is NumericDate."""

    id: str
    key: str
    app: str
    resource_app: str
    client_id: str | None
    rules: tuple[Rule, ...] = ()
    profile: str = "id-jag"
    status: ConnectionStatus = ConnectionStatus.ACTIVE
    expires: int | None = None
    owner: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A deny rule for the whole tenant; None is any.

    With neither scopes nor resources it denies outright, else it removes the pairs it names.
    ``apps`` and ``resource_apps`` are ids; ``resources`` are in comparable form.
    """

    id: str
    key: str
    who: Who
    apps: frozenset[str] | None = None
    resource_apps: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    resources: frozenset[str] | None = None
    reason: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Hold:
    """The kill switch on a person, an app, a connection, a resource app, or one person in one app.

    ``target`` is the id of what is held; ``app`` the requesting app of a USER_IN_APP hold.
    ``since`` and ``until`` are NumericDate; ``until`` None holds until released.
    """

    id: str
    kind: HoldKind
    target: str
    reason: str
    app: str = ""
    by: str = ""
    since: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """The facts of a person that rules may look at."""

    id: str
    groups: frozenset[str] = frozenset()
    active: bool = True
    username: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
