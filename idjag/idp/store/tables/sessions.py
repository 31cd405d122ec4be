"""Sessions, the apps they reached, authorization codes, refresh families and their tokens.

Each says until when it is needed, so that housekeeping can delete by that column alone.
"""

from sqlalchemy import text
from sqlmodel import Field, SQLModel


class Session(SQLModel, table=True):
    """A sign-in.  ``id`` is a random surrogate, ``cookie`` the SHA-256 of the cookie's value.

    ``amr`` is a JSON array.  ``epoch`` is the person's when the session was born.
    ``ended``: signed out, or replaced; offline families live on.  ``revoked``: stopped by an administrator
    or by the person, which ends those too.  Both are set then, and the row is needed for the longest life of
    a family after ``expires``: a family whose session is not there is over (decision 0025).
    ``seen`` is when it was last used, written down once a minute at most.
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
    expires: int = Field(index=True)
    ended: int | None = None
    revoked: int | None = None
    seen: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})


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
    """The tokens that came from one code; revoked as one when the code or a refresh token is replayed.

    ``code_id`` is the code's id, so that a replay finds what the first use produced.  ``sid`` is that of the
    session at the app, and set exactly when there are refresh tokens (``offline``).  ``spec`` holds the
    scopes and how the person signed in; ``jkt`` is the key that the tokens are bound to.  Needed until
    ``expires``.
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
    sid: str | None = Field(default=None, index=True)
    jkt: str | None = None
    spec: str = Field(default="{}", sa_column_kwargs={"server_default": text("'{}'")})
    last_used: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    expires: int = Field(default=0, index=True, sa_column_kwargs={"server_default": text("0")})


class RefreshToken(SQLModel, table=True):
    """A refresh token; ``id`` is the SHA-256 of its value.  ``rotated`` is when another took its place.

    Its links never change.  Needed until ``expires``, so that a use after its rotation is seen.
    """

    __tablename__ = "refresh_token"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    family_id: str
    app_id: str
    person_id: str = Field(index=True)
    session_id: str
    sid: str
    created: int
    expires: int = Field(index=True)
    rotated: int | None = None


class AccessToken(SQLModel, table=True):
    """An access token for UserInfo; ``id`` is the SHA-256 of its value, ``scope`` what it was granted."""

    __tablename__ = "access_token"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    family_id: str = Field(index=True)
    app_id: str
    person_id: str
    session_id: str
    epoch: int
    sid: str
    scope: str
    jkt: str | None = None
    created: int
    expires: int = Field(index=True)


class PushedRequest(SQLModel, table=True):
    """An authorization request that an app has left with us (RFC 9126); ``id`` is the SHA-256 of its URI."""

    __tablename__ = "pushed_request"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    app_id: str
    request: str
    created: int
    expires: int = Field(index=True)


class LogoutNotice(SQLModel, table=True):
    """What one app is yet to be told about a session that ended (OpenID Connect Back-Channel Logout).

    ``due`` is when to try next; ``spec`` is a JSON object with what the logout token says.
    """

    __tablename__ = "logout_notice"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    app_id: str
    person_id: str = Field(index=True)
    session_id: str
    spec: str
    attempts: int = 0
    due: int = Field(index=True)
    created: int
    expires: int = Field(index=True)
