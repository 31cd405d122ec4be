"""The tables, one file per noun.  Shapes only: rows become frozen values at the door.

Every row has an immutable surrogate id and a tenant_id.  Times are NumericDate, booleans 0 and 1,
documents canonical JSON text.  The ledger's own tables are in idjag.ledger.schema.
"""

from idjag.idp.store.tables.apps import App, Connection, Guardrail, ResourceApp
from idjag.idp.store.tables.holds import Hold
from idjag.idp.store.tables.keys import KekCheck, SigningKey
from idjag.idp.store.tables.people import Credential, Group, Membership, Person, Subject
from idjag.idp.store.tables.sessions import Code, Family, Session, SessionApp
from idjag.idp.store.tables.tenants import Tenant

__all__ = [
    "App",
    "Code",
    "Connection",
    "Credential",
    "Family",
    "Group",
    "Guardrail",
    "Hold",
    "KekCheck",
    "Membership",
    "Person",
    "ResourceApp",
    "Session",
    "SessionApp",
    "SigningKey",
    "Subject",
    "Tenant",
]
