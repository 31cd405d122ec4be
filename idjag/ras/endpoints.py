"""The endpoints about tokens that were issued before: their names, which are their paths, and their flows."""

from __future__ import annotations

from typing import Literal, TypeAlias

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.http import Reply
from idjag.ras.global_revocation import revoke_person
from idjag.ras.inquiry import Inquiry
from idjag.ras.introspection import introspect
from idjag.ras.issuer_lookup import look_up
from idjag.ras.model import RasConfig
from idjag.ras.revocation import revoke
from idjag.ras.steps import Flow

__all__ = ["Endpoint", "answer_of", "served"]

Endpoint: TypeAlias = Literal["introspect", "revoke", "global-token-revocation", "issuer-lookup"]


def served(config: RasConfig, *, keeps_tokens: bool) -> tuple[Endpoint, ...]:
    """Which of them can be served.

    What is about tokens: none where the store keeps none.  Global revocation if somebody may call it, and the
    look-up of issuers if the configuration says so.
    """
    lookup: tuple[Endpoint, ...] = ("issuer-lookup",) if config.issuer_lookup else ()
    if not keeps_tokens:
        return lookup
    everything: tuple[Endpoint, ...] = ("global-token-revocation",) if config.callers.revokers else ()
    return ("introspect", "revoke", *everything, *lookup)


def answer_of(endpoint: Endpoint, inquiry: Inquiry, *, keeps_tokens: bool) -> Flow[Reply]:
    """The flow of one request; raises Refused NOT_BUILT where a store without tokens could only lie."""
    if endpoint == "issuer-lookup":
        if not inquiry.config.issuer_lookup:
            raise Refused(Reason.NOT_BUILT, problem="issuer_lookup is off")
        return look_up(inquiry)
    if endpoint == "revoke":
        return revoke(inquiry, keeps_tokens=keeps_tokens)
    if not keeps_tokens:
        raise Refused(Reason.NOT_BUILT, problem="the store keeps no tokens")
    return introspect(inquiry) if endpoint == "introspect" else revoke_person(inquiry)
