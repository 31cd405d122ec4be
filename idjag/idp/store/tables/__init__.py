"""The tables, one file per noun.  Shapes only: rows become frozen values at the door.

Every row has an immutable surrogate id and a tenant_id.  Times are NumericDate, booleans 0 and 1,
documents canonical JSON text.  The ledger's own tables are in idjag.ledger.schema.
"""

from sqlalchemy import BigInteger, Integer
from sqlmodel import SQLModel

from idjag.idp.store.tables.administration import Administrator, ApiToken, ConsoleSession
from idjag.idp.store.tables.apps import App, Connection, Guardrail, ResourceApp
from idjag.idp.store.tables.audit import AuditVerified
from idjag.idp.store.tables.holds import Hold
from idjag.idp.store.tables.keys import KekCheck, SigningKey
from idjag.idp.store.tables.notices import Notice
from idjag.idp.store.tables.people import Credential, Group, Membership, Person, Subject
from idjag.idp.store.tables.sessions import (
    AccessToken,
    Code,
    Family,
    LogoutNotice,
    PushedRequest,
    RefreshToken,
    Session,
    SessionApp,
)
from idjag.idp.store.tables.signin import Device, Link, SignInStep
from idjag.idp.store.tables.tenants import Tenant
from idjag.idp.store.tables.throttle import ThrottleRow

__all__ = [
    "AccessToken",
    "Administrator",
    "ApiToken",
    "App",
    "AuditVerified",
    "Code",
    "Connection",
    "ConsoleSession",
    "Credential",
    "Device",
    "Family",
    "Group",
    "Guardrail",
    "Hold",
    "KekCheck",
    "Link",
    "LogoutNotice",
    "Membership",
    "Notice",
    "Person",
    "PushedRequest",
    "RefreshToken",
    "ResourceApp",
    "Session",
    "SessionApp",
    "SignInStep",
    "SigningKey",
    "Subject",
    "Tenant",
    "ThrottleRow",
]

# 32 bits end in 2038; PostgreSQL's INTEGER has no more.
for _table in SQLModel.metadata.tables.values():
    for _column in _table.columns:
        if isinstance(_column.type, Integer):
            _column.type = BigInteger()
