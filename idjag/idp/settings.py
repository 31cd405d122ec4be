"""What the operator sets: IDJAG_* in the environment, or a TOML file.  Values only; nothing is opened.

All that is wrong is said in one message, and nothing that is set is ever ignored (contract section 3).
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from idjag.forwarded import CertificateHeaders, certificate_header
from idjag.idp.settings_of_mail import (
    MailPlace,
    MailSettings,
    mail_address,
    mail_place,
    mail_problems,
    mail_user,
)
from idjag.idp.settings_of_webhook import WebhookSettings, webhook_problems, webhook_url
from idjag.idp.settings_values import (
    Network,
    bind_host,
    check_issuer,
    integer,
    is_loopback,
    one_of,
    shown,
    trusted_proxies,
)
from idjag.seal import KekRefused, parse_kek
from idjag.setting_values import checkpoint, drain, retention
from idjag.trust.outbound import OutboundAllow
from idjag.trust.proxy import Proxy

__all__ = ["Network", "Settings", "SettingsWrong", "check_issuer", "is_loopback", "sqlite_path"]

T = TypeVar("T")

_PREFIX = "IDJAG_"
_NOT_BUILT = frozenset({"metrics"})
_OF_COMMANDS = frozenset({"api_token_file", "server"})  # what goes through the admin API reads them
_SQLITE, _POSTGRESQL = "sqlite:///", "postgresql://"
_DPOP_NONCE = ("off", "required")
_LOG_FORMATS = ("json", "console")
_LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsWrong(Exception):
    """Settings that cannot be used; the message names each and what to change, never a secret."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked.

    ``issuer`` is byte for byte what the operator wrote.  ``kek_file`` is None when ``kek``, the text of the
    key, is used instead.  ``drain`` is for how many seconds to serve on after SIGTERM, ``outbound_allow``
    what may be fetched although it is private.  ``audit_retention`` is in seconds, None for ever;
    ``audit_checkpoint`` a file, or "stderr".  ``password_list``: what may become nobody's password.
    ``logo``: a PNG or SVG file for the pages.  ``client_certificate_header`` and its sister are
    in lower case, "" when not given; ``mtls_url`` is where certificates are asked for, if not everywhere.
    """

    issuer: str
    data_dir: Path
    database_url: str = field(repr=False)  # may carry a password
    kek_file: Path | None
    kek: str | None = field(repr=False)
    host: str
    port: int
    workers: int
    drain: int
    trusted_proxies: tuple[Network, ...]
    outbound_allow: OutboundAllow
    outbound_proxy: Proxy | None
    ca_file: Path | None
    dpop_nonce: str
    audit_retention: int | None
    audit_checkpoint: Path | str | None
    log_format: str
    log_level: str
    mail_server: MailPlace | None = None
    mail_from: str | None = None
    mail_user: str | None = None
    mail_password: str | None = field(default=None, repr=False)
    mail_password_file: Path | None = None
    mail_reports: str | None = None
    password_list: Path | None = None
    logo: Path | None = None
    client_certificate_header: str = ""
    client_certificate_unverified_header: str = ""
    mtls_url: str | None = None
    webhook_url: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)
    webhook_secret_file: Path | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str], config: Path | None = None) -> Settings:
        """The settings of a file and an environment; the environment wins.  Raises SettingsWrong."""
        given = _Given({**_of_file(config), **_of_environment(environ)})
        data_dir = given.take("data_dir", _path, _data_home(environ))
        settings = cls(
            issuer=given.take("issuer", check_issuer, ""),
            data_dir=data_dir,
            database_url=given.take("database_url", _database_url, f"{_SQLITE}{data_dir / 'idjag.db'}"),
            kek_file=given.take("kek_file", _path, None),
            kek=given.take("kek", _kek, None),
            host=given.take("host", bind_host, "127.0.0.1"),
            port=given.take("port", integer(1, 65535), 8700),
            workers=given.take("workers", integer(1, 256), 1),
            drain=given.take("drain", drain, 0),
            trusted_proxies=given.take("trusted_proxies", trusted_proxies, ()),
            outbound_allow=given.take("outbound_allow", OutboundAllow.parse, OutboundAllow()),
            outbound_proxy=given.take("outbound_proxy", Proxy.parse, None),
            ca_file=given.take("ca_file", _path, None),
            dpop_nonce=given.take("dpop_nonce", one_of(_DPOP_NONCE), "off"),
            audit_retention=given.take("audit_retention", retention, None),
            audit_checkpoint=given.take("audit_checkpoint", checkpoint, None),
            log_format=given.take("log_format", one_of(_LOG_FORMATS), "json"),
            log_level=given.take("log_level", one_of(_LOG_LEVELS), "info"),
            mail_server=given.take("mail_server", mail_place, None),
            mail_from=given.take("mail_from", mail_address, None),
            mail_user=given.take("mail_user", mail_user, None),
            mail_password=given.take("mail_password", str, None),
            mail_password_file=given.take("mail_password_file", _path, None),
            mail_reports=given.take("mail_reports", mail_address, None),
            password_list=given.take("password_list", _path, None),
            logo=given.take("logo", _path, None),
            client_certificate_header=given.take("client_certificate_header", certificate_header, ""),
            client_certificate_unverified_header=given.take(
                "client_certificate_unverified_header", certificate_header, ""
            ),
            mtls_url=given.take("mtls_url", check_issuer, None),
            webhook_url=given.take("webhook_url", webhook_url, None),
            webhook_secret=given.take("webhook_secret", str, None),
            webhook_secret_file=given.take("webhook_secret_file", _path, None),
        )
        if problems := [*given.problems(), *_problems_together(settings, given.names)]:
            raise SettingsWrong("; ".join(problems))
        return settings if settings.kek else replace(settings, kek_file=settings.kek_file or data_dir / "kek")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works and should not stay so, for the log at start."""
        kek = "IDJAG_KEK: an environment is seen by more than this process; use IDJAG_KEK_FILE"
        return (*(() if self.kek is None else (kek,)), *self.mail.warnings, *self.webhook.warnings)

    @property
    def mail(self) -> MailSettings:
        """What is said of letters."""
        password = self.mail_password
        return MailSettings(
            self.mail_server,
            self.mail_from,
            self.mail_user,
            password,
            self.mail_password_file,
            self.mail_reports,
        )

    @property
    def webhook(self) -> WebhookSettings:
        """What is said of the webhook."""
        return WebhookSettings(self.webhook_url, self.webhook_secret, self.webhook_secret_file)

    @property
    def certificate_headers(self) -> CertificateHeaders:
        """The headers in which the proxies tell client certificates."""
        return CertificateHeaders(self.client_certificate_header, self.client_certificate_unverified_header)

    @property
    def loopback(self) -> bool:
        """Whether the issuer is on this very machine: development, where more is allowed."""
        return is_loopback(self.issuer)

    @property
    def outbound(self) -> OutboundAllow:
        """What may be fetched, loopback too while the issuer is there."""
        return replace(self.outbound_allow, loopback=self.loopback)


def sqlite_path(database_url: str) -> Path | None:
    """The file of a SQLite URL; None for PostgreSQL."""
    if not database_url.startswith(_SQLITE):
        return None
    return Path(database_url.removeprefix(_SQLITE))


@dataclass(frozen=True, slots=True)
class _Written:
    """One setting as it was written; ``text`` is None when it was no text, number or list."""

    name: str
    text: str | None = field(repr=False)
    file: Path | None = None

    @property
    def where(self) -> str:
        return f" in {self.file}" if self.file else ""


class _Given:
    """What was written, by setting; remembers what was asked for and what was wrong."""

    def __init__(self, written: Mapping[str, _Written]) -> None:
        self.names = frozenset(written)
        self._written = written
        self._known = {*_NOT_BUILT, *_OF_COMMANDS}
        self._wrong = [self._about(name, "is not built") for name in sorted(_NOT_BUILT & written.keys())]

    def take(self, name: str, parse: Callable[[str], T], default: T) -> T:
        self._known.add(name)
        if name not in self._written:
            return default
        try:
            return parse(_text(self._written[name]))
        except ValueError as error:
            self._wrong.append(self._about(name, str(error)))
            return default

    def problems(self) -> list[str]:
        """Everything wrong, unknown names first; call it when everything has been taken."""
        return [*(self._unknown(name) for name in sorted(self.names - self._known)), *self._wrong]

    def _about(self, name: str, what: str) -> str:
        return f"{self._written[name].name}{self._written[name].where} {what}"

    def _unknown(self, name: str) -> str:
        one = self._written[name]
        near = difflib.get_close_matches(one.name.lower().removeprefix("idjag_"), sorted(self._known), n=1)
        hint = near and (near[0] if one.file else _PREFIX + near[0].upper())
        return f"{shown(one.name)}{one.where} is not a setting" + (f", did you mean {hint}?" if hint else "")


def _problems_together(settings: Settings, names: frozenset[str]) -> list[str]:
    """What no single value shows."""
    problems = [*mail_problems(settings.mail), *webhook_problems(settings.webhook)]
    sqlite = settings.database_url.startswith(_SQLITE)
    if "issuer" not in names:
        problems.append("IDJAG_ISSUER is missing: the base URL that clients use, as https://idp.example.com")
    if not settings.data_dir.is_absolute():
        problems.append("IDJAG_DATA_DIR is missing, and there is no HOME to keep data under")
    verified, unverified = settings.client_certificate_header, settings.client_certificate_unverified_header
    if (verified or unverified) and not settings.trusted_proxies:
        problems.append(
            "IDJAG_CLIENT_CERTIFICATE_HEADER needs IDJAG_TRUSTED_PROXIES: nobody else is believed in it"
        )
    if settings.mtls_url and not (verified or unverified):
        problems.append(
            "IDJAG_MTLS_URL needs IDJAG_CLIENT_CERTIFICATE_HEADER: nobody tells certificates there"
        )
    if verified and verified == unverified:
        problems.append("IDJAG_CLIENT_CERTIFICATE_UNVERIFIED_HEADER must be another than the verified one")
    if {"kek", "kek_file"} <= names:
        problems.append("IDJAG_KEK and IDJAG_KEK_FILE are both set: keep the file")
    if not sqlite and not {"kek", "kek_file"} & names:
        problems.append("IDJAG_KEK_FILE is missing: no key is ever made for a PostgreSQL database")
    if sqlite and settings.workers > 1:
        problems.append(
            f"IDJAG_WORKERS must be 1 with SQLite, got {settings.workers}: "
            "one process writes to it at a time; several workers need PostgreSQL"
        )
    return problems


def _of_environment(environ: Mapping[str, str]) -> dict[str, _Written]:
    written = {}
    for name, text in environ.items():
        if name.startswith(_PREFIX):
            rest = name.removeprefix(_PREFIX)
            # IDJAG_Port is nobody's name for the port: it stays as it is, and unknown.
            written[rest.lower() if rest == rest.upper() else rest] = _Written(name, text)
    return written


def _of_file(config: Path | None) -> dict[str, _Written]:
    if config is None:
        return {}
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsWrong(f"{config} cannot be read: {error.strerror}") from None
    except ValueError as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise SettingsWrong(f"{config} is not TOML: {reason}") from None
    return {name: _Written(name, _environment_text(value), config) for name, value in document.items()}


def _environment_text(value: object) -> str | None:
    """What the environment would say, lists joined by commas; None when it could not say it."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str) and "," not in one for one in value):
        return ",".join(value)
    return None


def _text(written: _Written) -> str:
    if written.text is None:
        raise ValueError("must be a text, a whole number or a list of texts")
    if not written.text:
        raise ValueError("is empty: give it a value or leave it out")
    return written.text


def _data_home(environ: Mapping[str, str]) -> Path:
    """Where a person's programs keep data; relative when that is not known, which is refused later."""
    if environ.get("XDG_DATA_HOME", "").startswith("/"):
        return Path(environ["XDG_DATA_HOME"]) / "idjag"
    return Path(environ.get("HOME", "")) / ".local" / "share" / "idjag"


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError("must be a path")
    return Path(text).absolute()


def _database_url(text: str) -> str:
    # The text is never shown: it may carry a password.
    path = text.removeprefix(_SQLITE)
    if path != text and path and not set("?#\0") & set(path) and not path.startswith(":"):
        return f"{_SQLITE}{_path(path)}"
    if text.startswith(_POSTGRESQL) and len(text) > len(_POSTGRESQL):
        return text
    raise ValueError("must be sqlite:///PATH or postgresql://...")


def _kek(text: str) -> str:
    try:
        parse_kek(text)
    except KekRefused as error:
        raise ValueError(f"cannot be used: {error}") from None
    return text
