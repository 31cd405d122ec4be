"""What the RAS writes down about one request: contract section 9; never a token, secret or proof."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from idjag.protocol import dpop
from idjag.protocol.actor import Actor
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.ras.narrowing import Asked, Reach
from idjag.ras.ports import AuditEvent, Once, Report
from idjag.ras.trusted import Profile

__all__ = ["Tally", "Trail"]

_MOST_SOURCES = 1000

_LOST = {"client_assertion": Reason.CLIENT_ASSERTION_REPLAY, dpop.ONCE_KIND: Reason.DPOP_PROOF_INVALID}


@dataclass(slots=True)
class Trail:
    """What is known of one request so far; it grows as checks pass.

    ``claimed_issuer`` is the sender's word; everything of ``grant`` was verified.  ``signed`` is the jti of
    an ID-JAG whose signature was right, whatever else is wrong with it.  ``jkt`` is the key that the token is
    bound to.  ``recorded``: the refusal has its event, written where it was found.
    """

    decision_id: str
    now: int
    audience: str
    ip: str = ""
    user_agent: str = ""
    client_id: str | None = None
    tenant: str | None = None
    asked: Asked = field(default_factory=Asked)
    claimed_issuer: str | None = None
    profile: Profile = "id-jag"
    signed: str | None = None
    grant: IdJag | None = None
    jkt: str | None = None
    reach: Reach | None = None
    account_id: str | None = None
    created: bool = False
    always: tuple[Once, ...] = ()
    recorded: bool = False

    def report(self, outcome: str | None) -> Report | None:
        """What the issuer may be told of its grant, once it is durable; None when that is nothing."""
        if outcome is None or self.signed is None or self.claimed_issuer is None:
            return None
        return Report(self.audience, self.claimed_issuer, self.signed, outcome, self.now)

    def redeemed(self) -> AuditEvent:
        """The event of a token that may leave."""
        return AuditEvent("id_jag.redeemed", self._fields(None))

    def refused(self, refused: Refused) -> AuditEvent:
        """The event of a refusal after client authentication, with its true reason."""
        return AuditEvent("id_jag.refused", self._fields(refused))

    def lost(self, once: Once) -> AuditEvent:
        """The event of a request that came second."""
        return self.refused(self.refusal_of(once))

    @staticmethod
    def refusal_of(once: Once) -> Refused:
        """Why a request is refused that used ``once`` again."""
        return Refused(_LOST.get(once.kind, Reason.REPLAY), problem="used before")

    def before_authentication(self, refused: Refused, *, repeats: int) -> AuditEvent:
        """One event for many refusals of strangers; ``repeats`` were counted since the one before."""
        inputs = {"facts": dict(refused.fact), "repeats": repeats, "now": self.now}
        fields: dict[str, object] = {
            "decision_id": self.decision_id,
            "audience": self.audience,
            "reason": refused.reason.value,
            "inputs": inputs,
            "ip": self.ip or None,
            "user_agent": self.user_agent or None,
        }
        return AuditEvent("refused.before_authentication", _present(fields))

    def _fields(self, refused: Refused | None) -> dict[str, object]:
        grant, reach = self.grant, self.reach
        fields: dict[str, object] = {
            "decision_id": self.decision_id,
            "actor": {"kind": "client", "id": self.client_id},
            "subject": self.account_id,
            "profile": self.profile,
            "client_id_at_resource": self.client_id,
            "audience": self.audience,
            "resources": list(reach.resources) if reach else list(self.asked.resources),
            "scopes_requested": None if self.asked.scopes is None else list(self.asked.scopes),
            "reason": refused.reason.value if refused else None,
            "inputs": self._inputs(refused),
            "ip": self.ip or None,
            "user_agent": self.user_agent or None,
        }
        if grant is not None:
            fields |= {
                "jti": grant.jti,
                "acr": grant.acr,
                "amr": list(grant.amr) or None,
                "auth_time": grant.auth_time,
                "cnf_jkt": self.jkt,
                "actor_chain": [_shown(actor) for actor in grant.actors] or None,
            }
        if refused is None and reach is not None:
            fields["scopes_granted"] = list(reach.scopes)
        return _present(fields)

    def _inputs(self, refused: Refused | None) -> dict[str, object]:
        grant = self.grant
        inputs: dict[str, object] = {
            "now": self.now,
            "claimed_issuer": self.claimed_issuer if grant is None else None,
            "iss": grant.iss if grant else None,
            "sub": grant.sub if grant else None,
            "tenant": grant.tenant if grant else None,
            "scope": list(grant.scopes) if grant else None,
            "our_tenant": self.tenant,
            "created": True if self.created else None,
            "facts": dict(refused.fact) if refused and refused.fact else None,
        }
        return _present(inputs)


def _shown(actor: Actor) -> dict[str, object]:
    return _present({"iss": actor.iss, "sub": actor.sub, "sub_profile": actor.sub_profile})


def _present(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


class Tally:
    """Counts refusals of strangers, so that each source, reason and minute makes one event (contract 9).

    The first of a minute is written at once; how many followed is in the event after it.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Reason | None], tuple[int, int]] = {}
        self._lock = threading.Lock()

    def due(self, source: str, reason: Reason | None, *, now: int) -> int | None:
        """None when this minute has its event; otherwise how many were only counted since the last."""
        minute = now // 60
        with self._lock:
            if len(self._seen) >= _MOST_SOURCES and (source, reason) not in self._seen:
                self._forget(minute)
                # beyond that many strangers in one minute they share one line
                source = source if len(self._seen) < _MOST_SOURCES else "many"
            last, counted = self._seen.get((source, reason), (-1, 0))
            if last == minute:
                self._seen[source, reason] = (minute, counted + 1)
                return None
            self._seen[source, reason] = (minute, 0)
            return counted

    def _forget(self, minute: int) -> None:
        self._seen = {key: value for key, value in self._seen.items() if value[0] == minute}
