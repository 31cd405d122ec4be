"""Tenants: independent rows, each with an issuer of its own."""

from sqlmodel import Field, SQLModel


class Tenant(SQLModel, table=True):
    """``id`` is what every other table's tenant_id says; ``issuer`` is emitted byte for byte."""

    __tablename__ = "tenant"

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    issuer: str = Field(unique=True)
    created: int
