"""What is known of the audit log besides its rows, which are the ledger's."""

from sqlmodel import Field, SQLModel


class AuditVerified(SQLModel, table=True):
    """How far a tenant's log has been verified; ``id`` is the tenant's.

    ``note`` is a JSON object under a code of the chain key (idjag.ledger.verified).
    """

    __tablename__ = "audit_verified"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    note: str
