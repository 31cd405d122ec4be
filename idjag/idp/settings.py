"""What the operator sets: IDJAG_* in the environment, or a TOML file.  Values only; nothing is opened.

All that is wrong is said in one message, and nothing that is set is ever ignored (contract section 3).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

from idjag.idp.settings_of_audit import checkpoint, retention
from idjag.seal import KekRefused, parse_kek
from idjag.trust.outbound import OutboundAllow
from idjag.trust.proxy import Proxy

__all__ = ["Network", "Settings", "SettingsWrong", "check_issuer", "is_loopback", "sqlite_path"]

Network: TypeAlias = IPv4Network | IPv6Network
T = TypeVar("T")

_PREFIX = "IDJAG_"
_NOT_BUILT = frozenset({"api_token_file", "metrics", "server"})
_SQLITE, _POSTGRESQL = "sqlite:///", "postgresql://"
_DPOP_NONCE = ("off", "required")
_LOG_FORMATS = ("json", "console")
_LOG_LEVELS = ("debug", "info", "warning", "error")
# Narrower than RFC 3986: nothing that URL parsers drop or repair, each in its own way.
_ISSUER = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(/[A-Za-z0-9._~!$&'()*+,;=:-]+)*/?)"
)
_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
# Resolvers read 127.1, 2130706433 and 0x7f000001 as addresses: none of them is a name.
_NUMBER_LIKE = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)")


class SettingsWrong(Exception):
    """Settings that cannot be used; the message names each and what to change, never a secret."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked.

    ``issuer`` is byte for byte what the operator wrote.  ``kek_file`` is None when ``kek``, the text of the
    key, is used instead.  ``outbound_allow`` is what may be fetched although it is private.
    ``audit_retention`` is in seconds, None for ever; ``audit_checkpoint`` a file, or "stderr".
    """

    issuer: str
    data_dir: Path
    database_url: str = field(repr=False)  # may carry a password
    kek_file: Path | None
    kek: str | None = field(repr=False)
    host: str
    port: int
    workers: int
    trusted_proxies: tuple[Network, ...]
    outbound_allow: OutboundAllow
    outbound_proxy: Proxy | None
    ca_file: Path | None
    dpop_nonce: str
    audit_retention: int | None
    audit_checkpoint: Path | str | None
    log_format: str
    log_level: str

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
            host=given.take("host", _bind_host, "127.0.0.1"),
            port=given.take("port", _integer(1, 65535), 8700),
            workers=given.take("workers", _integer(1, 256), 1),
            trusted_proxies=given.take("trusted_proxies", _trusted_proxies, ()),
            outbound_allow=given.take("outbound_allow", OutboundAllow.parse, OutboundAllow()),
            outbound_proxy=given.take("outbound_proxy", Proxy.parse, None),
            ca_file=given.take("ca_file", _path, None),
            dpop_nonce=given.take("dpop_nonce", _one_of(_DPOP_NONCE), "off"),
            audit_retention=given.take("audit_retention", retention, None),
            audit_checkpoint=given.take("audit_checkpoint", checkpoint, None),
            log_format=given.take("log_format", _one_of(_LOG_FORMATS), "json"),
            log_level=given.take("log_level", _one_of(_LOG_LEVELS), "info"),
        )
        if problems := [*given.problems(), *_problems_together(settings, given.names)]:
            raise SettingsWrong("; ".join(problems))
        return settings if settings.kek else replace(settings, kek_file=settings.kek_file or data_dir / "kek")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works and should not stay so, for the log at start."""
        if self.kek is None:
            return ()
        return ("IDJAG_KEK: an environment is seen by more than this process; use IDJAG_KEK_FILE",)

    @property
    def loopback(self) -> bool:
        """Whether the issuer is on this very machine: development, where more is allowed."""
        return is_loopback(self.issuer)

    @property
    def outbound(self) -> OutboundAllow:
        """What may be fetched, loopback too while the issuer is there."""
        return replace(self.outbound_allow, loopback=self.loopback)


def check_issuer(issuer: str) -> str:
    """The issuer itself, unchanged; raises ValueError when it cannot be one (RFC 8414 section 2)."""
    parts = _ISSUER.fullmatch(issuer)
    if not parts or int(parts["port"] or "1") > 65535 or {".", ".."} & set(parts["path"].split("/")):
        # The text is not shown: it may carry a password.
        raise ValueError(
            "must be https://host, :port and /path if wanted, the host in lower case; "
            "no user, query, fragment or percent-encoding"
        )
    host = parts["host"]
    _ = IPv6Address(host[1:-1]) if host.startswith("[") else _host_or_network(host)
    if parts["scheme"] == "http" and not is_loopback(issuer):
        raise ValueError(f"must be https (http is for loopback alone), got {_shown(issuer)}")
    return issuer


def is_loopback(url: str) -> bool:
    """Whether the URL's host is localhost or a loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
        self._known = set(_NOT_BUILT)
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
        return f"{_shown(one.name)}{one.where} is not a setting" + (f", did you mean {hint}?" if hint else "")


def _problems_together(settings: Settings, names: frozenset[str]) -> list[str]:
    """What no single value shows."""
    problems = []
    sqlite = settings.database_url.startswith(_SQLITE)
    if "issuer" not in names:
        problems.append("IDJAG_ISSUER is missing: the base URL that clients use, as https://idp.example.com")
    if not settings.data_dir.is_absolute():
        problems.append("IDJAG_DATA_DIR is missing, and there is no HOME to keep data under")
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


def _integer(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be {least} to {most}, got {_shown(text)}")
        return int(text)

    return parse


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}, got {_shown(text)}")
        return text

    return parse


def _bind_host(text: str) -> str:
    if not isinstance(_host_or_network(text), str) and "/" in text:
        raise ValueError(f"must be an address or a host name, got {_shown(text)}")
    return text


def _trusted_proxies(text: str) -> tuple[Network, ...]:
    networks = []
    for member in _members(text):
        network = _host_or_network(member)
        # Names move and everybody is everybody: either would let strangers choose their own address.
        if isinstance(network, str) or network.prefixlen == 0:
            raise ValueError(f"must be addresses and networks of your proxies, got {_shown(member)}")
        networks.append(network)
    return tuple(networks)


def _members(text: str) -> list[str]:
    return [member.strip() for member in text.split(",")]


def _host_or_network(text: str) -> str | Network:
    try:
        return ip_network(text)
    except ValueError:
        if len(text) <= 253 and _HOST_NAME.fullmatch(text) and not _NUMBER_LIKE.fullmatch(text):
            return text
        raise ValueError(f"has {_shown(text)}, which is neither host name nor address nor network") from None


def _shown(text: str) -> str:
    """A value for a message: one line, short."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")
