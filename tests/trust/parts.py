"""Key sets, a clock and limits that the tests of the key cache share."""

from __future__ import annotations

import threading
from typing import Any

from idjag.protocol.jose.jwk import KeySet, PrivateKey
from idjag.trust.kept import Limits
from idjag.trust.outbound import FetchFailed

ISSUER = "https://idp.example"
URI = "https://idp.example/jwks"
METADATA = "https://idp.example/.well-known/oauth-authorization-server"
TTL, COOLDOWN, MAX_STALE, RETRY = 600, 30, 3600, 5
# a busy machine must not turn a wait into a refusal
LIMITS = Limits(ttl=TTL, cooldown=COOLDOWN, retry=RETRY, max_stale=MAX_STALE, patience=30, brief=30)


def key_set(*kids: str) -> dict[str, Any]:
    return {"keys": [PrivateKey.generate("ES256", kid=kid).public.to_dict() for kid in kids]}


ONE = key_set("one")
TWO = key_set("two")
DOWN = FetchFailed(f"{URI}: connection refused")


def have_landed() -> None:
    """Wait for what a fetch does last: who has what it brought waits no longer."""
    for thread in threading.enumerate():
        if thread.name == "idjag-fetch":
            thread.join()


def kids(keys: KeySet) -> list[str | None]:
    return [key.kid for key in keys.keys]


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
