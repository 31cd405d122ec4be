"""Holds: the kill switch.  Not in the state file, untouched by apply."""

from sqlmodel import Field, SQLModel


class Hold(SQLModel, table=True):
    """``kind`` is a policy.model.HoldKind; ``target`` the held id; ``app`` only for user-in-app.

    Read by ``target``.  A released hold is deleted; the audit log remembers it.
    """

    __tablename__ = "hold"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    kind: str
    target: str = Field(index=True)
    app: str = ""
    reason: str
    by: str
    since: int
    until: int | None = None
