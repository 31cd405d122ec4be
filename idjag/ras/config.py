"""The standalone RAS: reads ras.yaml (``load``) and wires the program (``build``); light until called."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict, TypeVar

from idjag import setting_values
from idjag.asgi import ASGIApp, trusted_networks
from idjag.forwarded import CertificateHeaders, certificate_header
from idjag.protocol.jose import PrivateKey
from idjag.ras.access_token import RotatingSigner
from idjag.ras.model import Account, Link, RasConfig
from idjag.ras.places import DatabasePlace
from idjag.ras.receipts import Receipts
from idjag.ras.server import Ras, new_id, system_clock
from idjag.ras.standalone import standalone
from idjag.trust.fetch import PinnedFetcher
from idjag.trust.jwks import Jwks
from idjag.trust.outbound import OutboundAllow
from idjag.trust.proxy import Proxy
from idjag.trust.publications import Publications

if TYPE_CHECKING:
    from idjag.ras.store_sql import Database

T = TypeVar("T")

__all__ = ["Loaded", "SettingsWrong", "Standalone", "build", "load"]

_READ = frozenset(
    f"IDJAG_{name}"
    for name in (
        "TRUSTED_PROXIES",
        "CLIENT_CERTIFICATE_HEADER",
        "CLIENT_CERTIFICATE_UNVERIFIED_HEADER",
        "OUTBOUND_ALLOW",
        "OUTBOUND_PROXY",
        "CA_FILE",
        "LOG_FORMAT",
        "LOG_LEVEL",
        "DRAIN",
        "AUDIT_CHECKPOINT",
        "AUDIT_RETENTION",
    )
)
# Said in ras.yaml or on the command line here: whoever sets them means something that would not happen.
_ELSEWHERE = frozenset(
    f"IDJAG_{name}"
    for name in ("ISSUER", "DATABASE_URL", "DATA_DIR", "KEK_FILE", "KEK", "HOST", "PORT", "WORKERS")
)
_NOT_BUILT = frozenset(
    f"IDJAG_{name}"
    for name in (
        "METRICS",
        "SERVER",
        "API_TOKEN_FILE",
    )
)
# What the nonces of DPoP proofs are made with is derived from a secret that every node of a database has.
_NONCES = b"idjag ras dpop nonces"
_LOG_LEVELS = ("info", "debug", "warning", "error")
_LOG_FORMATS = ("json", "console")


class SettingsWrong(Exception):
    """The environment says something that cannot be used; the message names the setting."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What ras.yaml and the environment say, checked, with secrets resolved to hashes.

    ``receipt_key``: None when nobody is told what became of grants.  From ``outbound`` on, the settings of
    contract section 3.
    """

    config: RasConfig
    accounts: tuple[Account, ...]
    links: Mapping[Link, str]
    alg: str
    database: DatabasePlace
    kek_file: Path
    receipt_key: PrivateKey | None = field(default=None, repr=False)
    outbound: OutboundAllow = field(default_factory=OutboundAllow)
    outbound_proxy: Proxy | None = None
    ca_file: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    log_level: str = "info"
    log_format: str = "json"
    drain: int = 0
    audit_checkpoint: Path | str | None = None
    audit_retention: int | None = None


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read the file; raises ``idjag.yaml_file.FileError(s)`` with line and column, OSError, SettingsWrong.

    Relative paths begin at the folder of the file.  Needs pydantic and pyyaml (``idjag[standalone]``).
    """
    from idjag import yaml_file
    from idjag.ras.config_fields import is_loopback
    from idjag.ras.config_file import RasFile
    from idjag.ras.config_values import Values

    document = yaml_file.load(path)
    file = yaml_file.validate(document, RasFile)
    loopback = is_loopback(file.issuer)
    values = Values(document, file, environ=environ, base=path.resolve().parent, loopback=loopback)
    settings = _settings(environ, loopback=loopback)
    return Loaded(
        config=values.config(_certificate_headers(environ, settings["trusted_proxies"])),
        accounts=values.accounts(),
        links=values.links(),
        alg=file.access_token.alg,
        database=values.database(),
        kek_file=values.kek_file(),
        receipt_key=values.receipt_key(),
        **settings,
    )


class _Settings(TypedDict):
    outbound: OutboundAllow
    outbound_proxy: Proxy | None
    ca_file: str | None
    trusted_proxies: tuple[str, ...]
    log_level: str
    log_format: str
    drain: int
    audit_checkpoint: Path | str | None
    audit_retention: int | None


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
    except ValueError as wrong:
        raise SettingsWrong(str(wrong)) from None
    outbound = _parsed(OutboundAllow.parse, environ, "IDJAG_OUTBOUND_ALLOW") or OutboundAllow()
    return _Settings(
        outbound=replace(outbound, loopback=loopback),
        outbound_proxy=_parsed(Proxy.parse, environ, "IDJAG_OUTBOUND_PROXY"),
        ca_file=environ.get("IDJAG_CA_FILE") or None,
        trusted_proxies=proxies,
        log_level=_one_of(_LOG_LEVELS, environ, "IDJAG_LOG_LEVEL"),
        log_format=_one_of(_LOG_FORMATS, environ, "IDJAG_LOG_FORMAT"),
        drain=_parsed(setting_values.drain, environ, "IDJAG_DRAIN") or 0,
        audit_checkpoint=_parsed(setting_values.checkpoint, environ, "IDJAG_AUDIT_CHECKPOINT"),
        audit_retention=_parsed(setting_values.retention, environ, "IDJAG_AUDIT_RETENTION"),
    )


def _certificate_headers(environ: Mapping[str, str], proxies: tuple[str, ...]) -> CertificateHeaders:
    """The headers of client certificates, which nobody but a trusted proxy is believed in."""
    verified, unverified = "IDJAG_CLIENT_CERTIFICATE_HEADER", "IDJAG_CLIENT_CERTIFICATE_UNVERIFIED_HEADER"
    try:
        headers = CertificateHeaders(
            _parsed(certificate_header, environ, verified) or "",
            _parsed(certificate_header, environ, unverified) or "",
        )
    except ValueError as wrong:
        raise SettingsWrong(f"{unverified} {wrong}") from None
    if headers.names and not proxies:
        raise SettingsWrong(f"{verified} needs IDJAG_TRUSTED_PROXIES: nobody else is believed in it")
    if headers.names and any(network.prefixlen == 0 for network in trusted_networks(proxies)):
        raise SettingsWrong(f"{verified} would be believed from everybody: IDJAG_TRUSTED_PROXIES names all")
    return headers


def _parsed(parse: Callable[[str], T], environ: Mapping[str, str], name: str) -> T | None:
    """What the setting says, None when it is not given."""
    try:
        return parse(environ[name]) if environ.get(name) else None
    except ValueError as wrong:
        raise SettingsWrong(f"{name} {wrong}") from None


def _fetcher(loaded: Loaded) -> PinnedFetcher:
    """The one way out; raises SettingsWrong."""
    try:
        return PinnedFetcher(loaded.outbound, loaded.ca_file, proxy=loaded.outbound_proxy)
    except ValueError as wrong:
        raise SettingsWrong(str(wrong)) from None


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
    database: Database
    signer: RotatingSigner
    receipts: Receipts | None
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

    Raises SettingsWrong, KekRefused, AccountsWrong, sqlite3.Error, psycopg.Error, ServerRefused, OSError.
    """
    from idjag.ledger.checkpointing import CheckpointsWrong
    from idjag.ras.store_sql import bring_in, open_database
    from idjag.ras.store_sql.upkeep import upkeep

    fetcher = _fetcher(loaded)
    with ExitStack() as opening:
        database = open_database(loaded.database, kek_file=loaded.kek_file)
        opening.callback(database.close)
        watching = upkeep(
            database, checkpoint=loaded.audit_checkpoint, retention=loaded.audit_retention, clock=clock
        )
        try:
            opening.enter_context(watching)
        except CheckpointsWrong as wrong:
            raise SettingsWrong(str(wrong)) from None
        now, key = clock(), loaded.receipt_key
        receipts = Receipts(key, fetcher, clock=clock) if key else None
        bring_in(database.ledger, loaded.accounts, loaded.links, now=now, decision_id=new_id())
        signer = database.signer(loaded.alg, now=now, clock=clock)
        ras = Ras(
            loaded.config,
            keys=Jwks(fetcher),
            publications=Publications(fetcher, loopback=loaded.outbound.loopback),
            receipts=receipts,
            nonce_key=hmac.digest(database.chain_key, _NONCES, "sha256"),
            accounts=database.store,
            store=database.store,
            signer=signer,
            clock=clock,
        )
        opening.callback(ras.close)
        app = standalone(
            ras, trusted_proxies=loaded.trusted_proxies, receipt_keys=receipts.public if receipts else None
        )
        return Standalone(ras, app, database, signer, receipts, opening.pop_all())
    raise AssertionError("unreachable")
