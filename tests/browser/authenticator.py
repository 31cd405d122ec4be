"""Chromium's own authenticator for passkeys: a platform authenticator without a finger to press."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import CDPSession, Page

__all__ = ["Authenticator", "with_authenticator"]


@dataclass(frozen=True, slots=True)
class Authenticator:
    """A platform authenticator inside the browser; ``id`` is its name there."""

    cdp: CDPSession
    id: str

    def verifies(self, *, verified: bool) -> None:
        """Whether the person's finger is the right one."""
        state = {"authenticatorId": self.id, "isUserVerified": verified}
        self.cdp.send("WebAuthn.setUserVerified", state)

    @property
    def credentials(self) -> list[dict[str, Any]]:
        """The passkeys that it holds."""
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])


def with_authenticator(page: Page) -> Authenticator:
    """Give the page's browser one, for as long as the page is there."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Authenticator(cdp, made["authenticatorId"])
