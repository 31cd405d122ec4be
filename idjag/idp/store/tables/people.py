"""People, their credentials, groups and subject identifiers."""

from sqlalchemy import text
from sqlmodel import Field, SQLModel, UniqueConstraint


class Person(SQLModel, table=True):
    """A person.  ``epoch`` + 1 ends every session, code and refresh family born under the old one.

    ``attributes`` is a JSON object of strings.  ``managed_by`` is "" or "file".
    """

    __tablename__ = "person"
    __table_args__ = (UniqueConstraint("tenant_id", "username"),)

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    username: str = Field(index=True)
    email: str | None = Field(default=None, index=True)
    email_verified: int = 0
    name: str = ""
    attributes: str = "{}"
    status: str = "active"
    epoch: int = 0
    managed_by: str = ""
    created: int
    updated: int


class Credential(SQLModel, table=True):
    """One way of signing in, or a part of one.

    ``kind`` is "password" (``secret``: an Argon2id hash), "totp" (``sealed``: the seed), "passkey"
    (``secret``: its public key; ``handle``: the digest of its credential id), "recovery" (``secret``: the
    hash of one code) or "set" (one row for all factors of a person; ``secret``: the version of the set).
    ``label`` is the person's own name for it, ``spec`` a JSON object with what else its kind needs.
    """

    __tablename__ = "credential"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    person_id: str = Field(index=True)
    kind: str
    secret: str
    created: int
    label: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    spec: str = Field(default="{}", sa_column_kwargs={"server_default": text("'{}'")})
    handle: str | None = Field(default=None, index=True, unique=True)
    last_used: int | None = None
    sealed: bytes | None = None


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
