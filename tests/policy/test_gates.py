"""What stands before the rules: holds, person, session, apps, assignment, connection (contract section 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.policy.decide import held
from idjag.policy.index import Policy
from idjag.policy.model import AppStatus, ConnectionStatus, Hold, HoldKind, Person, Who
from idjag.policy.question import Decision
from idjag.protocol.errors import ANSWERS, Reason
from tests.policy.parts import (
    ALICE,
    ALICE_ID,
    CHAT,
    CHAT_ID,
    CHAT_RP,
    CHAT_RP_ID,
    CONNECTION_ID,
    CONTRACTORS,
    ENGINEERING,
    NOW,
    WIKI,
    WIKI_ID,
    ask,
    connection,
    guardrail,
    last,
    outcomes,
    policy,
    question,
    reason,
    rule,
    signed_in,
)

ON_ALL = {
    HoldKind.USER: ALICE_ID,
    HoldKind.APP: WIKI_ID,
    HoldKind.CONNECTION: CONNECTION_ID,
    HoldKind.RESOURCE_APP: CHAT_ID,
    HoldKind.USER_IN_APP: ALICE_ID,
}


def hold(kind: HoldKind, **changes: Any) -> Hold:
    """A hold that stops the usual question."""
    app = WIKI_ID if kind is HoldKind.USER_IN_APP else ""
    given = {"target": ON_ALL[kind], "app": app, "reason": "stolen laptop", "by": "it", **changes}
    return Hold(f"hold-{kind}", kind, **given)


@pytest.mark.parametrize("kind", HoldKind)
def test_a_hold_stops_what_it_is_on(kind: HoldKind) -> None:
    """Contract section 4: the kill switch, in five kinds."""
    decision = ask(policy(rule()), holds=(hold(kind),))
    assert decision.reason is Reason.HELD
    assert decision.trace[0] == ("hold", f"hold-{kind}", kind, "matched")
    assert reason(policy(rule())) is None


@pytest.mark.parametrize("kind", HoldKind)
def test_a_hold_on_something_else_stops_nothing(kind: HoldKind) -> None:
    decision = ask(policy(rule()), holds=(hold(kind, target="someone-else"),))
    assert decision.allowed
    assert decision.trace[0].outcome == "not this one"


@pytest.mark.parametrize("kind", HoldKind)
def test_the_id_of_one_kind_is_not_the_id_of_another(kind: HoldKind) -> None:
    """A hold on an app whose id happens to be a person's id would hold nobody."""
    other = next(target for target in ON_ALL.values() if target != ON_ALL[kind])
    assert reason(policy(rule()), holds=(hold(kind, target=other),)) is None


def test_a_hold_on_a_person_in_one_app_leaves_other_apps_alone() -> None:
    elsewhere = hold(HoldKind.USER_IN_APP, app="app-9")
    assert reason(policy(rule()), holds=(elsewhere,)) is None
    assert reason(policy(rule()), holds=(replace(elsewhere, app=WIKI_ID),)) is Reason.HELD


@pytest.mark.parametrize("kind", HoldKind)
@pytest.mark.parametrize(("until", "stops"), [(NOW + 1, True), (NOW, False), (NOW - 1, False), (None, True)])
def test_a_hold_ends_at_its_time_and_not_before(kind: HoldKind, until: int | None, stops: bool) -> None:  # noqa: FBT001
    expected = Reason.HELD if stops else None
    assert reason(policy(rule()), holds=(hold(kind, until=until),)) is expected


def test_one_of_several_holds_is_enough_and_all_are_in_the_trace() -> None:
    holds = (
        hold(HoldKind.APP, target="app-9"),
        hold(HoldKind.USER),
        hold(HoldKind.RESOURCE_APP, until=NOW),
    )
    decision = ask(policy(rule()), holds=holds)
    assert decision.reason is Reason.HELD
    assert outcomes(decision, "hold") == {
        "app": "not this one",
        "user": "matched",
        "resource-app": "not this one",
    }


def test_holds_come_before_everything_else() -> None:
    """Contract section 4: evaluated first, so that the answer to "is it stopped?" is never hidden."""
    broken = policy(app=replace(WIKI, status=AppStatus.DISABLED), status=ConnectionStatus.PAUSED)
    held_app = {"holds": (hold(HoldKind.APP),)}
    assert reason(broken, person=None, **held_app) is Reason.HELD
    assert reason(broken, person=None) is Reason.SUBJECT_UNKNOWN


def test_no_hold_is_on_a_connection_that_is_not_there() -> None:
    assert not held(hold(HoldKind.CONNECTION, target=""), question(), None)
    assert held(hold(HoldKind.CONNECTION), question(), connection())


def test_a_person_whom_we_do_not_know_is_refused() -> None:
    """XCH-20: nobody is not everyone."""
    assert reason(policy(rule(who=Who(everyone=True))), person=None) is Reason.SUBJECT_UNKNOWN
    assert reason(policy(rule(who=Who(everyone=True)))) is None


def test_a_disabled_person_is_refused() -> None:
    decision = ask(policy(rule()), person=replace(ALICE, active=False))
    assert decision.reason is Reason.PERSON_DISABLED
    assert last(decision)[:3] == ("person", ALICE_ID, "alice")


def test_a_session_that_has_ended_is_refused() -> None:
    assert reason(policy(rule()), sign_in=signed_in(alive=False)) is Reason.SESSION_ENDED
    assert reason(policy(rule()), sign_in=signed_in(alive=True)) is None


@pytest.mark.parametrize("app", [replace(WIKI, status=AppStatus.DISABLED), replace(WIKI, id="app-9")])
def test_a_requesting_app_that_is_disabled_or_gone_is_refused(app: Any) -> None:
    decision = ask(policy(rule(), app=app))
    assert decision.reason is Reason.APP_DISABLED
    assert last(decision).kind == "app"


@pytest.mark.parametrize("target", [replace(CHAT, status=AppStatus.DISABLED), replace(CHAT, id="ra-9")])
def test_a_resource_app_that_is_disabled_or_gone_is_an_invalid_target(target: Any) -> None:
    """Attack case 71."""
    decision = ask(policy(rule(), resource_app=target))
    assert decision.reason is Reason.RESOURCE_APP_DISABLED
    assert ANSWERS[Reason.RESOURCE_APP_DISABLED].error == "invalid_target"


@pytest.mark.parametrize(
    ("who", "assigned"),
    [
        pytest.param(Who(everyone=True), True, id="everyone"),
        pytest.param(Who(groups=frozenset({ENGINEERING})), True, id="her group"),
        pytest.param(Who(people=frozenset({ALICE_ID})), True, id="herself"),
        pytest.param(Who(), False, id="nobody"),
        pytest.param(Who(groups=frozenset({CONTRACTORS})), False, id="another group"),
        pytest.param(Who(people=frozenset({"person-2"})), False, id="another person"),
        pytest.param(Who(people=frozenset({"alice"})), False, id="her name is not her id"),
        pytest.param(
            Who(everyone=True, except_groups=frozenset({ENGINEERING})), False, id="her group excepted"
        ),
        pytest.param(Who(everyone=True, except_people=frozenset({ALICE_ID})), False, id="herself excepted"),
        pytest.param(
            Who(people=frozenset({ALICE_ID}), except_groups=frozenset({ENGINEERING})),
            False,
            id="exceptions win",
        ),
        pytest.param(Who(everyone=True, except_groups=frozenset({CONTRACTORS})), True, id="others excepted"),
    ],
)
def test_assignment_counts_for_the_requesting_app_the_sign_in_app_and_every_rule(
    who: Who,
    assigned: bool,  # noqa: FBT001
) -> None:
    """Attack cases 67 and 72: one meaning of "who" everywhere."""
    chat = replace(CHAT, sso_app=CHAT_RP_ID)
    rp = replace(CHAT_RP, assigned=who)
    wanted = (
        (None, None, None) if assigned else (Reason.NOT_ASSIGNED, Reason.NOT_ASSIGNED_SSO, Reason.NO_RULE)
    )
    assert reason(policy(rule(), app=replace(WIKI, assigned=who))) is wanted[0]
    assert reason(policy(rule(), resource_app=chat, others=[rp])) is wanted[1]
    assert reason(policy(rule(who=who))) is wanted[2]


def test_the_sign_in_app_of_the_resource_app_matters_only_if_it_is_named() -> None:
    """Attack case 72: somebody who may not sign in to Chat is not acted for at Chat."""
    nobody = replace(CHAT_RP, assigned=Who())
    assert reason(policy(rule(), others=[nobody])) is None
    named = replace(CHAT, sso_app=CHAT_RP_ID)
    assert reason(policy(rule(), resource_app=named, others=[nobody])) is Reason.NOT_ASSIGNED_SSO
    assert reason(policy(rule(), resource_app=named)) is None


@pytest.mark.parametrize("others", [[], [replace(CHAT_RP, status=AppStatus.DISABLED)]])
def test_a_sign_in_app_that_is_gone_or_disabled_is_nobodys(others: Any) -> None:
    chat = replace(CHAT, sso_app=CHAT_RP_ID)
    decision = ask(policy(rule(), resource_app=chat, others=others))
    assert decision.reason is Reason.NOT_ASSIGNED_SSO
    assert last(decision).id == CHAT_RP_ID


def test_a_person_who_leaves_the_group_is_out_with_the_next_question() -> None:
    """Attack case 67, XCH-21: nothing is remembered between two decisions."""
    rules = policy(rule())
    assert [
        reason(rules, person=replace(ALICE, groups=groups))
        for groups in (frozenset({ENGINEERING}), frozenset())
    ] == [
        None,
        Reason.NO_RULE,
    ]


def test_without_a_connection_nothing_is_allowed() -> None:
    """XCH-19, XCH-20."""
    assert reason(policy(connections=[])) is Reason.NO_CONNECTION
    assert reason(policy(connections=[connection(rule())])) is None


def test_a_connection_of_another_pair_does_not_count() -> None:
    back = replace(connection(rule()), app="app-9")
    away = replace(connection(rule()), resource_app="ra-9")
    assert reason(policy(connections=[back])) is Reason.NO_CONNECTION
    assert reason(policy(connections=[away])) is Reason.NO_CONNECTION


CONNECTION_CASES = [
    pytest.param({"status": ConnectionStatus.DRAFT}, Reason.CONNECTION_NOT_ACTIVE, id="draft"),
    pytest.param({"status": ConnectionStatus.PAUSED}, Reason.CONNECTION_NOT_ACTIVE, id="paused"),
    pytest.param({"expires": NOW}, Reason.CONNECTION_EXPIRED, id="expires now"),
    pytest.param({"expires": NOW - 1}, Reason.CONNECTION_EXPIRED, id="has expired"),
    pytest.param({"expires": NOW + 1}, None, id="expires in a second"),
    pytest.param({"client_id": None}, Reason.NO_CLIENT_ID_MAPPING, id="no client id"),
    pytest.param({"client_id": ""}, Reason.NO_CLIENT_ID_MAPPING, id="an empty client id"),
    pytest.param({"profile": "txn-chaining"}, Reason.PROFILE_MISMATCH, id="another profile"),
    pytest.param({"status": ConnectionStatus.ACTIVE}, None, id="as it is"),
]


@pytest.mark.parametrize(("changes", "expected"), CONNECTION_CASES)
def test_the_connection_must_be_fit_for_the_question(
    changes: dict[str, Any], expected: Reason | None
) -> None:
    """XCH-21, JAG-08: a missing client id is never guessed; the audit log has the reason."""
    decision = ask(policy(rule(), **changes))
    assert decision.reason is expected
    assert outcomes(decision, "connection") == {"wiki-chat": expected or "passed"}


@pytest.mark.parametrize(
    "change", [{"profile": "txn-chaining"}, {"subject_kind": "workload"}, {"actor_chain": ("agent-1",)}]
)
def test_what_is_not_built_does_not_arrive_by_the_side_door(change: dict[str, Any]) -> None:
    """Attack case 66: a rule speaks for people and its own profile alone."""
    assert reason(policy(rule()), **change) is Reason.PROFILE_MISMATCH
    assert reason(policy(rule())) is None


@pytest.mark.parametrize("why", [why for why in Reason if why.value in {"held", "no_rule", "guardrail"}])
def test_known_target_but_not_allowed_is_one_answer(why: Reason) -> None:
    """XCH-20: access_denied, in one wording, so that nobody learns which."""
    assert ANSWERS[why] == ANSWERS[Reason.NO_CONNECTION]
    assert ANSWERS[why].error == "access_denied"


def _everything_wrong() -> list[tuple[str, Policy, dict[str, Any]]]:
    """Each refusal that comes before guardrails and rules."""
    return [
        ("held", policy(rule(), guardrails=[guardrail()]), {"holds": (hold(HoldKind.USER),)}),
        ("person", policy(rule(), guardrails=[guardrail()]), {"person": replace(ALICE, active=False)}),
        ("app", policy(rule(), guardrails=[guardrail()], app=replace(WIKI, assigned=Who())), {}),
        ("paused", policy(rule(), guardrails=[guardrail()], status=ConnectionStatus.PAUSED), {}),
        ("resource", policy(rule(), guardrails=[guardrail()]), {"resources": ("https://x.example/",)}),
    ]


@pytest.mark.parametrize(("_name", "rules", "changes"), _everything_wrong())
def test_the_trace_shows_every_guardrail_and_rule_even_if_the_refusal_came_before(
    _name: str, rules: Policy, changes: dict[str, Any]
) -> None:
    """Whoever reads the trace wants to know what comes next; it does not change the answer."""
    decision = ask(rules, **changes)
    assert not decision.allowed
    assert outcomes(decision, "guardrail") == {"contractors-never": "who"}
    assert outcomes(decision, "rule") == {"engineers-read": "matched"}
    assert (decision.rules, decision.pairs, decision.guardrails) == ((), frozenset(), ())


def test_a_guardrail_that_would_have_denied_is_shown_but_had_no_say() -> None:
    rules = policy(rule(), guardrails=[guardrail(who=Who(everyone=True))], status=ConnectionStatus.PAUSED)
    decision = ask(rules)
    assert decision.reason is Reason.CONNECTION_NOT_ACTIVE
    assert outcomes(decision, "guardrail") == {"contractors-never": "matched"}
    assert outcomes(decision, "rule") == {"engineers-read": "guardrail"}
    assert decision.guardrails == ()


def test_the_trace_of_a_question_that_cannot_be_looked_at_ends_early() -> None:
    """No person, no connection or no resource app: there is nothing to hold the rules against."""
    rules = policy(rule(), guardrails=[guardrail()])
    nowhere: list[Decision] = [
        ask(rules, person=None),
        ask(policy(connections=[], guardrails=[guardrail()])),
        ask(rules, resource_app="ra-9"),
    ]
    assert [outcomes(decision, "rule") for decision in nowhere] == [{}, {}, {}]


def test_a_question_about_somebody_in_no_group_is_decided() -> None:
    assert reason(policy(rule(who=Who(everyone=True))), person=Person("person-9")) is None
