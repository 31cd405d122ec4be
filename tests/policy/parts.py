"""A small company: Wiki may reach Chat for engineers; every test changes one thing of it.

Ids differ from keys on purpose, so that nothing works by taking the one for the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from idjag.policy.advise import Advice, smallest_change
from idjag.policy.decide import decide
from idjag.policy.explain import Explanation, Names, explain
from idjag.policy.index import Policy
from idjag.policy.model import (
    ANY,
    App,
    Conditions,
    Connection,
    Guardrail,
    Narrowing,
    Person,
    Resource,
    ResourceApp,
    Rule,
    Who,
)
from idjag.policy.question import Decision, Question, SignIn, Step
from idjag.protocol.errors import Reason
from idjag.protocol.resources import comparable

NOW = 1_800_000_000  # 2027-01-15 08:00:00 UTC, a Friday
API = "https://api.chat.example/"
FILES = "https://files.chat.example/"

WIKI_ID, CHAT_RP_ID, CHAT_ID, CONNECTION_ID = "app-1", "app-2", "ra-1", "con-1"
ALICE_ID, BOB_ID = "person-1", "person-2"
ENGINEERING, CONTRACTORS, SALES = "group-1", "group-2", "group-3"

PWD, MFA = "urn:example:pwd", "urn:example:mfa"
SIGN_INS = {PWD: frozenset({"pwd"}), MFA: frozenset({"pwd", "otp", "mfa"})}

NAMES = Names(
    groups={ENGINEERING: "engineering", CONTRACTORS: "contractors", SALES: "sales"},
    people={ALICE_ID: "alice", BOB_ID: "bob"},
)
EVERYONE = Who(everyone=True)
ENGINEERS = Who(groups=frozenset({ENGINEERING}))

ALICE = Person(ALICE_ID, groups=frozenset({ENGINEERING}), username="alice")
WIKI = App(WIKI_ID, "wiki", "Wiki", "wiki-client", EVERYONE)
CHAT_RP = App(CHAT_RP_ID, "chat-rp", "Chat sign-in", "chat-client", EVERYONE)
CHAT = ResourceApp(
    CHAT_ID,
    "chat",
    "Chat",
    "https://acme.chat.example/",
    resources=(
        Resource(API, frozenset({"chat.read", "chat.history", "chat.write"})),
        Resource(FILES, frozenset({"chat.read", "files.read"})),
    ),
    aliases=("urn:acme:chat",),
)


def only(*values: str) -> Narrowing:
    """Only these scopes, or only these resources."""
    return Narrowing("only", frozenset(map(_plain, values)))


def all_except(*values: str) -> Narrowing:
    """All but these scopes, or all but these resources."""
    return Narrowing("except", frozenset(map(_plain, values)))


def _plain(value: str) -> str:
    return comparable(value) if "://" in value else value


def rule(key: str = "engineers-read", **changes: Any) -> Rule:
    """Engineers may read, without any condition."""
    given = {"who": ENGINEERS, "scopes": only("chat.read"), "resources": ANY, **changes}
    return Rule(f"id-of-{key}", key, **given)


def guardrail(key: str = "contractors-never", **changes: Any) -> Guardrail:
    """Contractors never get anything anywhere."""
    return Guardrail(f"id-of-{key}", key, **{"who": Who(groups=frozenset({CONTRACTORS})), **changes})


def connection(*rules: Rule, **changes: Any) -> Connection:
    """Wiki to Chat, active, with a client id."""
    given = {"client_id": "f53f191f9311af35", "rules": rules, **changes}
    return Connection(CONNECTION_ID, "wiki-chat", WIKI_ID, CHAT_ID, **given)


def policy(
    *rules: Rule,
    app: App = WIKI,
    resource_app: ResourceApp = CHAT,
    connections: Iterable[Connection] | None = None,
    guardrails: Iterable[Guardrail] = (),
    others: Iterable[App] = (CHAT_RP,),
    **connection_changes: Any,
) -> Policy:
    """The company with these rules in its one connection."""
    if connections is None:
        connections = [connection(*rules, **connection_changes)]
    return Policy(
        apps=[app, *others],
        resource_apps=[resource_app],
        connections=connections,
        guardrails=guardrails,
        issuers=["https://idp.example"],
        sign_ins=SIGN_INS,
        seq=7,
    )


def question(**changes: Any) -> Question:
    """Whether Wiki may read Chat for Alice, who signed in with a password one minute ago."""
    sign_in = SignIn(acr=PWD, amr=frozenset({"pwd"}), auth_time=NOW - 60)
    asked = Question(WIKI_ID, CHAT_ID, ALICE, NOW, sign_in=sign_in, scopes=("chat.read",), resources=(API,))
    return replace(asked, **changes)


def signed_in(**changes: Any) -> SignIn:
    """Alice's sign-in with one thing changed."""
    return replace(question().sign_in, **changes)


def conditions(**named: Any) -> Conditions:
    """Conditions of a rule."""
    return Conditions(**named)


def ask(rules: Policy, **changes: Any) -> Decision:
    """Decide on the usual question with one thing changed."""
    return decide(rules, question(**changes))


def reason(rules: Policy, **changes: Any) -> Reason | None:
    """Why the usual question with one thing changed is refused; None when it is allowed."""
    return ask(rules, **changes).reason


def outcomes(decision: Decision, kind: str) -> dict[str, str]:
    """What the trace says of each hold, guardrail or rule, by its key."""
    return {step.key: step.outcome for step in decision.trace if step.kind == kind}


def last(decision: Decision) -> Step:
    """The step of the trace that refused."""
    return next(step for step in reversed(decision.trace) if step.outcome == decision.reason)


def told(rules: Policy, **changes: Any) -> Explanation:
    """The usual question with one thing changed, decided and explained."""
    asked = question(**changes)
    return explain(rules, asked, decide(rules, asked), names=NAMES)


def advised(rules: Policy, **changes: Any) -> Advice:
    """What is advised when the usual question with one thing changed is denied."""
    return smallest_change(rules, question(**changes), names=NAMES)


def options(rules: Policy, **changes: Any) -> list[str]:
    """The texts of the options, one line each."""
    return [", ".join(change.text for change in option) for option in advised(rules, **changes).options]
