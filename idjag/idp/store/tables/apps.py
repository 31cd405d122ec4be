"""Apps, resource apps, connections (with their rules) and guardrails: the policy facts.

``key`` is the ``id`` of the state file; ``spec`` is the noun's document (idjag.idp.catalog owns its shape,
with every reference as a surrogate id).  A change of any row here moves the tenant's policy_seq.
"""

from sqlmodel import Field, SQLModel, UniqueConstraint


class App(SQLModel, table=True):
    """A relying party and requesting app.

    ``secrets`` is a JSON array of {hash, created, expires}: SHA-256 of high-entropy client secrets.
    """

    __tablename__ = "app"
    __table_args__ = (UniqueConstraint("tenant_id", "key"), UniqueConstraint("tenant_id", "client_id"))

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    key: str
    client_id: str
    status: str = "active"
    spec: str
    secrets: str = "[]"
    managed_by: str = ""
    created: int
    updated: int


class ResourceApp(SQLModel, table=True):
    """A resource app: (issuer, aud_tenant) is unique; "" stands for no aud_tenant."""

    __tablename__ = "resource_app"
    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        UniqueConstraint("tenant_id", "issuer", "aud_tenant"),
    )

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    key: str
    issuer: str
    aud_tenant: str = ""
    status: str = "active"
    spec: str
    managed_by: str = ""
    created: int
    updated: int


class Connection(SQLModel, table=True):
    """One requesting app to one resource app; its rules are in ``spec``, decoded on first use."""

    __tablename__ = "connection"
    __table_args__ = (
        UniqueConstraint("tenant_id", "key"),
        UniqueConstraint("tenant_id", "app_id", "resource_app_id"),
    )

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    key: str = Field(index=True)
    app_id: str = Field(index=True)
    resource_app_id: str = Field(index=True)
    status: str = "active"
    spec: str
    managed_by: str = ""
    created: int
    updated: int


class Guardrail(SQLModel, table=True):
    """A deny rule for the whole tenant."""

    __tablename__ = "guardrail"
    __table_args__ = (UniqueConstraint("tenant_id", "key"),)

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    key: str
    spec: str
    managed_by: str = ""
    created: int
    updated: int
