"""The answer to a question, decided and explained: the same from ``idjag ask`` and from the admin API."""

from __future__ import annotations

from dataclasses import dataclass

from idjag.idp.questions import Asked
from idjag.policy.advise import Advice, smallest_change
from idjag.policy.decide import decide
from idjag.policy.explain import Explanation, explain
from idjag.policy.question import Decision
from idjag.protocol.errors import ANSWERS

__all__ = ["Answer", "answered"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What would be decided, why, and the smallest change that would turn it."""

    asked: Asked
    decision: Decision
    explanation: Explanation
    advice: Advice

    @property
    def members(self) -> dict[str, object]:
        """All of it, as scripts read it."""
        return _members(self.asked, self.decision, self.explanation, self.advice)


def answered(asked: Asked) -> Answer:
    """Decide and explain, by the token endpoint's own evaluator; nothing is recorded."""
    policy, question, names = asked.policy, asked.question, asked.names
    decision = decide(policy, question)
    explanation = explain(policy, question, decision, names=names)
    return Answer(asked, decision, explanation, smallest_change(policy, question, names=names))


def _members(asked: Asked, decision: Decision, explanation: Explanation, advice: Advice) -> dict[str, object]:
    reason, step_up = decision.reason, decision.step_up
    return {
        "decision": "step_up" if step_up else "allow" if decision.allowed else "deny",
        "reason": reason,
        "error": ANSWERS[reason].error if reason else None,
        "headline": explanation.headline,
        "scopes": decision.scopes,
        "resources": decision.resources,
        "lifetime": decision.lifetime,
        "rules": [rule.key for rule in decision.rules],
        "guardrails": [guardrail.key for guardrail in decision.guardrails],
        "step_up": step_up._asdict() if step_up else None,
        "pairs": sorted(decision.pairs),
        "trace": [
            {"kind": line.kind, "key": line.key, "matched": line.matched, "text": line.text}
            for line in explanation.lines
        ],
        "obstacles": advice.obstacles,
        "options": [
            [{"of": change.of, "text": change.text} for change in option] for option in advice.options
        ],
        "claims": asked.claims,
        "notes": asked.notes,
        "policy_seq": asked.policy.seq,
    }
