"""Notices for the webhook, until they are delivered."""

from sqlalchemy import text
from sqlmodel import Field, SQLModel


class Notice(SQLModel, table=True):
    """One line that the webhook is yet to get; ``id`` is the same for whoever finds it, and used once.

    ``line`` is the JSON object as it is sent, ``problem`` why the last try failed, "" before the first.
    ``due`` is when to try next.
    """

    __tablename__ = "notice"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    line: str
    attempts: int = 0
    problem: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    due: int = Field(index=True)
    created: int
    expires: int = Field(index=True)
