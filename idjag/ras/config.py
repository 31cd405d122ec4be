"""The standalone RAS: reads ras.yaml (``load``) and wires the program (``build``); light until called."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

from idjag.asgi import ASGIApp, trusted_networks
from idjag.ras.model import Account, Link, RasConfig
from idjag.ras.server import Ras, new_id, system_clock
from idjag.ras.standalone import standalone
from idjag.trust.fetch import PinnedFetcher
from idjag.trust.jwks import Jwks
from idjag.trust.outbound import OutboundAllow

__all__ = ["Loaded", "SettingsWrong", "Standalone", "build", "load"]

_READ = frozenset(
    f"IDJAG_{name}" for name in ("TRUSTED_PROXIES", "OUTBOUND_ALLOW", "CA_FILE", "LOG_FORMAT", "LOG_LEVEL")
)
# Said in ras.yaml or on the command line here: whoever sets them means something that would not happen.
_ELSEWHERE = frozenset(
    f"IDJAG_{name}"
    for name in ("ISSUER", "DATABASE_URL", "DATA_DIR", "KEK_FILE", "KEK", "HOST", "PORT", "WORKERS")
)
_NOT_BUILT = frozenset(
    f"IDJAG_{name}"
    for name in (
        "OUTBOUND_PROXY",
        "AUDIT_CHECKPOINT",
        "AUDIT_RETENTION",
        "METRICS",
        "SERVER",
        "API_TOKEN_FILE",
    )
)
_LOG_LEVELS = ("info", "debug", "warning", "error")
_LOG_FORMATS = ("json", "console")


class SettingsWrong(Exception):
    """The environment says something that cannot be used; the message names the setting."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What ras.yaml and the environment say, checked, with secrets resolved to hashes.

    From ``outbound`` on, the settings of contract section 3.
    """

    config: RasConfig
    accounts: tuple[Account, ...]
    links: Mapping[Link, str]
    alg: str
    database: Path
    kek_file: Path
    outbound: OutboundAllow = field(default_factory=OutboundAllow)
    ca_file: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    log_level: str = "info"
    log_format: str = "json"


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read the file; raises ``idjag.yaml_file.FileError(s)`` with line and column, OSError, SettingsWrong.

    Relative paths begin at the folder of the file.  Needs pydantic and pyyaml (``idjag[standalone]``).
    """
    from idjag import yaml_file
    from idjag.ras.config_file import RasFile, is_loopback
    from idjag.ras.config_values import Values

    document = yaml_file.load(path)
    file = yaml_file.validate(document, RasFile)
    loopback = is_loopback(file.issuer)
    values = Values(document, file, environ=environ, base=path.resolve().parent, loopback=loopback)
    return Loaded(
        config=values.config(),
        accounts=values.accounts(),
        links=values.links(),
        alg=file.access_token.alg,
        database=values.database(),
        kek_file=values.kek_file(),
        **_settings(environ, loopback=loopback),
    )


class _Settings(TypedDict):
    outbound: OutboundAllow
    ca_file: str | None
    trusted_proxies: tuple[str, ...]
    log_level: str
    log_format: str


def _settings(environ: Mapping[str, str], *, loopback: bool) -> _Settings:
    """The settings of contract section 3 that concern a RAS; a name that nobody knows is a typing error."""
    given = {name for name, value in environ.items() if name.startswith("IDJAG_") and value}
    if unknown := sorted(given - _READ - _ELSEWHERE - _NOT_BUILT):
        raise SettingsWrong(f"unknown settings: {', '.join(unknown)}")
    if refused := sorted(given & _NOT_BUILT):
        raise SettingsWrong(f"not built: {', '.join(refused)}")
    if elsewhere := sorted(given & _ELSEWHERE):
        raise SettingsWrong(f"{', '.join(elsewhere)}: for idjag serve; here ras.yaml and the flags say it")
    proxies = tuple(filter(None, re.split(r"[\s,]+", environ.get("IDJAG_TRUSTED_PROXIES", ""))))
    try:
        trusted_networks(proxies)
        outbound = OutboundAllow.parse(environ.get("IDJAG_OUTBOUND_ALLOW", ""), loopback=loopback)
    except ValueError as wrong:
        raise SettingsWrong(str(wrong)) from None
    return _Settings(
        outbound=outbound,
        ca_file=environ.get("IDJAG_CA_FILE") or None,
        trusted_proxies=proxies,
        log_level=_one_of(_LOG_LEVELS, environ, "IDJAG_LOG_LEVEL"),
        log_format=_one_of(_LOG_FORMATS, environ, "IDJAG_LOG_FORMAT"),
    )


def _one_of(values: tuple[str, ...], environ: Mapping[str, str], name: str) -> str:
    """The setting, or the first of the values it may have."""
    value = environ.get(name) or values[0]
    if value not in values:
        raise SettingsWrong(f"{name} must be one of {', '.join(values)}")
    return value


@dataclass(frozen=True, slots=True)
class Standalone:
    """The wired program; leaving it closes the database."""

    ras: Ras
    app: ASGIApp
    _open: ExitStack = field(repr=False)

    def close(self) -> None:
        """Finish what is queued and close the database."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def build(loaded: Loaded, *, clock: Callable[[], int] = system_clock) -> Standalone:
    """Open the database and put the program together: the one wiring function.

    Raises KekRefused, AccountsWrong, sqlite3.Error, OSError.
    """
    from idjag.ras.store_sql import bring_in, open_database

    with ExitStack() as opening:
        database = open_database(loaded.database, kek_file=loaded.kek_file)
        opening.callback(database.close)
        now = clock()
        bring_in(database.ledger, loaded.accounts, loaded.links, now=now, decision_id=new_id())
        fetcher = PinnedFetcher(loaded.outbound, loaded.ca_file)
        ras = Ras(
            loaded.config,
            keys=Jwks(fetcher),
            accounts=database.store,
            store=database.store,
            signer=database.signer(loaded.alg, now=now),
            clock=clock,
        )
        app = standalone(ras, trusted_proxies=loaded.trusted_proxies)
        return Standalone(ras, app, opening.pop_all())
    raise AssertionError("unreachable")
