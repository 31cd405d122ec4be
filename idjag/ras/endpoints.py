"""The endpoints about tokens that were issued before: their names, which are their paths, and their flows."""

from __future__ import annotations

from typing import Literal, TypeAlias

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply
from idjag.ras.global_revocation import revoke_person
from idjag.ras.inquiry import Inquiry
from idjag.ras.introspection import introspect
from idjag.ras.model import RasConfig
from idjag.ras.revocation import revoke
from idjag.ras.steps import Flow

__all__ = ["Endpoint", "answer_of", "served"]

Endpoint: TypeAlias = Literal["introspect", "revoke", "global-token-revocation"]


def served(config: RasConfig, *, keeps_tokens: bool) -> tuple[Endpoint, ...]:
    """Which of them can be served: none without tokens, the last only if somebody may call it."""
    if not keeps_tokens:
        return ()
    return ("introspect", "revoke", *(("global-token-revocation",) if config.callers.revokers else ()))


def answer_of(endpoint: Endpoint, inquiry: Inquiry, *, keeps_tokens: bool) -> Flow[Reply]:
    """The flow of one request; raises Refused NOT_BUILT where a store without tokens could only lie."""
    if endpoint == "revoke":
        return revoke(inquiry, keeps_tokens=keeps_tokens)
    if not keeps_tokens:
        raise Refused(Reason.NOT_BUILT, problem="the store keeps no tokens")
    return introspect(inquiry) if endpoint == "introspect" else revoke_person(inquiry)
