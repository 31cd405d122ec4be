"""What signing in keeps besides sessions: a sign-in half done, remembered devices, links sent by mail."""

from sqlmodel import Field, SQLModel


class SignInStep(SQLModel, table=True):
    """A sign-in between its factors; ``id`` is the SHA-256 of the browser's cookie.  It admits to nothing.

    ``epoch`` is the person's when it began, ``spec`` a JSON object with what was proven and what is asked.
    """

    __tablename__ = "sign_in_step"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    person_id: str = Field(index=True)
    epoch: int
    spec: str
    failures: int = 0
    created: int
    expires: int = Field(index=True)


class Device(SQLModel, table=True):
    """A browser that need not show a second factor until ``expires``; ``id`` is the SHA-256 of its cookie.

    It counts only together with the right password of this person, of this epoch.
    """

    __tablename__ = "device"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    person_id: str = Field(index=True)
    epoch: int
    user_agent: str = ""
    created: int
    last_used: int
    expires: int = Field(index=True)


class Link(SQLModel, table=True):
    """A link that works once, sent to a person; ``id`` is the SHA-256 of its value.

    ``kind`` says what it is good for; a new epoch ends it.
    """

    __tablename__ = "link"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    person_id: str = Field(index=True)
    kind: str
    epoch: int
    created: int
    expires: int = Field(index=True)
