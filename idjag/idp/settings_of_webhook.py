"""The settings of the webhook: where notices go, and what they are signed with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idjag.idp.settings_values import is_loopback
from idjag.secrets_ref import Secret, SecretUnusable, resolve
from idjag.trust.outbound import FetchFailed, parse_url

__all__ = ["SHORTEST_SECRET", "WebhookSettings", "webhook_problems", "webhook_url"]

SHORTEST_SECRET: Final = 32
"""Characters: whoever has a notice and its signature may guess as fast as they can."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """``IDJAG_WEBHOOK_*`` as they were written; nothing is opened.

    The address is a secret too: many services have nothing else that says who may send.
    """

    url: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    key_file: Path | None = None

    @property
    def place(self) -> str | None:
        """As much of the address as people may read: its host."""
        if self.url is None:
            return None
        target = parse_url(self.url)
        return f"{target.scheme}://{target.authority}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works and should not stay so."""
        if self.key is None:
            return ()
        return ("IDJAG_WEBHOOK_SECRET: an environment is seen by more than this process; use its _FILE",)

    def secret(self) -> bytes:
        """The secret, read now; raises ValueError, which never shows it."""
        found = self.key
        if self.key_file is not None:
            try:
                read = resolve(f"file:{self.key_file}", environ={}, loopback=False, base=Path("/"))
            except SecretUnusable as unusable:
                raise ValueError(f"IDJAG_WEBHOOK_SECRET_FILE: {unusable}") from None
            found = read.value if isinstance(read, Secret) else None
        if found is None or len(found) < SHORTEST_SECRET:
            name = "IDJAG_WEBHOOK_SECRET" + ("" if self.key_file is None else "_FILE")
            raise ValueError(f"{name} must hold {SHORTEST_SECRET} characters or more")
        return found.encode()


def webhook_url(text: str) -> str:
    """The address itself; raises ValueError, which never shows it."""
    try:
        target = parse_url(text)
    except FetchFailed:
        target = None
    if target is None or (target.scheme == "http" and not is_loopback(text)):
        raise ValueError("must be an https URL without user, password and fragment (http on loopback alone)")
    return text


def webhook_problems(webhook: WebhookSettings) -> Iterator[str]:
    """What no single setting shows."""
    if webhook.url is None and (webhook.key is not None or webhook.key_file is not None):
        yield "IDJAG_WEBHOOK_URL is missing: a secret says nothing without it"
    if webhook.url is not None and webhook.key is None and webhook.key_file is None:
        yield "IDJAG_WEBHOOK_SECRET_FILE is missing: what is sent is signed with it"
    if webhook.key is not None and webhook.key_file is not None:
        yield "IDJAG_WEBHOOK_SECRET and IDJAG_WEBHOOK_SECRET_FILE are both set: keep the file"
