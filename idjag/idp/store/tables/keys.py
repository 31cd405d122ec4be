"""Signing keys, sealed, and the check value that proves the key-encryption key."""

from sqlmodel import Field, SQLModel


class SigningKey(SQLModel, table=True):
    """``id`` is the kid; ``sealed`` PKCS8 under the KEK; ``public`` the JWK.

    ``status``: next, active, retiring, revoked.

    A change here is a policy fact: it moves policy_seq.
    """

    __tablename__ = "signing_key"

    id: str = Field(primary_key=True)
    tenant_id: str = Field(index=True)
    alg: str
    status: str
    public: str
    sealed: bytes
    created: int
    activated: int | None = None
    retires: int | None = None


class KekCheck(SQLModel, table=True):
    """A known text sealed under the KEK; also the sealed key of the audit chain (``id`` "audit_chain")."""

    __tablename__ = "kek_check"

    id: str = Field(primary_key=True)
    sealed: bytes
    created: int
