"""Failures of client authentication, counted for all nodes together."""

from sqlmodel import Field, SQLModel


class ThrottleRow(SQLModel, table=True):
    """``id`` is a digest of tenant, client and source; ``until`` the end of the pause (NumericDate)."""

    __tablename__ = "throttle"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    failures: int
    until: int = Field(index=True)
