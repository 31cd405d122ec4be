"""What a command needs to know of ras.yaml, none of it secret: where things are, and whom it trusts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

__all__ = ["DatabasePlace", "IssuerPlace", "Places", "PostgresUrl", "control_base", "places"]


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A database that several servers share; in texts it is named without its address."""

    url: str = field(repr=False)  # may carry a password

    def __str__(self) -> str:
        return "the PostgreSQL database"


DatabasePlace: TypeAlias = Path | PostgresUrl
"""A SQLite file, or a PostgreSQL database."""


def control_base(database: DatabasePlace, file: Path) -> Path:
    """What the control sockets stand beside: the file of the database, or else ras.yaml."""
    return file.resolve() if isinstance(database, PostgresUrl) else database


@dataclass(frozen=True, slots=True)
class IssuerPlace:
    """A trusted issuer as the file has it; ``expires`` NumericDate, ``tenants`` empty when it has none."""

    issuer: str
    active: bool
    expires: int | None
    tenants: frozenset[str] = frozenset()

    def alive(self, *, now: int) -> bool:
        """Whether the file lets it in."""
        return self.active and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one deployment, and its trusted issuers."""

    file: Path
    issuer: str
    database: DatabasePlace
    kek_file: Path
    issuers: tuple[IssuerPlace, ...]

    @property
    def control(self) -> Path:
        """What the control sockets of its servers stand beside."""
        return control_base(self.database, self.file)


def places(path: Path) -> Places:
    """Read the file without resolving a secret: an operator who stops somebody need not know the clients'.

    Raises ``idjag.yaml_file.FileError(s)``, OSError.
    """
    from idjag import yaml_file
    from idjag.ras.config_fields import is_loopback
    from idjag.ras.config_file import RasFile
    from idjag.ras.config_values import Values

    document = yaml_file.load(path)
    file = yaml_file.validate(document, RasFile)
    loopback = is_loopback(file.issuer)
    values = Values(document, file, environ={}, base=path.resolve().parent, loopback=loopback)
    return Places(
        file=path.resolve(),
        issuer=file.issuer,
        database=values.database(),
        kek_file=values.kek_file(),
        issuers=tuple(
            IssuerPlace(
                entry.issuer,
                entry.status == "active",
                entry.expires,
                frozenset(each.tenant for each in entry.tenants),
            )
            for entry in file.trusted_issuers
        ),
    )
