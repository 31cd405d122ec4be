"""Failures of client authentication and of sign-ins, counted for all nodes together."""

from sqlalchemy import text
from sqlmodel import Field, SQLModel


class ThrottleRow(SQLModel, table=True):
    """``id`` is a digest of what is counted; ``until`` when it is forgotten (NumericDate).

    ``account`` is the digest of the user name that it is about, if it is about one, to unlock it by.
    """

    __tablename__ = "throttle"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    failures: int
    until: int = Field(index=True)
    account: str = Field(default="", index=True, sa_column_kwargs={"server_default": text("''")})
