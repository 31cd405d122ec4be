"""Letters to people: one port, SMTP behind it, and a console for loopback; no answer waits for one."""

from __future__ import annotations

from idjag.idp.mail.letter import Letter, Mail, MailFailed
from idjag.idp.mail.outbox import Outbox

__all__ = ["Letter", "Mail", "MailFailed", "Outbox"]
