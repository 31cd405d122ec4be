"""Sessions, the apps they reached, authorization codes and refresh families."""

from sqlmodel import Field, SQLModel


class Session(SQLModel, table=True):
    """A sign-in.  ``id`` is a random surrogate, ``cookie`` the SHA-256 of the cookie's value.

    ``amr`` is a JSON array.  ``epoch`` is the person's when the session was born.  ``csrf`` binds forms.
    """

    __tablename__ = "session"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    cookie: str = Field(unique=True)
    person_id: str = Field(index=True)
    epoch: int
    auth_time: int
    acr: str
    amr: str
    ip: str = ""
    user_agent: str = ""
    created: int
    expires: int
    ended: int | None = None


class SessionApp(SQLModel, table=True):
    """(session, app, sid): ``sid`` is the session's name in that app's ID tokens; never shared by apps."""

    __tablename__ = "session_app"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    session_id: str = Field(index=True)
    app_id: str = Field(index=True)
    sid: str = Field(unique=True)
    created: int


class Code(SQLModel, table=True):
    """An authorization code; ``id`` is the SHA-256 of its value.

    ``spec`` holds redirect_uri, code_challenge, scope, nonce.  It is consumed by a one-time id.
    """

    __tablename__ = "code"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    app_id: str
    session_id: str = Field(index=True)
    person_id: str
    epoch: int
    spec: str
    expires: int = Field(index=True)


class Family(SQLModel, table=True):
    """The tokens that came from one code; revoked as one when the code is replayed.

    ``code_id`` is the code's id, so that a replay finds what the first use produced.
    """

    __tablename__ = "family"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    code_id: str = Field(index=True)
    app_id: str
    person_id: str = Field(index=True)
    session_id: str
    epoch: int
    offline: int = 0
    created: int
    revoked: int | None = None
