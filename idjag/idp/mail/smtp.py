"""Mail by SMTP: over TLS that is verified, never in clear beyond this machine; a header is one line."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Final

from idjag.idp.mail.letter import MailFailed

__all__ = ["MailServer", "SmtpMail", "message"]

TIMEOUT: Final = 15.0
"""Seconds for each step of a conversation with the mail server."""

_LONGEST_SUBJECT: Final = 200


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed over, and as whom; ``sender`` is an address.

    ``encryption`` is ``tls`` from the first octet, ``starttls``, or ``none``, for this machine alone.
    """

    host: str
    port: int
    encryption: str
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class SmtpMail:
    """Sends through one server, one connection for each letter: they are few."""

    server: MailServer
    clock: Callable[[], int]

    def send(self, to: str, subject: str, text: str) -> None:
        """Hand one letter over.  Raises MailFailed."""
        letter = message(self.server.sender, to, subject, text, now=self.clock())
        try:
            with ExitStack() as stack:
                connection = stack.enter_context(self._connected())
                if self.server.user is not None:
                    connection.login(self.server.user, self.server.password or "")
                connection.send_message(letter)
        except smtplib.SMTPRecipientsRefused:
            raise MailFailed("the mail server does not take letters for this address", lasting=True) from None
        except smtplib.SMTPAuthenticationError:
            raise MailFailed("the mail server does not accept our user and password", lasting=False) from None
        except smtplib.SMTPResponseException as answer:
            lasting = answer.smtp_code >= 500
            raise MailFailed(f"the mail server answered {answer.smtp_code}", lasting=lasting) from None
        except ssl.SSLError as error:
            raise MailFailed(
                f"no TLS with the mail server: {error.reason or 'refused'}", lasting=False
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            said = getattr(error, "strerror", None) or type(error).__name__
            raise MailFailed(f"no connection to the mail server: {said}", lasting=False) from None

    def _connected(self) -> smtplib.SMTP:
        """A connection in which nobody reads along, to whom the certificate names; raises OSError."""
        server = self.server
        if server.encryption == "none":
            return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        context = ssl.create_default_context()
        if server.ca_file is not None:
            context.load_verify_locations(cafile=server.ca_file)
        if server.encryption == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        try:
            # raises when it is not offered: a letter never goes in clear because somebody cut the offer out
            connection.starttls(context=context)
        except BaseException:
            connection.close()
            raise
        return connection


def message(sender: str, to: str, subject: str, text: str, *, now: int) -> EmailMessage:
    """The letter with its headers; raises MailFailed where one would be more than a line or no address."""
    ascii_only = sender.isascii() and to.isascii()
    letter = EmailMessage(policy=SMTP if ascii_only else SMTPUTF8)
    try:
        if any(not one.isprintable() for one in (sender, to, subject)):
            raise ValueError("not printable")  # noqa: TRY301  # line ends above all
        letter["From"] = Address(addr_spec=sender)
        letter["To"] = Address(addr_spec=to)
        letter["Subject"] = subject[:_LONGEST_SUBJECT]
    except Exception:  # noqa: BLE001  # the parser of addresses raises whatever it stumbles over
        raise MailFailed("an address or subject cannot stand in a letter", lasting=True) from None
    letter["Date"] = formatdate(now)
    letter["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # RFC 3834: nobody's out-of-office answers this
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text)
    return letter
