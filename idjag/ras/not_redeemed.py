"""What a host is told whose client, or person, was refused."""

from __future__ import annotations

import json
from dataclasses import replace

from idjag.protocol.errors import Refused
from idjag.protocol.http import refusal_reply

__all__ = ["NotRedeemed"]


class NotRedeemed(Refused):
    """A redemption, or a sign-in, that was refused and recorded; what a host needs to answer in its own way.

    ``error``, ``status``, ``description`` and ``headers`` (beside those of every answer) are for the client;
    ``reason`` and ``fact`` are not.
    """

    def __init__(
        self, refused: Refused, *, decision_id: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(refused.reason, extra=refused.extra, wait=refused.wait)
        self.fact = refused.fact
        self.decision_id = decision_id
        self.headers = headers
        reply = refusal_reply(refused, decision_id=decision_id)
        self.reply = replace(reply, headers=(*reply.headers, *headers))
        self.status = self.reply.status
        body = json.loads(self.reply.body)
        self.error: str = body["error"]
        self.description: str = body["error_description"]
