"""Who may look at and change a tenant: administrators, and the API tokens that programs bring."""

from sqlmodel import Field, SQLModel, UniqueConstraint


class Administrator(SQLModel, table=True):
    """A person with a role; whoever is no row here may do nothing.  ``by`` made them one."""

    __tablename__ = "administrator"
    __table_args__ = (UniqueConstraint("tenant_id", "person_id"),)

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    person_id: str = Field(index=True)
    role: str
    by: str
    created: int
    updated: int


class ApiToken(SQLModel, table=True):
    """A token of the admin API; ``id`` is the SHA-256 of its value, ``handle`` the name by which it is ended.

    ``creator`` is the person whose role it never exceeds and with whom it ends, or "" for one that the
    host's operator made.  ``by`` is how the audit log names whoever made it.  ``parent`` is the handle of the
    token that made it, with which it ends, or "".
    """

    __tablename__ = "api_token"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    handle: str = Field(unique=True)
    name: str
    role: str
    creator: str
    parent: str = ""
    by: str
    created: int
    expires: int = Field(index=True)
    last_used: int | None = None
    revoked: int | None = None


class ConsoleSession(SQLModel, table=True):
    """An administrator in the console: on top of a session, under a cookie of its own, for hours at most.

    ``cookie`` is the SHA-256 of the cookie's value.  ``auth_time`` and ``epoch`` are as they were at the
    entrance: a new sign-in counts when somebody has entered with it.
    """

    __tablename__ = "console_session"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    cookie: str = Field(unique=True)
    session_id: str = Field(index=True)
    person_id: str = Field(index=True)
    epoch: int
    auth_time: int
    created: int
    seen: int
    expires: int = Field(index=True)
