"""The settings of mail: where letters are handed over, and as whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.headerregistry import Address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from idjag.idp.settings_values import bind_host, is_loopback
from idjag.secrets_ref import Secret, SecretUnusable, resolve

__all__ = ["MailPlace", "MailSettings", "mail_address", "mail_place", "mail_problems", "mail_user"]

_SERVER: Final = re.compile(
    r"(?P<scheme>smtps?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:(?P<port>[1-9][0-9]{0,4}))?/?"
)
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"\\()\[\]]{1,64}@[^\s@<>,;:\"\\()\[\]]{1,253}")


@dataclass(frozen=True, slots=True)
class MailPlace:
    """A mail server; ``encryption`` is tls, starttls, or none, which is for this machine alone."""

    host: str
    port: int
    encryption: str


@dataclass(frozen=True, slots=True)
class MailSettings:
    """``IDJAG_MAIL_*`` as they were written; nothing is opened."""

    server: MailPlace | None = None
    sender: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    reports: str | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works and should not stay so."""
        if self.password is None:
            return ()
        return ("IDJAG_MAIL_PASSWORD: an environment is seen by more than this process; use its _FILE",)

    def secret(self) -> str | None:
        """The password, read now; raises ValueError, which never shows it."""
        if self.password_file is None:
            return self.password
        try:
            found = resolve(f"file:{self.password_file}", environ={}, loopback=False, base=Path("/"))
        except SecretUnusable as unusable:
            raise ValueError(f"IDJAG_MAIL_PASSWORD_FILE: {unusable}") from None
        return found.value if isinstance(found, Secret) else None


def mail_place(text: str) -> MailPlace:
    """Reads ``smtps://host:465`` or ``smtp://host:587``; raises ValueError."""
    parts = _SERVER.fullmatch(text)
    if not parts or int(parts["port"] or "1") > 65535:
        # not shown: it may carry a password
        raise ValueError("must be smtps://HOST:PORT or smtp://HOST:PORT (STARTTLS), without user or password")
    host = bind_host(parts["host"].strip("[]"))
    tls = parts["scheme"] == "smtps"
    local = is_loopback(f"smtp://{urlsplit(text).netloc}")
    encryption = "tls" if tls else ("none" if local else "starttls")
    return MailPlace(host, int(parts["port"] or (465 if tls else 587)), encryption)


def mail_address(text: str) -> str:
    """Reads one address; raises ValueError."""
    try:
        if not _ADDRESS.fullmatch(text) or not text.isprintable():
            raise ValueError(text)  # noqa: TRY301
        Address(addr_spec=text)
    except Exception:  # noqa: BLE001  # the parser of addresses raises whatever it stumbles over
        raise ValueError("must be one address, as idjag@example.com") from None
    return text


def mail_user(text: str) -> str:
    """Reads a user name; raises ValueError."""
    if not text.isprintable():
        raise ValueError("must be one line")
    return text


def mail_problems(mail: MailSettings) -> Iterator[str]:
    """What no single setting shows."""
    others = (mail.sender, mail.user, mail.password, mail.password_file, mail.reports)
    if mail.server is None and any(one is not None for one in others):
        yield "IDJAG_MAIL_SERVER is missing: the other IDJAG_MAIL_ settings say nothing without it"
    if mail.server is not None and mail.sender is None:
        yield "IDJAG_MAIL_FROM is missing: the address that letters come from"
    if mail.password is not None and mail.password_file is not None:
        yield "IDJAG_MAIL_PASSWORD and IDJAG_MAIL_PASSWORD_FILE are both set: keep the file"
    if (mail.user is None) != (mail.password is None and mail.password_file is None):
        yield "IDJAG_MAIL_USER and a password (IDJAG_MAIL_PASSWORD_FILE) belong together"
