"""People, their credentials, groups and subject identifiers."""

from sqlmodel import Field, SQLModel, UniqueConstraint


class Person(SQLModel, table=True):
    """A person.  ``epoch`` + 1 ends every session, code and refresh family born under the old one.

    ``attributes`` is a JSON object of strings.  ``managed_by`` is "" or "file".
    """

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("tenant_id", "username"),)

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    username: str
    email: str | None = None
    email_verified: int = 0
    name: str = ""
    attributes: str = "{}"
    status: str = "active"
    epoch: int = 0
    managed_by: str = ""
    created: int
    updated: int


class Credential(SQLModel, table=True):
    """One way of signing in.  ``kind`` is "password" (``secret``: an Argon2id hash); others come later."""

    __tablename__ = "credential"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    person_id: str = Field(index=True)
    kind: str
    secret: str
    created: int


class Group(SQLModel, table=True):
    """A group is (source, external_id, name): "local" groups never mix with those of another source."""

    __tablename__ = "person_group"
    __table_args__ = (UniqueConstraint("tenant_id", "source", "name"),)

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    source: str = "local"
    external_id: str = ""
    name: str
    managed_by: str = ""
    created: int


class Membership(SQLModel, table=True):
    """A person in a group; ``id`` is "{group_id}:{person_id}"."""

    __tablename__ = "membership"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    person_id: str = Field(index=True)
    group_id: str = Field(index=True)


class Subject(SQLModel, table=True):
    """A person's ``sub`` in a sector ("" is public); never reassigned, importable."""

    __tablename__ = "subject"
    __table_args__ = (
        UniqueConstraint("tenant_id", "sector", "sub"),
        UniqueConstraint("tenant_id", "person_id", "sector"),
    )

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    person_id: str = Field(index=True)
    sector: str = ""
    sub: str = Field(index=True)
