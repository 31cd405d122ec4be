"""One file per grant type; each reads top to bottom, from the form to the durable reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idjag.idp.audit import Source, refusal_event
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Conflict, OneTime, Verdict
from idjag.protocol import dpop
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, refusal_reply

__all__ = ["GrantRequest", "again", "lost_reason", "lost_verdict"]


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """A token request whose client has been authenticated.

    ``client(snapshot)`` authenticates again against other policy facts (cheap when nothing about the client
    changed) and raises Refused: a decision never rests on a registration that has been replaced.
    ``consume`` holds the client assertion and the proof, to be burned with whatever is decided.
    ``proof``: of a key that the client has, verified; what is given out is bound to it.
    """

    form: Form
    client: Callable[[Snapshot], RegisteredApp]
    consume: tuple[OneTime, ...]
    source: Source
    proof: dpop.Proof | None = None


def again(
    client: Callable[[GrantRequest, Snapshot], RegisteredApp], request: GrantRequest, current: Snapshot
) -> RegisteredApp:
    """The client of a request under rules that changed since it was read, as ``client`` finds it.

    Raises Conflict when it is refused now: the request starts over.
    """
    try:
        return client(request, current)
    except Refused:
        raise Conflict("the policy was changed meanwhile") from None


def lost_reason(used: OneTime) -> Refused:
    """Why a request is refused of whose ``consume`` something had been used before."""
    if used.kind == dpop.ONCE_KIND:
        return Refused(Reason.DPOP_PROOF_INVALID, problem="replayed")
    return Refused(Reason.CLIENT_ASSERTION_REPLAY)


def lost_verdict(event: str, used: OneTime, *, source: Source, client: RegisteredApp) -> Verdict[Reply]:
    """The refusal of such a request, recorded as ``event``, where nothing more is known of it."""
    refused = lost_reason(used)
    told = refusal_event(event, refused, source=source, client=client)
    return Verdict(refusal_reply(refused, decision_id=source.decision_id), (told,), succeeded=False)
