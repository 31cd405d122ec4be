"""Tenants: independent rows, each with an issuer of its own."""

from sqlalchemy import text
from sqlmodel import Field, SQLModel


class Tenant(SQLModel, table=True):
    """``id`` is what every other table's tenant_id says; ``issuer`` is emitted byte for byte.

    ``sign_in`` is a JSON object: how people sign in here, as administrators decided.
    """

    __tablename__ = "tenant"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    issuer: str = Field(unique=True)
    created: int
    sign_in: str = Field(default="{}", sa_column_kwargs={"server_default": text("'{}'")})
